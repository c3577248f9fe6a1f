"""The times that people write for "since when": 24h, 7d, mon, yesterday, 2026-11-27."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.digest_settings import WEEKDAYS
from core.errors import Malformed

FARTHEST = timedelta(days=31)  # noise is compared with the four weeks before; longer is what exports are for
_SPAN = re.compile(r"(\d{1,5})\s*(m|min|h|d|w)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The moment that is meant, a day ago when nothing is said; days begin at midnight in `zone`.

    Raises: Malformed with one sentence that says how to write it.
    """
    word, local = text.strip().lower(), now.astimezone(zone)
    start: datetime | None = None if word else now - timedelta(days=1)
    if span := _SPAN.fullmatch(word):
        start = now - timedelta(**{_UNITS[span[2]]: int(span[1])})
    elif word in ("today", "yesterday"):
        start = _midnight(local.date() - timedelta(days=word == "yesterday"), zone)
    elif word[:3] in WEEKDAYS and word in (word[:3], _whole(word[:3])):
        back = (local.weekday() - WEEKDAYS.index(word[:3])) % 7
        start = _midnight(local.date() - timedelta(days=back), zone)
    elif re.fullmatch(r"\d{4}-\d\d-\d\d", word):
        try:
            start = _midnight(date.fromisoformat(word), zone)
        except ValueError as error:
            raise Malformed(f"There is no day {word}.") from error
    if start is None:
        raise Malformed("Say since when as 24h, 7d, mon, yesterday or 2026-11-27.")
    if start >= now:
        raise Malformed("That is not past yet; say since when as 24h, 7d, mon or 2026-11-27.")
    if now - start > FARTHEST:
        raise Malformed(f"A digest goes back at most {FARTHEST.days} days; say 7d, or a day since then.")
    return start


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _whole(short: str) -> str:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    return days[WEEKDAYS.index(short)]
