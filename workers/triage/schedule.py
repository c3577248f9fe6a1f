"""Whether a cron schedule can ever fire."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_MACROS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EVERY = re.compile(r"@every\s+(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+")
_PART = re.compile(r"(?P<first>\*|\?|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")


def complaint(schedule: str, time_zone: str | None) -> str | None:
    """What is wrong with it, in a sentence without a full stop; None when it will fire."""
    if time_zone and not _is_zone(time_zone):
        return f"there is no time zone {time_zone!r}"
    schedule = re.sub(r"^(?:CRON_)?TZ=\S+\s+", "", schedule.strip())
    if schedule in _MACROS or _EVERY.fullmatch(schedule):
        return None
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        return f"schedule {schedule!r} has {len(fields)} fields, not five"
    values = [_values(text, low, high) for text, (_, low, high) in zip(fields, _FIELDS, strict=True)]
    for text, found, (label, low, high) in zip(fields, values, _FIELDS, strict=True):
        if not found:
            return f"schedule {schedule!r} has {text!r} as its {label}, which goes from {low} to {high}"
    any_weekday = fields[4][0] in "*?"
    if any_weekday and all(min(values[2]) > _LONGEST[month - 1] for month in values[3]):
        return f"schedule {schedule!r} never fires: none of its months has that day"
    return None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _values(text: str, low: int, high: int) -> set[int]:
    """The values that one field means; empty when it means none."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part.lower())
        if match is None:
            return set()
        star = match["first"] in "*?"
        first = low if star else _number(match["first"])
        last = _number(match["last"]) if match["last"] else (high if star or match["step"] else first)
        step = int(match["step"] or 1)
        if first is None or last is None or not low <= first <= last <= high or not step:
            return set()
        found.update(range(first, last + 1, step))
    return found


def _number(text: str) -> int | None:
    if text in _MONTHS:
        return _MONTHS.index(text) + 1
    if text in _DAYS:
        return _DAYS.index(text)
    return int(text) if text.isdigit() else None
