"""The incidents of a time as a file, in a direct message to whoever asked: it is too long for a channel."""

from __future__ import annotations

from typing import Protocol

from blocks.parts import sentence
from core.errors import Refused
from core.incidents_table import as_csv
from core.log import get_logger
from core.periods import NoPeriod
from core.questions import read_question
from core.records import Records
from core.request import Request

log = get_logger(__name__)

_REASONS = {
    "missing_scope": "I may not upload files: the app lacks the optional scope files:write.",
    "not_allowed_token_type": "I may not upload files: the app lacks the optional scope files:write.",
}


class Files(Protocol):
    """Direct messages with files. Raises Transient, and Refused with Slack's error code."""

    def say(self, user: str, said: str) -> tuple[str, str]:
        """Channel and ts of a direct message."""
        ...

    def correct(self, channel: str, ts: str, said: str) -> None: ...
    def share(self, channel: str, thread_ts: str, name: str, content: bytes) -> None:
        """Put a file into a thread (needs `files:write`)."""
        ...


def export(request: Request, records: Records, files: Files) -> None:
    """Send the file, or say what to do without it. A message that was sent is not sent again."""
    try:
        asked = read_question(request.text, records.settings.config.services, request.asked_at)
    except NoPeriod:
        return  # the button carries what was read before
    rows = list(records.facts.between(asked.period.start, asked.period.end))
    chosen = [row for row in rows if asked.service in (None, row.service)]
    of = f" of {asked.service}" if asked.service else ""
    said = f"{len(chosen):,} ended incidents{of}, {asked.period.name}, one a line; the file is in this thread."
    place = _said(request, said, records, files)
    name = f"incidents-{asked.period.start:%Y%m%d}-{asked.period.end:%Y%m%d}.csv"
    try:
        files.share(*place, name, as_csv(chosen).encode())
    except Refused as error:
        log.info("file_refused", code=error.code)
        why = _REASONS.get(error.code, f"Slack did not take the file ({error.code}).")
        service = f" {asked.service}" if asked.service else ""
        how = f"In a terminal: sre-bot metrics{service} --since {asked.period.start:%Y-%m-%d} --csv"
        files.correct(*place, sentence(f"{why} {how}"))


def _said(request: Request, said: str, records: Records, files: Files) -> tuple[str, str]:
    """Where the file goes: the message that a try before this one sent, or a new one."""
    switch = f"exported:{request.id}"
    held = (records.switches.find(switch) or "").partition("/")
    if held[1]:
        return held[0], held[2]
    channel, ts = files.say(request.user, sentence(said))
    records.switches.set(switch, f"{channel}/{ts}", for_s=86_400)
    return channel, ts
