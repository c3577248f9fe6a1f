"""Three weeks of a company's request metrics, with the day and the week in them, noise, and a fault at the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from core.settings import Config, Service

NOW = datetime(2026, 3, 25, 14, 0, tzinfo=UTC)  # a Wednesday; the fault begins here
STEP_S = 120
WEEKS = 3
AFTER = timedelta(minutes=40)  # how long after NOW there is data
BUCKETS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
CONFIG = Config(
    services={
        "checkout": Service(namespace="shop", workloads=("Deployment/checkout",), state="none", channel="C1"),
        "search": Service(namespace="shop", workloads=("Deployment/search",), state="none", channel="C1"),
    }
)
Series = tuple[str, dict[str, str], np.ndarray, np.ndarray]  # metric, labels, times, cumulated


def traffic(times: np.ndarray) -> np.ndarray:
    """Requests a second: most by day, less at the weekend."""
    hour, weekday = (times / 3600) % 24, ((times // 86_400) + 3) % 7
    return 20 * (1.2 - np.cos((hour - 3) / 24 * 2 * math.pi)) * np.where(weekday >= 5, 0.6, 1.0)


def history(fault: bool = True, weeks: int = WEEKS) -> Iterator[Series]:
    """Counters of both services. The fault is checkout's: three times as slow, and 8 % of its requests fail."""
    noise = np.random.default_rng(7)
    end = (NOW + AFTER).timestamp()
    times = np.arange(NOW.timestamp() - weeks * 7 * 86_400, end + 1, STEP_S)
    for name, share in (("checkout", 1.0), ("search", 0.4)):
        sick = (times > NOW.timestamp()) & fault & (name == "checkout")
        served = noise.poisson(traffic(times) * share * STEP_S * np.exp(noise.normal(0, 0.05, len(times))))
        failed = noise.binomial(served, np.where(sick, 0.08, 0.002))
        labels = {"service": name, "namespace": "shop", "job": "shop/" + name}
        for code, counts in (("200", served - failed), ("500", failed)):
            yield "http_requests_total", {**labels, "code": code}, times, np.cumsum(counts)
        typical = np.where(sick, 0.36, 0.12) * np.exp(noise.normal(0, 0.04, len(times)))
        held = np.zeros(len(times))
        for edge in BUCKETS:
            below = served * 0.5 * (1 + np.vectorize(math.erf)(np.log(edge / typical) / 0.5 / math.sqrt(2)))
            held = np.maximum(held, np.round(below))
            yield "http_request_duration_seconds_bucket", {**labels, "le": str(edge)}, times, np.cumsum(held)
        yield "http_request_duration_seconds_bucket", {**labels, "le": "+Inf"}, times, np.cumsum(served)


def openmetrics(found: Iterator[Series]) -> Iterator[str]:
    """As promtool takes it for backfilling."""
    seen = set()
    for metric, labels, times, values in found:
        if metric not in seen:
            seen.add(metric)
            yield f"# TYPE {metric} unknown"
        written = ",".join(f'{name}="{value}"' for name, value in labels.items())
        for at, value in zip(times, values, strict=True):
            yield f"{metric}{{{written}}} {value:.0f} {at:.0f}"
    yield "# EOF"
