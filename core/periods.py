"""Times that metrics are asked for: "30d", "2w", "since 2026-11-01"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.errors import SreError

LONGEST = timedelta(days=1100)
_SPAN = re.compile(r"(\d{1,4})\s*(h|d|w)", re.IGNORECASE)
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_HOW = "Say the time as 7d, 30d, 90d or since 2026-11-01."


class NoPeriod(SreError):
    """What somebody typed is no time; the sentence says what would be."""


@dataclass(frozen=True)
class Period:
    """From `start` until before `end`."""

    start: datetime
    end: datetime
    name: str  # "the last 30 days", "since 1 Nov 2026"

    @property
    def before(self) -> Period:
        """As long a time, right before."""
        return Period(self.start - (self.end - self.start), self.start, "before")

    @property
    def days(self) -> Iterator[datetime]:
        """The UTC days that it touches."""
        day = self.start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while day < self.end:
            yield day
            day += timedelta(days=1)

    def weeks(self, count: int) -> tuple[Period, ...]:
        """So many times of seven days that end with it, oldest first."""
        week = timedelta(weeks=1)
        ends = [self.end - week * number for number in reversed(range(count))]
        return tuple(Period(end - week, end, "a week") for end in ends)


def last_days(days: int, now: datetime) -> Period:
    return Period(now - timedelta(days=days), now, f"the last {days} days" if days != 1 else "the last day")


def read_period(words: str, now: datetime) -> Period | None:
    """The time that these words name; None when they name none. Raises: NoPeriod for one that cannot be."""
    said = words.strip().lower().removeprefix("since ").strip()
    if found := _SPAN.fullmatch(said):
        number, unit = int(found[1]), found[2]
        span = number * _UNIT[unit]
        if not timedelta(hours=1) <= span <= LONGEST:
            raise NoPeriod(f"That is no time that I have metrics of. {_HOW}")
        if unit == "h":
            return Period(now - span, now, f"the last {number} h")
        return last_days(span.days, now)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", said):
        return _since(said, now)
    if words.strip().lower().startswith("since"):
        raise NoPeriod(_HOW)
    return None


def _since(said: str, now: datetime) -> Period:
    try:
        day = date.fromisoformat(said)
    except ValueError as error:
        raise NoPeriod(f"There is no day {said}. {_HOW}") from error
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if not timedelta(0) < now - start <= LONGEST:
        raise NoPeriod(f"{said} is not in the time that I have metrics of. {_HOW}")
    return Period(start, now, f"since {day.day} {day:%b %Y}")
