"""When a channel gets its digest: one row of `channels.digests`, or what somebody set in Slack."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from core.grouping_settings import zone
from core.model import Model

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as `date.weekday` counts


def weekdays(days: str) -> frozenset[int]:
    """The days of "mon-fri", "mon,wed,fri", "fri-mon", "sat" or "daily", Monday being 0.

    Raises: ValueError with a phrase that says how to write it.
    """
    if days.strip().lower() == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in days.lower().split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        last = last if dash else first
        if first not in WEEKDAYS or last not in WEEKDAYS:
            raise ValueError(f"{days!r} are no weekdays; write them as mon-fri, mon,wed,fri or daily")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(found)


def _checked(days: str) -> str:
    weekdays(days)
    return days


class DigestTime(Model):
    """A digest's time of day, its weekdays, its zone and what it is about."""

    at: str = Field(default="09:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    days: Annotated[str, AfterValidator(_checked)] = "mon-fri"
    timezone: Annotated[str, AfterValidator(zone)] = "UTC"
    services: tuple[str, ...] = ()  # catalogue names; empty: those whose channel it is, in the fallback channel all

    @property
    def wall(self) -> time:
        return time.fromisoformat(self.at)

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def falls_on(self, day: date) -> bool:
        return day.weekday() in weekdays(self.days)
