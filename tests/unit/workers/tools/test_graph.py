from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.tools.graph import against, describe, number

START = 1_700_000_000 - 1_700_000_000 % 3600  # 22:00 UTC
STEP_S = 30


def points(value: Callable[[int], float], n: int = 120) -> list[tuple[float, float]]:
    return [(START + i * STEP_S, value(i)) for i in range(n)]


def noise(i: int) -> float:
    return random.Random(i).random()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda i: 4.0, "flat at 4"),
        (lambda i: 100 + noise(i), "steady"),
        (noise, "no trend, moves up and down"),
        (lambda i: 0.002 if i < 70 else 0.074, "rose from about 0.002 to 0.074 at 22:35 (times 37) and stayed"),
        (lambda i: 0.002 + noise(i) / 2000 if i < 70 else 0.074 + noise(i) / 100, "at 22:35 (times 3"),
        (lambda i: 4 if i < 50 else 0, "fell from about 4 to 0 at 22:25 and stayed"),
        (lambda i: 0 if i < 50 or i == 119 else 4, "rose from about 0 to 4 at 22:25 and has turned since"),
        (lambda i: 0.2 if i < 117 else 7.4, "rose from about 0.2 to 7.4 at 22:58 (times 37) in the last 3 points"),
        (lambda i: 100 + i + noise(i), "rose steadily from 10"),
        (lambda i: 200 - i, "fell steadily from 19"),
        (lambda i: 900 if i in (40, 41) else 100 + noise(i), "spike up to 900 at 22:20, otherwise about 100"),
        (lambda i: 0 if 40 <= i < 50 else 100 + noise(i), "stretch down to 0 from 22:20 to 22:24, otherwise about 100"),
        (lambda i: 50 if i % 20 == 3 else 1 + noise(i) / 100, "6 spikes up, the furthest to 50 at 22:01"),
        (lambda i: math.inf if i == 3 else i, "infinite at 1 points"),
    ],
)  # fmt: skip
def test_the_shape_of_a_graph_in_words(value: Callable[[int], float], said: str) -> None:
    assert said in describe(points(value), STEP_S)


def test_figures_and_their_times() -> None:
    assert describe(points(lambda i: i % 10, 5), STEP_S) == ("min 0, median 2, max 4 at 22:02, last 4; only 5 points")


def test_gaps_are_named() -> None:
    holed = [point for point in points(lambda i: 1.0) if not START + 600 < point[0] < START + 900]
    assert describe(holed, STEP_S) == "flat at 1; no data from 22:10 to 22:15"
    assert "4 gaps without data" in describe([(START + i * 300, 1.0) for i in range(5)], STEP_S)


def test_nothing_and_only_infinity() -> None:
    assert describe([], STEP_S) == "no data"
    assert describe([(START, math.inf)], STEP_S) == "infinite throughout"


def test_long_stretches_tell_the_day() -> None:
    assert "rose from about 1 to 5 at 15 Nov 22:00" in describe(
        [(START + i * 3600, 1 if i < 24 else 5) for i in range(48)], 3600
    )


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        ([1.0, 2.0, 3.0], [2.1], "much as a day earlier (median 2.1)"),
        ([4.0], [2.0], "2 times the 2 of a day earlier"),
        ([4.0], [0.0], "a day earlier the median was 0"),
        ([0.0], [0.0], "much as a day earlier (median 0)"),
        ([1.0], [], "no data a day earlier"),
        ([math.inf], [1.0], "no data a day earlier"),
        ([-4.0], [2.0], "a day earlier the median was 2"),
    ],
)
def test_comparison_with_before(now: list[float], before: list[float], said: str) -> None:
    assert against(now, before, "a day earlier") == said


def test_numbers_are_short() -> None:
    assert [number(x) for x in (0.074123, 1234567.8, 12.3456, 0, -0.5)] == [
        "0.07412",
        "1,234,568",
        "12.35",
        "0",
        "-0.5",
    ]


@given(st.lists(st.floats(allow_nan=False, width=32), max_size=40))
def test_any_values_can_be_described(values: list[float]) -> None:
    text = describe([(START + i * STEP_S, value) for i, value in enumerate(values)], STEP_S)
    assert text
    assert "\n" not in text
