"""Which digests were begun and ended, so that each is sent once, whoever looks and whoever dies."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import redis

from core.digest import RuleChange, RuleTimes
from core.model import Model, Moment
from core.redis import as_text

LEASE_S = 300  # composing the longest takes some 20 s
_RUN, _TAKEN, _LAST = "sre:digest-run:", "sre:digest-taken:", "sre:digest-told-until"
_CHANGES, _RULES = "sre:digest-change:", "sre:digest-rules"
_KEPT_S = 40 * 86_400


class Run(Model):
    """One channel's digest of one date: what it covers is settled by whoever begins it."""

    channel: str
    day: date
    start: Moment
    end: Moment
    ended: bool = False


def message_key(channel: str, day: date) -> str:
    """The key of its message; posting it again edits it."""
    return f"digest/{channel}/{day:%Y-%m-%d}"


class DigestRuns:
    """Runs by channel and date; and what was found for them, for the web process and the terminal."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def begin(self, run: Run) -> Run | None:
        """The run to do now: this one, or the one that somebody began and died of; None when it is done, or somebody is
        at it. Atomic: of two who ask at once, one gets it."""
        name = f"{run.channel}/{run.day:%Y-%m-%d}"
        self._redis.set(_RUN + name, run.model_dump_json(), nx=True, ex=_KEPT_S)
        held = Run.model_validate_json(as_text(self._redis.get(_RUN + name)))
        if held.ended or not self._redis.set(_TAKEN + name, 1, nx=True, ex=LEASE_S):
            return None
        held = Run.model_validate_json(as_text(self._redis.get(_RUN + name)))  # it may have ended in between
        return None if held.ended else held

    def finish(self, run: Run) -> None:
        """Everything of it is in the outbox."""
        name = f"{run.channel}/{run.day:%Y-%m-%d}"
        ended = run.model_copy(update={"ended": True})
        pipe = self._redis.pipeline()
        pipe.set(_RUN + name, ended.model_dump_json(), ex=_KEPT_S)
        pipe.hset(_LAST, run.channel, run.end.isoformat())
        pipe.delete(_TAKEN + name)
        pipe.execute()

    def give_up(self, run: Run) -> None:
        """It failed; the next who looks takes it up."""
        self._redis.delete(f"{_TAKEN}{run.channel}/{run.day:%Y-%m-%d}")

    def is_done(self, channel: str, day: date) -> bool:
        raw = self._redis.get(f"{_RUN}{channel}/{day:%Y-%m-%d}")
        return bool(raw) and Run.model_validate_json(as_text(raw)).ended

    def told_until(self, channel: str) -> datetime | None:
        """Until when the channel's last digest told; None: there was none."""
        raw = self._redis.hget(_LAST, channel)
        return datetime.fromisoformat(as_text(raw)) if raw else None

    def keep_changes(self, changes: tuple[RuleChange, ...]) -> None:
        """Keep what a button shows."""
        pipe = self._redis.pipeline()
        for change in changes:
            pipe.set(_CHANGES + change.id, change.model_dump_json(), ex=int(timedelta(days=30).total_seconds()))
        pipe.execute()

    def change(self, change_id: str) -> RuleChange | None:
        raw = self._redis.get(_CHANGES + change_id)
        return RuleChange.model_validate_json(as_text(raw)) if raw else None

    def keep_rule(self, alert: str, rule: RuleTimes | None) -> None:
        """Remember what Prometheus has; None: it has no such rule, or several that differ."""
        if rule is None:
            self._redis.hdel(_RULES, alert)
        else:
            self._redis.hset(_RULES, alert, rule.model_dump_json())

    def rule(self, alert: str) -> RuleTimes | None:
        """As it was last read."""
        raw = self._redis.hget(_RULES, alert)
        return RuleTimes.model_validate_json(as_text(raw)) if raw else None
