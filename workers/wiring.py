"""Real adapters into the ports: the only place that knows which adapter stands behind which."""

from __future__ import annotations

from functools import cache

from core.errors import ConfigError
from core.records import Records
from core.settings import Settings
from workers.ports import Cluster, Metrics, Reasoner
from workers.world import Operator, Outside, World


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


def open_operator(settings: Settings) -> Operator:
    """The outside with write credentials. Raises: ConfigError without any."""
    raise ConfigError("There are no write credentials; set SRE_KUBE_WRITE_CONTEXT.")


def open_world(settings: Settings, records: Records, *, writes: bool = False) -> World:
    """One worker's world. Only with `writes` can it ever open the operator's credentials."""
    from workers.adapters.slack import SlackAdapter

    return World(
        records=records,
        open_outside=cache(lambda: open_outside(settings)),
        slack=SlackAdapter(settings) if settings.slack_bot_token else None,
        open_operator=cache(lambda: open_operator(settings)) if writes else None,
    )
