"""Toil: noted by command or from a thread, taken back by its button."""

from __future__ import annotations

import json
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

from blocks.replies import reply
from blocks.toil import FIELD, MINUTES_BLOCK, WHAT_BLOCK, mine_view, noted_view, toil_form
from bot.answering import Body, Place
from bot.commanding import incident_at
from core.incident import Incident
from core.mask import mask
from core.outbox import View
from core.records import Records
from core.toil import UNDO_WITHIN, WORDS_CHARS, Read, ToilEntry, Unread, read_minutes, read_toil
from core.toil_groups import works

_MOST_TYPES = 5


def toil(rest: str, user: str, records: Records) -> View:
    """Note what somebody did by hand, or show this week's."""
    now = records.now()
    if not rest:
        week = records.toil.between(monday_of(now), now + timedelta(seconds=1))
        return mine_view([entry for entry in week if entry.user == user], works(week), now)
    try:
        read = read_toil(rest)
    except Unread as error:
        return reply(str(error))
    return noted_view(_noted(read, user, None, records))


def monday_of(at: datetime) -> datetime:
    """When its week began, in UTC."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def on_undo(body: Body, records: Records) -> View:
    """Take an entry back; only whoever logged it, and not for long."""
    entry = records.toil.find(str(body["actions"][0].get("value") or ""))
    if entry is None:
        return reply("That is not in the list any more.")
    if entry.user != body["user"]["id"]:
        return reply("Somebody else logged that, so it stays.")
    if records.now() - entry.at > UNDO_WITHIN:
        return reply(f"That was more than {UNDO_WITHIN.seconds // 60} min ago, so it stays in the list.")
    records.toil.remove(entry.id)
    return reply(f"Taken back: {entry.what}")


def on_log_toil(body: Body, place: Place, records: Records) -> Body:
    """The form, for the thread of the message that it was opened on."""
    message = body["message"]
    held = incident_at(body["channel"]["id"], message.get("thread_ts") or message["ts"], records)
    about = f"Work by hand for {held.id}, {held.title}" if held else "Work by hand, for no incident"
    return toil_form({"incident": held.id if held else "", "place": astuple(place)}, about)


def on_logged(body: Body, records: Records) -> View | dict[str, str]:
    """What becomes of the form: what its author is told, or the errors by field."""
    view = body["view"]
    values = {block: str(fields[FIELD].get("value") or "") for block, fields in view["state"]["values"].items()}
    try:
        minutes = read_minutes(values.get(MINUTES_BLOCK, ""))
    except Unread as error:
        return {MINUTES_BLOCK: str(error)}
    what = " ".join(values.get(WHAT_BLOCK, "").split())
    if not what:
        return {WHAT_BLOCK: "Say what you did, in a few words."}
    metadata = json.loads(view["private_metadata"] or "{}")
    held = records.incidents.holder(metadata.get("incident") or "")
    return noted_view(_noted(Read(minutes, what), body["user"]["id"], held, records))


def place_in(body: Body) -> Place:
    """Where the form was opened."""
    _, *where = json.loads(body["view"]["private_metadata"])["place"]
    return Place(body["user"]["id"], *where)


def _noted(read: Read, user: str, incident: Incident | None, records: Records) -> ToilEntry:
    services = records.settings.config.services
    words = {word.strip(".,:;").lower() for word in read.what.split()}
    named = next((name for name in services if name.lower() in words), None)
    entry = ToilEntry(
        id=records.toil.new_id(), user=user, minutes=read.minutes, at=records.now(),
        what=mask(read.what, records.settings.secrets())[:WORDS_CHARS],
        service=incident.service if incident else named, incident=incident.id if incident else None,
        alert_types=tuple(sorted({alert.name for alert in incident.alerts}))[:_MOST_TYPES] if incident else (),
    )  # fmt: skip
    records.toil.note(entry)
    return entry
