"""Figures of one service from Prometheus: now, over as short a window as its scrapes allow, and its normal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import median

from core.remediation import Measure
from workers.ports import Metrics
from workers.triage import queries
from workers.triage.metricnames import Asked, Requests, counters, find_requests, histograms, latest
from workers.triage.readings import BACK, STEP_S
from workers.verify.expressions import SCRAPES, interval_s

_SHORTEST_S = 5.0  # of a window, so that a few seconds of a quiet service are not a figure
_SLACK = timedelta(minutes=3)  # the trouble began somewhat before somebody noticed
_SATURATION = {"cpu_saturation": "CPU of {}", "memory_saturation": "memory of {}"}


@dataclass(frozen=True)
class Figures:
    """Reads one Prometheus.

    Args:
        names: Metrics that exist.
        began: When the trouble began. The normal is the median of the hours before; None: it is not asked for.
    """

    metrics: Metrics
    names: frozenset[str]
    now: datetime
    began: datetime | None

    def tasks(self, asked: Asked, downstream: bool) -> dict[str, Callable[[], list[Measure]]]:
        """What to read, by name; each raises ToolError or Unreachable. No figures where there are no such metrics."""
        kinds: dict[str, Callable[[Asked], Iterator[Measure]]] = {"requests": self._errors, "latency": self._latency}
        if not downstream:
            kinds["saturation"] = self._saturation
        return {f"{name} of {asked.label}": partial(self._of, read, asked, downstream) for name, read in kinds.items()}

    def _of(self, read: Callable[[Asked], Iterator[Measure]], asked: Asked, downstream: bool) -> list[Measure]:
        place = {"service": asked.label, "downstream": downstream}
        return [measure.model_copy(update=place) for measure in read(asked)]

    def _errors(self, asked: Asked) -> Iterator[Measure]:
        requests = self.find(counters(self.names), asked)
        if requests is None or not requests.errors:
            return
        window = self._window(requests)
        served = self._value(queries.served(requests, window))
        failed = self._value(queries.failed(requests, window)) or 0.0
        ratio = failed / served if served else None  # without requests nobody knows
        name = "5xx" if "5" in requests.errors else "errors"
        normal = self._normal(queries.error_ratio(requests), requests, none=0.0)
        yield Measure(name=f"{name} of {asked.label}", value=ratio, unit="ratio", normal=normal)

    def _latency(self, asked: Asked) -> Iterator[Measure]:
        buckets = self.find(histograms(self.names), asked)
        if buckets is None:
            return
        value = self._value(queries.latency_p95(buckets, self._window(buckets)))
        normal = self._normal(queries.latency_p95(buckets), buckets)
        yield Measure(name=f"p95 of {asked.label}", value=value, unit="s", normal=normal)

    def _saturation(self, asked: Asked) -> Iterator[Measure]:
        for share in queries.saturation(asked, self.names):
            if share.name in _SATURATION:
                value = self._value(share.query)
                yield Measure(name=_SATURATION[share.name].format(asked.label), value=value, unit="ratio")

    def find(self, candidates: list[str], asked: Asked) -> Requests | None:
        """By what there is now, else by what there was: a service that is down shows no metrics, and that is known."""
        found = find_requests(self.metrics, candidates, asked, self.now)
        before = (self.began or self.now - _SLACK) - _SLACK
        return found or find_requests(self.metrics, candidates, asked, before)

    def window_s(self, requests: Requests) -> int:
        """As short as its scrapes allow, so that what happened before the action soon leaves the figure."""
        return math.ceil(max(_SHORTEST_S, SCRAPES * interval_s(requests.select(), self.metrics, self.now)))

    def _window(self, requests: Requests) -> str:
        return f"{self.window_s(requests)}s"

    def _value(self, query: str) -> float | None:
        return next((v for v in latest(self.metrics.instant(query, self.now)) if math.isfinite(v)), None)

    def _normal(self, query: str, requests: Requests, none: float | None = None) -> float | None:
        """The median of the hours before the trouble; `none` when there were requests and no such series."""
        if self.began is None:
            return None
        end = self.began - _SLACK
        start = end - BACK
        found = self.metrics.range(query, start, end, STEP_S)
        points = [value for series in found for _, value in series.points if math.isfinite(value)]
        if not points and none is not None and self.metrics.instant(queries.served(requests), end):
            return none
        return median(points) if points else None
