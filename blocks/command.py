"""How people run an incident from Slack: the menu, the forms, and the lines that say what was done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from blocks.parts import (
    Block,
    Line,
    Part,
    ago,
    as_text,
    bold,
    button,
    buttons,
    clean,
    clock,
    escape,
    fit,
    mention,
    message,
    plain,
    rich,
    small,
    text,
    user,
)
from core.command import StatusUpdate
from core.diagnosis import IncidentHit
from core.incident import Incident, Severity
from core.outbox import View

ORDER = "order"  # action ids, choices and forms are "order:<name>"
INCIDENT_MENU = "incident_menu"  # the message shortcut
FIELD = "field"

SEVERITIES: dict[Severity, str] = {
    "SEV1": "customers cannot do what they came for", "SEV2": "a part is broken, or broken for many",
    "SEV3": "slow or degraded, or broken for a few", "SEV4": "nobody outside notices yet",
}  # fmt: skip
LABELS: dict[str, str] = {
    "take": "Take command", "hand_over": "Hand over", "join": "Join as responder", "leave": "Leave",
    "severity": "Severity", "update": "Status update", "mark": "Note this message on the timeline",
    "catch_up": "Catch me up", "similar": "Similar incidents", "room": "Make a channel of its own",
    "resolve": "Resolve", "fixed": "Something else fixed it", "reopen": "Reopen", "nothing": "Nothing was wrong",
    "postmortem": "Post-mortem draft",
}  # fmt: skip
KNOWN_CHARS, IMPACT_CHARS, REASON_CHARS, FIX_CHARS = 500, 300, 200, 300
_MOST_NAMED = 3
_MOST_CHOICES = 7  # of actions; Slack's radio buttons hold ten
BY_ITSELF, UNKNOWN, OTHER, OTHER_RIGHT, OTHER_WRONG = "by_itself", "unknown", "other", "other_right", "other_wrong"
NEEDS_WORDS = {OTHER, OTHER_RIGHT, OTHER_WRONG}


def told(*parts: Part) -> View:
    """A sentence of parts, to one person or in a thread. People in it are mentioned."""
    said = "".join(mention(p["user_id"]) if p.get("type") == "user" else escape(as_text(p), 900) for p in parts).strip()
    whole = said if said.endswith((".", "!", "?", "…")) else f"{said}."
    return View(text=whole[:2000], blocks=(rich(parts),))


def order_button(name: str, incident_id: str, label: str = "", **more: Any) -> Part:
    return button(label or LABELS[name], f"{ORDER}:{name}", value=incident_id, **more)


def people(ids: Sequence[str]) -> list[Part]:
    """Names, folded when there are many: "@maria, @li and 4 more"."""
    parts: list[Part] = []
    for position, who in enumerate(ids[:_MOST_NAMED]):
        parts += [text(", ")] if position else []
        parts.append(user(who))
    return parts + ([text(f" and {len(ids) - _MOST_NAMED} more")] if len(ids) > _MOST_NAMED else [])


def crew(incident: Incident) -> list[Part]:
    """Who commands and who helps, for the card's second line; empty when nobody does."""
    command = incident.command
    parts: list[Part] = [text(" · "), user(command.commander), text(" commands")] if command.commander else []
    if command.responders:
        parts += [text(", with " if parts else " · responders "), *people(command.responders)]
    return parts


def card_order(incident: Incident) -> Part:
    """The one button of ours on the card: whatever is wanted next."""
    if not incident.is_open:
        label = LABELS["fixed"] if incident.command.fix else "What fixed it?"
        return order_button("fixed", incident.id, label)
    return order_button("update" if incident.command.commander else "take", incident.id)


def menu_modal(
    incident: Incident, asker: str, others: Iterable[tuple[str, str]], metadata: Mapping[str, Any], about: str = ""
) -> dict[str, Any]:
    """All that can be done with an incident, as buttons.

    Args:
        others: Name and label of what other parts of the card's menu do.
        about: The message that it was opened on.
    """
    command = incident.command
    noting = ["mark"] if about else []
    if incident.is_open:
        lead = [*([] if command.commander == asker else ["take"]), "hand_over"]
        lead.append("leave" if asker in command.responders else "join")
        rows = [[*noting, "severity", "update"], lead]
        rows += [["catch_up", "similar", *([] if command.room else ["room"])], ["resolve"]]
    else:
        rows = [[*noting, "catch_up", "similar"], ["fixed", "postmortem", "reopen"]]
    lines: list[Line] = [[bold(f"{incident.id} · {incident.title}", 250)]]
    if about:
        lines.append([text(f"The message: {clean(about, 200)}", 220)])
    blocks: list[Block] = [rich(*lines)]
    blocks += [buttons(*(order_button(name, incident.id) for name in row)) for row in rows]
    more = [button(label, f"{ORDER}:{name}", value=incident.id) for name, label in others]
    blocks += [buttons(*more[:10])] if more else []
    return form(incident.id, "", "", metadata, blocks)


def severity_form(incident: Incident, metadata: Mapping[str, Any]) -> dict[str, Any]:
    options = [_option(f"{name}: {words}", name) for name, words in SEVERITIES.items()]
    chosen = next(o for o in options if o["value"] == incident.severity)
    element = {"type": "radio_buttons", "action_id": FIELD, "options": options, "initial_option": chosen}
    fields = [_input("severity", "How bad is it?", element), _words("reason", "Why?", REASON_CHARS, optional=True)]
    return form(f"Severity of {incident.id}", "severity", "Set", metadata, fields)


def take_form(incident: Incident, metadata: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Asks whoever would take over from somebody to confirm."""
    command = incident.command
    since = [text(" since "), clock(command.since, now)] if command.since else []
    line: list[Part] = [user(command.commander or ""), text(" commands "), text(incident.id), *since]
    asks = [rich([*line, text(". Take over? They are told in the thread.")])]
    return form("Take command", "take", "Take over", metadata, asks)


def hand_over_form(incident: Incident, metadata: Mapping[str, Any]) -> dict[str, Any]:
    element = {"type": "users_select", "action_id": FIELD,
               "placeholder": {"type": "plain_text", "text": "A person"}}  # fmt: skip
    said = rich([text(f"Who commands {incident.id} from now on? They are told in the thread.")])
    return form("Hand over", "hand_over", "Hand over", metadata, [said, _input("who", "New commander", element)])


def update_form(incident: Incident, metadata: Mapping[str, Any], minutes: int) -> dict[str, Any]:
    last = incident.command.update
    options = [_option(f"in {m} min", str(m)) for m in sorted({15, 30, 60, 120, minutes})]
    options.append(_option("not promised", "0"))
    chosen = next(o for o in options if o["value"] == str(minutes))
    element = {"type": "static_select", "action_id": FIELD, "options": options, "initial_option": chosen}
    impact = last.impact if last else ""
    fields = [
        _words("known", "What is known", KNOWN_CHARS),
        _words("impact", "Impact", IMPACT_CHARS, optional=True, initial=impact),
        _input("next", "Next update", element),
    ]
    return form(f"Update on {incident.id}", "update", "Post", metadata, fields)


def fix_form(
    incident: Incident, metadata: Mapping[str, Any], actions: Sequence[tuple[str, str]], cause: str, *, ends: bool
) -> dict[str, Any]:
    """Asks what fixed it.

    Args:
        actions: Remediation ids and what each was, the likeliest first.
        cause: The cause that was named, "" for none.
        ends: The submission also resolves it.
    """
    options = [_option(words, action) for action, words in actions[:_MOST_CHOICES]]
    if cause:
        options += [_option("Something else; the cause was named right", OTHER_RIGHT),
                    _option("Something else; the cause was another", OTHER_WRONG)]  # fmt: skip
    else:
        options.append(_option("Something else, as I say below", OTHER))
    options.append(_option("It went away by itself", BY_ITSELF))
    if len(options) < 10:
        options.append(_option("Not known", UNKNOWN))
    element = {"type": "radio_buttons", "action_id": FIELD, "options": options}
    lines: list[Line] = [[text(f"Cause as I named it: {cause}", 300)]] if cause else []
    if ends and incident.how_many_fire:
        lines.append(
            [text(f"{incident.how_many_fire} of its alerts still fire; those that go on open another incident.")]
        )
    lines.append([text("The next incident like this one recalls the answer.")])
    fields = [
        rich(*lines), _input("fix", "What fixed it?", element),
        _words("words", "In your words", FIX_CHARS, optional=True),
    ]  # fmt: skip
    title = f"Resolve {incident.id}" if ends else "What fixed it"
    return form(title, "resolve" if ends else "fixed", "Resolve" if ends else "Remember", metadata, fields)


def told_form(title: str, blocks: Iterable[Block]) -> dict[str, Any]:
    """A modal that says what became of it."""
    return form(title, "", "", {}, list(blocks))


def reply_blocks(view: View) -> list[Block]:
    """A sentence as a modal shows it."""
    return list(view.blocks) or list(told(text(view.text)).blocks)


def form(title: str, name: str, submit: str, metadata: Mapping[str, Any], blocks: Sequence[Block]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "modal", "callback_id": f"{ORDER}:{name}" if name else ORDER, "blocks": list(blocks)[:100],
        "title": {"type": "plain_text", "text": fit(title, 24)}, "close": {"type": "plain_text", "text": "Close"},
        # Half a character, which JSON can escape and UTF-8 cannot write, becomes a question mark.
        "private_metadata": json.dumps(metadata, ensure_ascii=False).encode("utf-8", "replace").decode(),
    }  # fmt: skip
    return found | ({"submit": {"type": "plain_text", "text": submit}} if submit else {})


def update_view(incident: Incident, update: StatusUpdate, who: Part, now: datetime) -> View:
    """A status update, in the thread."""
    lines: list[Line] = [[bold("Status "), text(update.known, KNOWN_CHARS)]]
    if update.impact:
        lines.append([bold("Impact "), text(update.impact, IMPACT_CHARS)])
    last: list[Part] = [text("by "), who]
    if update.next_at:
        last += [text(" · next update at "), clock(update.next_at, now)]
    return message(f"Status of {incident.id}: {update.headline}", [rich(*lines, last)])


def reminder_view(incident: Incident, update: StatusUpdate, to: str, now: datetime) -> View:
    """The promised update is due; the person who commands is mentioned."""
    assert update.next_at
    due = ago(now - update.next_at)
    line: list[Part] = [user(to), text(f", the next update on {incident.id} was due at "), clock(update.next_at, now)]
    said = rich([*line, text(".")], [text(f"The last said: {update.known}", 300)])
    view = message(f"The next update on {incident.id} is due since {due}", [said])
    return View(text=f"{mention(to)} {view.text}".strip(),
                blocks=(*view.blocks, buttons(order_button("update", incident.id))))  # fmt: skip


def similar_view(incident: Incident, hits: Sequence[IncidentHit], now: datetime) -> View:
    """Past incidents that resemble this one, best first."""
    if not hits:
        return told(text(f"The memory holds no incident that is like {incident.id}."))
    lines: list[Line] = [[bold(f"Like {incident.id}")]]
    for hit in hits[:5]:
        line: list[Part] = [bold(hit.id, 30), text(f" {hit.title}", 200), text(f" · {hit.score:.2f} alike")]
        line += [text(" · "), clock(hit.at, now)] if hit.at else []
        lines.append([*line, text(f" · {hit.outcome or 'nobody said what fixed it'}", 250)])
    summary = f"{len(hits[:5])} past incidents are like {incident.id}; nearest {hits[0].id}, {hits[0].score:.2f}"
    return message(summary, [rich(*lines), small("From my memory; the figures are cosine similarities")])


def room_name(incident: Incident) -> str:
    """ "inc-42-checkout"."""
    about = incident.service or incident.title
    slug = re.sub(r"[^a-z0-9]+", "-", about.lower()).strip("-")[:40].strip("-")
    return f"{incident.id.lower()}-{slug}".rstrip("-")


def _option(label: str, value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": fit(plain(label, 75), 75)}, "value": value[:150]}


def _input(block_id: str, label: str, element: dict[str, Any], *, optional: bool = False) -> Block:
    return {"type": "input", "block_id": block_id, "optional": optional, "element": element,
            "label": {"type": "plain_text", "text": label}}  # fmt: skip


def _words(block_id: str, label: str, most: int, *, optional: bool = False, initial: str = "") -> Block:
    element: dict[str, Any] = {
        "type": "plain_text_input", "action_id": FIELD, "multiline": most > REASON_CHARS, "max_length": most,
    }  # fmt: skip
    return _input(block_id, label, element | ({"initial_value": plain(initial, most)} if initial else {}),
                  optional=optional)  # fmt: skip
