"""What `/sre metrics` and `/sre shadow` are asked: a time and a service, in any order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.periods import NoPeriod, Period, last_days, read_period

_HOW = "Say a time, as 7d, 30d or since 2026-11-01, or a service."


@dataclass(frozen=True)
class Question:
    """A time, and a service of the catalogue; None: all of them."""

    period: Period
    service: str | None = None


def read_question(words: str, services: Iterable[str], now: datetime, days: int = 30) -> Question:
    """What was asked. Raises: NoPeriod with a sentence that says what could be."""
    known = {name.lower(): name for name in services}
    parts = words.split()
    if len(parts) > 1 and parts[0].lower() == "since":
        parts = [" ".join(parts[:2]), *parts[2:]]
    elif len(parts) > 2 and parts[1].lower() == "since":
        parts = [parts[0], " ".join(parts[1:3]), *parts[3:]]
    period, service = None, None
    for part in parts:
        if part.lower() in known and service is None:
            service = known[part.lower()]
        elif (found := read_period(part, now)) and period is None:
            period = found
        else:
            near = difflib.get_close_matches(part.lower(), known, n=1, cutoff=0.55)
            hint = (
                f"Did you mean {known[near[0]]}?"
                if near
                else "Say a time, as 7d, 30d or since 2026-11-01, or a service."
            )
            raise NoPeriod(f"I know no service {part}. {hint}")
    return Question(period or last_days(days, now), service)
