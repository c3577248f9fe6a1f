"""Which services are watched, and by which metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from core.settings import Config
from workers.ports import Metrics, Series
from workers.triage import queries
from workers.triage.metricnames import Asked, Requests, counters, find_requests, histograms, serving

WINDOW = "5m"  # long enough for scrapes a minute apart
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_SATURATION = {"cpu": "cpu_saturation", "memory": "memory_saturation"}


@dataclass(frozen=True)
class Found:
    """How one signal of one service is asked. `off` says why it cannot be; "" when it can."""

    query: str = ""
    requests: Requests | None = None
    off: str = ""


@dataclass
class Sources:
    """The metrics of one Prometheus. Each question about which metrics there are is asked once."""

    metrics: Metrics
    now: datetime
    names: frozenset[str]
    clock: Callable[[], float] = time.monotonic
    _asked: dict[str, tuple[Series, ...]] = field(default_factory=dict)

    def find(self, asked: Asked, signal: str) -> Found:
        """Raises: ToolError, Unreachable."""
        if signal in _SATURATION:
            shares = queries.saturation(asked, self.names, WINDOW) if asked.namespace else ()
            share = next((s for s in shares if s.name == _SATURATION[signal]), None)
            return (
                Found(share.query)
                if share
                else Found(off=f"no metrics of its {'CPU' if signal == 'cpu' else signal} and its limit")
            )
        candidates = histograms(self.names) if signal == "latency" else counters(self.names)
        requests = find_requests(_Once(self.metrics, self._asked), candidates, asked, self.now)
        if requests is None:
            return Found(off=f"no metric {'times' if signal == 'latency' else 'counts'} its requests")
        if signal == "latency":
            return Found(queries.latency_p95(requests, WINDOW), requests)
        served = queries.served(requests, WINDOW)
        if signal == "rate":
            return Found(served, requests)
        if not requests.errors:
            return Found(off="no label tells which of its requests failed")
        return Found(f"({queries.failed(requests, WINDOW)} or {served} * 0) / {served}", requests)

    def workloads(self, most: int) -> Iterator[Asked]:
        """What serves most requests, where no catalogue names services. Raises: ToolError, Unreachable."""
        for namespace, name in serving(self.metrics, counters(self.names), self.now, most):
            if _NAME.fullmatch(name) and (not namespace or _NAME.fullmatch(namespace)):
                yield _asked(f"{namespace}/{name}", namespace, f"Deployment/{name}", {name})


def catalogued(config: Config, cluster: str) -> Iterator[Asked]:
    """The services of the catalogue that run in this cluster, or may."""
    for label, service in config.services.items():
        if not service.cluster or service.cluster == cluster:
            owners = service.workloads or (f"Deployment/{label}",)
            names = {label, *(owner.partition("/")[2] for owner in owners)}
            yield _asked(label, service.namespace or "", owners[0], names)


def _asked(label: str, namespace: str, owner: str, names: set[str]) -> Asked:
    return Asked(label, namespace, owner, frozenset(names | {f"{namespace}/{each}" for each in names}))


@dataclass(frozen=True)
class _Once:
    """Metrics whose instant answers are remembered: every service asks which series there are."""

    metrics: Metrics
    held: dict[str, tuple[Series, ...]]

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]:
        if query not in self.held:
            self.held[query] = self.metrics.instant(query, at)
        return self.held[query]
