"""The form in which a channel's morning digest is set, and the sentences that say what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from blocks.home import MOST_OPTIONS, REMOVE_DIGEST, ZONE, confirmation, option, when
from blocks.parts import Part, button, buttons, channel, rich, text
from core.digest_settings import WEEKDAYS, DigestTime, weekdays

DIGEST_MODAL = "home:digest"  # callback id
CHANNEL, AT, DAYS, TIMEZONE, FIELD = "channel", "at", "days", "zone", "field"

_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def digest_form(channel_id: str | None, time: DigestTime) -> dict[str, Any]:
    """Asks when a channel gets its digest; with None also which channel."""
    blocks: list[dict[str, Any]] = []
    if channel_id:
        about = [text(f", about {', '.join(time.services)}", 200)] if time.services else []
        blocks.append(rich([text("The digest in "), channel(channel_id), *about]))
    else:
        element = {
            "type": "conversations_select", "action_id": FIELD, "placeholder": _plain("A channel"),
            "filter": {"include": ["public", "private"], "exclude_bot_users": True},
        }  # fmt: skip
        blocks.append(_input(CHANNEL, "Channel", element, "I have to be in it: /invite me there first."))
    days = [option(name, short) for name, short in zip(_NAMES, WEEKDAYS, strict=True)]
    chosen = [days[number] for number in sorted(weekdays(time.days))]
    blocks += [
        _input(AT, "At", {"type": "timepicker", "action_id": FIELD, "initial_time": time.at}),
        _input(DAYS, "On", {"type": "checkboxes", "action_id": FIELD, "options": days, "initial_options": chosen}),
        _input(TIMEZONE, "Time zone", {
            "type": "external_select", "action_id": ZONE, "min_query_length": 2,
            "placeholder": _plain("A city, as in Berlin"), "initial_option": option(time.timezone, time.timezone),
        }),
    ]  # fmt: skip
    if channel_id:
        said = "From now on this channel gets none. It can be added again at any time."
        blocks.append(
            buttons(button("Remove this digest", REMOVE_DIGEST, value=channel_id, style="danger",
                           confirm=confirmation("Remove this digest?", said, "Remove")))
        )  # fmt: skip
    return {
        "type": "modal", "callback_id": DIGEST_MODAL, "private_metadata": channel_id or "", "blocks": blocks,
        "title": _plain("Morning digest"), "submit": _plain("Save"), "close": _plain("Cancel"),
    }  # fmt: skip


def set_line(channel_id: str, time: DigestTime, next_at: datetime) -> list[Part]:
    """What its author is told once it is set."""
    at = next_at.astimezone(time.tz)
    line = [channel(channel_id), text(f" gets its digest {when(time)}.", 200)]
    return [*line, text(f" The next one comes on {at:%A %d %B} at {at:%H:%M} there.")]


def removed_line(channel_id: str) -> list[Part]:
    return [channel(channel_id), text(" gets no digest any more.")]


def zones_like(typed: str) -> list[Part]:
    """Options for what somebody types of a time zone: cities that begin so first."""
    wanted = "_".join(typed.split()).lower()
    found = [name for name in _zones() if wanted in name.lower()]
    found.sort(key=lambda name: (not name.lower().rpartition("/")[2].startswith(wanted), name))
    return [option(name, name) for name in found[:MOST_OPTIONS]]


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def spelled(days: Iterable[str]) -> str:
    """Weekdays as the configuration has them: "mon-fri", "mon, wed", "daily"."""
    held = [name for name in WEEKDAYS if name in set(days)]
    if len(held) == len(WEEKDAYS):
        return "daily"
    first, last = (WEEKDAYS.index(held[0]), WEEKDAYS.index(held[-1])) if held else (0, 0)
    if len(held) > 2 and last - first == len(held) - 1:
        return f"{held[0]}-{held[-1]}"
    return ",".join(held)


def _plain(words: str) -> Part:
    return {"type": "plain_text", "text": words}


def _input(block_id: str, label: str, element: Part, hint: str = "") -> dict[str, Any]:
    block: dict[str, Any] = {"type": "input", "block_id": block_id, "label": _plain(label), "element": element}
    return block | ({"hint": _plain(hint)} if hint else {})
