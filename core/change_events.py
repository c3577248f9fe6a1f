"""What changed and when: rollouts, scaling, configuration, nodes, releases, failed jobs, certificates that end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import redis

from core.model import Model, Moment
from core.observation import FieldChange
from core.redis import as_text

ChangeKind = Literal["deploy", "rollback", "scale", "config", "node", "release", "job_failed", "certificate"]
_EVENTS = "sre:changes"  # id to JSON
_BY_TIME = "sre:changes-by-time"
_GAPS = "sre:changes-gaps"
_PAGE = 1000


class ChangeEvent(Model):
    """One thing that changed. All texts but `kind`, `source` and `service` are foreign, masked and cut."""

    id: str  # the same change, seen twice or by two processes, has the same
    kind: ChangeKind
    at: Moment  # when it happened, as the cluster or the sender says
    cluster: str = ""  # catalogue name; "" is the one that has no name
    namespace: str = ""
    target: str  # "Deployment/checkout", "Node/node-3", "ConfigMap/settings"
    service: str | None = None  # catalogue name
    title: str  # what changed, a few words: "image 1.8.3 → 1.8.4, env CART_URL added"
    fields: tuple[FieldChange, ...] = ()
    from_revision: str | None = None
    to_revision: str | None = None
    version: str = ""  # what people call what runs now: "1.8.4"
    by: str = ""  # who did it: "maria", "kubectl-edit", "argocd-controller", "HPA"; "" when nothing says
    cause: str = ""  # what whoever did it wrote down about it
    source: Literal["kubernetes", "github", "argocd", "ci"] = "kubernetes"
    link: str = ""
    due: Moment | None = None  # when the certificate ends


class Gap(Model):
    """A time in which nobody watched a cluster and that could not be caught up wholly."""

    cluster: str
    start: Moment
    end: Moment
    why: str  # a phrase: "the watch was away for 3 h, and Kubernetes keeps no history of ConfigMaps"


class ChangeEvents:
    """Changes in the order in which they happened."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, event: ChangeEvent) -> bool:
        """Keep it, once; whether it is new. What is noted again under its id replaces what was known of it."""
        pipe = self._redis.pipeline()
        pipe.hset(_EVENTS, event.id, event.model_dump_json(exclude_defaults=True))
        pipe.zadd(_BY_TIME, {event.id: event.at.timestamp()})
        return bool(pipe.execute()[0])

    def find(self, event_id: str) -> ChangeEvent | None:
        raw = self._redis.hget(_EVENTS, event_id)
        return ChangeEvent.model_validate_json(raw) if raw else None

    def remove(self, event_id: str) -> None:
        """Take one out, as when it turns out to be another. Safe to repeat."""
        pipe = self._redis.pipeline()
        pipe.hdel(_EVENTS, event_id)
        pipe.zrem(_BY_TIME, event_id)
        pipe.execute()

    def between(self, start: datetime, end: datetime) -> tuple[ChangeEvent, ...]:
        """Those that happened from `start` until before `end`, oldest first."""
        ids = self._redis.zrangebyscore(_BY_TIME, start.timestamp(), f"({end.timestamp()}")
        found: list[ChangeEvent] = []
        for first in range(0, len(ids), _PAGE):
            raws = self._redis.hmget(_EVENTS, [as_text(raw) for raw in ids[first : first + _PAGE]])
            found += [ChangeEvent.model_validate_json(raw) for raw in raws if raw]
        return tuple(found)

    def note_gap(self, gap: Gap) -> None:
        """Declare that changes may be missing. Safe to repeat."""
        self._redis.zadd(_GAPS, {gap.model_dump_json(): gap.end.timestamp()})

    def gaps(self, start: datetime, end: datetime) -> tuple[Gap, ...]:
        """The gaps that touch this time, oldest first."""
        raws = self._redis.zrangebyscore(_GAPS, start.timestamp(), "+inf")
        held = (Gap.model_validate_json(as_text(raw)) for raw in raws)
        return tuple(gap for gap in held if gap.start < end)

    def forget(self, before: datetime) -> int:
        """Drop what happened before; how many changes that were."""
        ids: Iterable[str] = [as_text(raw) for raw in self._redis.zrangebyscore(_BY_TIME, 0, f"({before.timestamp()}")]
        pipe = self._redis.pipeline()
        for event_id in ids:
            pipe.hdel(_EVENTS, event_id)
        pipe.zremrangebyscore(_BY_TIME, 0, f"({before.timestamp()}")
        pipe.zremrangebyscore(_GAPS, 0, f"({before.timestamp()}")
        return int(sum(pipe.execute()[:-2]))
