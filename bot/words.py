"""What people type, as plain words."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterable
from typing import Any

LONGEST = 2000  # characters of a question; more is a log, which "Investigate this" takes

_LINK = re.compile(r"<(?P<kind>[@#!]?)(?P<target>[^<>|\s]+)(?:\|(?P<label>[^<>]*))?>")
_SPACES = re.compile(r"[ \t\u00a0]+")


def plain(text: str, bot_user: str | None = None) -> str:
    """Slack's message text without its markup: links as their addresses, channels by name, entities as characters.

    Args:
        bot_user: The bot's own id, whose mention is left out.
    """

    def said(found: re.Match[str]) -> str:
        kind, target, label = found["kind"], found["target"], found["label"]
        if kind == "@":
            return "" if target == bot_user else f"@{label or target}"
        if kind == "#":
            return f"#{label or target}"
        if kind == "!":
            return label or target.partition("^")[0]
        return target.removeprefix("mailto:")

    return _SPACES.sub(" ", html.unescape(_LINK.sub(said, text))).strip()


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.55)
    return close[0] if close else None


def of_message(message: dict[str, Any], most: int = 2 * LONGEST) -> str:
    """All that a message says, in its text, blocks and attachments, each once: other bots put alerts in any of them."""
    found: list[str] = []

    def collect(part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                collect(item)
        elif isinstance(part, dict):
            for key in ("pretext", "title", "text", "value", "fallback", "elements", "fields", "blocks"):
                content = part.get(key)
                if isinstance(content, str):
                    found.append(plain(content))
                else:
                    collect(content)

    collect([{"text": message.get("text")}, message.get("blocks"), message.get("attachments")])
    said: list[str] = []
    for text in found:
        if text and not any(text in earlier for earlier in said):
            said.append(text)
    return "\n".join(said)[:most]
