"""The figures of all services at one moment: one question for each signal and metric, not one for each service."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.anomalies import Signal
from core.baselines import Baseline
from workers.anomalies.baseline import WINDOW_S
from workers.anomalies.sources import WINDOW
from workers.ports import Metrics
from workers.triage import queries
from workers.triage.metricnames import Requests

MOST_NAMES = 50  # of services in one question
_MATCHER = re.compile(r'(\w+)(=~?)"((?:[^"\\]|\\.)*)"')
LEAST_REQUESTS = 20  # in the window: of fewer, neither a share of failures nor a percentile says much
LEAST_FAILURES = 5
Key = tuple[str, Signal]


@dataclass
class Figures:
    """What was read. A signal that is missing could not be told: there were too few requests, or no data."""

    values: dict[Key, float] = field(default_factory=dict)
    per_s: dict[str, float] = field(default_factory=dict)  # requests a second, by service


def look(baselines: Sequence[Baseline], metrics: Metrics, at: datetime) -> Figures:
    """Raises: ToolError, Unreachable; then nothing is known of that moment."""
    found = Figures()
    counted = [b for b in baselines if b.signal in ("rate", "errors")]
    served = _by_service(counted, metrics, at, "served")
    found.per_s |= served
    failed = _by_service([b for b in baselines if b.signal == "errors"], metrics, at, "failed")
    for b in baselines:
        if b.signal == "rate" and served:  # where nothing at all has data, it is the scrape that failed
            found.values[b.key] = served.get(b.service, 0.0)
        elif b.signal == "errors" and served.get(b.service, 0.0) * WINDOW_S >= LEAST_REQUESTS:
            failures = failed.get(b.service, 0.0)
            found.values[b.key] = failures / served[b.service] if failures * WINDOW_S >= LEAST_FAILURES else 0.0
    p95 = _by_service([b for b in baselines if b.signal == "latency"], metrics, at, "p95")
    for service, seconds in p95.items():
        if served.get(service, math.inf) * WINDOW_S >= LEAST_REQUESTS:
            found.values[service, "latency"] = seconds
    for signal in ("cpu", "memory"):
        found.values |= _saturation([b for b in baselines if b.signal == signal], metrics, at)
    return found


def _by_service(baselines: Iterable[Baseline], metrics: Metrics, at: datetime, what: str) -> dict[str, float]:
    """The figure of each service that has one."""
    groups: dict[tuple[str, tuple[str, ...], str], dict[tuple[str, ...], str]] = defaultdict(dict)
    found: dict[str, float] = {}
    for b in {b.service: b for b in baselines}.values():
        pairs = _MATCHER.findall(b.matchers)
        errors = b.errors if what == "failed" else ""
        if any(op == "=~" for _, op, _ in pairs):
            rows = metrics.instant(_query(Requests(b.metric, b.matchers, b.errors), what, ()), at)
            found.update((b.service, value) for value in _finite(row.points for row in rows))
        else:
            labels, values = tuple(name for name, _, _ in pairs), tuple(value for _, _, value in pairs)
            groups[b.metric, labels, errors][values] = b.service
    for (metric, labels, errors), services in groups.items():
        for part in _parts(sorted(services)):
            wanted = [sorted({values[i] for values in part}) for i in range(len(labels))]
            matchers = ",".join(f'{name}=~"{_either(w)}"' for name, w in zip(labels, wanted, strict=True))
            for row in metrics.instant(_query(Requests(metric, matchers, errors), what, labels), at):
                service = services.get(tuple(row.labels.get(name, "") for name in labels))
                for value in _finite([row.points]):
                    if service:
                        found[service] = value
    return found


def _query(requests: Requests, what: str, by: tuple[str, ...]) -> str:
    """A question of `workers.triage.queries`, for each of several services."""
    ask = {"served": queries.served, "failed": queries.failed, "p95": queries.latency_p95}[what]
    return ask(requests, WINDOW, by)


def _saturation(baselines: Sequence[Baseline], metrics: Metrics, at: datetime) -> dict[Key, float]:
    """The fullest container of each service."""
    found: dict[Key, float] = {}
    if not baselines:
        return found
    where = f'namespace=~"{_either(sorted({b.namespace for b in baselines}))}"'
    query = queries.used_of_limit(baselines[0].signal, where, WINDOW, ("namespace", "pod"))
    by_namespace: dict[str, list[tuple[re.Pattern[str], Baseline]]] = defaultdict(list)
    for b in baselines:
        by_namespace[b.namespace].append((re.compile(b.pods), b))
    for row in metrics.instant(query, at):
        for pods, b in by_namespace.get(row.labels.get("namespace", ""), ()):
            if pods.fullmatch(row.labels.get("pod", "")):
                for value in _finite([row.points]):
                    found[b.key] = max(value, found.get(b.key, 0.0))
    return found


def _either(values: Iterable[str]) -> str:
    """A regular expression of these, inside a PromQL string."""
    return "|".join(re.sub(r"[.]", "[.]", value) for value in values)


def _parts(values: Sequence[tuple[str, ...]]) -> Iterator[Sequence[tuple[str, ...]]]:
    for first in range(0, len(values), MOST_NAMES):
        yield values[first : first + MOST_NAMES]


def _finite(points: Iterable[Sequence[tuple[float, float]]]) -> Iterator[float]:
    return (each[-1][1] for each in points if each and math.isfinite(each[-1][1]))
