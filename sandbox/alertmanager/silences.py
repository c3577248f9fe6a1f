"""Silences: who muted what, until when, and why."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Literal

from sandbox.alertmanager.model import BadInput, Json, Matcher, make_matcher, parse_time
from sandbox.clock import rfc3339


@dataclass(frozen=True)
class Silence:
    """Mutes the alerts that all of its matchers match, from `starts_at` to `ends_at` in Unix seconds."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    updated_at: float
    created_by: str
    comment: str

    def state(self, now: float) -> Literal["active", "pending", "expired"]:
        if now >= self.ends_at:
            return "expired"
        return "pending" if now < self.starts_at else "active"

    def mutes(self, labels: dict[str, str], now: float) -> bool:
        return self.state(now) == "active" and all(m.matches(labels) for m in self.matchers)

    def as_json(self, now: float) -> Json:
        return {
            "id": self.id, "status": {"state": self.state(now)}, "updatedAt": rfc3339(self.updated_at),
            "comment": self.comment, "createdBy": self.created_by, "endsAt": rfc3339(self.ends_at),
            "startsAt": rfc3339(self.starts_at), "matchers": [m.as_json() for m in self.matchers],
        }  # fmt: skip


class Silences:
    """All silences, ended ones too."""

    def __init__(self) -> None:
        self._held: dict[str, Silence] = {}

    def all(self) -> tuple[Silence, ...]:
        return tuple(self._held.values())

    def find(self, silence_id: str) -> Silence | None:
        return self._held.get(silence_id)

    def muting(self, labels: dict[str, str], now: float) -> list[str]:
        """The ids of those that mute an alert with these labels."""
        return [s.id for s in self._held.values() if s.mutes(labels, now)]

    def add(self, posted: Json, now: float) -> str:
        """Store a new silence, or change the one whose id is given. Returns its id.

        Raises: BadInput; LookupError when the id is not known.
        """
        matchers = tuple(
            make_matcher(
                str(m.get("name") or ""), str(m.get("value") or ""),
                is_regex=bool(m.get("isRegex")), is_equal=bool(m.get("isEqual", True)),
            )
            for m in posted.get("matchers") or ()
        )  # fmt: skip
        starts_at = max(now, parse_time(posted.get("startsAt"), now))
        ends_at = parse_time(posted.get("endsAt"), 0.0)
        _check(matchers, starts_at, ends_at, now, str(posted.get("createdBy") or ""), str(posted.get("comment") or ""))
        silence_id = str(posted.get("id") or "") or str(uuid.uuid4())
        before = self._held.get(silence_id)
        if posted.get("id") and before is None:
            raise LookupError(silence_id)
        if before is not None and (before.matchers != matchers or before.state(now) == "expired"):
            self.expire(silence_id, now)
            silence_id = str(uuid.uuid4())
        elif before is not None:
            starts_at = before.starts_at
        by, why = str(posted["createdBy"]), str(posted["comment"])
        self._held[silence_id] = Silence(silence_id, matchers, starts_at, ends_at, now, by, why)
        return silence_id

    def put(self, silence: Silence) -> None:
        self._held[silence.id] = silence

    def expire(self, silence_id: str, now: float) -> None:
        """End one now. Raises: LookupError."""
        held = self._held[silence_id]
        if held.state(now) != "expired":
            self._held[silence_id] = replace(held, ends_at=now, starts_at=min(held.starts_at, now), updated_at=now)


def _check(matchers: tuple[Matcher, ...], starts: float, ends: float, now: float, by: str, why: str) -> None:
    if not matchers:
        raise BadInput("invalid silence: at least one matcher required")
    if any(not m.name for m in matchers):
        raise BadInput("invalid silence: invalid label name")
    if all(m.matches({}) for m in matchers):
        raise BadInput("invalid silence: at least one matcher must not match the empty string")
    if ends <= starts:
        raise BadInput("invalid silence: end time must not be before start time")
    if ends <= now:
        raise BadInput("invalid silence: end time can't be in the past")
    if not by:
        raise BadInput("createdBy in body is required")
    if not why:
        raise BadInput("comment in body is required")
