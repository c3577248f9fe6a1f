"""What somebody needs who joins late: five lines first, then what happened. All of it from the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from blocks.card import STATE_WORDS, began
from blocks.command import people
from blocks.parts import (
    Line,
    Part,
    ago,
    bold,
    bullets,
    channel,
    clock,
    counted,
    is_web,
    link,
    message,
    rich,
    small,
    text,
    user,
)
from blocks.proposal import in_words
from core.diagnosis import Investigation
from core.incident import Incident
from core.ledger import Entry
from core.outbox import View
from core.remediation import Remediation, State

_MOST_EVENTS = 12
_MOST_ACTIONS = 3
_DONE: dict[State, str] = {
    "worked": "it held", "undone": "it made things worse and was taken back", "unproven": "it made no difference",
    "interrupted": "nobody knows whether it was done", "failed": "it could not be done", "watching": "I watch it",
    "begun": "under way", "approved": "about to begin", "rejected": "rejected",
}  # fmt: skip
_HAPPENED = {
    "incident.opened": "opened", "severity.set": "severity", "command.taken": "took command",
    "command.handed_over": "handed over", "status.updated": "said", "incident.noted": "noted",
    "incident.merged": "merged", "incident.absorbed": "took another in", "incident.split": "alerts split off",
    "incident.reopened": "reopened", "incident.resolved": "resolved", "approval.granted": "approved",
    "approval.rejected": "rejected", "action.begun": "began an action", "action.done": "action done",
    "remediation.ended": "action ended", "incident.fixed": "what fixed it", "room.made": "a channel was made",
    "alerts.joined": "alerts joined",
}  # fmt: skip


def catch_up_view(
    incident: Incident, last: Investigation | None, done: Sequence[Remediation], entries: Sequence[Entry], now: datetime
) -> View:
    """Where an incident stands, for one person."""
    state = STATE_WORDS[incident.state]
    lasted = ago((incident.resolved_at or now) - began(incident))
    lines: list[Line] = [
        [bold(f"{incident.id} · {incident.title}", 250), text(f" · {incident.severity} · {state}, {lasted}")],
        [bold("Cause "), *_cause(last)],
        [bold("Done "), *_done(done)],
        [bold("Open "), *_open(incident, done)],
        [bold("People "), *_people(incident, now)],
    ]
    blocks = [rich(*lines)]
    happened = [entry for entry in entries if entry.event in _HAPPENED]
    if happened:
        blocks.append(bullets([list(_event(entry, now)) for entry in happened[-_MOST_EVENTS:]]))
    if len(happened) > _MOST_EVENTS:
        blocks.append(small(f"and {len(happened) - _MOST_EVENTS} before; /sre explain {incident.id} has everything"))
    return message(f"{incident.id}, {incident.severity}, is {state} since {lasted}: {incident.title}", blocks)


def _cause(last: Investigation | None) -> Iterator[Part]:
    diagnosis = last.diagnosis if last else None
    if diagnosis is None:
        yield text("not known; nobody has finished looking.")
    elif diagnosis.root_cause is None:
        yield text("I see nothing wrong." if diagnosis.status == "diagnosed" else "not known; a person should look.")
    else:
        sure = "" if diagnosis.status == "diagnosed" else "not sure: "
        yield text(f"{sure}{diagnosis.root_cause.statement}", 350)
        yield text(f" (confidence {diagnosis.confidence:.2f})")


def _done(done: Sequence[Remediation]) -> Iterator[Part]:
    told = [rem for rem in done if rem.state in _DONE]
    for position, rem in enumerate(told[-_MOST_ACTIONS:]):
        if position:
            yield text("; ")
        yield text(in_words(rem.action), 150)
        if rem.decided_by and rem.state != "rejected":
            yield text(", approved by ")
            yield user(rem.decided_by)
        yield text(f": {_DONE[rem.state]}")
        if rem.decided_by and rem.state == "rejected":
            yield text(" by ")
            yield user(rem.decided_by)
    if not told:
        yield text("nothing yet.")


def _open(incident: Incident, done: Sequence[Remediation]) -> Iterator[Part]:
    if not incident.is_open:
        fix = incident.command.fix
        yield text(f"nothing; fixed by: {fix.what}" if fix else "nothing; nobody said yet what fixed it.", 350)
        return
    waiting = [rem for rem in done if rem.state in ("asked", "proposed")]
    known = len(incident.alerts) + incident.truncated_alerts
    yield text(f"{incident.how_many_fire} of {counted(known, 'alert')} firing" if known else "no alert is part of it")
    if waiting:
        yield text(f"; waits for approval: {in_words(waiting[-1].action)}", 250)


def _people(incident: Incident, now: datetime) -> Iterator[Part]:
    command = incident.command
    if command.commander:
        yield user(command.commander)
        yield text(" commands")
        if command.since:
            yield text(" since ")
            yield clock(command.since, now)
    else:
        yield text("nobody commands")
    if command.responders:
        yield text(", with ")
        yield from people(command.responders)
    if command.update:
        yield text(" · last status ")
        yield clock(command.update.at, now)
        yield text(f": {command.update.headline}", 300)
        due = command.update.next_at
        if due and incident.is_open:
            yield text(" · next one is late since " if due < now else " · next one at ")
            yield clock(due, now)
    else:
        yield text(" · no status yet")
    if command.room:
        yield text(" · ")
        yield channel(command.room.channel)


def _event(entry: Entry, now: datetime) -> Iterator[Part]:
    yield clock(entry.at, now)
    yield text(f" {_HAPPENED[entry.event]}", 60)
    facts = entry.data
    if entry.event == "severity.set":
        yield text(f" {facts.get('before')} → {facts.get('after')}", 40)
    said = facts.get("known") or facts.get("what") or facts.get("said") or facts.get("why") or facts.get("outcome")
    if said:
        yield text(f": {said}", 200)
    if is_web(facts.get("link")):
        yield text(" ")
        yield link(str(facts["link"]), "message")
    if entry.actor not in ("bot", "alertmanager"):
        yield text(" by ")
        yield user(entry.actor)
