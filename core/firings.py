"""Every firing of every alert, from its beginning to its end: what digests and metrics count.

A day's ended firings are one list in Redis, 150 bytes each, so that weeks of them are read in a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import redis

from core.concern import subject_name
from core.incident import Alert, Severity
from core.labels import severity_of
from core.redis import as_text
from core.settings import Config

_PREFIX = "sre:firings:"  # the UTC day on which it ended, as 20261129


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of one alert. Texts are foreign."""

    alert: str  # its name
    service: str  # catalogue name, else "namespace/workload"; "" when it names none
    severity: Severity
    cluster: str
    incident: str  # which held it; "" when none did any more
    fingerprint: str
    began: float  # Unix seconds
    ended: float | None = None  # None: it fires still

    @property
    def lasted_s(self) -> float | None:
        """None while it fires."""
        return None if self.ended is None else self.ended - self.began


def firing_of(alert: Alert, incident_id: str, cluster: str, config: Config) -> Firing:
    """An alert as a firing; one that is resolved ended when its source says, else when that was heard."""
    over = alert.status == "resolved"
    ended = max(alert.ends_at or alert.last_at or alert.starts_at, alert.starts_at) if over else None
    return Firing(
        alert=alert.name, service=subject_name(alert, config) or "", severity=severity_of(alert.labels),
        cluster="" if cluster.startswith("@") else cluster, incident=incident_id, fingerprint=alert.fingerprint,
        began=alert.starts_at.timestamp(), ended=ended.timestamp() if ended else None,
    )  # fmt: skip


class Firings:
    """Firings that ended, by the day of their end."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, firings: Iterable[Firing]) -> None:
        """Keep those that ended. Safe to repeat: what was noted twice is read once."""
        pipe = self._redis.pipeline(transaction=False)
        for f in firings:
            if f.ended is not None:
                row = [f.alert, f.service, f.severity, f.cluster, f.incident, f.fingerprint, f.began, f.ended]
                pipe.rpush(_key(datetime.fromtimestamp(f.ended, UTC)), orjson.dumps(row))
        pipe.execute()

    def ended_between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """Those that ended from `start` until before `end`, in the order in which that was heard, day by day."""
        since, until = start.timestamp(), end.timestamp()
        for key in _keys(start, end):
            seen: set[tuple[str, float]] = set()
            for raw in self._redis.lrange(key, 0, -1):
                firing = Firing(*orjson.loads(raw))
                mark = (firing.fingerprint, firing.began)
                if mark not in seen and since <= (firing.ended or 0) < until:
                    seen.add(mark)
                    yield firing

    def forget(self, before: datetime) -> int:
        """Drop the days that ended before; how many firings that were."""
        first = f"{_PREFIX}{before.astimezone(UTC):%Y%m%d}"
        old = [key for raw in self._redis.scan_iter(f"{_PREFIX}*", count=1000) if (key := as_text(raw)) < first]
        dropped = sum(int(self._redis.llen(key)) for key in old)
        if old:
            self._redis.delete(*old)
        return dropped


def _key(at: datetime) -> str:
    return f"{_PREFIX}{at.astimezone(UTC):%Y%m%d}"


def _keys(start: datetime, end: datetime) -> Iterator[str]:
    day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield _key(day)
        day += timedelta(days=1)
