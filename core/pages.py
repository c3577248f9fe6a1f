"""What is kept of PagerDuty in Redis: its events, what is to be told it, who is on call, what happened there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

import redis

from core.errors import Conflict
from core.page import Change, Choice, Event, OnCall, Page, Wish
from core.paging import KEPT_S
from core.redis import as_text
from core.stores import PREFIX, Table

_LATE_S, _TRIED_S = 120, 3600
STALE_S = 300.0  # who was on call longer ago entitles nobody
_OWN_S = 60 * 86_400  # incidents last days, and their notes may be shown again
_CHANGES_S = 60 * 86_400
_FOLDED_S = 600  # changes of so long are one message
_SAME_S = 120  # the same change told twice, by the answer to a request and by a webhook, comes within this
_PERSON_S = 3600
_NOBODY_S = 300


class Pages:
    """Events are taken once, wishes made true once, and our own words recognised when they come back."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._wishes = Table(client, "wish", Wish.model_validate_json)

    # Events

    def keep_event(self, event: Event, received_at: datetime) -> Literal["new", "waiting", "done"]:
        """Keep it until it is taken, and say whether it was already."""
        name = f"{PREFIX}pagerduty-event:{event.id}"
        if self._redis.set(name, event.model_dump_json(), nx=True, ex=KEPT_S):
            self._redis.zadd(PREFIX + "events-waiting", {event.id: received_at.timestamp()})
            return "new"
        return "done" if self._redis.get(name) == b"" else "waiting"

    def event(self, event_id: str) -> Event | None:
        """None when it was taken, or is gone."""
        raw = self._redis.get(f"{PREFIX}pagerduty-event:{event_id}")
        return Event.model_validate_json(as_text(raw)) if raw else None

    def finish_event(self, event_id: str) -> None:
        """It was taken: only its id is remembered."""
        self._redis.set(f"{PREFIX}pagerduty-event:{event_id}", "", ex=KEPT_S)
        self._redis.zrem(PREFIX + "events-waiting", event_id)

    def late_events(self, now: datetime) -> tuple[str, ...]:
        """Ids of those that came a while ago and were not taken; after an hour no more is tried."""
        at = now.timestamp()
        self._redis.zremrangebyscore(PREFIX + "events-waiting", "-inf", at - _TRIED_S)
        ids = self._redis.zrangebyscore(PREFIX + "events-waiting", "-inf", at - _LATE_S)
        return tuple(as_text(raw) for raw in ids)

    def keep_page(self, page: Page) -> None:
        """Remember how an incident of PagerDuty stood last, also when none of ours belongs to it: what comes late about
        it must not begin it anew."""
        self._redis.set(f"{PREFIX}page-state:{page.id}", page.model_dump_json(), ex=_OWN_S)

    def page(self, page_id: str) -> Page | None:
        raw = self._redis.get(f"{PREFIX}page-state:{page_id}")
        return Page.model_validate_json(as_text(raw)) if raw else None

    # Wishes

    def wish(self, wish: Wish) -> bool:
        """Keep a wish; whether it is new. The same key again changes nothing."""
        try:
            self._wishes.save(wish.key, wish)
        except Conflict:
            return False
        self._redis.zadd(PREFIX + "wishes-waiting", {wish.key: wish.at.timestamp()})
        return True

    def find_wish(self, key: str) -> Wish | None:
        return self._wishes.find(key)

    def update_wish(self, key: str, change: Callable[[Wish], Wish]) -> Wish:
        """Raises: NotFound, Conflict."""
        stored = self._wishes.update(key, change)
        if stored.state != "waiting":
            self._redis.zrem(PREFIX + "wishes-waiting", key)
            self._redis.expire(f"{PREFIX}wish:{key}", _OWN_S)
        return stored

    def waiting(self) -> tuple[Wish, ...]:
        """Those that are not true yet, oldest first."""
        keys = [as_text(raw) for raw in self._redis.zrange(PREFIX + "wishes-waiting", 0, -1)]
        return tuple(w for w in self._wishes.find_many(keys) if w.state == "waiting")

    def count_waiting(self) -> int:
        return int(self._redis.zcard(PREFIX + "wishes-waiting"))

    # Our own words

    def own(self, thing: str) -> None:
        """Remember that what PagerDuty calls so, a note, is ours."""
        self._redis.set(f"{PREFIX}pagerduty-own:{thing}", 1, ex=_OWN_S)

    def is_own(self, thing: str) -> bool:
        return bool(thing) and bool(self._redis.exists(f"{PREFIX}pagerduty-own:{thing}"))

    # What happened

    def add_change(self, incident_id: str, change: Change) -> str:
        """Keep it for its thread, once, however often it is told; the name of the message that it belongs to, which
        gathers ten minutes."""
        part = str(int(change.at.timestamp()) // _FOLDED_S)
        if not any(_same(change, held) for held in self.changes(incident_id)):
            name = f"{PREFIX}changes-of:{incident_id}"
            self._redis.hset(name, change.id, change.model_dump_json())
            self._redis.expire(name, _CHANGES_S)
        return part

    def changes(self, incident_id: str, part: str | None = None) -> tuple[Change, ...]:
        """Oldest first; those of one message, or all."""
        raw = self._redis.hvals(f"{PREFIX}changes-of:{incident_id}")
        found = sorted((Change.model_validate_json(one) for one in raw), key=_in_order)
        return tuple(c for c in found if part is None or str(int(c.at.timestamp()) // _FOLDED_S) == part)

    # Who is on call, and who can be paged

    def put_on_call(self, found: Iterable[OnCall]) -> None:
        """Replace what was known."""
        pipe = self._redis.pipeline()
        pipe.delete(PREFIX + "on-call")
        for each in found:
            pipe.hset(PREFIX + "on-call", each.service, each.model_dump_json())
        pipe.execute()

    def on_call(self) -> tuple[OnCall, ...]:
        """By service, as last read."""
        held = self._redis.hvals(PREFIX + "on-call")
        return tuple(sorted((OnCall.model_validate_json(raw) for raw in held), key=lambda each: each.service))

    def on_call_for(self, service: str | None) -> OnCall | None:
        raw = self._redis.hget(PREFIX + "on-call", service) if service else None
        return OnCall.model_validate_json(as_text(raw)) if raw else None

    def put_choices(self, choices: Iterable[Choice]) -> None:
        pipe = self._redis.pipeline()
        pipe.delete(PREFIX + "pageable")
        for choice in choices:
            pipe.hset(PREFIX + "pageable", choice.id, choice.name)
        pipe.execute()

    def choices(self) -> tuple[Choice, ...]:
        """Escalation policies, by name."""
        held = self._redis.hgetall(PREFIX + "pageable").items()
        found = (Choice(id=as_text(raw), name=as_text(name)) for raw, name in held)
        return tuple(sorted(found, key=lambda choice: choice.name.lower()))

    # People

    def known_as(self, name: str) -> str | None:
        """What was found out within the hour of an address, a Slack user or a PagerDuty user; "" for nothing."""
        raw = self._redis.get(f"{PREFIX}known-as:{name}")
        return None if raw is None else as_text(raw)

    def note_known(self, name: str, found: str) -> None:
        self._redis.set(f"{PREFIX}known-as:{name}", found, ex=_PERSON_S if found else _NOBODY_S)


def is_fresh(found: OnCall, now: datetime, within_s: float) -> bool:
    return (now - found.read_at).total_seconds() <= within_s


def _in_order(change: Change) -> tuple[datetime, int, str]:
    """Of two changes of one moment the beginning comes first and the end last."""
    return change.at, {"triggered": 0, "resolved": 2}.get(change.kind, 1), change.id


def _same(change: Change, held: Change) -> bool:
    if change.id == held.id:
        return True
    return _gist(change) == _gist(held) and abs((change.at - held.at).total_seconds()) <= _SAME_S


def _gist(change: Change) -> tuple[object, ...]:
    return change.kind, change.number, change.by and change.by.id, change.said, tuple(who.id for who in change.to)
