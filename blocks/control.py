"""The kill switch and the mode, as people are told of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from blocks.approval import names
from blocks.parts import Line, Part, bold, clock, code, message, rich, small, text, user
from core.outbox import View
from core.pause import Pause
from core.settings import Approvers, Autonomy

MODES: dict[str, str] = {
    "shadow": "I look and propose, and never act, whoever approves",
    "assist": "I act when somebody entitled approves",
    "autonomous": "I act alone inside the limits, for the alert types below; all else waits for a person",
}
_MOST = 20  # alert types and namespaces that are listed


def paused_view(pause: Pause, now: datetime, note: str = "") -> View:
    """To everybody, and to who did it: nothing is done any more."""
    held = "Nothing more is done to the cluster until /sre resume; I go on looking and proposing."
    line = [bold("Paused"), *by_whom(pause, now), text(".")]
    more: list[Line] = [[text(note, 300)]] if note else []
    return message(f"I am paused. {held} {note}".strip(), [rich(line, [text(held)], *more)])


def resumed_view(by: str, mode: str) -> View:
    """To everybody: it acts again."""
    line = [bold("Resumed"), text(" by "), user(by), text(f". Mode {mode}: {MODES[mode]}.")]
    return message(f"I am resumed, in mode {mode}", [rich(line)])


def mode_view(mode: str, autonomy: Autonomy, pause: Pause | None, now: datetime, changed_by: str | None = None) -> View:
    """The mode, what it means here, and the pause when there is one."""
    head: list[Part] = [bold(f"Mode {mode}"), text(f": {MODES[mode]}.")]
    if changed_by:
        head += [text(" Set by "), user(changed_by), text(".")]
    lines: list[Line] = [head]
    if mode == "autonomous":
        lines.append(_listed("Acts alone on: ", autonomy.alert_types, "no alert type, so it asks every time"))
    if mode != "shadow":
        lines.append(_listed("In the namespaces: ", autonomy.namespaces, "none, so nothing is ever done"))
    if pause:
        lines.append([bold("Paused"), *by_whom(pause, now), text(", so nothing is done in any mode.")])
    paused = "; paused" if pause else ""
    return message(
        f"The mode is {mode}: {MODES[mode]}{paused}",
        [
            rich(*lines),
            small("/sre mode shadow, assist or autonomous changes it; the lists are autonomy in SRE_CONFIG"),
        ],
    )


def refused_view(what: str, approvers: Approvers) -> View:
    """To somebody who may not."""
    said = f"You are not among those who may {what}, so nothing has changed"
    line = [text(f"{said}. Those who can: "), *names((*approvers.groups, *approvers.users)[:_MOST], approvers.on_call)]
    return message(said, [rich([*line, text(".")])])


def by_whom(pause: Pause, now: datetime) -> list[Part]:
    """ "by @maria since 12:02: why"."""
    parts: list[Part] = [text(" by "), user(pause.by)]
    parts += [text(" since "), clock(pause.at, now)] if pause.at else []
    return parts + ([text(f": {pause.why}", 300)] if pause.why else [])


def _listed(label: str, items: Sequence[str], none: str) -> Line:
    if not items:
        return [text(label + none)]
    parts: list[Part] = [text(label)]
    for item in items[:_MOST]:
        parts += [code(item, 80), text(" ")]
    return [*parts, *([text(f"and {len(items) - _MOST} more")] if len(items) > _MOST else [])]
