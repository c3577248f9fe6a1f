"""A change of an alert's rule, computed from what its firings did. Pure.

What is known of a firing is how long it fired, which does not count the time for which its rule waited before. So a
firing that lasted `d` would have been shown under a `for` that is longer by `x` when `d` is at least `x`.

- `for`: the smallest round value under which four in five of the firings that nobody acted on were not shown (else the
  one that removes most, if that is half), and every firing that somebody acted on was, with a minute to spare.
- `keep_firing_for`: where two in five come back within a quarter of an hour of their own end; the smallest that joins
  four in five of these with the one before.
- lower: an alert that fired often, on several days of at least three weeks, and on which nobody ever acted, needs
  nobody's attention at once. Never for what is as severe as SEV1.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.digest import RuleChange, RuleTimes
from core.incident import Severity
from workers.digest.past import Fired

LEAST = 10  # firings; of fewer nothing can be said
SOON_S = 900  # that it came back so soon after its end is flapping
SPARE_S = 60  # an evaluation or two: what was acted on must outlast a new `for` by that
MOST_S: dict[Severity, int] = {"SEV1": 120, "SEV2": 600, "SEV3": 3600, "SEV4": 3600}  # by which it may come later
_STEPS_S = (60, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200)
_LOWER_FIRINGS, _LOWER_DAYS, _LOWER_KNOWN = 20, 5, 21
_DAY_S = 86_400


@dataclass(frozen=True)
class Watched:
    """What is known of one alert."""

    alert: str
    severity: Severity
    fired: Sequence[Fired]
    days: int  # of which its firings are known
    rule: RuleTimes | None = None  # None: Prometheus did not tell


def propose(watched: Watched) -> RuleChange | None:
    """The change that removes most, the one of `for` where two are nearly alike; None when the firings ask for none."""
    if sum(f.ended is not None for f in watched.fired) < LEAST:
        return None
    longer, kept = longer_for(watched), kept_firing(watched)
    if longer and (kept is None or longer.removed * 1.2 >= kept.removed):
        return longer
    return kept or lowered(watched)


def longer_for(watched: Watched) -> RuleChange | None:
    """A longer `for`."""
    rule = watched.rule or RuleTimes()
    over = [f for f in watched.fired if f.ended is not None]
    acted = sorted(_held(f, rule) for f in over if f.acted)
    alone = sorted(_held(f, rule) for f in over if not f.acted)
    best: tuple[int, int, int] | None = None  # removed, the new value, what is added
    for step in _STEPS_S:
        added = round(step - rule.for_s)
        if added <= 0 or added > MOST_S[watched.severity] or (acted and acted[0] < added + SPARE_S):
            continue
        removed = bisect_left(alone, added)
        if best is None or removed > best[0]:
            best = removed, step, added
        if removed >= 0.8 * len(alone):
            break
    if best is None or best[0] < max(len(alone) / 2, LEAST / 2):
        return None
    removed, step, added = best
    return _change(
        watched, "for", over, seconds=step if watched.rule else added, removed=removed,
        within_s=alone[removed - 1], later_s=added,
    )  # fmt: skip


def kept_firing(watched: Watched) -> RuleChange | None:
    """A longer `keep_firing_for`."""
    over = [f for f in watched.fired if f.ended is not None]
    gaps = sorted(back_soon(over))
    if len(gaps) < max(0.4 * len(over), LEAST / 2):
        return None
    kept = watched.rule.keep_firing_for_s if watched.rule else 0.0
    step = next((s for s in _STEPS_S if bisect_left(gaps, s) >= 0.8 * len(gaps)), None)
    if step is None or step > SOON_S or step <= kept:
        return None
    removed = bisect_left(gaps, step)
    return _change(
        watched, "keep_firing_for", over, seconds=step, removed=removed, within_s=gaps[removed - 1],
        later_s=round(step - kept),
    )  # fmt: skip


def lowered(watched: Watched) -> RuleChange | None:
    """No longer at once to a person, or not at all."""
    over = [f for f in watched.fired if f.ended is not None]
    days = {int(f.began // _DAY_S) for f in over}
    often = len(over) >= _LOWER_FIRINGS and len(days) >= _LOWER_DAYS and watched.days >= _LOWER_KNOWN
    if not often or watched.severity == "SEV1" or any(f.acted for f in watched.fired):
        return None
    return _change(watched, "remove" if watched.severity == "SEV4" else "lower", over, seconds=0, removed=len(over))


def back_soon(fired: Sequence[Fired]) -> Iterator[float]:
    """How many seconds after its own end each came back that came within a quarter of an hour."""
    own: dict[int, list[Fired]] = defaultdict(list)
    for each in fired:
        own[each.fingerprint].append(each)
    for of_one in own.values():
        of_one.sort(key=lambda f: f.began)
        for before, after in pairwise(of_one):
            if before.ended is not None and 0 <= after.began - before.ended <= SOON_S:
                yield after.began - before.ended


def _held(fired: Fired, rule: RuleTimes) -> float:
    """How long its condition held after the rule's `for`."""
    assert fired.ended is not None
    return max(fired.ended - fired.began - rule.keep_firing_for_s, 0.0)


def _change(
    watched: Watched, kind: str, over: Sequence[Fired], *, seconds: int, removed: int, within_s: float = 0.0,
    later_s: int = 0,
) -> RuleChange:  # fmt: skip
    name = f"{watched.alert}|{kind}|{seconds}|{len(over)}|{removed}"
    return RuleChange(
        id=hashlib.sha256(name.encode()).hexdigest()[:16], alert=watched.alert, kind=kind, seconds=seconds,
        rule=watched.rule, firings=len(over), removed=removed, within_s=within_s,
        acted=sum(f.acted for f in over), later_s=later_s, days=watched.days,
    )  # fmt: skip
