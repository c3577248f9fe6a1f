"""What people order about an incident: each order changes the record once, goes into the ledger with its author, and is
told in the thread. Anybody may; the answer goes to whoever ordered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from blocks.command import (
    BY_ITSELF,
    NEEDS_WORDS,
    OTHER_RIGHT,
    OTHER_WRONG,
    SEVERITIES,
    UNKNOWN,
    order_button,
    room_name,
    told,
    update_view,
)
from blocks.parts import Part, buttons, channel, clock, is_web, text, user
from blocks.parts import bold as strong
from blocks.proposal import in_words
from core.command import NOT_KNOWN, WENT_AWAY, Fix, StatusUpdate
from core.errors import Conflict, NotFound, Transient
from core.incident import Incident, Severity
from core.intake import turn
from core.ledger import Entry
from core.mask import mask
from core.noticing import NOTHING_WRONG, call_false
from core.opening import show_soon
from core.outbox import Message, View
from core.page import Wish
from core.permalinks import permalink
from core.queues import COUNT_INCIDENT, DELIVER, MAKE_ROOM, REMEMBER
from core.records import Records
from core.remediation import Remediation
from core.reopening import reopen_locked
from core.settling import resolve
from core.wishing import wish

_PATIENCE_S = 1.5  # Slack waits 3 s for an answer
_NOTED_CHARS = 300
_MOST_RESPONDERS = 100
_UNDER_WAY = frozenset({"approved", "begun"})
_SAID = {BY_ITSELF: WENT_AWAY, UNKNOWN: NOT_KNOWN}


@dataclass(frozen=True)
class Who:
    """Whoever orders. In the thread they are named rather than mentioned: nobody is pinged for what they did."""

    user: str
    name: str = ""

    @property
    def part(self) -> Part:
        return text(f"@{self.name}", 80) if self.name else user(self.user)


def set_severity(incident_id: str, severity: Severity, reason: str, who: Who, records: Records) -> View:
    """Raise or lower it; alerts change it no more."""
    before = records.incidents.get(incident_id)
    if before.severity == severity:
        return told(text(f"{before.id} is {severity} already."))

    def change(incident: Incident) -> Incident:
        if incident.severity != before.severity:
            return incident
        by = incident.command.model_copy(update={"severity_by": who.user})
        return incident.model_copy(update={"severity": severity, "command": by})

    after, took = _change(incident_id, change, records)
    if not took:
        return told(text(f"Somebody set {before.id} to {after.severity} in this moment; look at the card."))
    why = _clean(reason, records)
    facts = {"before": before.severity, "after": severity, "why": why}
    entry = _note("severity.set", after, who, records, **facts)
    line = [strong(f"{before.severity} → {severity}"), text(f" ({SEVERITIES[severity]}), by "), who.part]
    _say(after, entry, told(*line, *([text(f": {why}", 250)] if why else [])), records)
    return told(text(f"{after.id} is {severity} now: {SEVERITIES[severity]}."))


def take_command(incident_id: str, who: Who, records: Records, over: str | None = None) -> View:
    """Let whoever asks command, if nobody does, or the one does over whom they confirmed to take."""
    return _command(incident_id, who.user, who, records, over, "command.taken")


def hand_over(incident_id: str, to: str, who: Who, records: Records) -> View:
    held = records.incidents.get(incident_id).command.commander
    return _command(incident_id, to, who, records, held, "command.handed_over")


def _command(incident_id: str, to: str, who: Who, records: Records, over: str | None, event: str) -> View:
    now, before = records.now(), records.incidents.get(incident_id)
    if not before.is_open:
        return told(text(f"{before.id} is over, so there is nothing to command."))
    if before.command.commander == to:
        whom = text("You command") if to == who.user else user(to)
        return told(whom, text(f"{'' if to == who.user else ' commands'} {before.id} already."))

    def change(incident: Incident) -> Incident:
        if incident.command.commander not in (None, over) or not incident.is_open:
            return incident
        leads = incident.command.model_copy(update={"commander": to, "since": now})
        return incident.model_copy(update={"command": leads})

    after, took = _change(incident_id, change, records)
    if not took:
        faster = after.command.commander or ""
        return told(user(faster), text(f" was faster and commands {after.id}. Click again to take over."))
    entry = _note(event, after, who, records, to=to, over=over)
    whom = who.part if to == who.user else user(to)
    line = [whom, text(f" commands {after.id}")]
    if over and over != to:
        line += [text(", after "), who.part if over == who.user else user(over)]
    if to != who.user:
        line += [text("; handed over by "), who.part]
    _say(after, entry, told(*line), records)
    return told(text("You command" if to == who.user else "Handed over"), text(f": {after.id}. The card says so."))


def join(incident_id: str, who: Who, records: Records) -> View:
    before = records.incidents.get(incident_id)
    if len(before.command.responders) >= _MOST_RESPONDERS and who.user not in before.command.responders:
        return told(text(f"{before.id} has {_MOST_RESPONDERS} responders, which is all that I can list."))
    after, took = _responders(incident_id, lambda held: held if who.user in held else (*held, who.user), records)
    if not took:
        return told(text(f"You are among the responders of {after.id} already."))
    _note("responder.joined", after, who, records)
    show_soon(after.id, records)
    if after.command.room:
        records.queues.enqueue("notify", MAKE_ROOM, after.id, who.user)
    return told(text(f"You are a responder of {after.id}; the card says so. Catch me up tells you where it stands."))


def leave(incident_id: str, who: Who, records: Records) -> View:
    after, took = _responders(incident_id, lambda held: tuple(one for one in held if one != who.user), records)
    if not took:
        return told(text(f"You are not among the responders of {after.id}."))
    _note("responder.left", after, who, records)
    show_soon(after.id, records)
    commands = " You still command it; hand it over if you go." if after.command.commander == who.user else ""
    return told(text(f"You left the responders of {after.id}.{commands}"))


def _responders(
    incident_id: str, of: Callable[[tuple[str, ...]], tuple[str, ...]], records: Records
) -> tuple[Incident, bool]:
    def change(incident: Incident) -> Incident:
        held = incident.command.model_copy(update={"responders": of(incident.command.responders)})
        return incident.model_copy(update={"command": held})

    return _change(incident_id, change, records)


def _change(incident_id: str, change: Callable[[Incident], Incident], records: Records) -> tuple[Incident, bool]:
    """The incident as it is then, and whether it was this call that changed it."""
    took = False

    def once(held: Incident) -> Incident:
        nonlocal took
        after = change(held)
        took = after != held
        return after

    return records.incidents.update(incident_id, once), took


def post_update(incident_id: str, known: str, impact: str, minutes: int, who: Who, records: Records) -> View:
    """Say where things stand: in the thread, and as the card's headline. `minutes` 0 promises no next update."""
    now, said, hurt = records.now(), _clean(known, records), _clean(impact, records)
    if not said:
        return told(text("Say what is known, in a few words."))
    if not records.incidents.get(incident_id).is_open:
        return told(text(f"{incident_id} is over; reopen it first if it is not."))

    def change(incident: Incident) -> Incident:
        last = incident.command.update
        new = StatusUpdate(
            number=last.number + 1 if last else 1, by=who.user, at=now, known=said, impact=hurt,
            next_at=now + timedelta(minutes=minutes) if minutes else None,
        )  # fmt: skip
        held = incident.command.model_copy(update={"update": new})
        return incident.model_copy(update={"command": held, "headline": new.headline})

    after = records.incidents.update(incident_id, change)
    new = after.command.update
    assert new
    entry = _note(
        "status.updated", after, who, records, number=new.number, known=said, impact=hurt, next_at=new.next_at
    )
    _say(after, entry, update_view(after, new, who.part, now), records)
    due: list[Part] = [text(" The next one is due at "), clock(new.next_at, now), text(".")] if new.next_at else []
    return told(text(f"Posted in the thread of {after.id}, and on its card."), *due)


def ask_for_room(incident_id: str, who: Who, records: Records) -> View:
    """Have a channel made; a worker does, since Slack may take long."""
    incident = records.incidents.get(incident_id)
    if incident.command.room:
        records.queues.enqueue("notify", MAKE_ROOM, incident.id, who.user, once=True)
        return told(text("It has one, and you are invited: "), channel(incident.command.room.channel))
    _note("room.asked", incident, who, records)
    records.queues.enqueue("notify", MAKE_ROOM, incident.id, who.user, once=True)
    return told(text(f"I am making #{room_name(incident)}; its link comes into the thread of {incident.id}."))


def mark_message(incident_id: str, said: str, place: tuple[str, str], who: Who, records: Records) -> View:
    """Put a message on the timeline, once. `place` is its channel and ts."""
    incident = records.incidents.get(incident_id)
    where, ts = place
    if any(e.event == "incident.noted" and e.data.get("ts") == ts for e in records.ledger.of_incident(incident.id)):
        return told(text(f"It stands on the timeline of {incident.id} already."))
    link = address_of(incident, where, ts, records)
    _note("incident.noted", incident, who, records, channel=where, ts=ts, link=link,
          said=_clean(said, records)[:_NOTED_CHARS])  # fmt: skip
    return told(text(f"Noted on the timeline of {incident.id}; Catch me up and /sre explain {incident.id} show it."))


def address_of(incident: Incident, where: str, ts: str, records: Records) -> str | None:
    """The address of a message, made of the card's."""
    card = records.outbox.find(f"{incident.id}/card")
    thread_ts = incident.thread_ts if where == incident.channel else None
    address = permalink(card.permalink if card else None, where, ts, thread_ts)
    return address if is_web(address) else None


def resolve_by_hand(incident_id: str, chosen: str, words: str, who: Who, records: Records) -> View:
    """End it, as somebody says what fixed it; also in PagerDuty, in their name. Of two at once the first counts."""
    try:
        with turn(records, _PATIENCE_S):
            before = records.incidents.get(incident_id)
            if not before.is_open:
                return told(text(f"{before.id} is over already; Something else fixed it, on its card, corrects why."))
            if busy := next((r for r in records.remediations.of_incident(before.id) if r.state in _UNDER_WAY), None):
                return told(text(f"{busy.id} is being done at this moment; resolve it after that."))
            fix = _fix(chosen, words, who, before, records)
            _keep(fix, before, who, records)
            after = resolve(records.incidents.get(incident_id), records, who.user)
    except (Transient, Conflict) as error:
        return told(text(f"It was not resolved. {error}"))
    for page in after.pages if records.settings.pagerduty_api_key else ():
        if page.is_open:
            wish(Wish(key=f"{after.id}/resolve/{page.id}/{after.version}", kind="resolve", incident=after.id,
                      page=page.id, by=who.user, channel=after.channel, thread_ts=after.thread_ts,
                      at=records.now()), records)  # fmt: skip
    return told(text(f"{after.id} is resolved, and remembered: {fix.what}"))


def nothing_wrong(incident_id: str, who: Who, records: Records) -> View:
    """What the bot noticed by itself was no trouble: counted as a false alarm, and over."""
    incident = records.incidents.get(incident_id)
    if not incident.in_shadow:
        return told(text(f"An alert fires for {incident.id} by now; Resolve ends it, and asks what fixed it."))
    if (fix := incident.command.fix) and fix.what == NOTHING_WRONG:
        return told(text(f"That is what {incident.id} says already."))
    if incident.is_open:
        said = resolve_by_hand(incident.id, UNKNOWN, NOTHING_WRONG, who, records)
        if records.incidents.get(incident.id).is_open:
            return said
    else:
        say_fix(incident.id, UNKNOWN, NOTHING_WRONG, who, records)
    call_false(incident, who.user, records)
    return told(text(f"Noted: a false alarm, and counted as one. {incident.id} is over."))


def say_fix(incident_id: str, chosen: str, words: str, who: Who, records: Records) -> View:
    """Note what fixed it, or correct that; what is remembered follows."""
    incident = records.incidents.get(incident_id)
    fix = _fix(chosen, words, who, incident, records)
    held = incident.command.fix
    if held and (held.what, held.cause_right) == (fix.what, fix.cause_right):
        return told(text(f"That is what {incident.id} says already."))
    _keep(fix, incident, who, records)
    if not incident.is_open:
        records.queues.enqueue("investigate", REMEMBER, incident.id)
        records.queues.enqueue("notify", COUNT_INCIDENT, incident.id)
    show_soon(incident.id, records)
    return told(text(f"Remembered for {incident.id}: {fix.what}"))


def _fix(chosen: str, words: str, who: Who, incident: Incident, records: Records) -> Fix:
    said = _clean(words, records)
    found = records.remediations.find(chosen) if chosen.startswith("ACT-") else None
    rem = found if found and found.incident == incident.id else None
    what = said or (in_words(rem.action) if rem else _SAID.get(chosen, NOT_KNOWN))
    right = True if rem or chosen == OTHER_RIGHT else False if chosen == OTHER_WRONG else None
    return Fix(what=what, action=rem.id if rem else None, cause_right=right, by=who.user, at=records.now())


def _keep(fix: Fix, incident: Incident, who: Who, records: Records) -> None:
    def change(held: Incident) -> Incident:
        return held.model_copy(update={"command": held.command.model_copy(update={"fix": fix})})

    after = records.incidents.update(incident.id, change)
    entry = _note("incident.fixed", after, who, records, what=fix.what, action=fix.action, cause_right=fix.cause_right)
    if fix.cause_right is not None and after.investigation and named_cause(after, records):
        records.outcomes.note({alert.name for alert in after.alerts}, after.investigation, fix.cause_right)
    _say(after, entry, told(text("What fixed it: "), text(fix.what, 350), text(" · said by "), who.part), records)


def named_cause(incident: Incident, records: Records) -> str:
    """The cause that the last investigation named; "" when it named none."""
    if incident.investigation is None:
        return ""
    try:
        diagnosis = records.investigations.get(incident.investigation).diagnosis
    except NotFound:
        return ""
    sure = diagnosis is not None and diagnosis.status == "diagnosed"
    return diagnosis.root_cause.statement if diagnosis and sure and diagnosis.root_cause else ""


def actions_of(incident: Incident, records: Records) -> list[tuple[str, str]]:
    """What was done for it or proposed, for a choice: what held first, then the rest, newest first."""
    order = {"worked": 0, "watching": 1, "unproven": 2, "undone": 3}
    newest = records.remediations.of_incident(incident.id)[::-1]
    found = sorted(newest, key=lambda rem: order.get(rem.state, 9))
    return [(rem.id, _choice(rem)) for rem in found]


def _choice(rem: Remediation) -> str:
    done = {"worked", "watching", "unproven", "undone", "interrupted"}
    words = in_words(rem.action)
    return words[:1].upper() + words[1:] + ("" if rem.state in done else " (by hand)")


def reopen(incident_id: str, who: Who, records: Records) -> View:
    """Call it open again and look anew."""
    try:
        with turn(records, _PATIENCE_S):
            after = reopen_locked(incident_id, who.user, records)
    except (NotFound, Conflict, Transient) as error:
        return told(text(f"Nothing was reopened. {error}"))
    last = records.ledger.of_incident(after.id)[-1]
    _say(after, last, told(text(f"{after.id} is open again and I am looking; reopened by "), who.part), records)
    return told(text(f"{after.id} is open again, and I am looking anew."))


def offer_form(name: str, incident_id: str, words: str, label: str = "") -> View:
    """A sentence with the button that opens a form, for where nobody may open one."""
    view = told(text(words))
    return View(text=view.text, blocks=(*view.blocks, buttons(order_button(name, incident_id, label))))


def needs_words(chosen: str, words: str) -> bool:
    return chosen in NEEDS_WORDS and not words.strip()


def _clean(words: str, records: Records) -> str:
    return " ".join(mask(words, records.settings.secrets()).split())


def _note(event: str, incident: Incident, who: Who, records: Records, **data: object) -> Entry:
    facts = {key: value for key, value in data.items() if value not in (None, "")}
    return records.ledger.append(event, actor=who.user, at=records.now(), incident=incident.id, data=facts)


def _say(incident: Incident, entry: Entry, view: View, records: Records) -> None:
    """In the incident's thread, once for this entry, and have the card drawn."""
    if incident.channel and not incident.hushed_until:
        key = f"{incident.id}/said-{entry.seq}"
        records.outbox.put(Message(key=key, channel=incident.channel, view=view, under=f"{incident.id}/card"))
        records.queues.enqueue("notify", DELIVER, key)
    show_soon(incident.id, records)
