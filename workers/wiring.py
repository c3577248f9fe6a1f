"""Real adapters into the ports: the only place that knows which adapter stands behind which."""

from __future__ import annotations

from functools import cache

from core.records import Records
from core.settings import Settings
from workers.ports import Cluster, Metrics, Reasoner
from workers.world import Outside, World


def open_outside(settings: Settings) -> Outside:
    """The read-only outside. Connects to nothing yet, but for the memory, which is opened here.

    Raises: ConfigError, Unreachable.
    """
    from workers.adapters.alertmanager import Alertmanager
    from workers.memory import open_memory
    from workers.reasoners.fallback import FallbackReasoner
    from workers.reasoners.runbooks import RunbookReasoner

    memory = open_memory(settings)

    @cache
    def cluster(name: str | None) -> Cluster:
        from workers.adapters.kubernetes import open_cluster

        return open_cluster(settings, name)

    @cache
    def metrics(name: str | None) -> Metrics | None:
        from workers.adapters.prometheus import Prometheus

        known = settings.config.clusters.get(name) if name else None
        url = (known.prometheus if known else None) or settings.prometheus_url
        return Prometheus(url) if url else None

    alerts = Alertmanager(settings.alertmanager_url) if settings.alertmanager_url else None
    reasoner: Reasoner = RunbookReasoner(settings.config, memory.runbooks)
    if settings.anthropic_api_key:
        from workers.reasoners.claude import ClaudeReasoner

        claude = ClaudeReasoner(settings, cluster=cluster, metrics=metrics, alerts=alerts, memory=memory)
        reasoner = FallbackReasoner(claude, reasoner)
    return Outside(
        settings=settings, cluster=cluster, metrics=metrics, alerts=alerts, memory=memory, reasoner=reasoner
    )  # fmt: skip


def open_world(settings: Settings, records: Records) -> World:
    """One worker's world."""
    from workers.adapters.slack import SlackAdapter

    slack = SlackAdapter(settings) if settings.slack_bot_token else None
    return World(records=records, open_outside=cache(lambda: open_outside(settings)), slack=slack)
