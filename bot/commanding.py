"""Running an incident from Slack: buttons, the card's menu, forms, a shortcut on messages, and words in its thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any, get_args
from uuid import uuid4

from blocks.catching_up import catch_up_view
from blocks.command import (
    FIELD,
    LABELS,
    fix_form,
    hand_over_form,
    menu_modal,
    reply_blocks,
    severity_form,
    take_form,
    told,
    told_form,
    update_form,
)
from blocks.grouping import ALERTS, EVERYTHING, MERGE
from blocks.paging import ESCALATE, LOOK_AGAIN, NOTE, PAGE
from blocks.parts import text
from blocks.replies import reply
from bot import orders
from bot.answering import Body, Place
from bot.grouping import on_more
from bot.orders import Who
from bot.paging import on_page_button
from bot.postmortem import draft_postmortem
from bot.words import of_message
from core.errors import NotFound
from core.incident import Incident, Severity
from core.outbox import View
from core.queues import SIMILAR
from core.records import Records
from core.request import Request

# Why somebody may not be named here, as a sentence; None when they may, or nobody can tell.
Absent = Callable[[str], str | None]

_SAID_CHARS = 300
_OF_OPEN_ONES = {"take", "hand_over", "join", "update", "severity", "resolve"}
_AT_ONCE: dict[str, Callable[[str, Who, Records], View]] = {
    "join": orders.join, "leave": orders.leave, "room": orders.ask_for_room, "reopen": orders.reopen,
    "nothing": orders.nothing_wrong,
    "postmortem": draft_postmortem,
}  # fmt: skip
_GONE = "That incident is gone."
_ELSEWHERE = {ALERTS: "Alerts", MERGE: "Merge", LOOK_AGAIN: "Investigate again"}
_IN_PAGERDUTY = {NOTE: "Add a note in PagerDuty", PAGE: "Page someone", ESCALATE: "Escalate"}


def on_order(body: Body, place: Place, records: Records) -> Body | View:
    """What a button of ours asks for: a form, or what was done, in a sentence."""
    pressed = body["actions"][0]
    name = pressed["action_id"].partition(":")[2]
    metadata = _metadata(body, place)
    held = records.incidents.holder(metadata.get("incident") or pressed["value"])
    if held is None:
        return reply(_GONE)
    metadata["incident"] = held.id
    if name in _ELSEWHERE or name in _IN_PAGERDUTY:
        return _elsewhere(name, held, body, _place(metadata, body), records)
    return _ordered(name, held, _who(body), metadata, records)


def on_choice(body: Body, place: Place, records: Records) -> Body | View | None:
    """The same for a choice of the card's menu; None when it is not ours."""
    choice, _, incident_id = body["actions"][0]["selected_option"]["value"].partition(":")
    if choice not in LABELS and choice != EVERYTHING:
        return None
    held = records.incidents.holder(incident_id)
    if held is None:
        return reply(_GONE)
    metadata = _metadata(body, place) | {"incident": held.id}
    if choice == EVERYTHING:
        return _menu(held, body["user"]["id"], metadata, records)
    return _ordered(choice, held, _who(body), metadata, records)


def on_incident_menu(body: Body, place: Place, records: Records) -> Body | View:
    """The message shortcut: all that can be done with the incident whose thread the message is in."""
    message, where = body["message"], body["channel"]["id"]
    found = incident_at(where, message.get("thread_ts") or message["ts"], records)
    if found is None:
        return reply("That message is in no incident's thread; Investigate this looks into what it says.")
    about = {"channel": where, "ts": message["ts"], "said": of_message(message)[:_SAID_CHARS]}
    metadata = {"incident": found.id, "place": astuple(place), "about": about}
    return _menu(found, body["user"]["id"], metadata, records)


def on_form(body: Body, records: Records, absent: Absent) -> Body | dict[str, str]:
    """What became of a form: a modal that says so, or the errors by field."""
    view = body["view"]
    name, metadata = view["callback_id"].partition(":")[2], json.loads(view["private_metadata"] or "{}")
    values = {block: fields[FIELD] for block, fields in view["state"]["values"].items() if FIELD in fields}
    held = records.incidents.holder(metadata.get("incident", ""))
    if held is None:
        return told_form("Gone", reply_blocks(reply(_GONE)))
    said = _submitted(name, held, values, metadata, _who(body), records, absent)
    return said if isinstance(said, dict) else told_form(held.id, reply_blocks(said))


def ask_what_fixed_it(incident_id: str, place: Place, records: Records) -> Body | None:
    """The form that asks it of whoever resolved an incident; None when somebody said so."""
    held = records.incidents.holder(incident_id)
    if held is None or held.command.fix:
        return None
    metadata = {"incident": held.id, "place": astuple(place)}
    return _fix_form(held, metadata, records, ends=False)


def incident_at(where: str, thread_ts: str, records: Records) -> Incident | None:
    """The incident whose thread or whose own channel this is."""
    found = records.incidents.of_thread(where, thread_ts)
    held = found.id if found else records.switches.find(f"incident-of-room:{where}")
    return records.incidents.holder(held) if held else None


def catch_up(incident: Incident, records: Records) -> View:
    """All that a late joiner needs, from the records."""
    try:
        last = records.investigations.get(incident.investigation) if incident.investigation else None
    except NotFound:
        last = None
    done, entries = records.remediations.of_incident(incident.id), records.ledger.of_incident(incident.id)
    return catch_up_view(incident, last, done, entries, records.now())


def similar(incident: Incident, who: Who, place: Place, records: Records) -> View:
    """Have the memory asked; the answer goes to whoever asked alone."""
    where = place.channel or incident.channel or ""
    request = Request(
        id=uuid4().hex, kind="similar", text=incident.id, user=who.user, channel=where,
        thread_ts=place.thread_ts or (None if place.channel else incident.thread_ts), asked_at=records.now(),
        response_url=place.response_url,
    )  # fmt: skip
    records.requests.save(request)
    records.queues.enqueue("investigate", SIMILAR, request.id)
    return told(text(f"I am looking for incidents like {incident.id}; the answer comes to you alone."))


def _ordered(name: str, held: Incident, who: Who, metadata: dict[str, Any], records: Records) -> Body | View:
    about, command = metadata.get("about"), held.command
    if not held.is_open and name in _OF_OPEN_ONES:
        return told(text(f"{held.id} is over, so nothing was done; reopen it first if it is not."))
    if name == "take" and command.commander in (None, who.user):
        return orders.take_command(held.id, who, records)
    if name in _AT_ONCE:
        return _AT_ONCE[name](held.id, who, records)
    match name:
        case "catch_up":
            return catch_up(held, records)
        case "severity":
            return severity_form(held, metadata)
        case "take":
            return take_form(held, metadata | {"over": command.commander}, records.now())
        case "hand_over":
            return hand_over_form(held, metadata)
        case "update":
            return update_form(held, metadata, records.settings.config.incidents.next_update_minutes)
        case "similar":
            return similar(held, who, Place(*metadata["place"]), records)
        case "mark" if about:
            return orders.mark_message(held.id, about["said"], (about["channel"], about["ts"]), who, records)
        case "resolve" | "fixed":
            return _fix_form(held, metadata, records, ends=name == "resolve")
    return reply("That choice is of another version of me, so I have done nothing.")


def _submitted(
    name: str, held: Incident, values: Mapping[str, Any], metadata: dict[str, Any], who: Who, records: Records,
    absent: Absent,
) -> View | dict[str, str]:  # fmt: skip
    match name:
        case "severity":
            severity: Severity = _option(values["severity"])  # type: ignore[assignment]  # checked below
            if severity not in get_args(Severity):
                return reply("There is no such severity, so nothing has changed.")
            return orders.set_severity(held.id, severity, _text(values, "reason"), who, records)
        case "take":
            return orders.take_command(held.id, who, records, over=metadata.get("over"))
        case "hand_over":
            to = str(values["who"].get("selected_user") or "")
            if why := absent(to):
                return {"who": why}
            return orders.hand_over(held.id, to, who, records)
        case "update":
            if not _text(values, "known").strip():
                return {"known": "Say what is known, in a few words."}
            minutes = int(_option(values["next"]) or 0)
            return orders.post_update(held.id, _text(values, "known"), _text(values, "impact"), minutes, who, records)
        case "resolve" | "fixed":
            chosen, words = _option(values["fix"]), _text(values, "words")
            if orders.needs_words(chosen, words):
                return {"words": "Say what it was, in a few words."}
            done = orders.resolve_by_hand if name == "resolve" else orders.say_fix
            return done(held.id, chosen, words, who, records)
    return reply("That form is of another version of me, so I have done nothing.")


def _fix_form(held: Incident, metadata: dict[str, Any], records: Records, *, ends: bool) -> Body:
    actions, cause = orders.actions_of(held, records), orders.named_cause(held, records)
    return fix_form(held, metadata, actions, cause, ends=ends)


def _menu(held: Incident, asker: str, metadata: dict[str, Any], records: Records) -> Body:
    others = dict(_ELSEWHERE) if held.is_open else {ALERTS: _ELSEWHERE[ALERTS]}
    if records.settings.pagerduty_api_key and held.is_open:
        open_there = any(page.is_open for page in held.pages)
        others |= {
            name: label for name, label in _IN_PAGERDUTY.items()
            if name == PAGE or (name == NOTE and held.pages) or (name == ESCALATE and open_there)
        }  # fmt: skip
    about = str((metadata.get("about") or {}).get("said") or "")
    return menu_modal(held, asker, list(others.items()), metadata, about)


def _elsewhere(name: str, held: Incident, body: Body, place: Place, records: Records) -> Body | View:
    """What other parts of the card do, pressed in our menu."""
    pressed = body["actions"][0]
    if name == ESCALATE:
        there = {**body, "actions": [{**pressed, "action_id": ESCALATE, "value": held.id}]}
        return on_page_button(there, place, records) or reply("Escalated in PagerDuty, in your name; the card follows.")
    chosen = {**pressed, "selected_option": {"value": f"{name}:{held.id}"}}
    return on_more({**body, "actions": [chosen]}, place, records)


def _metadata(body: Body, place: Place) -> dict[str, Any]:
    """What a form takes along: of the form that was clicked in, else of the place."""
    view = body.get("view")
    held: dict[str, Any] = json.loads(view["private_metadata"] or "{}") if view else {}
    return {"place": astuple(place)} | held


def _place(metadata: dict[str, Any], body: Body) -> Place:
    _, *where = metadata["place"]
    return Place(body["user"]["id"], *where)


def _who(body: Body) -> Who:
    user = body["user"]
    return Who(user["id"], str(user.get("username") or user.get("name") or ""))


def _option(field: Mapping[str, Any]) -> str:
    return str((field.get("selected_option") or {}).get("value") or "")


def _text(values: Mapping[str, Any], block: str) -> str:
    return str((values.get(block) or {}).get("value") or "")
