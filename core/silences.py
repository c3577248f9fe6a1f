"""What is silenced in Alertmanager and until when, as an investigator last saw it."""

from __future__ import annotations

from collections.abc import Iterable

import redis

from core.model import Model, Moment

_KEY = "sre:silences"


class Silenced(Model):
    """One silence that is on. Texts are foreign."""

    id: str
    of: str  # what it is on, as its matchers say: "DiskFull, node-3"
    by: str = ""
    why: str = ""
    ends_at: Moment


def note_silences(client: redis.Redis, silences: Iterable[Silenced]) -> None:
    """Replace what was known."""
    pipe = client.pipeline()
    pipe.delete(_KEY)
    for each in silences:
        pipe.hset(_KEY, each.id, each.model_dump_json())
    pipe.execute()


def known_silences(client: redis.Redis) -> tuple[Silenced, ...]:
    """As last seen, the first to end first; some may have ended since."""
    held = (Silenced.model_validate_json(raw) for raw in client.hvals(_KEY))
    return tuple(sorted(held, key=lambda each: (each.ends_at, each.id)))
