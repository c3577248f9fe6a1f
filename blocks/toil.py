"""Work by hand: that it was noted, the week's, and what of it I could take over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from blocks.parts import (
    Block,
    Line,
    Part,
    bold,
    bullets,
    button,
    buttons,
    clean,
    clock,
    code,
    counted,
    message,
    rich,
    sentence,
    small,
    text,
)
from core.diagnosis import ActionKind
from core.outbox import View
from core.toil import UNDO_WITHIN, WORDS_CHARS, ToilEntry
from core.toil_groups import Work

LOG_TOIL = "log_toil"  # the message shortcut, and its form
UNDO_TOIL = "undo_toil"
MINUTES_BLOCK, WHAT_BLOCK, FIELD = "minutes", "what", "field"
_TOP = 3
_MOST_MINE = 10
_CAN: dict[ActionKind, str] = {
    "restart_pod": "restarting a pod", "restart_deployment": "a restart", "scale_deployment": "scaling",
    "rollback_deployment": "a rollback", "rollback_release": "rolling a release back",
    "cordon_node": "keeping pods off a node", "uncordon_node": "letting a node take pods again",
    "drain_node": "draining a node", "silence_alert": "a silence", "rerun_job": "running a job again",
    "rotate_credentials": "rotating credentials by a template", "shift_traffic": "shifting traffic by a template",
    "set_resources": "changing limits",
}  # fmt: skip


def noted_view(entry: ToilEntry) -> View:
    """To whoever logged it, with the way back."""
    about = f" for {entry.incident}" if entry.incident else ""
    said = f"Noted: {minutes(entry.minutes)}{about}, {entry.what}"
    undo = button("Undo", UNDO_TOIL, value=entry.id)
    wait = f"Undo works for {UNDO_WITHIN.seconds // 60} min"
    line: Line = [bold("Noted "), text(f"{minutes(entry.minutes)}{about} · {entry.what}", 300)]
    return View(text=sentence(said), blocks=(rich(line), buttons(undo), small(wait)))


def toil_form(metadata: dict[str, Any], about: str) -> dict[str, Any]:
    """Asks how long and what. `about` says which thread it is about."""
    example = {"type": "plain_text", "text": "30m, 1h30"}
    fields = [
        _field(MINUTES_BLOCK, "How long?", {"placeholder": example, "max_length": 20, "focus_on_load": True}),
        _field(WHAT_BLOCK, "What did you do?", {"max_length": WORDS_CHARS}),
    ]
    return {
        "type": "modal", "callback_id": LOG_TOIL, "private_metadata": json.dumps(metadata),
        "title": {"type": "plain_text", "text": "Log as toil"}, "submit": {"type": "plain_text", "text": "Log"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [rich([text(about, 300)]), *fields],
    }  # fmt: skip


def _field(block_id: str, label: str, more: dict[str, Any]) -> Block:
    element = {"type": "plain_text_input", "action_id": FIELD, **more}
    return {"type": "input", "block_id": block_id, "label": {"type": "plain_text", "text": label}, "element": element}


def mine_view(mine: Sequence[ToilEntry], everybody: Sequence[Work], now: datetime) -> View:
    """My toil of this week, and the team's three largest."""
    total = sum(entry.minutes for entry in mine)
    summary = f"Your toil this week: {minutes(total)}" if mine else "You have logged no toil this week"
    blocks: list[Block] = [rich([bold(summary)])]
    if mine:
        blocks.append(bullets([_mine(entry, now) for entry in mine[-_MOST_MINE:]]))
        if len(mine) > _MOST_MINE:
            blocks.append(small(f"and {len(mine) - _MOST_MINE} earlier ones"))
    if everybody:
        blocks += [
            rich([bold("Everybody's, the most time first")]),
            bullets([_work(work) for work in everybody[:_TOP]]),
        ]
    blocks.append(rich([text("Log some by "), code("/sre toil 30m restarted the importer"),
                        text(", or in a thread by the shortcut Log as toil.")]))  # fmt: skip
    return message(summary, blocks)


def week_view(
    works: Sequence[Work], repeated: Sequence[tuple[ActionKind, str, int]], week: str, listed: Iterable[str] = ()
) -> View:
    """A week's toil for everybody: the three that took most, what I could take over, what is clicked again and again.

    Args:
        repeated: Kind of action, target, and how often it was approved in four weeks.
        week: "the week of 23 Nov".
        listed: Kinds of alert on which I may act alone.
    """
    total = sum(work.minutes for work in works)
    people = len({entry.user for work in works for entry in work.entries})
    head = f"Toil, {week}: {minutes(total)} by {people} {'person' if people == 1 else 'people'}"
    if not works:
        head = f"Toil, {week}: none logged"
    blocks: list[Block] = [rich([bold(head)])]
    if works:
        blocks.append(bullets([_work(work) for work in works[:_TOP]]))
        if len(works) > _TOP:
            rest = sum(work.minutes for work in works[_TOP:])
            blocks.append(small(f"and {len(works) - _TOP} others, {minutes(rest)} together"))
    known = frozenset(listed)
    offers = [line for work in works[:_TOP] if (line := _offer(work, known))]
    if offers:
        blocks += [rich([bold("What I could take over")]), bullets(offers)]
    if repeated:
        lines = [
            [text(f"{_can(kind)} of {target}: approved {counted(times, 'time')} in four weeks", 250)]
            for kind, target, times in repeated[:_TOP]
        ]
        blocks += [rich([bold("Clicked again and again")]), bullets(lines)]
    return message(head, blocks)


def minutes(number: int) -> str:
    """ "45 min", "1 h 30 min"."""
    hours, rest = divmod(number, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours:,} h {rest} min" if rest else f"{hours:,} h"


def _mine(entry: ToilEntry, now: datetime) -> Line:
    about = f" · {entry.incident}" if entry.incident else ""
    return [text(f"{minutes(entry.minutes)} {entry.what}{about} · ", 300), clock(entry.at, now)]


def _work(work: Work) -> Line:
    times = f", {len(work.entries)} times" if len(work.entries) > 1 else ""
    by = f" by {work.people} people" if work.people > 1 else ""
    return [bold(minutes(work.minutes)), text(f"{times}{by}: "), text(clean(work.what, 150), 160)]


def _offer(work: Work, listed: frozenset[str]) -> list[Part] | None:
    """What I have for it, and what it takes that I do it; None when I have nothing."""
    if work.action is None:
        return None
    often = len(work.entries) > 1
    if work.alert_type is None:
        how = (
            "give it an alert, and I propose it when that fires."
            if often
            else "ask me in a thread, as in @sre why is it down?, and I propose it where it helps."
        )
    elif work.alert_type in listed:
        how = f"{work.alert_type} is listed, so I do it alone inside the limits; /sre metrics says how often."
    else:
        how = f"I propose it when {work.alert_type} fires; /sre shadow says what is missing before I may do it alone."
    return [text(f"{clean(work.what, 80)} ", 90), text(f"is {_can(work.action)}: {how}", 300)]


def _can(kind: ActionKind) -> str:
    return _CAN.get(kind, kind.replace("_", " "))
