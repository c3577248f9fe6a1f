"""Real adapters into the ports: the only place that knows which adapter stands behind which."""

from __future__ import annotations

from functools import cache, partial

from core.records import Records
from core.settings import Settings
from workers.ports import Cluster, Metrics, Reasoner, Releases, Writer
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

    metrics = cache(partial(open_metrics, settings))
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
    """The outside with the operator's credentials. Connects to nothing yet.

    Raises: ConfigError when there is no context to write with.
    """
    from workers.adapters.alertmanager import Alertmanager
    from workers.adapters.kubeconfig import write_context
    from workers.adapters.silences import AlertmanagerSilences

    if not any(each.write_context for each in settings.config.clusters.values()):
        write_context(settings, None)  # raises when there is none at all

    @cache
    def cluster(name: str | None) -> Cluster:
        from workers.adapters.kubernetes import open_as_operator

        return open_as_operator(settings, name)

    @cache
    def writer(name: str | None) -> Writer:
        from workers.adapters.kubernetes_write import open_writer

        return open_writer(settings, name)

    @cache
    def releases(name: str | None) -> Releases | None:
        from workers.adapters.helm import open_helm

        return open_helm(settings, name)

    url = settings.alertmanager_url
    return Operator(
        settings=settings, cluster=cluster, writer=writer, metrics=cache(partial(open_metrics, settings)),
        alerts=Alertmanager(url) if url else None, silences=AlertmanagerSilences(url) if url else None,
        releases=releases,
    )  # fmt: skip


def open_metrics(settings: Settings, name: str | None) -> Metrics | None:
    from workers.adapters.prometheus import Prometheus

    known = settings.config.clusters.get(name) if name else None
    url = (known.prometheus if known else None) or settings.prometheus_url
    return Prometheus(url) if url else None


def open_world(settings: Settings, records: Records, *, writes: bool = False) -> World:
    """One worker's world. Only with `writes` can it ever open the operator's credentials."""
    from workers.adapters.pagerduty import PagerDutyAdapter
    from workers.adapters.slack import SlackAdapter

    return World(
        records=records,
        open_outside=cache(lambda: open_outside(settings)),
        slack=SlackAdapter(settings) if settings.slack_bot_token else None,
        open_operator=cache(lambda: open_operator(settings)) if writes else None,
        pagerduty=PagerDutyAdapter(settings) if settings.pagerduty_api_key else None,
    )
