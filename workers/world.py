"""Everything a worker holds: the records, and the outside through its ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.records import Records
from workers.ports import Alerts, Cluster, Memory, Metrics, Reasoner


@dataclass(frozen=True)
class World:
    """The ports of one worker. A port that is not configured is None, and what needs it says "could not read"."""

    records: Records | None  # None for one-off commands that keep nothing
    cluster: Callable[[str | None], Cluster]  # by catalogue name; raises Unreachable, ConfigError
    metrics: Callable[[str | None], Metrics | None]
    alerts: Alerts | None
    memory: Memory
    reasoner: Reasoner
