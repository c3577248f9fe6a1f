"""Figures that were unusual for their hour of the week, without any rule: what was seen, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

import orjson
import redis

from core.model import Model, Moment
from core.redis import as_text
from core.stores import PREFIX, Table

Signal = Literal["rate", "errors", "latency", "cpu", "memory"]
SIGNALS: tuple[Signal, ...] = ("rate", "errors", "latency", "cpu", "memory")
Fate = Literal[
    "undecided",
    "confirmed",  # an alert or an incident of the same service came within half an hour, or a person acted on it
    "false",  # a person said that nothing was wrong
    "unconfirmed",  # it ended by itself, and nothing else ever showed
]
_BY_TIME = PREFIX + "anomalies"
_UNDECIDED = PREFIX + "anomalies-undecided"
_STREAKS = PREFIX + "anomaly-streaks"
_LONGEST = timedelta(days=10)  # what lasts is the new normal before


class Anomaly(Model):
    """One signal of one service that left its normal."""

    id: str
    service: str  # catalogue name, else "namespace/workload"
    cluster: str = ""  # catalogue name; "" is the one that has no name
    signal: Signal
    began: Moment  # the first unusual look
    seen_at: Moment  # the last unusual look
    ended: Moment | None = None
    adapted: bool = False  # it ended since it is the normal now
    strong_since: Moment | None = None  # every look since was strong
    value: float  # at the last look; requests a second, a ratio, seconds, or a share of the limit
    worst: float
    score: float  # of the worst: robust standard deviations from the normal, either way
    normal: float  # the median for that hour of the week when it was worst, and the usual range
    low: float
    high: float
    query: str
    link: str = ""
    incident: str | None = None  # that it opened in shadow
    fate: Fate = "undecided"
    by: str = ""  # what confirmed it: an incident's id or an alert's name; or the Slack user id of who judged it
    lead_s: int | None = None  # how long before the alert it was seen; negative when the alert was first
    version: int = 0

    @property
    def lasted(self) -> timedelta:
        return (self.ended or self.seen_at) - self.began


@dataclass(frozen=True, slots=True)
class Streak:
    """How one signal stood at the last looks. Times are Unix seconds."""

    at: float  # the last look
    odd: int = 0  # unusual looks in a row, before an anomaly began
    since: float = 0.0  # the first of them
    quiet: int = 0  # usual looks in a row, while an anomaly lasts
    anomaly: str = ""  # that lasts


class Tally(Model):
    """What anomalies of a time were worth."""

    total: int
    confirmed: int
    false: int
    unconfirmed: int
    undecided: int
    lead_s: int | None = None  # the median of those that were seen before the alert


def anomaly_id(cluster: str, service: str, signal: Signal, began: datetime) -> str:
    """The same for the same: what is found again by a job that died before is no second one."""
    named = f"{cluster}|{service}|{signal}|{began.timestamp():.0f}"
    return f"ano-{hashlib.sha256(named.encode()).hexdigest()[:12]}"


def tally(anomalies: Iterable[Anomaly]) -> Tally:
    held = tuple(anomalies)
    leads = [a.lead_s for a in held if a.fate == "confirmed" and a.lead_s is not None and a.lead_s > 0]
    return Tally(
        total=len(held), **{fate: sum(a.fate == fate for a in held)
                            for fate in ("confirmed", "false", "unconfirmed", "undecided")},
        lead_s=round(median(leads)) if leads else None,
    )  # fmt: skip


class Anomalies:
    """Anomalies in the order in which they began."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._table = Table(client, "anomaly", Anomaly.model_validate_json)

    def find(self, anomaly: str) -> Anomaly | None:
        return self._table.find(anomaly)

    def save(self, anomaly: Anomaly) -> Anomaly:
        """Raises: Conflict when stale."""
        stored = self._table.save(anomaly.id, anomaly)
        self._index(stored)
        return stored

    def update(self, anomaly: str, change: Callable[[Anomaly], Anomaly]) -> Anomaly:
        """Raises: NotFound, Conflict."""
        stored = self._table.update(anomaly, change)
        self._index(stored)
        return stored

    def between(self, start: datetime, end: datetime) -> tuple[Anomaly, ...]:
        """Those that touch the time from `start` until before `end`, oldest first."""
        first = (start - _LONGEST).timestamp()
        ids = self._redis.zrangebyscore(_BY_TIME, first, f"({end.timestamp()}")
        found = self._table.find_many(as_text(raw) for raw in ids)
        return tuple(a for a in found if a.ended is None or a.ended >= start)

    def undecided(self) -> tuple[Anomaly, ...]:
        """Those that last, or of which nobody knows yet what they were worth; oldest first."""
        ids = self._redis.zrange(_UNDECIDED, 0, -1)
        return tuple(self._table.find_many(as_text(raw) for raw in ids))

    def open(self) -> tuple[Anomaly, ...]:
        """Those that last, oldest first."""
        return tuple(a for a in self.undecided() if a.ended is None)

    def of_incident(self, incident_id: str, opened_at: datetime) -> tuple[Anomaly, ...]:
        """Those that an incident in shadow is about."""
        return tuple(a for a in self.between(opened_at, opened_at + _LONGEST) if a.incident == incident_id)

    def streaks(self, cluster: str) -> dict[tuple[str, Signal], Streak]:
        """By service and signal; none of those that are as usual."""
        held = self._redis.hgetall(f"{_STREAKS}:{cluster}").items()
        return {tuple(orjson.loads(name)): Streak(*orjson.loads(raw)) for name, raw in held}

    def put_streak(self, cluster: str, service: str, signal: Signal, streak: Streak | None) -> None:
        """Keep it; None: it is as usual."""
        name = orjson.dumps([service, signal])
        if streak is None:
            self._redis.hdel(f"{_STREAKS}:{cluster}", name)
        else:
            row = [streak.at, streak.odd, streak.since, streak.quiet, streak.anomaly]
            self._redis.hset(f"{_STREAKS}:{cluster}", name, orjson.dumps(row))

    def forget(self, before: datetime) -> int:
        """Drop those that began before; how many that were."""
        ids = [as_text(raw) for raw in self._redis.zrangebyscore(_BY_TIME, 0, f"({before.timestamp()}")]
        for held in ids:
            self._table.remove(held)
        if ids:
            self._redis.zrem(_UNDECIDED, *ids)
            self._redis.zrem(_BY_TIME, *ids)
        return len(ids)

    def _index(self, anomaly: Anomaly) -> None:
        began = anomaly.began.timestamp()
        self._redis.zadd(_BY_TIME, {anomaly.id: began})
        if anomaly.ended is None or anomaly.fate == "undecided":
            self._redis.zadd(_UNDECIDED, {anomaly.id: began})
        else:
            self._redis.zrem(_UNDECIDED, anomaly.id)
