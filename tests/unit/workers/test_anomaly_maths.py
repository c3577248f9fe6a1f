"""What is normal for an hour of the week, and how far a figure is from it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.anomalies import Signal, Streak
from core.baselines import HOURS, Baseline, Cell
from workers.anomalies.baseline import LEAST_SAMPLES, STEP_S, distance, history_days, learn, level_of
from workers.anomalies.streak import SCAN_EVERY_S, begins, ends, next_streak

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
ODD = 4.0
FIGURES = st.floats(0, 1e6, allow_nan=False)


def points(weeks: int, value: float = 100.0, end: datetime = MONDAY) -> list[tuple[float, float]]:
    start = (end - timedelta(weeks=weeks)).timestamp()
    return [(start + i * STEP_S, value) for i in range(int(weeks * 7 * 86_400 / STEP_S))]


def normal(
    signal: Signal = "rate", median: float = 100.0, mad: float = 5.0, level: float = 1.0, n: int = 72
) -> Baseline:
    return Baseline("", "checkout", signal, 0.0, level=level, cells=(Cell(median, mad, n),) * HOURS)


def score(baseline: Baseline, value: float, per_s: float | None = None) -> float:
    found = distance(baseline, value, MONDAY, ODD, per_s)
    assert found is not None
    return found.score


def test_an_hour_takes_in_those_beside_it_and_week_after_week() -> None:
    cells, level = learn(points(4), MONDAY.timestamp())
    assert set(cells) == {Cell(100.0, 0.0, 4 * 3 * 6)}
    assert level == 1.0


def test_one_odd_week_of_four_moves_no_normal() -> None:
    held = [(at, v * (0.3 if at > held_from else 1.0)) for held_from in [MONDAY.timestamp() - 7 * 86_400]
            for at, v in points(4)]  # fmt: skip
    cells, _ = learn(held, MONDAY.timestamp())
    assert {cell.median for cell in cells} == {100.0}


def test_gaps_and_figures_that_are_none_are_left_out() -> None:
    held = points(4)
    holed = [(at, math.nan if i % 3 == 0 else math.inf if i % 3 == 1 else v) for i, (at, v) in enumerate(held)]
    cells, _ = learn(holed, MONDAY.timestamp())
    assert {(cell.median, cell.n) for cell in cells} == {(100.0, 24)}


def test_of_an_hour_that_one_week_alone_has_seen_nothing_is_said() -> None:
    cells, _ = learn(points(1), MONDAY.timestamp())
    assert max(cell.n for cell in cells) < LEAST_SAMPLES
    assert distance(Baseline("", "s", "rate", 0.0, cells=cells), 0.0, MONDAY, ODD) is None


def test_history_is_from_the_first_to_the_last() -> None:
    assert history_days(points(3)) == pytest.approx(21, abs=0.01)
    assert history_days([]) == 0.0


def test_a_level_that_held_for_most_of_a_day_is_known_and_half_a_day_is_not() -> None:
    cells, _ = learn(points(4), MONDAY.timestamp())
    day = [(MONDAY.timestamp() + i * STEP_S, 140.0) for i in range(144)]
    assert level_of(cells, day) == pytest.approx(1.4)
    assert level_of(cells, [(at, 140.0 if i < 70 else 100.0) for i, (at, _) in enumerate(day)]) == 1.0
    assert level_of(cells, day[:40]) == 1.0


def test_after_a_shift_both_levels_and_what_is_between_are_normal() -> None:
    shifted = normal("latency", 0.2, 0.005, level=1.8)
    for value in (0.2, 0.28, 0.36):
        assert score(shifted, value) == 0.0
    assert score(shifted, 0.6) > ODD
    assert score(normal("latency", 0.2, 0.005), 0.36) > ODD


@pytest.mark.parametrize(
    ("signal", "median", "value", "odd"),
    [
        ("errors", 0.001, 0.003, False),  # three times as many of hardly any
        ("errors", 0.001, 0.05, True),
        ("errors", 0.05, 0.0, False),  # fewer is good
        ("latency", 0.01, 0.03, False),  # 20 ms more is nothing that anybody feels
        ("latency", 0.2, 0.5, True),
        ("latency", 0.2, 0.05, False),
        ("rate", 0.02, 0.0, False),  # at night nobody comes
        ("rate", 40.0, 0.0, True),
        ("rate", 40.0, 10.0, True),
        ("rate", 40.0, 30.0, False),
        ("rate", 40.0, 100.0, True),
        ("cpu", 0.1, 0.4, False),  # four times as much, and far from the limit
        ("cpu", 0.4, 0.95, True),
        ("memory", 0.5, 0.9, True),
        ("memory", 0.9, 0.95, False),
    ],
)
def test_what_matters(signal: Signal, median: float, value: float, odd: bool) -> None:
    assert (abs(score(normal(signal, median, median * 0.02), value, 50.0)) >= ODD) is odd


def test_all_traffic_lost_is_strong_and_signed() -> None:
    assert score(normal("rate", 40.0, 4.0), 0.0) < -8


def test_chance_alone_is_not_odd() -> None:
    assert score(normal("errors", 0.05, 0.0), 0.12, per_s=0.2) < ODD  # of 60 requests 7 failed instead of 3
    assert score(normal("errors", 0.05, 0.0), 0.12, per_s=100.0) > ODD


@given(median=FIGURES, mad=FIGURES, value=FIGURES, level=st.floats(0.01, 100))
@settings(max_examples=300)
def test_any_figures_give_a_finite_score_and_a_range(median: float, mad: float, value: float, level: float) -> None:
    for signal in ("rate", "errors", "latency", "cpu", "memory"):
        found = distance(normal(signal, median, mad, level), value, MONDAY, ODD, 1.0)
        assert found and math.isfinite(found.score)
        assert 0 <= found.low <= found.high
        if found.low <= value <= found.high and mad:
            assert abs(found.score) <= ODD


@given(median=st.floats(0.1, 1e4), mad=st.floats(0, 100), low=FIGURES, more=FIGURES)
@settings(max_examples=200)
def test_further_away_never_scores_less(median: float, mad: float, low: float, more: float) -> None:
    for signal in ("rate", "errors", "latency"):
        baseline = normal(signal, median, mad)
        if low >= median:
            assert score(baseline, low + more, 1.0) >= score(baseline, low, 1.0)


@given(values=st.lists(FIGURES, min_size=1, max_size=200), odd=st.floats(0, 1e9))
@settings(max_examples=100)
def test_a_minority_never_carries_the_median_outside_the_rest(values: list[float], odd: float) -> None:
    at = MONDAY.timestamp()
    held = [(at, v) for v in values] + [(at, odd)] * ((len(values) - 1) // 2)
    cells, _ = learn(held, at)
    assert min(values) <= cells[0].median <= max(values)


def _run(scores: list[float | None], gap_s: float = SCAN_EVERY_S) -> list[str]:
    streak: Streak | None = None
    said = []
    for number, each in enumerate(scores):
        streak = next_streak(streak, each, 1000 + number * gap_s, ODD)
        if begins(streak) and streak:
            said.append(f"begins {number}")
            streak = Streak(streak.at, streak.odd, streak.since, anomaly="ano-1")
        elif ends(streak):
            said.append(f"ends {number}")
            streak = None
    return said


def test_two_looks_begin_it_and_three_end_it() -> None:
    assert _run([0, 5, 5, 5, 0, 0, 0, 0]) == ["begins 2", "ends 6"]
    assert _run([0, 5, 0, 5, 0, 5]) == []
    assert _run([5, -6, 0, 5, 0, 0, 5]) == ["begins 1"]


def test_what_is_nearly_unusual_keeps_it_going() -> None:
    assert _run([5, 5, 3.5, 3.5, 3.5, 3.5]) == ["begins 1"]
    assert _run([3.5, 3.5, 3.5]) == []


def test_what_nobody_can_tell_is_nothing_unusual() -> None:
    assert _run([5, None, 5, None]) == []
    assert _run([5, 5, None, None, None]) == ["begins 1", "ends 4"]


def test_looks_far_apart_are_not_in_a_row() -> None:
    assert _run([5, 5, 5], gap_s=3600) == []
