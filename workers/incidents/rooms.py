"""A channel of an incident's own, made once however often it is asked for. The thread stays where the bot posts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from blocks.command import room_name, told
from blocks.parts import channel as channel_part
from blocks.parts import link, text
from core.command import Room
from core.errors import Refused
from core.incident import Incident
from core.log import get_logger
from core.opening import show_soon
from core.outbox import Message, View
from core.records import Records
from workers.loop.shown import card_key, put
from workers.ports import Slack

log = get_logger(__name__)

_LOCK_S = 50.0
_NAMES = 5
_TOPIC_CHARS = 250  # Slack's limit
_CLOCKS_APART = timedelta(minutes=5)
_WITHOUT = (
    "I may not make channels here: the app lacks the optional scope channels:manage. Whoever manages the app can add it"
    " and reinstall; until then this thread is the incident's place."
)


@dataclass(frozen=True)
class Found:
    """A channel that the bot made."""

    channel: str
    created_at: datetime


class Rooms(Protocol):
    """Channels of Slack. Raises Transient, and Refused with Slack's error code."""

    def create(self, name: str) -> str:
        """The new channel's id."""
        ...

    def find_own(self, name: str) -> Found | None:
        """The channel of that name that this app made, unless it is archived."""
        ...

    def set_topic(self, channel: str, topic: str) -> None: ...
    def invite(self, channel: str, user: str) -> None:
        """Nothing happens when they are in it."""
        ...


def make_room(incident_id: str, asker: str, records: Records, rooms: Rooms, slack: Slack) -> None:
    """The incident's channel, with link both ways; whoever asked, commands and helps is invited. Safe to repeat: what
    was done is not done again. Raises: Transient."""
    with records.redis.lock(f"sre:room:{incident_id}", timeout=_LOCK_S, blocking_timeout=_LOCK_S):
        incident = records.incidents.get(incident_id)
        room = incident.command.room
        if room is None:
            try:
                room = _made(incident, rooms)
            except Refused as error:
                _say_why(incident, asker, error, records, slack)
                return
            incident = _keep(incident, room, asker, records)
        _furnish(incident, room, records, rooms)
        command = incident.command
        leads = [command.commander] if command.commander else []
        _invite(dict.fromkeys([asker, *leads, *command.responders]), incident, room, records, rooms)


def _made(incident: Incident, rooms: Rooms) -> Room:
    """A new channel, or the one that an earlier try made whose answer was lost. Raises: Refused, Transient."""
    base = room_name(incident)
    names = [base, *(f"{base}-{number}" for number in range(2, _NAMES + 1))]
    for position, name in enumerate(names):
        try:
            return Room(channel=rooms.create(name), name=name)
        except Refused as error:
            if error.code != "name_taken" or position == len(names) - 1:
                raise
        found = rooms.find_own(name)
        # Numbers of incidents begin anew when the records are lost: an older channel is another incident's.
        if found and found.created_at >= incident.opened_at - _CLOCKS_APART:
            return Room(channel=found.channel, name=name)
    raise AssertionError("the last name either worked or raised")


def _keep(incident: Incident, room: Room, asker: str, records: Records) -> Incident:
    def change(held: Incident) -> Incident:
        return held.model_copy(update={"command": held.command.model_copy(update={"room": room})})

    after = records.incidents.update(incident.id, change)
    data = {"channel": room.channel, "name": room.name}
    records.ledger.append("room.made", actor=asker, at=records.now(), incident=incident.id, data=data)
    return after


def _furnish(incident: Incident, room: Room, records: Records, rooms: Rooms) -> None:
    """Topic and links, each once."""
    records.switches.set(f"incident-of-room:{room.channel}", incident.id)
    if records.outbox.find(f"{incident.id}/room"):
        return
    card = records.outbox.find(card_key(incident.id))
    url = card.permalink if card else None
    try:
        topic = f"{incident.id} · {incident.severity} · {' '.join(incident.title.split())}"
        rooms.set_topic(room.channel, topic[:_TOPIC_CHARS])
    except Refused as error:
        log.warning("topic_refused", code=error.code)
    thread = link(url, "its thread") if url else text("its thread")
    here = told(text(f"This is the channel of {incident.id}, {incident.title}. I go on posting in ", 400), thread,
                text("; mention me here as you would there."))  # fmt: skip
    put(Message(key=f"{incident.id}/room-welcome", channel=room.channel, view=here), records)
    if incident.channel:
        there = told(text(f"{incident.id} has a channel of its own: "), channel_part(room.channel),
                     text(". This thread stays where I post."))  # fmt: skip
        put(Message(key=f"{incident.id}/room", channel=incident.channel, view=there, under=card_key(incident.id)),
            records)  # fmt: skip
    show_soon(incident.id, records)


def _invite(people: Iterable[str], incident: Incident, room: Room, records: Records, rooms: Rooms) -> None:
    """One by one: somebody who left must not keep the others out."""
    for user in people:
        if not records.requests.first_time(f"invited:{room.channel}:{user}", 86_400):
            continue
        try:
            rooms.invite(room.channel, user)
        except Refused as error:
            log.warning("invitation_refused", incident=incident.id, code=error.code)


def _say_why(incident: Incident, asker: str, error: Refused, records: Records, slack: Slack) -> None:
    data = {"code": error.code}
    records.ledger.append("room.refused", actor=asker, at=records.now(), incident=incident.id, data=data)
    said = _WITHOUT if error.code in ("missing_scope", "not_allowed_token_type") else (
        f"Slack did not let me make a channel ({error.code}), so this thread stays the incident's place."
    )  # fmt: skip
    if incident.channel:
        _whisper(incident, asker, told(text(said)), slack)


def _whisper(incident: Incident, user: str, view: View, slack: Slack) -> None:
    try:
        slack.whisper(str(incident.channel), user, view, incident.thread_ts)
    except Refused as error:  # they are not in that channel
        log.warning("whisper_refused", code=error.code)
