"""`/sre digest` and the buttons of a digest."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from blocks.digest_rule import rule_modal
from blocks.replies import reply
from bot.answering import Place
from core.digest_runs import DigestRuns
from core.digest_times import zone_of
from core.errors import Malformed, NotFound
from core.outbox import View
from core.queues import MAKE_DIGEST, POST_DIGEST
from core.records import Records
from core.request import Request
from core.since import since

_AGAIN_S = 60


def digest(
    rest: str, user: str, team: str | None, channel: str, response_url: str | None, records: Records
) -> View:  # fmt: skip
    """Have one made since then; a sentence when that is no time."""
    try:
        since(rest, records.now(), zone_of(records, channel))
    except Malformed as error:
        return reply(str(error))
    request = Request(
        id=uuid4().hex, kind="digest", text=rest, user=user, team=team, channel=channel, response_url=response_url,
        asked_at=records.now(),
    )  # fmt: skip
    records.requests.save(request)
    records.queues.enqueue("investigate", MAKE_DIGEST, request.id)
    return reply("I am putting it together; it comes here, to you alone")


def on_post(body: dict[str, Any], place: Place, records: Records) -> View | None:
    """Have an answer posted to the channel; what its author is told at once instead."""
    request_id = str(body["actions"][0].get("value") or "")
    try:
        asked = records.requests.get(request_id)
    except NotFound:
        return reply("That digest is more than a week old; ask for it again with /sre digest.")
    if not records.requests.first_time(f"digest-post:{request_id}:{place.user}", _AGAIN_S):
        return reply("I am posting it already.")
    by = Request(
        id=uuid4().hex, kind="digest", text="", user=place.user, channel=asked.channel, thread_ts=place.thread_ts,
        response_url=place.response_url, asked_at=records.now(),
    )  # fmt: skip
    records.requests.save(by)
    records.queues.enqueue("investigate", POST_DIGEST, request_id, by.id)
    return None


def on_rule(body: dict[str, Any], records: Records) -> dict[str, Any] | View:
    """The modal with the rule's change, from what was kept when the digest was made."""
    change = DigestRuns(records.redis).change(str(body["actions"][0].get("value") or ""))
    return rule_modal(change) if change else reply("That rule change is more than a month old; see a newer digest.")
