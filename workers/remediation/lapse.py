"""Approvals that grow old: counted down, escalated, closed. Nothing here allows anything."""

from __future__ import annotations

from datetime import timedelta

from blocks.approval import escalation_view, expired_view
from core.errors import Conflict
from core.outbox import Message, View
from core.queues import DELIVER, LAPSE
from core.records import Records
from core.remediation import RUNNING, WAITING, Remediation
from workers.loop.shown import put
from workers.paging.wanted import page_about
from workers.remediation.proposals import drawn, incident_of, move, note, note_once, set_incident, show

TAKEN_UP = timedelta(seconds=10)  # by an operator that runs, usually within one
ESCALATE_AFTER = 2 / 3  # of its life
_NOT_DONE = "Nobody decided in time, so nothing has been changed."


def lapse(records: Records) -> None:
    """Look at every remediation that waits. Safe to repeat."""
    for rem in records.remediations.active():
        if rem.state not in WAITING:
            continue
        if _over(rem, records):
            # A job of its own: if it dies half-way, it is run again with the same id, though it waits no longer.
            records.queues.enqueue("notify", LAPSE, rem.id)
            continue
        if rem.state == "asked" and not rem.escalated_at and _old(rem, records):
            _escalate(rem, records)
        if rem.state == "proposed" and records.now() - rem.created_at >= TAKEN_UP:
            show(rem, records)  # no operator has
        redraw(rem.id, records)


def close(remediation_id: str, records: Records) -> None:
    """End one whose time is up, unless a click came first. Safe to repeat: what was not told yet is told."""
    rem = records.remediations.get(remediation_id)
    incident = incident_of(rem, records)
    if rem.state in WAITING and incident and not incident.is_open:
        supersede(incident.id, records, "The incident ended, so this is not done.")
        return
    if rem.state == "asked" and _over(rem, records):
        try:
            rem = move(rem, records, "asked", state="expired", ended_at=records.now(), outcome=_NOT_DONE)
        except Conflict:
            return  # a click came first, and shows itself
    if rem.state == "expired":
        _tell(rem, records)


def _tell(rem: Remediation, records: Records) -> None:
    redraw(rem.id, records)
    note_once("approval.expired", rem, records, actor="bot")
    _say(rem, f"expired-{rem.number}", expired_view(rem), records)
    page_about(rem, records)
    _reopen(rem, records)


def supersede(incident_id: str, records: Records, why: str, keep: str | None = None) -> None:
    """Close all of an incident that wait, as a sentence says why. Safe to repeat.

    Args:
        keep: The investigation whose own ones stay.
    """
    for rem in records.remediations.of_incident(incident_id):
        if rem.state not in WAITING or rem.investigation == keep:
            continue
        try:
            move(rem, records, *WAITING, state="superseded", ended_at=records.now(), outcome=why)
        except Conflict:
            continue  # a click or the clock came first
        note("approval.superseded", rem, records, actor="bot", why=why)
        redraw(rem.id, records)


def redraw(remediation_id: str, records: Records) -> None:
    """Bring its message in step, if it has one and that shows something else.

    The record is read in the very step that saves the message: a decision that comes between is never drawn over.
    """
    rem = records.remediations.get(remediation_id)
    key = _card_key(rem)
    before = records.outbox.find(key)
    if before is None:
        return

    def newest(message: Message) -> Message:
        rem = records.remediations.get(remediation_id)
        return message.model_copy(update={"view": drawn(rem, records), "urgent": rem.state == "asked"})

    if records.outbox.update(key, newest).version != before.version:
        records.queues.enqueue("notify", DELIVER, key)


def _card_key(rem: Remediation) -> str:
    return f"{rem.investigation}/proposal-{rem.number}"


def _over(rem: Remediation, records: Records) -> bool:
    """Whether nothing can come of it any more."""
    incident = incident_of(rem, records)
    if incident and not incident.is_open:
        return True
    return rem.state == "asked" and rem.expires_at is not None and rem.expires_at <= records.now()


def _old(rem: Remediation, records: Records) -> bool:
    if rem.asked_at is None or rem.expires_at is None:
        return False
    return records.now() - rem.asked_at >= (rem.expires_at - rem.asked_at) * ESCALATE_AFTER


def _escalate(rem: Remediation, records: Records) -> None:
    """Mention those who were not asked yet. The message first: by its key it is posted once."""
    approvers = records.settings.config.approvers
    _say(rem, f"escalation-{rem.number}", escalation_view(rem, records.now(), approvers), records)
    try:
        move(rem, records, "asked", escalated_at=records.now())
    except Conflict:
        return  # decided meanwhile
    note("approval.escalated", rem, records, actor="bot")
    page_about(rem, records)


def _say(rem: Remediation, part: str, view: View, records: Records) -> None:
    """A message of its own beside the card, once."""
    card = records.outbox.find(_card_key(rem))
    key = f"{rem.investigation}/{part}"
    if card and records.outbox.find(key) is None:
        beside = {"under": card.under, "thread_ts": card.thread_ts, "investigation": rem.investigation}
        of = {"remediation": rem.id, "urgent": rem.state == "asked"}
        put(Message(key=key, channel=card.channel, view=view, **beside, **of), records)


def _reopen(rem: Remediation, records: Records) -> None:
    """The incident is open again, unless something else of it waits or runs."""
    incident = incident_of(rem, records)
    if incident is None or incident.state != "waiting":
        return
    others = records.remediations.of_incident(incident.id)
    if not any(other.state in WAITING | RUNNING for other in others):
        set_incident(rem, "open", records)
