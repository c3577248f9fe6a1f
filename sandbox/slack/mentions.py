"""Whom a message notifies, and where its links lead: what Slack makes of its blocks and of the markup in its texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# What stands between angle brackets; Slack takes the label after the bar away.
_TAG = re.compile(r"<([@#!][^<>|\n]+|(?:https?|mailto|javascript|tel):[^<>|\n]+)(?:\|[^<>\n]*)?>")
_MARKDOWN_LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)")
_IDS = {"user": "user_id", "usergroup": "usergroup_id", "channel": "channel_id", "broadcast": "range"}


def mentioned(text: str, blocks: Any) -> frozenset[str]:
    """Ids of the people, groups and channels that a message mentions, and "channel", "here" or "everyone".

    Args:
        text: The message's own text, which is markup too.
    """
    return frozenset(name for kind, name in _found(text, blocks) if kind == "mention")


def addresses(text: str, blocks: Any) -> frozenset[str]:
    """Where its links, pictures and buttons lead."""
    return frozenset(name for kind, name in _found(text, blocks) if kind == "address")


def _found(text: str, blocks: Any) -> Iterator[tuple[str, str]]:
    yield from _in_markup(text)
    yield from _in_part(blocks)


def _in_part(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, list | tuple):
        for each in part:
            yield from _in_part(each)
    if not isinstance(part, dict):
        return
    kind = part.get("type")
    if kind in _IDS and _IDS[kind] in part:
        yield "mention", str(part[_IDS[kind]])
    for key in ("url", "image_url", "title_url"):
        if isinstance(part.get(key), str):
            yield "address", part[key]
    if kind in ("mrkdwn", "markdown") and isinstance(part.get("text"), str):
        yield from _in_markup(part["text"])
        if kind == "markdown":
            yield from (("address", found) for found in _MARKDOWN_LINK.findall(part["text"]))
    for each in part.values():
        yield from _in_part(each)


def _in_markup(text: str) -> Iterator[tuple[str, str]]:
    for target in _TAG.findall(text):
        if target.startswith("!date^"):
            yield from (("address", link) for link in target.split("^")[3:4])
        elif target.startswith("!subteam^"):
            yield "mention", target.removeprefix("!subteam^")
        elif target[0] in "@#!":
            yield "mention", target[1:]
        else:
            yield "address", target
