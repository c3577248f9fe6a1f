"""A time series in the words of somebody who looks at its graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

Points = Sequence[tuple[float, float]]  # Unix seconds and value, oldest first
Values = Sequence[float]
Clock = Callable[[float], str]

_FEW = 6  # fewer points than this have no shape
_STEP_EXPLAINS = (
    0.7  # share of the variance that two flat levels explain; a straight ramp gets 0.75 but fits a line better
)
_TREND_EXPLAINS = 0.6  # share that a line explains
_SPIKE_SIGMAS = 6.0  # guessed: further from the median than noise gets in a few hundred points
_LONG_S = 72_000.0  # stretches longer than this hold some times of day twice
_NOTABLE = 0.15  # changes below this share of the level are nothing that a person would point at


def describe(points: Points, step_s: float) -> str:
    """Lowest, median, highest and last value, and the graph's shape: flat, step, trend or spikes, with times in UTC.

    Args:
        step_s: Seconds between points where there is data, to notice gaps.
    """
    finite = [(at, value) for at, value in points if math.isfinite(value)]
    if not finite:
        return "infinite throughout" if points else "no data"
    times, values = [at for at, _ in finite], [value for _, value in finite]
    clock = _clock if times[-1] - times[0] < _LONG_S else _calendar
    low, high = min(values), max(values)
    if low == high:
        said = f"flat at {number(low)}"
    else:
        said = f"min {number(low)}, median {number(median(values))}, max {number(high)}"
        said += f" at {clock(times[values.index(high)])}, last {number(values[-1])}; {_shape(times, values, clock)}"
    more = [f"infinite at {len(points) - len(finite)} points"] if len(finite) < len(points) else []
    return "; ".join([said, *more, *_gaps([at for at, _ in points], step_s, clock)])


def against(now: Values, before: Values, when: str) -> str:
    """How the median compares with that of an earlier stretch: "2.1 times the 0.8 of a day earlier"."""
    finite_now, finite_before = [v for v in now if math.isfinite(v)], [v for v in before if math.isfinite(v)]
    if not finite_now or not finite_before:
        return f"no data {when}"
    mid, was = median(finite_now), median(finite_before)
    scale = max(abs(mid), abs(was))
    if scale == 0 or abs(mid - was) <= _NOTABLE * scale:
        return f"much as {when} (median {number(was)})"
    if was == 0 or mid / was <= 0:
        return f"{when} the median was {number(was)}"
    return f"{number(mid / was)} times the {number(was)} of {when}"


def number(value: float) -> str:
    """Four significant digits, thousands grouped: "0.07412", "1,234,568"."""
    if math.isfinite(value) and abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def _calendar(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%-d %b %H:%M")


def _shape(times: Sequence[float], values: Values, clock: Clock) -> str:
    if len(values) < _FEW:
        return f"only {len(values)} points"
    split, explained = _best_split(values)
    before, after = median(values[:split]), median(values[split:])
    line = _line_fit(times, values)
    if explained >= _STEP_EXPLAINS and explained > line + 0.02 and _notable(before, after):
        verb = "rose" if after > before else "fell"
        held = "and stayed" if abs(values[-1] - after) < abs(after - before) / 2 else "and has turned since"
        if len(values) - split <= 3:
            held = f"in the last {len(values) - split} points"
        factor = f" (times {number(after / before)})" if before > 0 and after / before >= 1.5 else ""
        return f"{verb} from about {number(before)} to {number(after)} at {clock(times[split])}{factor} {held}"
    tenth = max(len(values) // 10, 2)
    start, end = median(values[:tenth]), median(values[-tenth:])
    if line >= _TREND_EXPLAINS and _notable(start, end):
        return f"{'rose' if end > start else 'fell'} steadily from {number(start)} to {number(end)}"
    return _spikes(times, values, clock) or (
        "steady" if not _notable(min(values), max(values)) else "no trend, moves up and down"
    )


def _notable(before: float, after: float) -> bool:
    return abs(after - before) > _NOTABLE * max(abs(before), abs(after))


def _best_split(values: Values) -> tuple[int, float]:
    """Where two flat levels fit best, of two points at least, and the share of the variance that they explain."""
    n, total = len(values), sum(values)
    mean = total / n
    variance = sum((v - mean) ** 2 for v in values)
    best, at, left = -1.0, 2, 0.0
    for i, value in enumerate(values[: n - 2], start=1):
        left += value
        if i < 2:
            continue
        between = (left - i * mean) ** 2 * n / (i * (n - i))  # the variance between the two sides
        if between > best:
            best, at = between, i
    return at, best / variance if variance > 0 else 0.0


def _line_fit(times: Sequence[float], values: Values) -> float:
    """The share of the variance that a straight line explains."""
    n = len(values)
    mean_t, mean_v = sum(times) / n, sum(values) / n
    tt = sum((t - mean_t) ** 2 for t in times)
    vv = sum((v - mean_v) ** 2 for v in values)
    tv = sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True))
    return tv * tv / (tt * vv) if tt > 0 and vv > 0 else 0.0


def _spikes(times: Sequence[float], values: Values, clock: Clock) -> str:
    """Stretches far above or below the median that have an end, in a sentence; "" without any."""
    middle = median(values)
    noise = median(abs(v - middle) for v in values) * 1.4826  # of a normal distribution, this is its sigma
    far = max(_SPIKE_SIGMAS * noise, _NOTABLE * abs(middle), (max(values) - min(values)) * 0.2)
    said = []
    above = _runs(values, lambda v: v > middle + far)
    below = _runs(values, lambda v: v < middle - far)
    for runs, word, peak in ((above, "up", max), (below, "down", min)):
        if not runs or sum(end - start for start, end in runs) > len(values) / 3:
            continue
        if len(runs) > 3:
            extreme = peak(values)
            said.append(
                f"{len(runs)} spikes {word}, the furthest to {number(extreme)} at {clock(times[values.index(extreme)])}"
            )
            continue
        for start, end in runs:
            extreme = peak(values[start:end])
            begun, ended = clock(times[start]), clock(times[end - 1])
            when = f"at {begun}" if begun == ended else f"from {begun} to {ended}"
            said.append(f"{'spike' if end - start < 3 else 'stretch'} {word} to {number(extreme)} {when}")
    return ", ".join(said) + f", otherwise about {number(middle)}" if said else ""


def _runs(values: Values, is_far: Callable[[float], bool]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch of values that are far."""
    runs: list[tuple[int, int]] = []
    for i, value in enumerate(values):
        if not is_far(value):
            continue
        if runs and runs[-1][1] == i:
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
    return runs


def _gaps(times: Sequence[float], step_s: float, clock: Clock) -> list[str]:
    holes = [(a, b) for a, b in pairwise(times) if b - a > 2.5 * step_s]
    if len(holes) > 3:
        return [f"{len(holes)} gaps without data"]
    return [f"no data from {clock(a)} to {clock(b)}" for a, b in holes]
