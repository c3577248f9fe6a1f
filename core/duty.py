"""Who was on call when: shifts, as they were seen to begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson
import redis

from core.page import OnCall, Person
from core.redis import as_text

_NOW = "sre:duty-now"  # person to when they were first seen on call, Unix seconds
_ENDED = "sre:duty:"  # the UTC day on which it ended, as 20261129
_LONGEST = timedelta(days=120)  # a shift that began longer ago is not looked for


class DutyShift(NamedTuple):
    """One person's time on call without a break, for whatever services. Times are Unix seconds."""

    person: str  # Slack user id, else PagerDuty's name; foreign
    began: float
    ended: float | None = None  # None: still


def name_of(person: Person) -> str:
    """What metrics call somebody."""
    return person.slack or person.name


class Duty:
    """Shifts by the day on which they ended, and those that are on."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, found: Iterable[OnCall], now: datetime) -> None:
        """Take in who is on call now. Safe to repeat."""
        at = now.timestamp()
        on = {name_of(shift.who) for each in found for shift in each.now}
        held = {as_text(name): float(began) for name, began in self._redis.hgetall(_NOW).items()}
        pipe = self._redis.pipeline()
        for person in held.keys() - on:
            pipe.hdel(_NOW, person)
            pipe.sadd(_ended(now), orjson.dumps([person, held[person], at]))
        for person in on - held.keys():
            pipe.hset(_NOW, person, at)
        pipe.execute()

    def between(self, start: datetime, end: datetime) -> Iterator[DutyShift]:
        """Those that touch the time from `start` until before `end`, in no order."""
        since, until = start.timestamp(), end.timestamp()
        for name, began in self._redis.hgetall(_NOW).items():
            if float(began) < until:
                yield DutyShift(as_text(name), float(began))
        for raw in self._rows(start, end + _LONGEST):
            shift = DutyShift(*orjson.loads(raw))
            if shift.began < until and (shift.ended or 0) >= since:
                yield shift

    def forget(self, before: datetime) -> int:
        """Drop the days that ended before; how many days that were."""
        first = _ended(before)
        old = [key for raw in self._redis.scan_iter(f"{_ENDED}*", count=1000) if (key := as_text(raw)) < first]
        return int(self._redis.delete(*old)) if old else 0

    def _rows(self, start: datetime, end: datetime) -> Iterator[bytes]:
        pipe = self._redis.pipeline(transaction=False)
        day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while day < end:
            pipe.smembers(_ended(day))
            day += timedelta(days=1)
        for rows in pipe.execute():
            yield from rows


def _ended(at: datetime) -> str:
    return f"{_ENDED}{at.astimezone(UTC):%Y%m%d}"
