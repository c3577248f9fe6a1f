"""What is kept in Redis. A save of something that changed since it was read is a Conflict, never a lost update."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Generic, Literal, Protocol, Self, TypeVar

import redis

from core.diagnosis import Investigation
from core.errors import Conflict, NotFound
from core.incident import Incident
from core.model import Model
from core.redis import as_text
from core.request import Request

PREFIX = "sre:"
KEEP_REQUESTS_S = 7 * 86_400
_FORGOTTEN_AT_ONCE = 500
_PAGE = 200


class Versioned(Protocol):
    """A value with an id-like key and a version that each save raises by one."""

    @property
    def version(self) -> int: ...
    def model_copy(self, *, update: dict[str, object]) -> Self: ...
    def model_dump_json(self) -> str: ...


V = TypeVar("V", bound=Versioned)
M = TypeVar("M", bound=Model)


class Table(Generic[V]):
    """Versioned values under one prefix."""

    # Saves only over the version that was read (0: not there yet).
    _SAVE = """
    local held = redis.call('HGET', KEYS[1], 'version')
    if (held or '0') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1], 'version', ARGV[2], 'json', ARGV[3])
    if ARGV[4] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
    return 1
    """

    def __init__(
        self, client: redis.Redis, name: str, parse: Callable[[str | bytes], V], keep_s: int | None = None
    ) -> None:
        """
        Args:
            keep_s: A value is forgotten so long after its last save; None: never.
        """
        self.keep_s = keep_s
        self._redis = client
        self._prefix = f"{PREFIX}{name}:"
        self._parse = parse
        self._script = client.register_script(self._SAVE)

    def find(self, key: str) -> V | None:
        raw = self._redis.hget(self._prefix + key, "json")
        return self._parse(raw) if raw else None

    def find_many(self, keys: Iterable[str]) -> Iterator[V]:
        """Those of `keys` that are there, in that order, read in one round trip."""
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.hget(self._prefix + key, "json")
        return (self._parse(raw) for raw in pipe.execute() if raw)

    def get(self, key: str) -> V:
        """Raises: NotFound."""
        found = self.find(key)
        if found is None:
            raise NotFound(f"There is no {key}.")
        return found

    def save(self, key: str, value: V) -> V:
        """The value as stored, its version raised. Raises: Conflict when somebody saved since it was read."""
        stored = value.model_copy(update={"version": value.version + 1})
        args: list[str | int] = [value.version, stored.version, stored.model_dump_json(), self.keep_s or 0]
        if not self._script(keys=[self._prefix + key], args=args):
            raise Conflict(f"{key} changed since it was read.")
        return stored

    def update(self, key: str, change: Callable[[V], V], seen: V | None = None) -> V:
        """Read, change and save until no one came between. `change` may run several times.

        Args:
            seen: What was read a moment ago; it need not be read again unless it is stale.

        Raises: NotFound; Conflict after 100 lost races.
        """
        for turn in range(100):
            before = seen if seen and not turn else self.get(key)
            after = change(before)
            if after == before:
                return before
            try:
                return self.save(key, after)
            except Conflict:
                continue
        raise Conflict(f"{key} kept changing; try again.")

    def remove(self, key: str) -> None:
        self._redis.delete(self._prefix + key)


class Incidents:
    """Incidents by id, with indexes of the open ones and of the groups they came from."""

    def __init__(self, client: redis.Redis, keep_s: int | None = None) -> None:
        self._redis = client
        self._table = Table(client, "incident", Incident.model_validate_json, keep_s)
        self._keep_s = keep_s

    def new_id(self) -> str:
        """The next number, as "INC-7"."""
        return f"INC-{self._redis.incr(PREFIX + 'incident-number')}"

    def get(self, incident_id: str) -> Incident:
        """Raises: NotFound."""
        return self._table.get(incident_id)

    def find(self, incident_id: str) -> Incident | None:
        return self._table.find(incident_id)

    def holder(self, incident_id: str) -> Incident | None:
        """The incident, or the one that it was merged into."""
        found = self.find(incident_id)
        while found and found.merged_into:
            found = self.find(found.merged_into)
        return found

    def save(self, incident: Incident) -> Incident:
        """Raises: Conflict when stale."""
        stored = self._table.save(incident.id, incident)
        self._index(stored)
        return stored

    def update(
        self, incident_id: str, change: Callable[[Incident], Incident], seen: Incident | None = None
    ) -> Incident:
        """Change the newest version; `change` may run several times.

        Args:
            seen: What was read a moment ago. One that was open then is indexed again only when it ended.

        Raises: NotFound, Conflict.
        """
        stored = self._table.update(incident_id, change, seen)
        if not (seen and seen.is_open and stored.is_open):
            self._index(stored)
        return stored

    def claim(self, key: str, incident_id: str) -> str:
        """The id that owns `key` (a group, a service): `incident_id` if it is the first to ask. Atomic, so two
        processes that see the same alert at once open one incident."""
        if self._redis.set(_claim_name(key), incident_id, nx=True, ex=self._keep_s):
            return incident_id
        return self.claimed(key) or self.claim(key, incident_id)

    def reclaim(self, keys: Iterable[str], incident_id: str) -> None:
        """Let another incident own these keys."""
        for key in keys:
            self._redis.set(_claim_name(key), incident_id, ex=self._keep_s)

    def claimed(self, key: str) -> str | None:
        """The id that owns `key`. It may not be saved yet, when its opener died in between."""
        return as_text(self._redis.get(_claim_name(key))) or None

    def release(self, key: str, incident_id: str) -> None:
        """Let the next alert of `key` open a new incident; nothing happens when another owns it."""
        script = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
        self._redis.eval(script, 1, _claim_name(key), incident_id)

    def bind_thread(self, channel: str, thread_ts: str, incident_id: str) -> None:
        """Remember whose thread this is."""
        self._redis.set(f"{PREFIX}incident-of-thread:{channel}:{thread_ts}", incident_id, ex=self._keep_s)

    def of_thread(self, channel: str, thread_ts: str) -> Incident | None:
        """The incident that a thread belongs to."""
        held = as_text(self._redis.get(f"{PREFIX}incident-of-thread:{channel}:{thread_ts}"))
        return self.find(held) if held else None

    def open(self) -> tuple[Incident, ...]:
        """The open ones, newest first."""
        ids = self._redis.zrevrange(PREFIX + "incidents-open", 0, -1)
        return tuple(i for i in self._load(ids) if i.is_open)

    def find_many(self, incident_ids: Iterable[str]) -> Iterator[Incident]:
        """Those of these that are there, a page of them at a time."""
        ids = list(incident_ids)
        for first in range(0, len(ids), _PAGE):
            yield from self._table.find_many(ids[first : first + _PAGE])

    def touching(self, start: datetime, end: datetime) -> tuple[Incident, ...]:
        """Those that were open at some time from `start` until before `end`, newest first."""
        ended = self._redis.zrangebyscore(PREFIX + "incidents-ended", start.timestamp(), "+inf")
        still = self._redis.zrange(PREFIX + "incidents-open", 0, -1)
        found = (i for i in self.find_many(as_text(raw) for raw in {*ended, *still}) if i.opened_at < end)
        return tuple(sorted(found, key=lambda i: (i.opened_at, i.id), reverse=True))

    def since(self, start: datetime) -> tuple[Incident, ...]:
        """Those opened since `start`, newest first."""
        ids = self._redis.zrevrangebyscore(PREFIX + "incidents", "+inf", start.timestamp())
        return tuple(self._load(ids))

    def first_opened(self) -> datetime | None:
        """When the oldest that is kept was opened."""
        ids = self._redis.zrange(PREFIX + "incidents", 0, 0)
        return next((incident.opened_at for incident in self._load(ids)), None)

    def ended_after(self, at: float, most: int) -> tuple[Incident, ...]:
        """At most so many of those that ended after a moment in Unix seconds, the first to end first."""
        ids = self._redis.zrangebyscore(PREFIX + "incidents-ended", f"({at}", "+inf", start=0, num=most)
        return tuple(i for i in self._load(ids) if not i.is_open)

    def current(self, now: datetime) -> tuple[Incident, ...]:
        """The open ones and those resolved within a day, newest first."""
        day_ago = now - timedelta(days=1)
        ids = self._redis.zrevrangebyscore(PREFIX + "incidents-ended", "+inf", day_ago.timestamp())
        recent = tuple(i for i in self._load(ids) if not i.is_open)
        return tuple(sorted((*self.open(), *recent), key=lambda i: i.opened_at, reverse=True))

    def forget(self, before: datetime) -> int:
        """Drop those that ended before from the indexes; how many that were. The values forget themselves."""
        ended = self._redis.zrangebyscore(PREFIX + "incidents-ended", 0, f"({before.timestamp()}")
        for first in range(0, len(ended), _FORGOTTEN_AT_ONCE):
            part = ended[first : first + _FORGOTTEN_AT_ONCE]
            for index in ("incidents", "incidents-ended"):
                self._redis.zrem(PREFIX + index, *part)
        return len(ended)

    def _load(self, ids: Iterable[object]) -> Iterator[Incident]:
        return self._table.find_many(as_text(raw) for raw in ids)

    def _index(self, incident: Incident) -> None:
        opened = incident.opened_at.timestamp()
        pipe = self._redis.pipeline()
        pipe.zadd(PREFIX + "incidents", {incident.id: opened})
        if incident.is_open:
            pipe.zadd(PREFIX + "incidents-open", {incident.id: opened})
            pipe.zrem(PREFIX + "incidents-ended", incident.id)
        else:
            pipe.zrem(PREFIX + "incidents-open", incident.id)
            ended = incident.resolved_at or incident.opened_at
            pipe.zadd(PREFIX + "incidents-ended", {incident.id: ended.timestamp()})
        pipe.execute()


def _claim_name(key: str) -> str:
    return f"{PREFIX}incident-of:{hashlib.sha256(key.encode()).hexdigest()}"


class Investigations:
    """Investigations by id."""

    def __init__(self, client: redis.Redis, keep_s: int | None = None) -> None:
        self._redis = client
        self._table = Table(client, "investigation", Investigation.model_validate_json, keep_s)

    def new_id(self) -> str:
        return f"INV-{self._redis.incr(PREFIX + 'investigation-number')}"

    def get(self, investigation_id: str) -> Investigation:
        """Raises: NotFound."""
        return self._table.get(investigation_id)

    def find_many(self, ids: Iterable[str]) -> tuple[Investigation, ...]:
        """Those of these that are there, in that order."""
        return tuple(self._table.find_many(ids))

    def save(self, investigation: Investigation) -> Investigation:
        """Raises: Conflict when stale."""
        return self._table.save(investigation.id, investigation)

    def update(self, investigation_id: str, change: Callable[[Investigation], Investigation]) -> Investigation:
        """Raises: NotFound, Conflict."""
        return self._table.update(investigation_id, change)


class Requests:
    """What people asked for, kept for a week."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def save(self, request: Request) -> None:
        self._redis.set(f"{PREFIX}request:{request.id}", request.model_dump_json(), ex=KEEP_REQUESTS_S)

    def get(self, request_id: str) -> Request:
        """Raises: NotFound."""
        raw = self._redis.get(f"{PREFIX}request:{request_id}")
        if raw is None:
            raise NotFound("That request is more than a week old; ask again.")
        return Request.model_validate_json(raw)

    def first_time(self, key: str, within_s: int = 3600) -> bool:
        """Whether this key (an event id, a click) is seen for the first time; repeats of a delivery are not."""
        return bool(self._redis.set(f"{PREFIX}seen:{key}", 1, nx=True, ex=within_s))

    def begin(self, delivery: str, lease_s: int = 10) -> Literal["begun", "busy", "done"]:
        """Take a delivery up. It is ours ("begun"), somebody else's at this moment ("busy"), or was executed ("done").
        Whoever begins must `finish` or `abandon` it; a process that dies does so after `lease_s` seconds."""
        name = f"{PREFIX}delivery:{delivery}"
        if self._redis.set(name, "begun", nx=True, ex=lease_s):
            return "begun"
        return "done" if self._redis.get(name) == b"done" else "busy"

    def finish(self, delivery: str, keep_s: int = 3600) -> None:
        """It was executed: when it comes again within `keep_s` seconds, nothing is to be done."""
        self._redis.set(f"{PREFIX}delivery:{delivery}", "done", ex=keep_s)

    def abandon(self, delivery: str) -> None:
        """It failed: when it comes again, it is executed."""
        self._redis.delete(f"{PREFIX}delivery:{delivery}")


class Outcomes:
    """What people said of diagnoses, by kind of alert: a track record. A later word on the same one replaces it."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, alert_types: Iterable[str], investigation_id: str, right: bool) -> None:
        for name in alert_types:
            self._redis.hset(f"{PREFIX}outcomes:{name}", investigation_id, int(right))

    def record(self, alert_types: Iterable[str]) -> tuple[int, int] | None:
        """How often these kinds were diagnosed right, and how often in all; None when nobody ever said."""
        said = [as_text(v) for name in alert_types for v in self._redis.hvals(f"{PREFIX}outcomes:{name}")]
        return (said.count("1"), len(said)) if said else None


class Switches:
    """Small facts that outlive a process: paused, mode, what cannot be reached, what Slack does not support."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def set(self, name: str, value: str, for_s: int | None = None) -> None:
        self._redis.set(f"{PREFIX}switch:{name}", value, ex=for_s)

    def find(self, name: str) -> str | None:
        raw = self._redis.get(f"{PREFIX}switch:{name}")
        return None if raw is None else as_text(raw)

    def clear(self, name: str) -> None:
        self._redis.delete(f"{PREFIX}switch:{name}")

    def mark_unreachable(self, dependency: str, since: datetime) -> None:
        """Note since when a dependency does not answer; an earlier time stands."""
        self._redis.hsetnx(PREFIX + "unreachable", dependency, since.isoformat())

    def mark_reachable(self, dependency: str) -> None:
        self._redis.hdel(PREFIX + "unreachable", dependency)

    def unreachable(self) -> dict[str, datetime]:
        """Name to since when."""
        held = {as_text(name): as_text(at) for name, at in self._redis.hgetall(PREFIX + "unreachable").items()}
        return {name: datetime.fromisoformat(at) for name, at in sorted(held.items())}
