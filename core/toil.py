"""Work that people did by hand and would do again: who, how long, and what."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

import redis

from core.model import Model, Moment
from core.redis import as_text

_ENTRIES = "sre:toil"  # id to JSON
_BY_TIME = "sre:toil-by-time"
_LAST_ID = "sre:toil-number"
UNDO_WITHIN = timedelta(minutes=10)
WORDS_CHARS = 200
MOST_MINUTES = 24 * 60

_HOURS, _MINUTES = r"\s*(?:hours?|hrs?|h)", r"\s*(?:minutes?|mins?|min|m)"
_FIGURE = r"\d{1,4}(?:[.,]\d{1,2})?"
_SPAN = re.compile(
    rf"\s*(?:(?P<h>\d{{1,3}}){_HOURS}(?:(?P<rest>\d{{1,2}})(?:{_MINUTES})?|\s*(?:and\s+)?(?P<more>\d{{1,2}}){_MINUTES})"
    rf"|(?P<hours>{_FIGURE}){_HOURS}|(?P<minutes>{_FIGURE}){_MINUTES})(?!\w|[.,]\d)[\s:,.-]*",
    re.IGNORECASE,
)
HOW = "Say how long and what, as in /sre toil 30m restarted the importer; 1h30, 1.5h and 45 min are read too."


class Unread(Exception):
    """What somebody typed is no toil; the sentence says why."""


class ToilEntry(Model):
    """One piece of work. `what` is foreign, masked and cut."""

    id: str  # "TOIL-7"
    user: str  # Slack user id
    minutes: int
    what: str
    at: Moment
    service: str | None = None  # catalogue name
    incident: str | None = None
    alert_types: tuple[str, ...] = ()  # of that incident


class Read(NamedTuple):
    minutes: int
    what: str


def read_minutes(words: str) -> int:
    """ "30m", "1h30", "1.5h", "45 min", or minutes alone. Raises: Unread."""
    found = _SPAN.fullmatch(words)
    if found is None and re.fullmatch(r"\s*\d{1,4}\s*", words):
        return _checked(float(words))
    if found is None:
        raise Unread("I cannot read that as a time; write it as 30m, 1h30, 1.5h or 45 min.")
    return _checked(_minutes(found))


def read_toil(words: str) -> Read:
    """What somebody typed behind /sre toil. Raises: Unread."""
    found = _SPAN.match(words)
    if found is None:
        raise Unread(HOW)
    what = " ".join(words[found.end() :].split())
    if not re.search(r"\w", what):
        raise Unread(f"Say also what you did, as in /sre toil {words.strip()[:20]} restarted the importer.")
    return Read(_checked(_minutes(found)), what[:WORDS_CHARS])


def _minutes(found: re.Match[str]) -> float:
    if found["h"]:
        return int(found["h"]) * 60 + int(found["rest"] or found["more"])
    if found["hours"]:
        return float(found["hours"].replace(",", ".")) * 60
    return float(found["minutes"].replace(",", "."))


def _checked(minutes: float) -> int:
    if not 1 <= round(minutes) <= MOST_MINUTES:
        raise Unread("Toil is between 1 minute and 24 hours; log longer work in parts.")
    return round(minutes)


class Toil:
    """Entries in the order in which they were done."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def new_id(self) -> str:
        return f"TOIL-{self._redis.incr(_LAST_ID)}"

    def note(self, entry: ToilEntry) -> None:
        """Keep it. Safe to repeat."""
        pipe = self._redis.pipeline()
        pipe.hset(_ENTRIES, entry.id, entry.model_dump_json(exclude_defaults=True))
        pipe.zadd(_BY_TIME, {entry.id: entry.at.timestamp()})
        pipe.execute()

    def find(self, entry_id: str) -> ToilEntry | None:
        raw = self._redis.hget(_ENTRIES, entry_id)
        return ToilEntry.model_validate_json(as_text(raw)) if raw else None

    def remove(self, entry_id: str) -> bool:
        """Whether it was there."""
        pipe = self._redis.pipeline()
        pipe.hdel(_ENTRIES, entry_id)
        pipe.zrem(_BY_TIME, entry_id)
        return bool(pipe.execute()[0])

    def between(self, start: datetime, end: datetime) -> tuple[ToilEntry, ...]:
        """Those logged from `start` until before `end`, oldest first."""
        ids = self._redis.zrangebyscore(_BY_TIME, start.timestamp(), f"({end.timestamp()}")
        raws = self._redis.hmget(_ENTRIES, [as_text(raw) for raw in ids]) if ids else []
        return tuple(ToilEntry.model_validate_json(as_text(raw)) for raw in raws if raw)

    def forget(self, before: datetime) -> int:
        """Drop what was logged before; how many entries that were."""
        ids = [as_text(raw) for raw in self._redis.zrangebyscore(_BY_TIME, 0, f"({before.timestamp()}")]
        for entry_id in ids:
            self.remove(entry_id)
        return len(ids)
