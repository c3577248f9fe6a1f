"""How far a first incident has come, as somebody sees it who looks at the channel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from blocks.diagnosis import FEEDBACK_RIGHT
from sandbox.slack.blocks import interactive_elements
from sandbox.slack.model import BOT_USER_ID, Json, Message
from sandbox.slack.state import Workspace

_INCIDENT = re.compile(r"\bINC-\d+\b")


def journey(workspace: Workspace, since: float) -> Json:
    """The first incident's card since then, its diagnosis, and what may be approved; each null until it is there."""
    card = min(_cards(workspace, since), key=lambda message: message.ts, default=None)
    if card is None:
        return {"card": None, "diagnosis": None, "approve": None}
    replies = workspace.thread(card.channel, card.ts)[1:]
    told = next((m for m in reversed(replies) if _has(m, lambda e: e.get("action_id") == FEEDBACK_RIGHT)), None)
    asked = next((m for m in reversed(replies) if _has(m, _approves)), None)
    found = _INCIDENT.search(card.text)
    return {
        "card": {
            "channel": card.channel, "channel_name": workspace.channels[card.channel].name, "ts": card.ts,
            "incident": found[0] if found else "", "text": card.text,
        },
        "diagnosis": told and {"ts": told.ts, "text": told.text},
        "approve": asked and {"ts": asked.ts, "text": asked.text},
    }  # fmt: skip


def _cards(workspace: Workspace, since: float) -> Iterator[Message]:
    for channel in workspace.channels:
        for message in workspace.in_channel(channel):
            own = message.user == BOT_USER_ID and not message.is_reply and float(message.ts) >= since
            if own and _INCIDENT.match(message.text):
                yield message


def _has(message: Message, wanted: Callable[[Json], bool]) -> bool:
    return any(wanted(element) for block in message.blocks for element in interactive_elements(block))


def _approves(element: Json) -> bool:
    text = element.get("text")
    return element.get("type") == "button" and isinstance(text, dict) and str(text.get("text")).startswith("Approve")
