"""When a digest is due: pure arithmetic over wall clocks, right on the days on which they are put forward or back.

The rules, in one place:
- A digest belongs to a date of its own zone; each date has at most one.
- A time that does not exist, as 02:30 when clocks go from 02:00 to 03:00, is that much later: 03:30. One that exists
  twice is the first of the two.
- One that was missed is sent late, once, within three hours. After that nobody reads "good morning": it is left out,
  and the next one covers the longer time.
- It covers the time since the one before it; the first ever covers the time since it would have been due before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from core.digest_settings import DigestTime

LATEST = timedelta(hours=3)
LONGEST = timedelta(days=8)  # what a digest covers at most: a week and a day off
DEFAULT = timedelta(hours=24)


def due_on(time: DigestTime, day: date) -> datetime:
    """The moment, in UTC, at which this date's would be due, whatever weekday it is."""
    return datetime.combine(day, time.wall, time.tz).astimezone(UTC)


def last_due(time: DigestTime, now: datetime) -> tuple[date, datetime]:
    """The date and the moment of the last one that was due by now."""
    return next((day, at) for day, at in _from(time, now, -1) if at <= now)


def next_due(time: DigestTime, now: datetime) -> tuple[date, datetime]:
    """The date and the moment of the next one."""
    return next((day, at) for day, at in _from(time, now, 1) if at > now)


def due_now(time: DigestTime, now: datetime, since: datetime | None = None) -> date | None:
    """The date of the digest that should be sent now, if it was not yet; None when there is none.

    Args:
        since: Since when the time holds; what was due before is not made up for.
    """
    day, at = last_due(time, now)
    if now - at > LATEST or (since and at < since):
        return None
    return day


def covered_from(time: DigestTime, day: date, before: datetime | None) -> datetime:
    """From when on the digest of a date tells.

    Args:
        before: Until when the channel's last digest told; None: there was none.
    """
    at = due_on(time, day)
    start = before if before and before < at else last_due(time, at - timedelta(seconds=1))[1]
    return max(start, at - LONGEST)


def _from(time: DigestTime, now: datetime, step: int) -> Iterator[tuple[date, datetime]]:
    """The weekdays' dates and moments, from the day before (or after) today on, backward or forward."""
    day = now.astimezone(time.tz).date() - timedelta(days=step)
    while True:
        if time.falls_on(day):
            yield day, due_on(time, day)
        day += timedelta(days=step)
