"""How often anomalies are false alarms, and how soon a fault is one: a made-up year of some services.

Traffic has its day and its week, slow noise and chance in it; there are holidays, deploys that change the level for
good, and faults. The reference is what a careful person writes: one threshold a signal and service, half as much again
as the 99.9th percentile of the first four weeks (of traffic half of the 0.1th), for two looks.

    python -m bench.anomalies [services] [weeks]
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from core.anomalies import Signal, Streak
from core.baselines import Baseline
from workers.anomalies.baseline import WINDOW_S, distance, learn
from workers.anomalies.looking import LEAST_FAILURES, LEAST_REQUESTS
from workers.anomalies.streak import BEGIN_LOOKS, END_LOOKS, SCAN_EVERY_S, begins, ends, next_streak

ODD, STRONG, LASTING_S = 4.0, 8.0, 15 * 60
START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()  # a Monday
WEEK, DAY = 7 * 86_400, 86_400
LEARN = 4 * WEEK
THINNED = 3  # history has a sample every nine minutes; the bot asks for one every ten
SIGNALS: tuple[Signal, ...] = ("rate", "errors", "latency")
AFTER_S = 1800  # what begins so soon after a fault's end is still its own
Spans = list[tuple[float, float]]


@dataclass
class Service:
    times: np.ndarray
    values: dict[Signal, np.ndarray]
    per_s: np.ndarray
    faults: list[tuple[float, float, Signal]]
    holidays: Spans
    shifts: list[float]


@dataclass
class Count:
    alarms: int = 0
    found: int = 0
    strong_false: int = 0
    delays: list[float] = field(default_factory=list)
    on_holiday: int = 0
    after_shift: int = 0
    false: int = 0


def made_up(number: int, weeks: int) -> Service:
    noise = np.random.default_rng(number)
    times = np.arange(START, START + weeks * WEEK, SCAN_EVERY_S, dtype=float)
    hour, day = times / 3600 % 24, ((times - START) // DAY).astype(int)
    size = 10 ** noise.uniform(-0.3, 2)  # 0.5 to 100 requests a second by day
    load = (1.15 - np.cos((hour - 3.5) / 24 * 2 * math.pi)) / 2.15 * np.where(day % 7 >= 5, noise.uniform(0.3, 1), 1.0)
    holidays = sorted(noise.choice(weeks * 7 - 3, max(1, weeks // 6), replace=False))
    for at in holidays:
        load = np.where((day >= at) & (day < at + 1), load * 0.5, load)
    last = weeks * 7 - 9
    if weeks > 8:
        load = np.where((day >= last) & (day < last + 7), load * 0.6, load)  # the week of Christmas
        holidays = [*holidays, *range(last, last + 7)]
    slow = _slow(noise, len(times), 0.06)
    rate, slowness = size * load * np.exp(slow), np.full(len(times), noise.uniform(0.03, 0.6))
    shifts = sorted(noise.uniform(START + LEARN, times[-1], max(1, weeks // 7)))
    for at in shifts:
        slowness = np.where(times > at, slowness * noise.uniform(0.7, 1.6), slowness)
        rate = np.where(times > at, rate * noise.uniform(0.85, 1.3), rate)
    wrong = np.full(len(times), 10 ** noise.uniform(-4, -2.3)) * np.exp(_slow(noise, len(times), 0.3))
    faults: list[tuple[float, float, Signal]] = []
    for at in np.arange(START + LEARN, times[-1] - DAY, 10 * DAY) + noise.uniform(0, 9 * DAY, 10_000)[: max(
        0, math.ceil((times[-1] - DAY - START - LEARN) / (10 * DAY)))]:  # fmt: skip
        kind, lasts = SIGNALS[noise.integers(3)], noise.uniform(20, 90) * 60
        during = (times > at) & (times <= at + lasts)
        faults.append((at, at + lasts, kind))
        rate = np.where(during & (kind == "rate"), rate * 0.2, rate)
        wrong = np.where(during & (kind == "errors"), wrong + noise.uniform(0.05, 0.3), wrong)
        slowness = np.where(during & (kind == "latency"), slowness * noise.uniform(2, 5), slowness)
    served = noise.poisson(rate * WINDOW_S)
    failed = noise.binomial(served, np.minimum(wrong, 1))
    few = np.sqrt(np.maximum(served, 1))  # a percentile of few requests jumps
    p95 = (
        slowness * (1 + 0.5 * load) * np.exp(noise.normal(0, 0.05, len(times)) + noise.standard_t(3, len(times)) / few)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.where(failed >= LEAST_FAILURES, failed / served, 0.0)
    enough = served >= LEAST_REQUESTS
    values: dict[Signal, np.ndarray] = {
        "rate": served / WINDOW_S, "errors": np.where(enough, errors, np.nan), "latency": np.where(enough, p95, np.nan),
    }  # fmt: skip
    spans = [(START + at * DAY, START + (at + 1) * DAY) for at in holidays]
    return Service(times, values, served / WINDOW_S, faults, spans, shifts)


def _slow(noise: np.random.Generator, length: int, sigma: float) -> np.ndarray:
    """Noise that lasts for half an hour or so."""
    keep, found, held = 0.9, np.empty(length), 0.0
    steps = noise.normal(0, sigma * math.sqrt(1 - keep**2), length)
    for index, step in enumerate(steps):
        held = keep * held + step
        found[index] = held
    return found


def learned(service: Service, signal: Signal, until: int) -> Baseline:
    first = max(0, until - int(LEARN / SCAN_EVERY_S))
    picked = slice(first, until, THINNED)
    now = float(service.times[until - 1])
    points = [
        (float(at), float(v)) for at, v in zip(service.times[picked], service.values[signal][picked], strict=True)
    ]
    cells, level = learn(points, now)
    return Baseline("", "s", signal, now, level=level, cells=cells)


def ours(service: Service, signal: Signal, count: Count) -> Spans:
    """Looks at every moment after the first four weeks, with the normal learned anew each day; the anomalies."""
    found: Spans = []
    streak: Streak | None = None
    baseline: Baseline | None = None
    strong: float | None = None
    first, a_day = int(LEARN / SCAN_EVERY_S), int(DAY / SCAN_EVERY_S)
    values, per_s = service.values[signal], service.per_s
    for index in range(first, len(service.times)):
        if (index - first) % a_day == 0:
            baseline = learned(service, signal, index)
        assert baseline
        at, value = float(service.times[index]), float(values[index])
        far = distance(baseline, value, datetime.fromtimestamp(at, UTC), ODD, float(per_s[index]))
        streak = next_streak(streak, far.score if far else None, at, ODD)
        if begins(streak) and streak:
            streak = Streak(streak.at, streak.odd, streak.since, anomaly="x")
            found.append((streak.since, at))
            strong = None
        elif streak and streak.anomaly:
            found[-1] = (found[-1][0], at)
            strong = (strong or at) if far and abs(far.score) >= STRONG else None
            if strong and at - strong >= LASTING_S and not _touches(found[-1], service):
                count.strong_false += 1
                strong = math.inf
            if ends(streak):
                streak = None
    return found


def threshold(service: Service, signal: Signal) -> Spans:
    values = service.values[signal]
    first = int(LEARN / SCAN_EVERY_S)
    known = values[:first][np.isfinite(values[:first])]
    over = values > max(1.5 * float(np.quantile(known, 0.999)), 0.02 if signal == "errors" else 0.0)
    if signal == "rate":
        over |= values < 0.5 * np.quantile(known, 0.001)
    found: Spans = []
    odd, calm, lasting = 0, 0, False
    for index in range(first, len(values)):
        at = float(service.times[index])
        odd, calm = (odd + 1, 0) if over[index] else (0, calm + 1)
        if not lasting and odd >= BEGIN_LOOKS:
            found.append((at - SCAN_EVERY_S, at))
            lasting = True
        elif lasting:
            found[-1] = (found[-1][0], at)
            lasting = calm < END_LOOKS
    return found


def _touches(span: tuple[float, float], service: Service) -> bool:
    return any(span[0] <= end + AFTER_S and span[1] >= begin for begin, end, _ in service.faults)


def judge(found: dict[Signal, Spans], service: Service, count: Count) -> None:
    spans = [span for each in found.values() for span in each]
    for begin, end, kind in service.faults:
        hits = [max(span[0] + SCAN_EVERY_S, begin) for span in found[kind] if span[0] <= end and span[1] >= begin]
        if hits:
            count.found += 1
            count.delays.append(min(hits) - begin)
    for span in spans:
        count.alarms += 1
        if _touches(span, service):
            continue
        count.false += 1
        if any(begin <= span[0] <= end for begin, end in service.holidays):
            count.on_holiday += 1
        elif any(0 <= span[0] - at <= DAY for at in service.shifts):
            count.after_shift += 1


def main() -> None:
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    weeks = int(sys.argv[2]) if len(sys.argv) > 2 else 52
    mine, static, faults, began = Count(), Count(), 0, time.process_time()
    for number in range(services):
        service = made_up(number, weeks)
        faults += len(service.faults)
        judge({signal: ours(service, signal, mine) for signal in SIGNALS}, service, mine)
        judge({signal: threshold(service, signal) for signal in SIGNALS}, service, static)
    service_weeks = services * (weeks - LEARN / WEEK)
    print(f"{services} services, {weeks} weeks, {faults} faults; CPU {time.process_time() - began:.0f} s")
    for name, count in (("learned normal", mine), ("thresholds", static)):
        print(
            f"{name}: {count.found / faults:.0%} of faults found, median after {np.median(count.delays) / 60:.0f} min; "
            f"{count.false / service_weeks:.2f} false alarms a service and week ({count.on_holiday} on holidays, "
            f"{count.after_shift} within a day of a deploy that changed the level, of {count.false})"
        )
    print(f"incidents in shadow without a fault: {mine.strong_false / service_weeks:.3f} a service and week")
    print(f"false alarms, learned to thresholds: {mine.false / max(static.false, 1):.2f}")


if __name__ == "__main__":
    main()
