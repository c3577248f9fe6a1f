"""Figures for Prometheus: how fast Slack is answered, what the webhooks brought, what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from core.queues import QUEUES
from core.records import Records

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 3)  # Slack gives up after 3 s


class Metrics:
    """This process's counters, and gauges that are read when they are asked for."""

    def __init__(self, records: Records, connections: Callable[[], int]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._registry = CollectorRegistry()
        self._acks = Histogram(
            "sre_ack_seconds", "Time to answer Slack.", ("transport", "kind", "status"), buckets=_BUCKETS_S,
            registry=self._registry,
        )  # fmt: skip
        self._webhooks = Counter(
            "sre_webhooks_total", "Notifications received.", ("source", "outcome"), registry=self._registry
        )
        self._registry.register(_Gauges(records, connections))

    def acked(self, transport: str, kind: str, status: int, took_s: float) -> None:
        self._acks.labels(transport, kind, str(status)).observe(took_s)

    def received(self, source: str, outcome: str) -> None:
        """One notification of a webhook: received, malformed, refused or failed; Alertmanager's also quiet or ignored,
        PagerDuty's also repeated, too_old or unknown."""
        self._webhooks.labels(source, outcome).inc()

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes. Raises: redis.RedisError."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Gauges:
    def __init__(self, records: Records, connections: Callable[[], int]) -> None:
        self._records = records
        self._connections = connections

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        waiting = GaugeMetricFamily("sre_queue_waiting", "Jobs that wait.", labels=["queue"])
        for queue in QUEUES:
            waiting.add_metric([queue], self._records.queues.waiting(queue))
        yield waiting
        yield from self._alerts()
        yield GaugeMetricFamily("sre_incidents_open", "Open incidents.", len(self._records.incidents.open()))
        yield GaugeMetricFamily("sre_slack_connections", "Socket Mode connections.", self._connections())

    def _alerts(self) -> Iterable[Metric]:
        """What became of every alert that came, and why groups joined incidents: of all processes, since ever."""
        from prometheus_client.core import CounterMetricFamily

        alerts = CounterMetricFamily("sre_alerts", "Alerts received, by what became of them.", labels=["outcome"])
        joins = CounterMetricFamily("sre_groups_joined", "Groups that joined an open incident.", labels=["rule"])
        for name, number in sorted(self._records.book.counted().items()):
            if name.startswith("joined_"):
                joins.add_metric([name.removeprefix("joined_")], number)
            elif name not in ("opened", "joined"):
                alerts.add_metric([name], number)
        yield alerts
        yield joins
