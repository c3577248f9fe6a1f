"""Figures for Prometheus: how fast Slack is answered, what the webhooks brought, what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bot.stored_figures import alerts, queues, state, stored
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
    """What is read when it is asked for: the bot's own state, and the counters that all processes share."""

    def __init__(self, records: Records, connections: Callable[[], int]) -> None:
        self._records = records
        self._connections = connections

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        yield from queues(self._records)
        yield from alerts(self._records)
        yield from stored(self._records)
        yield from state(self._records)
        yield GaugeMetricFamily("sre_slack_connections", "Socket Mode connections.", self._connections())
