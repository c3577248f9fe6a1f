"""Which alerts were noise in a time, ranked, against the weeks before. Pure.

Noise is a firing that ended by itself: nobody acted on the incident that held it, or none held it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from datetime import datetime, timedelta

from core.digest import Noisy, RuleTimes
from workers.digest.past import Fired, Past
from workers.digest.rules import LEAST, Watched, back_soon, propose

WEEKS = timedelta(days=28)
_KNOWN_LEAST = timedelta(days=7)  # of less no usual is said
Rules = Callable[[str], RuleTimes | None]


def is_noise(fired: Fired) -> bool:
    return fired.ended is not None and not fired.acted


def noisy(
    past: Past, acted: Container[str], start: datetime, end: datetime, rule_of: Rules, known_since: datetime
) -> tuple[Noisy, ...]:
    """Every alert that fired from `start` to `end`, the most noise first.

    Args:
        past: The firings of four weeks up to `end`.
        acted: Incidents on which somebody acted.
        rule_of: Asked only about alerts whose rule may be worth a change.
        known_since: Since when firings are kept.
    """
    found = (_one(alert, past, acted, start, end, rule_of, known_since) for alert in past.alerts)
    return tuple(sorted((n for n in found if n), key=lambda n: (-n.noise, -n.firings, n.alert)))


def _one(
    alert: str, past: Past, acted: Container[str], start: datetime, end: datetime, rule_of: Rules, known_since: datetime
) -> Noisy | None:
    since = start.timestamp()
    fired = [f for f in past.of(alert, acted) if f.began < end.timestamp()]
    now = [f for f in fired if f.began >= since]
    if not now:
        return None
    known = min(end - known_since, WEEKS)
    before = max(known - (end - start), timedelta(0))
    earlier = sum(f.began < since for f in fired)
    days = -(-known // timedelta(days=1))  # a day begun counts
    noise = sorted((f.ended or 0.0) - f.began for f in now if is_noise(f))
    over = sum(f.ended is not None for f in fired)
    worth = len(noise) >= 2 and over >= LEAST
    watched = Watched(alert, past.severity(alert), fired, days, rule_of(alert) if worth else None)
    return Noisy(
        alert=alert, severity=past.severity(alert), firings=len(now), noise=len(noise),
        services=tuple(Counter(f.service for f in now).most_common()),
        within_s=noise[max(-(-len(noise) * 9 // 10) - 1, 0)] if noise else 0.0,
        back_soon=sum(1 for _ in back_soon(now)),
        usual=earlier * ((end - start) / before) if before >= _KNOWN_LEAST else None,
        known_days=days, known_firings=len(fired), known_acted=sum(f.acted for f in fired),
        change=propose(watched) if worth else None,
    )  # fmt: skip
