"""What is normal for each hour of the week, by service and signal, as learned from Prometheus' own history.

A baseline is some 3 KB in Redis: 168 hours with their median, spread and number of samples.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import redis

from core.anomalies import Signal
from core.redis import as_text

HOURS = 168
_KEY = "sre:baselines"


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the week, Monday 00:00 UTC being the first."""

    median: float = 0.0
    mad: float = 0.0  # median of the absolute distances from the median
    n: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """One signal of one service. `off` says in a phrase why it is not watched; "" when it is."""

    cluster: str
    service: str
    signal: Signal
    learned_at: float  # Unix seconds
    off: str = ""
    days: float = 0.0  # of history
    query: str = ""  # its figure, as a person may ask it
    metric: str = ""  # that counts or times its requests, with its matchers and that of failed ones
    matchers: str = ""
    errors: str = ""
    pods: str = ""  # a regular expression of its pods' names, and their namespace
    namespace: str = ""
    level: float = 1.0  # the last day in terms of what the hours say; for errors what it adds
    cells: tuple[Cell, ...] = ()

    @property
    def key(self) -> tuple[str, Signal]:
        return self.service, self.signal

    def at(self, moment: datetime) -> Cell:
        """The hour of the week of a moment."""
        return self.cells[hour_of_week(moment)] if self.cells else Cell()


def hour_of_week(moment: datetime) -> int:
    utc = moment.astimezone(UTC)
    return utc.weekday() * 24 + utc.hour


class Baselines:
    """Baselines by cluster, service and signal."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def put(self, baseline: Baseline) -> None:
        b = baseline
        row = [b.learned_at, b.off, round(b.days, 2), b.query, b.metric, b.matchers, b.errors, b.pods, b.namespace,
               _short(b.level), [[_short(c.median), _short(c.mad), c.n] for c in b.cells]]  # fmt: skip
        self._redis.hset(_KEY, _field(b), orjson.dumps(row))

    def of(self, cluster: str) -> tuple[Baseline, ...]:
        """Those of one cluster, by service and signal."""
        return tuple(b for b in self.all() if b.cluster == cluster)

    def all(self) -> tuple[Baseline, ...]:
        held = {as_text(name): raw for name, raw in self._redis.hgetall(_KEY).items()}
        return tuple(_parsed(name, held[name]) for name in sorted(held))

    def keep_only(self, cluster: str, services: Iterable[str]) -> None:
        """Drop those of services that are watched no more."""
        kept = set(services)
        gone = [_field(b) for b in self.of(cluster) if b.service not in kept]
        if gone:
            self._redis.hdel(_KEY, *gone)


def _field(b: Baseline) -> str:
    return orjson.dumps([b.cluster, b.service, b.signal]).decode()


def _parsed(name: str, raw: bytes | str) -> Baseline:
    cluster, service, signal = orjson.loads(name)
    learned_at, off, days, query, metric, matchers, errors, pods, namespace, level, cells = orjson.loads(raw)
    return Baseline(
        cluster=cluster, service=service, signal=signal, learned_at=learned_at, off=off, days=days, query=query,
        metric=metric, matchers=matchers, errors=errors, pods=pods, namespace=namespace, level=level,
        cells=tuple(Cell(*cell) for cell in cells),
    )  # fmt: skip


def _short(number: float) -> float:
    """Five digits tell all that there is."""
    return float(f"{number:.5g}")
