"""A changed rule never hides what somebody acted on; its figures are those of a replay of the firings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.digest import RuleTimes
from core.incident import Severity
from workers.digest.past import Fired
from workers.digest.rules import MOST_S, SPARE_S, Watched, back_soon, kept_firing, longer_for, lowered, propose

DAY = 86_400.0


def fired(lasted_s: float, at: float = 0.0, *, acted: bool = False, of: int = 0) -> Fired:
    return Fired(at, at + lasted_s, acted, of, "checkout")


def watched(
    seen: Sequence[Fired], rule: RuleTimes | None = None, severity: Severity = "SEV3", days: int = 28
) -> Watched:
    return Watched("Slow", severity, seen, days, rule)


def spread(*lasted_s: float, acted: bool = False) -> list[Fired]:
    """One every day, so that none comes back soon."""
    return [fired(each, n * DAY, acted=acted, of=n) for n, each in enumerate(lasted_s)]


def test_the_example_of_every_digest() -> None:
    seen = spread(*[60 * (1 + n % 6) for n in range(31)], 1200, 1500, 2400)
    change = propose(watched(seen, RuleTimes(for_s=0)))
    assert change is not None
    assert (change.kind, change.seconds, change.firings, change.removed, change.shown) == ("for", 600, 34, 31, 3)
    assert (change.within_s, change.later_s, change.acted) == (360.0, 600, 0)


def test_the_time_that_the_rule_waits_now_is_not_counted_twice() -> None:
    seen = spread(*[200.0] * 20)  # each held for the 5 min of `for`, and 200 s more
    change = longer_for(watched(seen, RuleTimes(for_s=300)))
    assert change is not None
    assert (change.seconds, change.later_s, change.removed) == (600, 300, 20)
    unknown = longer_for(watched(seen))
    assert unknown is not None
    assert (unknown.rule, unknown.seconds, unknown.later_s) == (None, 300, 300)


def test_an_alert_that_was_acted_on_stays_and_keeps_its_minute() -> None:
    seen = spread(*[30.0] * 15) + spread(400.0, acted=True)
    change = longer_for(watched(seen, RuleTimes()))
    assert change is not None
    assert (change.seconds, change.removed, change.acted) == (60, 15, 1)
    assert longer_for(watched(spread(*[30.0] * 15) + spread(90.0, acted=True), RuleTimes())) is None


def test_one_that_is_acted_on_as_short_as_the_noise_changes_nothing() -> None:
    seen = spread(*[30.0] * 30) + spread(20.0, acted=True)
    assert propose(watched(seen, RuleTimes())) is None


def test_few_firings_say_nothing() -> None:
    assert propose(watched(spread(*[30.0] * 9), RuleTimes())) is None


def test_what_wakes_people_may_not_come_much_later() -> None:
    seen = spread(*[500.0] * 30)
    assert longer_for(watched(seen, RuleTimes(), "SEV1")) is None
    assert longer_for(watched(seen, RuleTimes(), "SEV2")) is not None


def test_an_alert_that_goes_and_comes_is_kept_firing() -> None:
    seen = [fired(600, n * 720.0) for n in range(20)]  # back two minutes after each end
    change = propose(watched(seen, RuleTimes(), "SEV2"))
    assert change is not None
    assert (change.kind, change.seconds, change.removed, change.shown) == ("keep_firing_for", 180, 19, 1)
    assert kept_firing(watched(seen, RuleTimes(keep_firing_for_s=180))) is None


def test_alerts_of_two_pods_are_not_one_that_comes_back() -> None:
    assert list(back_soon([fired(60, 0, of=1), fired(60, 120, of=2)])) == []
    assert list(back_soon([fired(60, 0, of=1), fired(60, 120, of=1)])) == [60.0]


@pytest.mark.parametrize(
    ("severity", "days", "acted", "kind"),
    [("SEV3", 28, False, "lower"), ("SEV4", 28, False, "remove"), ("SEV1", 28, False, None), ("SEV3", 9, False, None),
     ("SEV3", 28, True, None)],
)  # fmt: skip
def test_what_nobody_ever_acted_on_needs_nobody_at_once(
    severity: Severity, days: int, acted: bool, kind: str | None
) -> None:
    seen = [*spread(*[7200.0] * 24), fired(7200, 25 * DAY, acted=acted, of=99)]
    change = lowered(watched(seen, RuleTimes(), severity, days))
    assert (change.kind if change else None) == kind


durations = st.lists(st.tuples(st.integers(0, 8000), st.booleans()), min_size=10, max_size=80)


@given(durations, st.sampled_from([0.0, 60.0, 300.0, 900.0]), st.sampled_from(["SEV1", "SEV2", "SEV3", "SEV4"]))
def test_a_replay_under_the_new_rule_shows_what_is_promised(
    lasted: list[tuple[int, bool]], now_s: float, severity: Severity
) -> None:
    seen = [fired(s, n * DAY, acted=acted, of=n) for n, (s, acted) in enumerate(lasted)]
    change = longer_for(watched(seen, RuleTimes(for_s=now_s), severity))
    if change is None:
        return
    held = [(now_s + s, acted) for s, acted in lasted]  # how long the condition was true
    shown = [(s, acted) for s, acted in held if s >= change.seconds]
    assert len(shown) == change.shown
    assert sum(acted for _, acted in shown) == sum(acted for _, acted in held) == change.acted
    assert change.seconds - now_s == change.later_s <= MOST_S[severity]
    assert all(s >= change.seconds + SPARE_S for s, acted in held if acted)
    assert change.within_s < change.later_s


@given(st.lists(st.integers(1, 3000), min_size=12, max_size=60))
def test_a_replay_under_keep_firing_for_shows_what_is_promised(gaps: list[int]) -> None:
    seen, at = [], 0.0
    for gap in [*gaps, 0]:
        seen.append(fired(30, at))
        at += 30 + gap
    change = kept_firing(watched(seen, RuleTimes()))
    if change is None:
        return
    shown, until = 0, -math.inf
    for each in seen:
        shown += each.began >= until
        until = (each.ended or 0) + change.seconds
    assert shown == change.shown
