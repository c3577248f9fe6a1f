"""Every alert of every incident, however many there are; an incident's own record holds only the most telling.

Which set an alert came with, whether it fires, and how often it changed are kept here too, so that a notification costs
what it brings, not what its incident holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import redis

from core.concern import Concern
from core.incident import Alert, Joined
from core.redis import as_text

_PREFIX = "sre:"
_CONCERNS = _PREFIX + "concerns"
_BEATS = _PREFIX + "heartbeats"
_KEPT_S = 30 * 86_400  # alerts of an incident that is over
_COUNTED_S = 2 * 86_400
_DAYS_COUNTED_S = 400 * 86_400
_MOST_CHANGES = 100
_PAGE = 500


class Book:
    """Alerts and sets of alerts by incident; what open incidents are about; counts of all that came."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    # Alerts

    def find_many(self, incident_id: str, fingerprints: Iterable[str]) -> dict[str, Alert]:
        """Those of these that it holds."""
        names = list(fingerprints)
        raw = self._redis.hmget(_alerts(incident_id), names) if names else []
        return {
            name: Alert.model_validate_json(found) for name, found in zip(names, raw, strict=True) if found
        }  # fmt: skip

    def all(self, incident_id: str) -> Iterator[Alert]:
        """All of them, in no order."""
        for _, raw in self._redis.hscan_iter(_alerts(incident_id), count=_PAGE):
            yield Alert.model_validate_json(raw)

    def firing_of(self, incident_id: str, group: str) -> set[str]:
        """Fingerprints of the alerts of one set that fire."""
        return {as_text(raw) for raw in self._redis.smembers(_firing(incident_id, group))}

    def counts(self, incident_id: str) -> tuple[int, int, int]:
        """How many alerts it holds, how many of them fire, and in how many sets."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hlen(_alerts(incident_id))
        pipe.scard(_firing(incident_id))
        pipe.hlen(_groups(incident_id))
        held, firing, groups = pipe.execute()
        return int(held), int(firing), int(groups)

    def put(self, incident_id: str, cluster: str, alerts: Iterable[Alert]) -> None:
        """Keep these as they are now."""
        pipe = self._redis.pipeline()
        for alert in alerts:
            print_ = alert.fingerprint
            pipe.hset(_alerts(incident_id), print_, alert.model_dump_json(exclude_defaults=True))
            for key in (_firing(incident_id), _firing(incident_id, alert.group)):
                (pipe.sadd if alert.status == "firing" else pipe.srem)(key, print_)
            if alert.status == "firing":
                pipe.hset(_whose(cluster), print_, incident_id)
        pipe.execute()

    def incident_of(self, cluster: str, fingerprints: Iterable[str]) -> set[str]:
        """The incidents that last held an alert of this cluster with one of these fingerprints."""
        names = list(fingerprints)
        raw = self._redis.hmget(_whose(cluster), names) if names else []
        return {as_text(found) for found in raw if found}

    # Sets of alerts

    def put_group(self, incident_id: str, group: Joined) -> None:
        self._redis.hset(_groups(incident_id), group.id, group.model_dump_json())

    def group(self, incident_id: str, group_id: str) -> Joined | None:
        raw = self._redis.hget(_groups(incident_id), group_id)
        return Joined.model_validate_json(as_text(raw)) if raw else None

    def groups(self, incident_id: str) -> tuple[Joined, ...]:
        """In the order in which they came."""
        raw = self._redis.hgetall(_groups(incident_id)).values()
        return tuple(sorted((Joined.model_validate_json(one) for one in raw), key=lambda g: (g.at, g.id)))

    def move(self, source: str, into: str, cluster: str, only: str | None = None) -> list[Alert]:
        """Move all alerts and sets, or one set, to another incident; what was moved. Safe to repeat: what was copied by
        a process that died is copied again, and nothing is removed before it is there."""
        alerts = [a for a in self.all(source) if only is None or a.group == only]
        groups = [g for g in self.groups(source) if only is None or g.id == only]
        self.put(into, cluster, alerts)
        for group in groups:
            self.put_group(into, group)
        pipe = self._redis.pipeline()
        for alert in alerts:
            pipe.hdel(_alerts(source), alert.fingerprint)
            pipe.srem(_firing(source), alert.fingerprint)
        for group in groups:
            pipe.hdel(_groups(source), group.id)
            pipe.delete(_firing(source, group.id))
        pipe.execute()
        return alerts

    def close(self, incident_id: str, cluster: str) -> None:
        """It is over: its alerts find it no more, and are forgotten after a month."""
        prints = list(self._redis.hkeys(_alerts(incident_id)))
        pipe = self._redis.pipeline()
        if prints:
            pipe.hdel(_whose(cluster), *prints)
        pipe.hdel(_CONCERNS, incident_id)
        for key in (_alerts(incident_id), _groups(incident_id), _firing(incident_id)):
            pipe.expire(key, _KEPT_S)
        pipe.execute()

    # What open incidents are about

    def concerns(self) -> dict[str, Concern]:
        """By incident."""
        held = self._redis.hgetall(_CONCERNS).items()
        return {as_text(name): Concern.model_validate_json(raw) for name, raw in held}

    def concern(self, incident_id: str) -> Concern | None:
        raw = self._redis.hget(_CONCERNS, incident_id)
        return Concern.model_validate_json(as_text(raw)) if raw else None

    def put_concern(self, incident_id: str, concern: Concern) -> None:
        self._redis.hset(_CONCERNS, incident_id, concern.model_dump_json())

    # Changes of one alert, for damping

    def note_changes(self, cluster: str, fingerprints: Iterable[str], now: float, within_s: float) -> dict[str, int]:
        """Note that these changed between firing and resolved; how often each did within the time."""
        names = list(fingerprints)
        pipe = self._redis.pipeline()
        for name in names:
            key = f"{_PREFIX}changes:{cluster}:{name}"
            pipe.rpush(key, now)
            pipe.ltrim(key, -_MOST_CHANGES, -1)
            pipe.expire(key, int(within_s) + 1)
            pipe.lrange(key, 0, -1)
        answers = pipe.execute()[3::4]
        return {
            name: sum(float(at) > now - within_s for at in held) for name, held in zip(names, answers, strict=True)
        }  # fmt: skip

    # What came

    def count(self, now: datetime, outcomes: Mapping[str, int]) -> None:
        """Count alerts by what became of them, by the hour."""
        pipe = self._redis.pipeline()
        key = f"{_PREFIX}counted:{now:%Y%m%d%H}"
        for outcome, number in outcomes.items():
            if number:
                pipe.hincrby(key, outcome, number)
                pipe.hincrby(_PREFIX + "counted", outcome, number)
                pipe.hincrby(_of_day(now), outcome, number)
        pipe.expire(key, _COUNTED_S)
        pipe.expire(_of_day(now), _DAYS_COUNTED_S)
        pipe.execute()

    def counted(self, hours: Iterable[datetime] | None = None) -> dict[str, int]:
        """How many alerts came, by what became of them: in these hours, or ever."""
        return self._sums([_PREFIX + "counted"] if hours is None else [f"{_PREFIX}counted:{h:%Y%m%d%H}" for h in hours])

    def counted_on(self, days: Iterable[datetime]) -> dict[str, int]:
        """The same on these UTC days."""
        return self._sums([_of_day(day) for day in days])

    def _sums(self, keys: Iterable[str]) -> dict[str, int]:
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(key)
        found: dict[str, int] = {}
        for part in pipe.execute():
            for name, number in part.items():
                found[as_text(name)] = found.get(as_text(name), 0) + int(number)
        return found

    # Heartbeats

    def beat(self, name: str, at: datetime | None) -> None:
        """A heartbeat came at that time; None: it is said to have ended, so it is late already."""
        self._redis.hset(_BEATS, name, at.isoformat() if at else "")

    def beats(self) -> dict[str, datetime | None]:
        """When each heartbeat came last; None: it ended."""
        held = {as_text(name): as_text(at) for name, at in self._redis.hgetall(_BEATS).items()}
        return {name: datetime.fromisoformat(at) if at else None for name, at in held.items()}


def _of_day(at: datetime) -> str:
    return f"{_PREFIX}counted-on:{at:%Y%m%d}"


def _alerts(incident_id: str) -> str:
    return f"{_PREFIX}alerts:{incident_id}"


def _groups(incident_id: str) -> str:
    return f"{_PREFIX}groups:{incident_id}"


def _firing(incident_id: str, group: str = "") -> str:
    return f"{_PREFIX}firing:{incident_id}:{group}"


def _whose(cluster: str) -> str:
    """By cluster, not by the address of an Alertmanager: its peers bring the same alerts from other addresses."""
    return f"{_PREFIX}incident-of-alert:{'' if cluster.startswith('@') else cluster}"
