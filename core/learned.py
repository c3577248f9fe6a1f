"""The learned part of the service map, as an investigator last saw it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import orjson
import redis

from core.redis import as_text
from core.service_map import Edge

KEPT_S = 7 * 86_400  # what calls once a week is still known; a caller that is gone makes the bot careful for so long
MOST = 5000  # edges of one cluster; the latest seen are kept
_KEY = "sre:map"


class Learned:
    """Who was seen to call whom, by cluster; "" is the one that has no name."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, cluster: str, edges: Iterable[Edge], now: float) -> None:
        """Remember a look; what it does not show any more is kept for a week. Safe to repeat."""
        raw = self._redis.hget(_KEY, cluster)
        held = {(e.caller, e.called, e.source): e for e in (_parsed(cluster, as_text(raw)) if raw else ())}
        held |= {(e.caller, e.called, e.source): e for e in edges}
        kept = sorted((e for e in held.values() if e.at > now - KEPT_S), key=lambda e: e.at, reverse=True)[:MOST]
        self._redis.hset(_KEY, cluster, orjson.dumps([[e.caller, e.called, e.source, e.at] for e in kept]))

    def edges(self, now: float) -> tuple[Edge, ...]:
        """All that was seen within a week."""
        held = {as_text(cluster): as_text(raw) for cluster, raw in self._redis.hgetall(_KEY).items()}
        return tuple(e for cluster, raw in held.items() for e in _parsed(cluster, raw) if e.at > now - KEPT_S)


@lru_cache(maxsize=32)  # the same text, asked for with every alert of a storm
def _parsed(cluster: str, raw: str) -> tuple[Edge, ...]:
    return tuple(
        Edge(cluster=cluster, caller=caller, called=called, source=source, at=at)
        for caller, called, source, at in orjson.loads(raw)
    )
