"""What a collector remembers of one cluster, so that whoever collects next goes on where it ended."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import redis

from core.model import Model, Moment
from core.redis import as_text
from workers.changes.kinds import PATHS, Kind

LEASE_S = 20  # a process that dies is followed by another within this and `RENEW_S`
RENEW_S = 5
_PREFIX = "sre:changes-of:"
_SEEN = "seen:"
_SALT, _SINCE = "salt", "since"
M = TypeVar("M", bound=Model)


class Seen(Model):
    """How far one kind was followed."""

    version: str  # resourceVersion to go on from
    at: Moment  # when that was the newest


class Watching(Model):
    """How one cluster is watched, as it was last written down."""

    cluster: str
    since: Moment
    seen: Moment  # the oldest of what was heard last of each kind
    held: bool  # whether somebody collects at this moment


class State:
    """The memory of one cluster, and the lease on it."""

    # Taken when free or ours; the token tells who.
    _HOLD = """
    local held = redis.call('GET', KEYS[1])
    if held and held ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
    return 1
    """
    _DROP = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

    def __init__(self, client: redis.Redis, cluster: str) -> None:
        self._redis, self.cluster = client, cluster
        self._key, self._lease = f"{_PREFIX}{cluster}", f"sre:changes-lease:{cluster}"

    def hold(self, token: str) -> bool:
        """Whether this one collects now, for `LEASE_S`."""
        return bool(self._redis.eval(self._HOLD, 1, self._lease, token, LEASE_S))

    def drop(self, token: str) -> None:
        """Let another collect; nothing happens when another does."""
        self._redis.eval(self._DROP, 1, self._lease, token)

    def begin(self, now: datetime) -> tuple[dict[str, str], dict[Kind, Seen], str]:
        """What is remembered: rows by key, how far each kind was followed, and the salt for hashes."""
        self._redis.hsetnx(self._key, _SALT, secrets.token_hex(16))
        self._redis.hsetnx(self._key, _SINCE, now.isoformat())
        held = {as_text(name): as_text(raw) for name, raw in self._redis.hgetall(self._key).items()}
        seen = {kind: Seen.model_validate_json(held[_SEEN + kind]) for kind in PATHS if _SEEN + kind in held}
        rows = {name: raw for name, raw in held.items() if "/" in name}
        return rows, seen, held[_SALT]

    def save(self, rows: Mapping[str, str | None], seen: Mapping[Kind, Seen]) -> None:
        """Remember these rows and positions, all at once; None forgets a row."""
        pipe = self._redis.pipeline()
        for name, raw in rows.items():
            if raw is None:
                pipe.hdel(self._key, name)
            else:
                pipe.hset(self._key, name, raw)
        for kind, each in seen.items():
            pipe.hset(self._key, _SEEN + kind, each.model_dump_json())
        pipe.execute()


def watching(client: redis.Redis, clusters: Iterable[str]) -> tuple[Watching, ...]:
    """How each of these clusters is watched; those that never were are left out."""
    found = []
    for cluster in clusters:
        held = {as_text(name): as_text(raw) for name, raw in client.hgetall(f"{_PREFIX}{cluster}").items()}
        seen = [Seen.model_validate_json(raw).at for name, raw in held.items() if name.startswith(_SEEN)]
        if seen:
            since = datetime.fromisoformat(held[_SINCE])
            lease = bool(client.exists(f"sre:changes-lease:{cluster}"))
            found.append(Watching(cluster=cluster, since=since, seen=min(seen), held=lease))
    return tuple(found)


def lag(watched: Watching, now: datetime) -> timedelta:
    """How long ago the quietest kind was last heard of."""
    return max(now - watched.seen, timedelta(0))
