"""Asking for the draft of a postmortem: by a command, a button, or a word in the incident's thread."""

from __future__ import annotations

import re
from uuid import uuid4

from blocks.command import told
from blocks.parts import channel as channel_part
from blocks.parts import text
from blocks.replies import reply
from bot.orders import Who
from core.outbox import View
from core.queues import DRAFT_POSTMORTEM
from core.records import Records
from core.request import Request

_INCIDENT = re.compile(r"(?:inc-?)?(\d{1,9})", re.IGNORECASE)


def ask_for_postmortem(
    said: str, user: str, channel: str, records: Records, thread_ts: str | None = None, response_url: str | None = None
) -> View:
    """Have it drafted; what whoever asked is told. `said` is foreign."""
    found = _INCIDENT.fullmatch(said.strip())
    if not found:
        return reply("Say of which incident, as in /sre postmortem INC-7.")
    asked = f"INC-{int(found[1])}"
    incident = records.incidents.holder(asked)
    if incident is None:
        return reply(f"There is no {asked}.")
    request = Request(
        id=uuid4().hex, kind="postmortem", text=incident.id, user=user, channel=incident.channel or channel,
        thread_ts=thread_ts or incident.thread_ts, response_url=response_url, asked_at=records.now(),
    )  # fmt: skip
    records.requests.save(request)
    records.queues.enqueue("investigate", DRAFT_POSTMORTEM, request.id)
    into = f", into which {asked} was merged" if incident.id != asked else ""
    still = " It is still open, and the draft says so." if incident.is_open else ""
    if not incident.channel:
        return told(text(f"I am drafting it for {incident.id}{into}; it comes here.{still}"))
    return told(text(f"I am drafting it for {incident.id}{into}; it comes into its thread in "),
                channel_part(incident.channel), text(f".{still}"))  # fmt: skip


def draft_postmortem(incident_id: str, who: Who, records: Records) -> View:
    """The same, asked at the incident itself."""
    return ask_for_postmortem(incident_id, who.user, "", records)
