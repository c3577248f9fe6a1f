"""Everything a worker holds: the records, and the outside through its ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ConfigError
from core.records import Records
from core.settings import Settings
from workers.ports import Alerts, Cluster, Memory, Metrics, PagerDuty, Reasoner, Releases, Silences, Slack, Writer


@dataclass(frozen=True)
class Outside:
    """The read-only outside that the loop looks at. A port that is not configured is None."""

    settings: Settings
    cluster: Callable[[str | None], Cluster]  # by catalogue name; raises Unreachable, ConfigError
    metrics: Callable[[str | None], Metrics | None]
    alerts: Alerts | None
    memory: Memory
    reasoner: Reasoner


@dataclass(frozen=True)
class Operator:
    """The outside with write credentials; only `remediate` workers open it, and no reasoner ever sees it."""

    settings: Settings
    cluster: Callable[
        [str | None], Cluster
    ]  # reads with the operator's own credentials; raises Unreachable, ConfigError
    writer: Callable[[str | None], Writer]
    metrics: Callable[[str | None], Metrics | None]
    alerts: Alerts | None
    silences: Silences | None
    releases: Callable[[str | None], Releases | None] = lambda _: None


@dataclass(frozen=True)
class World:
    """One worker's ports. The outside is opened when it is first looked at: the notifier never does."""

    records: Records
    open_outside: Callable[[], Outside]  # the same one each time; raises ConfigError, Unreachable
    slack: Slack | None  # None without a token: messages wait in the outbox
    open_operator: Callable[[], Operator] | None = None  # None but in `remediate` workers
    pagerduty: PagerDuty | None = None  # None without a key: what is to be told it waits

    @property
    def outside(self) -> Outside:
        return self.open_outside()

    @property
    def operator(self) -> Operator:
        """Raises: ConfigError in a process that may not write."""
        if self.open_operator is None:
            raise ConfigError("This process holds no write credentials; only `sre-bot worker remediate` does.")
        return self.open_operator()


_held: list[World] = []


def use(world: World) -> None:
    """Make this the process's world; its entry calls this once, before any job runs."""
    _held[:] = [world]


def current() -> World:
    """The world that the process's entry built. Only jobs' first lines call this."""
    if not _held:
        raise RuntimeError("no world: a job ran outside a worker")
    return _held[0]
