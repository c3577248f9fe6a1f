"""PromQL's functions: of a range, of each value, and of histograms. Semantics as in Prometheus 2.42."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

from sandbox.prometheus.values import Point, Vector, Window, key_of


def extrapolated(window: Window, *, counter: bool, per_second: bool) -> float | None:
    """The increase over the whole window, extended to its edges where samples come near enough to them."""
    times, values = window.times, window.values
    if len(values) < 2:
        return None
    result = values[-1] - values[0]
    if counter:
        result += sum(before for before, after in pairwise(values) if after < before)
    sampled = times[-1] - times[0]
    between = sampled / (len(values) - 1)
    to_start, to_end = times[0] - window.start, window.end - times[-1]
    if counter and result > 0 and values[0] >= 0:
        to_start = min(to_start, sampled * values[0] / result)  # a counter did not begin below zero
    covered = sampled
    for gap in (to_start, to_end):
        covered += gap if gap < between * 1.1 else between / 2
    factor = covered / sampled
    return result * factor / (window.end - window.start) if per_second else result * factor


def instant_change(window: Window, *, rate: bool) -> float | None:
    """What the last two samples say: `irate` and `idelta`."""
    if len(window.values) < 2:
        return None
    before, after = window.values[-2:]
    change = after if rate and after < before else after - before
    return change / (window.times[-1] - window.times[-2]) if rate else change


def regression(window: Window, at: float) -> tuple[float, float] | None:
    """Slope a second, and the value at `at`, of the line of least squares."""
    if len(window.values) < 2:
        return None
    offsets = [t - at for t in window.times]
    if len(set(window.values)) == 1:
        return 0.0, window.values[0]
    fit = statistics.linear_regression(offsets, window.values)
    return fit.slope, fit.intercept


def quantile(q: float, values: Sequence[float]) -> float:
    """The q-quantile by linear interpolation; infinite outside 0 to 1, NaN of nothing."""
    if not values or math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low)


def _spread(values: Sequence[float]) -> float:
    return statistics.pvariance(values)


OVER_RANGE: dict[str, Callable[[Window], float | None]] = {
    "rate": lambda w: extrapolated(w, counter=True, per_second=True),
    "increase": lambda w: extrapolated(w, counter=True, per_second=False),
    "delta": lambda w: extrapolated(w, counter=False, per_second=False),
    "irate": lambda w: instant_change(w, rate=True),
    "idelta": lambda w: instant_change(w, rate=False),
    "deriv": lambda w: None if (line := regression(w, w.times[0])) is None else line[0],
    "changes": lambda w: float(sum(a != b for a, b in pairwise(w.values))),
    "resets": lambda w: float(sum(b < a for a, b in pairwise(w.values))),
    "avg_over_time": lambda w: math.fsum(w.values) / len(w.values),
    "sum_over_time": lambda w: math.fsum(w.values),
    "min_over_time": lambda w: min(w.values),
    "max_over_time": lambda w: max(w.values),
    "count_over_time": lambda w: float(len(w.values)),
    "last_over_time": lambda w: w.values[-1],
    "present_over_time": lambda w: 1.0,
    "stddev_over_time": lambda w: math.sqrt(_spread(w.values)),
    "stdvar_over_time": lambda w: _spread(w.values),
}


def _round(value: float, to: float = 1.0) -> float:
    inverse = 1 / to  # as Prometheus does, since this loses less for fractions
    return math.floor(value * inverse + 0.5) / inverse


def _log(value: float, of: Callable[[float], float]) -> float:
    if value > 0:
        return of(value)
    return -math.inf if value == 0 else math.nan


def _clamp(value: float, low: float, high: float) -> float:
    return math.nan if math.isnan(low) or math.isnan(high) else max(low, min(high, value))


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0))


OF_VALUE: dict[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": lambda v: float(math.ceil(v)) if math.isfinite(v) else v,
    "floor": lambda v: float(math.floor(v)) if math.isfinite(v) else v,
    "round": _round,
    "sqrt": lambda v: math.sqrt(v) if v >= 0 else math.nan,
    "exp": math.exp,
    "ln": lambda v: _log(v, math.log),
    "log2": lambda v: _log(v, math.log2),
    "log10": lambda v: _log(v, math.log10),
    "sgn": _sign,
    "clamp": _clamp,
    "clamp_min": lambda v, low: _clamp(v, low, math.inf),
    "clamp_max": lambda v, high: _clamp(v, -math.inf, high),
}


def histogram_quantile(q: float, buckets: Vector) -> Vector:
    """The q-quantile of each classic histogram among `buckets`, which are told apart by all labels but `le`."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for point in buckets:
        try:
            bound = float(point.labels["le"])
        except (KeyError, ValueError):
            continue  # not a bucket; Prometheus passes over it too
        rest = {k: v for k, v in point.labels.items() if k not in ("le", "__name__")}
        groups.setdefault(key_of(rest), []).append((bound, point.value))
    return [Point(dict(labels), _bucket_quantile(q, held)) for labels, held in groups.items()]


def _bucket_quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    """By linear interpolation within the bucket that holds the rank."""
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    bounds, counts = _cumulative(buckets)
    if len(bounds) < 2 or bounds[-1] != math.inf or counts[-1] == 0:
        return math.nan
    rank = q * counts[-1]
    index = next((i for i in range(len(bounds) - 1) if counts[i] >= rank), len(bounds) - 1)
    if index == len(bounds) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    low, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    return low + (bounds[index] - low) * (rank - below) / (counts[index] - below)


def _cumulative(buckets: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Bounds, ascending, with equal ones added up, and counts that never fall."""
    bounds: list[float] = []
    counts: list[float] = []
    for bound, count in sorted(buckets):
        if bounds and bounds[-1] == bound:
            counts[-1] += count
        else:
            bounds.append(bound)
            counts.append(count)
    for i in range(1, len(counts)):
        counts[i] = max(counts[i], counts[i - 1])
    return bounds, counts
