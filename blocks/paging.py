"""PagerDuty in Slack: what happened there, who is on call, and the forms by which it is told something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blocks.parts import (
    Block,
    Line,
    Part,
    bold,
    bullets,
    button,
    clock,
    counted,
    fit,
    link,
    message,
    plain,
    rich,
    small,
    text,
    user,
)
from core.incident import Incident
from core.outbox import View
from core.page import Change, Choice, OnCall, Page, Person

ACKNOWLEDGE, RESOLVE, ESCALATE = "page_acknowledge", "page_resolve", "page_escalate"
NOTE, PAGE, LOOK_AGAIN = "note", "page", "again"  # choices of the card's ⋯
NOTE_MODAL, PAGE_MODAL = "note_for_pagerduty", "page_someone"
TEXT_BLOCK, TEXT_FIELD = "text", "text_field"
WHO_BLOCK, WHO_FIELD = "who", "who_field"
POLICY_BLOCK, POLICY_FIELD = "policy", "policy_field"
NOTE_CHARS = 2500


@dataclass(frozen=True)
class Paging:
    """What a card shows of PagerDuty, beside the incident's own pages."""

    can_tell: bool = False  # it is set up here, so that its buttons do something
    on_call: OnCall | None = None
    queued: int = 0  # updates that wait since it does not answer


_MOST_LINES = 12
_OLD = timedelta(minutes=5)  # who is on call is read every minute
_WORDS = {
    "triggered": "pages", "acknowledged": "acknowledged", "unacknowledged": "is acknowledged no more and pages again",
    "escalated": "escalated to", "reassigned": "reassigned to", "delegated": "handed to another team, now with",
    "annotated": "noted:", "priority_updated": "set the priority to", "urgency_updated": "set the urgency to",
    "resolved": "resolved", "merged": "merged into", "reopened": "reopened, now with",
    "status_update_published": "told stakeholders:",
    "responder.added": "asked to help:", "responder.replied": "answered a call for help:",
}  # fmt: skip


def changes_view(changes: Sequence[Change], links: Mapping[int, str], now: datetime) -> View:
    """What happened in PagerDuty within ten minutes, a line each, oldest first.

    Args:
        links: From an incident's number there to its address.
    """
    several = len({change.number for change in changes}) > 1
    number = changes[-1].number
    head = [text("PagerDuty") if several else link(links.get(number), f"PagerDuty #{number}")]
    shown = list(changes[-_MOST_LINES:])
    blocks: list[Block] = [rich(head), bullets([[*_line(change, several, links, now)] for change in shown])]
    if len(changes) > len(shown):
        blocks.append(small(f"and {len(changes) - len(shown)} changes before"))
    said = "".join(str(part.get("text") or "") for part in _said(changes[-1]))
    who = ", ".join(person.name for person in changes[-1].to)
    return message(f"PagerDuty #{number}: {said}{who}", blocks)


def _line(change: Change, several: bool, links: Mapping[int, str], now: datetime) -> Iterator[Part]:
    yield clock(change.at, now)
    yield text(" ")
    if several:
        yield link(links.get(change.number), f"#{change.number}")
        yield text(" ")
    yield from _said(change)
    for position, person in enumerate(change.to):
        if position:
            yield text(", ")
        yield _called(person)


def _said(change: Change) -> Iterator[Part]:
    """Whoever did it is told by name: nobody is pinged for what they did themselves."""
    words = _WORDS.get(change.kind, change.kind.replace("_", " "))
    if change.by and change.kind not in ("triggered", "unacknowledged"):
        yield text(f"{change.by.name} ", 80)
    yield text(words)
    if change.said and change.kind not in ("resolved", "triggered"):
        yield text(f" {change.said}", 300)
    if change.to:
        yield text(" ")


def _called(person: Person) -> Part:
    return user(person.slack) if person.slack else text(person.name, 80)


def page_line(incident: Incident, paging: Paging, now: datetime) -> Line:
    """Urgency, priority, who is on call and who has it; empty when there is nothing to tell."""
    parts: list[Part] = []
    page, on_call, queued = incident.pagerduty, paging.on_call, paging.queued
    if page:
        parts.append(link(page.html_url, f"PagerDuty #{page.number}"))
        if len(incident.pages) > 1:
            parts.append(text(f" and {len(incident.pages) - 1} more"))
        parts.append(text(f" · {page.urgency} urgency" + (f" · {page.priority}" if page.priority else ""), 80))
    if incident.is_open and on_call and on_call.now:
        parts += [text(" · on call " if parts else "on call "), *_people([shift.who for shift in on_call.now])]
        if now - on_call.read_at > _OLD:
            parts += [text(" (as of "), clock(on_call.read_at, now), text(")")]
    elif incident.is_open and page and page.assigned:
        parts += [text(" · with "), *_people(page.assigned)]
    if page:
        parts += _state(page, incident)
    if queued:
        parts.append(text(f" · PagerDuty does not answer, {counted(queued, 'update')} queued"))
    return parts


def _state(page: Page, incident: Incident) -> list[Part]:
    if not page.is_open:
        return [text(" · resolved in PagerDuty")] if incident.is_open else []
    if page.status == "acknowledged":
        open_ones = [held for held in incident.pages if held.is_open]
        still = sum(held.status == "triggered" for held in open_ones)
        by = [text(" by "), *_people(page.acknowledged_by)] if page.acknowledged_by else []
        return [text(" · acknowledged"), *by, *([text(f", {still} not yet")] if still else [])]
    return [text(" · not acknowledged")]


def _people(people: Sequence[Person]) -> list[Part]:
    parts: list[Part] = []
    for position, person in enumerate(people[:3]):
        parts += [text(", ")] if position else []
        parts.append(_called(person))
    return parts + ([text(f" and {len(people) - 3} more")] if len(people) > 3 else [])


def page_buttons(incident: Incident, paging: Paging) -> list[Part]:
    """Acknowledge, Resolve and Escalate, as far as they mean something now."""
    if not incident.is_open:
        return []
    open_ones = [page for page in incident.pages if page.is_open and paging.can_tell]
    found = []
    if any(page.status == "triggered" for page in open_ones):
        found.append(button("Acknowledge", ACKNOWLEDGE, value=incident.id, style="primary"))
    if open_ones or not incident.how_many_fire:
        where = "Pages nobody any more, and this incident is over." if open_ones else "This incident is over then."
        confirm = {
            "title": {"type": "plain_text", "text": fit(f"Resolve {incident.id}?", 100)},
            "text": {"type": "plain_text", "text": where},
            "confirm": {"type": "plain_text", "text": "Resolve"}, "deny": {"type": "plain_text", "text": "Back"},
        }  # fmt: skip
        found.append(button("Resolve", RESOLVE, value=incident.id, confirm=confirm))
    if open_ones:
        found.append(button("Escalate", ESCALATE, value=incident.id))
    return found


def menu_choices(incident: Incident, paging: Paging) -> list[tuple[str, str]]:
    """Of the card's ⋯."""
    noted = [(NOTE, "Add a note in PagerDuty")] if incident.pages and paging.can_tell else []
    return [*noted, *([(PAGE, "Page someone")] if paging.can_tell else []), (LOOK_AGAIN, "Investigate again")]


def on_call_lines(found: Sequence[OnCall], now: datetime) -> Iterator[Line]:
    """ "On call @maria until Fri 09:00, then @li"; services with the same people in one line."""
    alike: dict[tuple[Any, ...], list[OnCall]] = {}
    for each in found:
        if each.now:
            key = tuple((s.who.id, s.until) for s in (*each.now, *each.then))
            alike.setdefault(key, []).append(each)
    groups = sorted(alike.values(), key=lambda group: -len(group))
    for position, group in enumerate(groups[:3]):
        names = [each.service for each in group]
        named = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        whose = [text(f"for {named}: ", 200)] if position or len(groups) > 1 else []
        yield [bold("On call "), *whose, *_shift(group[0], now)]


def _shift(found: OnCall, now: datetime) -> Iterator[Part]:
    yield from _people([shift.who for shift in found.now])
    until = next((shift.until for shift in found.now if shift.until), None)
    if until:
        yield text(" until ")
        yield _when(until)
    if found.then:
        yield text(", then ")
        yield from _people([shift.who for shift in found.then])
    if now - found.read_at > _OLD:
        yield text(" (as of ")
        yield clock(found.read_at, now)
        yield text(")")


def _when(at: datetime) -> Part:
    return {"type": "date", "timestamp": int(at.timestamp()), "format": "{date_short_pretty} {time}",
            "fallback": f"{at:%a %H:%M} UTC"}  # fmt: skip


def note_modal(incident: Incident, metadata: str) -> dict[str, Any]:
    """Asks for a note of PagerDuty's timeline."""
    said = f"It stands in the timeline of {incident.id} in PagerDuty, under your name."
    return _form("Add a note", NOTE_MODAL, "Add", metadata, [rich([text(said)]), _words("Note", NOTE_CHARS)])


def page_modal(incident: Incident, choices: Sequence[Choice], metadata: str) -> dict[str, Any]:
    """Asks whom to page, and what to say to them."""
    if incident.pages:
        hint = "They are asked to help with it. Choose a person or a team."
    else:
        hint = "It is not in PagerDuty yet: this opens it there, for whom you choose, else for whoever is on call."
    who = {"type": "users_select", "action_id": WHO_FIELD,
           "placeholder": {"type": "plain_text", "text": "A person"}}  # fmt: skip
    blocks: list[Block] = [rich([text(hint)]), _optional(WHO_BLOCK, "Person", who)]
    if choices:
        options = [
            {"text": {"type": "plain_text", "text": fit(plain(choice.name, 75), 75)}, "value": choice.id}
            for choice in choices[:100]
        ]
        select = {"type": "static_select", "action_id": POLICY_FIELD, "options": options,
                  "placeholder": {"type": "plain_text", "text": "An escalation policy"}}  # fmt: skip
        blocks.append(_optional(POLICY_BLOCK, "Or a team", select))
    blocks.append(_words("What they should know", 500, initial=fit(plain(incident.title, 300), 300)))
    return _form("Page someone", PAGE_MODAL, "Page", metadata, blocks)


def _optional(block_id: str, label: str, element: dict[str, Any]) -> Block:
    return {"type": "input", "block_id": block_id, "optional": True, "element": element,
            "label": {"type": "plain_text", "text": label}}  # fmt: skip


def _words(label: str, most: int, initial: str = "") -> Block:
    element: dict[str, Any] = {
        "type": "plain_text_input", "action_id": TEXT_FIELD, "multiline": True, "max_length": most,
    }  # fmt: skip
    if initial:
        element["initial_value"] = plain(initial, most)
    return {"type": "input", "block_id": TEXT_BLOCK, "element": element,
            "label": {"type": "plain_text", "text": label}}  # fmt: skip


def _form(title: str, callback_id: str, submit: str, metadata: str, blocks: list[Block]) -> dict[str, Any]:
    return {
        "type": "modal", "callback_id": callback_id, "private_metadata": metadata, "blocks": blocks,
        "title": {"type": "plain_text", "text": title}, "submit": {"type": "plain_text", "text": submit},
        "close": {"type": "plain_text", "text": "Back"},
    }  # fmt: skip
