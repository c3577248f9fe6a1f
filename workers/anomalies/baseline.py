"""The normal for each hour of the week, and how far a figure is from it. Pure arithmetic.

Median and MAD over weeks, not mean and deviation: one odd week (a holiday, an outage) is a minority in every hour, and
moves neither. Each hour also takes in the samples of the hours beside it, so that few weeks are enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from core.anomalies import Signal
from core.baselines import HOURS, Baseline, Cell, hour_of_week

Points = Sequence[tuple[float, float]]  # Unix seconds, value

STEP_S = 600  # of history: six samples an hour; four weeks are 4,032 points, and Prometheus gives 11,000
LEAST_DAYS = 14
LEAST_SAMPLES = 20  # of an hour and those beside it: one week brings at most 18, so that two weeks at least agree
DAY_S = 86_400
SIGMA = 1.4826  # a MAD in terms of a standard deviation, where the noise is Gaussian
_SHIFTED = 0.15  # by less than this share, the last day is no new level
_LEAST_OF_DAY = 72  # samples of a day that tell its level: half of them
_HIGHEST = 99.0  # a score above tells nothing more
WINDOW_S = 300.0  # of the rates that are compared
_RANGE = 2.0  # standard deviations to either side are what people are told is normal


@dataclass(frozen=True)
class Floor:
    """What matters at all, whatever the statistics say: a smaller deviation is none."""

    absolute: float
    relative: float  # of the median
    least: float = 0.0  # a value below is never unusual
    both_ways: bool = False  # also when it falls


# Guessed from what people act on, and tried in bench/anomalies.py.
FLOORS: dict[Signal, Floor] = {
    "rate": Floor(0.5, 0.5, both_ways=True),  # half a request a second, and half or one and a half times the normal
    "errors": Floor(0.02, 1.0),  # two of a hundred requests more, and twice as many
    "latency": Floor(0.05, 0.5),
    "cpu": Floor(0.2, 0.3, least=0.6),
    "memory": Floor(0.15, 0.15, least=0.7),
}


@dataclass(frozen=True)
class Distance:
    """How far a figure is from its normal, in robust standard deviations; negative when it is lower."""

    score: float
    normal: float
    low: float
    high: float


def learn(points: Points, now: float) -> tuple[tuple[Cell, ...], float]:
    """The cells of 168 hours, and the level of the last day (see `level_of`)."""
    by_hour: list[list[float]] = [[] for _ in range(HOURS)]
    usable = [(at, value) for at, value in points if math.isfinite(value)]
    for at, value in usable:
        by_hour[hour_of_week(datetime.fromtimestamp(at, UTC))].append(value)
    pooled = ([*by_hour[h - 1], *by_hour[h], *by_hour[(h + 1) % HOURS]] for h in range(HOURS))
    cells = tuple(_cell(values) for values in pooled)
    return cells, level_of(cells, [(at, v) for at, v in usable if at > now - DAY_S])


def _cell(values: list[float]) -> Cell:
    if not values:
        return Cell()
    middle = median(values)
    return Cell(middle, median(abs(v - middle) for v in values), len(values))


def level_of(cells: Sequence[Cell], day: Points) -> float:
    """The last day in terms of what its hours usually are: 1.4 when it was 1.4 times that for most of the day, as after
    a deploy that legitimately changed it. 1.0 when it was as usual, or too little is known."""
    ratios = []
    for at, value in day:
        cell = cells[hour_of_week(datetime.fromtimestamp(at, UTC))]
        if cell.n >= LEAST_SAMPLES and cell.median > 0:
            ratios.append(value / cell.median)
    if len(ratios) < _LEAST_OF_DAY:
        return 1.0
    level = median(ratios)
    return level if abs(level - 1) > _SHIFTED else 1.0


def history_days(points: Points) -> float:
    """From the first sample to the last."""
    return (points[-1][0] - points[0][0]) / DAY_S if points else 0.0


def distance(baseline: Baseline, value: float, at: datetime, odd: float, per_s: float | None = None) -> Distance | None:
    """How far the value is from the normal of that hour; None when nobody can tell.

    What is within the usual range of the hour, or of the hour at the level of the last day, or between the two, is
    normal: after a shift both the old and the new are, so that neither a deploy nor its rollback is reported twice.

    Args:
        odd: The score from which a figure is unusual; a deviation of just the floor scores that.
        per_s: Requests a second at this moment, where the signal is made of single requests: few of them say little.
    """
    cell, floor = baseline.at(at), FLOORS[baseline.signal]
    if cell.n < LEAST_SAMPLES or not math.isfinite(value):
        return None
    levels = (1.0, baseline.level)
    lowest, highest = cell.median * min(levels), cell.median * max(levels)
    noise = _chance(baseline.signal, cell.median, per_s)
    down, up = (max(SIGMA * cell.mad * max(share, 0.1), noise) for share in (min(levels), max(levels)))
    low, high = max(lowest - _RANGE * down, 0.0), highest + _RANGE * up
    score = 0.0
    if value > highest and value >= floor.least:
        score = (value - highest) / max(up, max(floor.absolute, floor.relative * highest) / odd)
    elif floor.both_ways and value < low and lowest - value >= max(floor.absolute, odd * noise):
        score = -_fallen(value / lowest, down / lowest, floor.relative, odd)
    return Distance(min(score, _HIGHEST), cell.median, low, high)


def _fallen(share: float, sigma: float, floor: float, odd: float) -> float:
    """The score of what is only a share of its normal, by its logarithm: a figure cannot fall by more than all."""
    return min(-math.log(max(share, 1e-9)) / max(sigma, -math.log(1 - floor) / odd), _HIGHEST)


def _chance(signal: Signal, normal: float, per_s: float | None) -> float:
    """The standard deviation that chance alone makes, of requests that come and fail independently."""
    if signal == "rate":
        return math.sqrt(max(normal, 0.0) / WINDOW_S)
    if signal == "errors" and per_s:
        share = min(max(normal, 0.001), 1.0)
        return math.sqrt(share * (1 - share) / (per_s * WINDOW_S))
    return 0.0
