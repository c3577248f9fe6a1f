"""`/sre metrics` and `/sre shadow`: answered at once, from stored state."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from blocks.approval import in_sentences
from blocks.measures import measures_view
from blocks.replies import reply
from blocks.shadow import shadow_view
from bot.answering import Place
from core.measures import report
from core.outbox import View
from core.periods import NoPeriod
from core.questions import read_question
from core.queues import EXPORT_METRICS
from core.records import Records
from core.request import Request
from core.shadow import shadow_report
from core.tallying import tally

_SHADOW_DAYS = 90


def metrics(rest: str, records: Records) -> View:
    """A time's metrics. Raises: redis.RedisError."""
    try:
        asked = read_question(rest, records.settings.config.services, records.now())
    except NoPeriod as error:
        return reply(str(error))
    tally(records)
    return measures_view(report(records, asked.period, asked.service), rest or "30d")


def shadow(rest: str, records: Records) -> View:
    """What shadow mode kept back, and whether people did the same."""
    try:
        asked = read_question(rest, records.settings.config.services, records.now(), _SHADOW_DAYS)
    except NoPeriod as error:
        return reply(str(error))
    found = shadow_report(records, asked.period, asked.service)
    codes = {code for each in found.types for code, _ in each.obstacles}
    return shadow_view(found, asked.service, _explained(codes, records))


def _explained(codes: set[str], records: Records) -> dict[str, str]:
    if not codes:
        return {}
    from policies.decide import load

    return in_sentences(codes, load(records.settings).explain)


def on_export(body: dict[str, Any], place: Place, records: Records) -> View:
    """Have the file made and sent; once however often the button is pressed within a minute."""
    text = str(body["actions"][0].get("value") or "")
    if not records.requests.first_time(f"export:{place.user}:{text}", 60):
        return reply("The file is on its way to our direct messages.")
    request = Request(
        id=uuid4().hex, kind="export", text=text, user=place.user, channel=place.channel, asked_at=records.now()
    )
    records.requests.save(request)
    records.queues.enqueue("notify", EXPORT_METRICS, request.id)
    return reply("I am writing the file; it comes in our direct messages, to you alone")
