"""What is kept of people's Home tabs: who opened one, which services they follow, and what Slack shows of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

import redis

from core.model import Model
from core.redis import as_text
from core.stores import PREFIX

_GROUPS_S = 86_400  # only what is shown rests on it; a click asks Slack anew
_SHOWN_S = 30 * 86_400


class Shown(Model):
    """What Slack shows of a Home tab: its own mark of that state, and our digest of the view."""

    hash: str = ""
    digest: str = ""
    at: float = 0.0


class Homes:
    """By Slack user id."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note_opened(self, user: str, at: datetime) -> None:
        self._redis.zadd(PREFIX + "homes-opened", {user: at.timestamp()})

    def opened_since(self, start: datetime) -> tuple[str, ...]:
        """Who opened theirs since; whose was published longest ago comes first."""
        self._redis.zremrangebyscore(PREFIX + "homes-opened", "-inf", f"({start.timestamp()}")
        users = [as_text(raw) for raw in self._redis.zrange(PREFIX + "homes-opened", 0, -1)]
        return tuple(sorted(users, key=lambda user: self.shown(user).at))

    def forget(self, user: str) -> None:
        """Slack shows them none: they left, or the tab is switched off."""
        self._redis.zrem(PREFIX + "homes-opened", user)
        self._redis.delete(f"{PREFIX}home:{user}")

    def shown(self, user: str) -> Shown:
        raw = self._redis.get(f"{PREFIX}home:{user}")
        return Shown.model_validate_json(as_text(raw)) if raw else Shown()

    def note_shown(self, user: str, shown: Shown) -> None:
        self._redis.set(f"{PREFIX}home:{user}", shown.model_dump_json(), ex=_SHOWN_S)

    def follows(self, user: str) -> frozenset[str]:
        """Catalogue names; some may have left the catalogue."""
        return frozenset(as_text(raw) for raw in self._redis.smembers(f"{PREFIX}follows:{user}"))

    def follow(self, user: str, services: Iterable[str]) -> None:
        """These, and no others."""
        wanted = tuple(dict.fromkeys(services))
        pipe = self._redis.pipeline()
        pipe.delete(f"{PREFIX}follows:{user}")
        if wanted:
            pipe.sadd(f"{PREFIX}follows:{user}", *wanted)
        pipe.execute()

    def groups(self, user: str) -> tuple[str, ...] | None:
        """Which approver groups they were in when Slack was last asked; None when nobody asked within a day."""
        raw = self._redis.get(f"{PREFIX}groups-of:{user}")
        return tuple(json.loads(as_text(raw))) if raw else None

    def note_groups(self, user: str, groups: Iterable[str]) -> None:
        self._redis.set(f"{PREFIX}groups-of:{user}", json.dumps(sorted(groups)), ex=_GROUPS_S)
