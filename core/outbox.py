"""Messages as they should stand in Slack; the notifier makes it so."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from core.model import Model


class View(Model):
    """A message's content: Block Kit, and the whole sentence that a notification or a screen reader shows."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()

    def digest(self) -> str:
        """Changes when what is shown changes."""
        return hashlib.sha256(orjson.dumps([self.text, self.blocks])).hexdigest()[:16]


class Message(Model):
    """One message, found again by its key: putting a new view under the same key edits it."""

    key: str  # "INC-7/card", "INV-3/diagnosis"
    channel: str
    view: View
    under: str | None = None  # key of the message in whose thread it belongs
    thread_ts: str | None = None  # or the thread itself
    incident: str | None = None
    ts: str | None = None  # set once posted
    posted: str | None = None  # digest of the view that Slack shows
    attempted: bool = False  # a post was begun; look before posting again
    version: int = 0
