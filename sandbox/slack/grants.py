"""Short-lived rights that Slack hands out with an interaction: trigger ids and response URLs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sandbox.slack.clock import Clock
from sandbox.slack.errors import ApiError
from sandbox.slack.limits import RESPONSE_URL_LIFETIME_S, RESPONSE_URL_USES, TRIGGER_LIFETIME_S


class Triggers:
    """Trigger ids: good for one modal, for three seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._issued: dict[str, tuple[str, float]] = {}  # id: user, issued at
        self._used: set[str] = set()

    def issue(self, user: str) -> str:
        trigger = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**13)}.{secrets.token_hex(16)}"
        self._issued[trigger] = (user, self._clock.now())
        return trigger

    def exchange(self, trigger: str) -> str:
        """The user whom a modal may be shown, once. Raises ApiError."""
        if trigger not in self._issued:
            raise ApiError("invalid_trigger_id")
        user, issued_at = self._issued[trigger]
        if trigger in self._used:
            raise ApiError("exchanged_trigger_id")
        if self._clock.now() - issued_at > TRIGGER_LIFETIME_S:
            raise ApiError("expired_trigger_id")
        self._used.add(trigger)
        return user


@dataclass
class ResponseUrl:
    """Where an answer to one interaction may go, and about which message it was."""

    channel: str
    user: str
    thread_ts: str | None
    source_ts: str | None  # the message whose button was pressed
    issued_at: float
    uses: int = 0


class ResponseUrls:
    """Response URLs: five answers within thirty minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, channel: str, user: str, thread_ts: str | None = None, source_ts: str | None = None) -> str:
        """The path of a new response URL."""
        key = secrets.token_urlsafe(24)
        self._issued[key] = ResponseUrl(channel, user, thread_ts, source_ts, self._clock.now())
        return f"/response/{key}"

    def peek(self, path: str) -> ResponseUrl:
        """What an issued path stands for, without counting a use."""
        return self._issued[path.rpartition("/")[2]]

    def use(self, key: str) -> ResponseUrl:
        """Count one answer. Raises ApiError, which Slack answers with 404."""
        grant = self._issued.get(key)
        if grant is None:
            raise ApiError("invalid_url")
        if self._clock.now() - grant.issued_at > RESPONSE_URL_LIFETIME_S:
            raise ApiError("expired_url")
        if grant.uses >= RESPONSE_URL_USES:
            raise ApiError("used_url")
        grant.uses += 1
        return grant
