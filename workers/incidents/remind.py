"""Whoever promised an update and did not give it is reminded: seldom, and not at night of what can wait."""

from __future__ import annotations

from datetime import datetime, timedelta

from blocks.command import reminder_view
from core.command import StatusUpdate
from core.incident import Incident
from core.incident_settings import IncidentRules
from core.outbox import Message
from core.records import Records
from workers.loop.shown import card_key, put


def remind(records: Records) -> None:
    """Send what is due. Safe to repeat, and from several schedulers: a reminder's key is its number."""
    for incident in records.incidents.open():
        update = incident.command.update
        if update and incident.channel and is_due(incident, update, records.settings.config.incidents, records.now()):
            _remind(incident, update, records)


def is_due(incident: Incident, update: StatusUpdate, rules: IncidentRules, now: datetime) -> bool:
    """Whether its commander is to be reminded now."""
    if update.next_at is None or now < update.next_at or update.reminded >= rules.most_reminders:
        return False
    if update.reminded_at and now - update.reminded_at < timedelta(minutes=rules.remind_every_minutes):
        return False
    return not rules.night.covers(incident.severity, now)


def _remind(incident: Incident, update: StatusUpdate, records: Records) -> None:
    """The message first: if this dies before the count is saved, the next run puts the same one again."""
    assert incident.channel
    to, number, now = incident.command.commander or update.by, update.reminded + 1, records.now()
    key = f"{incident.id}/reminder-{int(update.at.timestamp())}-{number}"
    view = reminder_view(incident, update, to, now)
    if records.outbox.find(key) is None:
        put(Message(key=key, channel=incident.channel, view=view, under=card_key(incident.id)), records)

    counted = False

    def change(held: Incident) -> Incident:
        nonlocal counted
        counted = held.command.update == update  # else a new update came, or another scheduler counted this one
        if not counted:
            return held
        told = update.model_copy(update={"reminded": number, "reminded_at": now})
        return held.model_copy(update={"command": held.command.model_copy(update={"update": told})})

    records.incidents.update(incident.id, change)
    if counted:
        data = {"to": to, "number": number}
        records.ledger.append("status.reminded", actor="bot", at=now, incident=incident.id, data=data)
