"""Small parts of messages, Slack's limits, and the one way that foreign text gets into a message.

Messages are made of rich text, where foreign text is a value and never markup. Only the fallback sentence and plain
sections are markup; there it is escaped. Sizes from docs.slack.dev/reference/block-kit and measured totals.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from core.outbox import View

Block = dict[str, Any]
Part = dict[str, Any]  # an element of a rich text line
Line = Sequence[Part]

MESSAGE_BLOCKS = 50
MESSAGE_CHARS = 12_000  # Slack refuses near 13,000 characters of block text
SECTION_CHARS = 3000
FALLBACK_CHARS = 2000  # Slack cuts at 40,000; a notification shows some 150
URL_CHARS = 3000
TITLE_CHARS = 24  # of a modal

_TODAY = timedelta(hours=20)  # at 02:00, "yesterday 23:10" is still tonight
_BREAKS = re.compile(r"[\r\n\u2028\u2029\x0b\x0c\x85]+")
_UNSEEN = {"Cc", "Cf", "Cs", "Co"}
_QUOTED = re.compile(r"(`[^`\n]+`)")
_MENTION = re.compile(r"<(?=[!@#])")
_EMOJI = re.compile(r":(?=[\w+'-]{0,50}[a-z][\w+'-]{0,50}:)", re.IGNORECASE)  # :fire: would become a picture


def clean(content: str, most: int = FALLBACK_CHARS, *, lines: bool = False) -> str:
    """Foreign text in at most `most` characters, without what can hide or reorder other text: controls, bidi marks,
    zero widths. One line, unless `lines`; blanks at its ends are kept, since parts of a line are joined as they are."""
    content = content[: most * 2].replace("\t", " ")
    content = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", content) if lines else _BREAKS.sub(" ", content)
    return fit("".join(c for c in content if c == "\n" or unicodedata.category(c) not in _UNSEEN), most)


def fit(content: str, most: int) -> str:
    """The text in at most `most` characters, cut at a word where one ends near, with an ellipsis."""
    if len(content) <= most:
        return content
    head = content[: max(most - 1, 0)]
    at_word = head.rsplit(" ", 1)[0]
    return (at_word if len(at_word) > most * 0.8 else head).rstrip() + "…"


def escape(content: str, most: int = SECTION_CHARS) -> str:
    """Foreign text as Slack markup that shows just that text, in at most `most` characters once escaped."""
    kept = _EMOJI.sub("∶", clean(content, most, lines=True))
    while len(escaped := kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) > most:
        kept = fit(kept, min(len(kept) - 1, len(kept) * most // len(escaped)))
    return escaped


def sentence(content: str) -> str:
    """One line for the `text` of a message: escaped, cut, and ended by a stop."""
    line = escape(clean(content), FALLBACK_CHARS - 1).strip()
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."


def plain(content: str, most: int = 600) -> str:
    """Foreign or own text where nothing is markup. What looks like a mention is made to look otherwise all the same,
    since a message may be shown again as markup. Never empty, which Slack refuses."""
    return _MENTION.sub("‹", clean(content, most)) or " "


def text(content: str, most: int = 600, **style: bool) -> Part:
    """Foreign or own text on a rich text line."""
    part: Part = {"type": "text", "text": plain(content, most)}
    return part | ({"style": style} if style else {})


def bold(content: str, most: int = 600) -> Part:
    return text(content, most, bold=True)


def spoken(content: str, most: int = 600, **style: bool) -> list[Part]:
    """Foreign or own words in which `backticks` quote what a machine said; one that is not closed is only a sign."""
    parts: list[Part] = []
    for piece in _QUOTED.split(plain(content, most)):
        if _QUOTED.fullmatch(piece):
            parts.append(text(piece[1:-1], most, **style, code=True))
        elif piece:
            parts.append(text(piece, most, **style))
    return parts


def code(content: str, most: int = 300) -> Part:
    return text(content, most, code=True)


def user(user_id: str) -> Part:
    """A person by id. Only ids that Slack gave us come here; anything else is shown as text."""
    if re.fullmatch(r"[UW][A-Z0-9]{2,20}", user_id):
        return {"type": "user", "user_id": user_id}
    return text(user_id, 80)


def group(group_id: str) -> Part:
    """A user group by id, else text."""
    if re.fullmatch(r"S[A-Z0-9]{2,20}", group_id):
        return {"type": "usergroup", "usergroup_id": group_id}
    return text(group_id, 80)


def mention(name: str) -> str:
    """Markup that notifies a person or a user group of our configuration; "" for anything else."""
    if re.fullmatch(r"[UW][A-Z0-9]{2,20}", name):
        return f"<@{name}>"
    return f"<!subteam^{name}>" if re.fullmatch(r"S[A-Z0-9]{2,20}", name) else ""


def channel(channel_id: str) -> Part:
    """A channel by id; anything else is shown as text."""
    if re.fullmatch(r"[CDG][A-Z0-9]{2,20}", channel_id):
        return {"type": "channel", "channel_id": channel_id}
    return text(channel_id, 80)


def link(url: str | None, label: str, most: int = 150) -> Part:
    """A link when the address is a web address, else its label alone."""
    if not is_web(url):
        return text(label, most)
    return {"type": "link", "url": url, "text": plain(label, most)}


def is_web(url: str | None) -> bool:
    """Whether Slack takes it as an address."""
    return bool(url and len(url) <= URL_CHARS and re.fullmatch(r"https?://[^\s<>|\"]+", url))


def clock(at: datetime, now: datetime, *, seconds: bool = False) -> Part:
    """A time as each reader's own clock has it, with the day unless of today; UTC where that is not known."""
    time = "{time_secs}" if seconds else "{time}"
    pattern = time if now - at < _TODAY else f"{{date_short_pretty}} {time}"
    return {"type": "date", "timestamp": int(at.timestamp()), "format": pattern, "fallback": utc(at, now)}


def utc(at: datetime, now: datetime) -> str:
    return f"{at:%H:%M} UTC" if now - at < _TODAY else f"{at:%d %b %Y %H:%M} UTC"


def marks(ids: Iterable[str], most: int = 6) -> list[Part]:
    """Evidence marks, each after a blank: e1 e2."""
    shown = list(ids)
    parts: list[Part] = []
    for mark in shown[:most]:
        parts += [text(" "), code(mark, 12)]
    return parts + ([text(f" and {len(shown) - most} more")] if len(shown) > most else [])


def rich(*lines: Line) -> Block:
    """Lines under each other."""
    elements: list[Part] = []
    for number, line in enumerate(lines):
        elements += [{"type": "text", "text": "\n"}] if number else []
        elements += line
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def bullets(lines: Sequence[Line]) -> Block:
    """A bulleted list."""
    items = [{"type": "rich_text_section", "elements": list(line)} for line in lines]
    return {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": items}]}


def preformatted(content: str, most: int) -> Block:
    """Foreign lines as they are, in fixed width."""
    shown: Part = {"type": "text", "text": _MENTION.sub("‹", clean(content, most, lines=True)).strip("\n") or " "}
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [shown]}]}


def small(*lines: str) -> Block:
    """A line in small grey print, for our own words."""
    return {"type": "context", "elements": [{"type": "plain_text", "text": " · ".join(lines), "emoji": False}]}


def button(
    label: str,
    action_id: str,
    value: str | None = None,
    url: str | None = None,
    hint: str = "",
    *,
    style: str | None = None,
    confirm: Part | None = None,
) -> Part:
    """A button with our own label; `value` is an opaque id, `confirm` a dialog that asks once more."""
    part: Part = {
        "type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": label, "emoji": True},
    }  # fmt: skip
    more = {"value": value, "url": url, "accessibility_label": hint or None, "style": style, "confirm": confirm}
    return part | {name: content for name, content in more.items() if content}


def buttons(*elements: Part) -> Block:
    return {"type": "actions", "elements": list(elements)}


def ago(span: timedelta) -> str:
    """How long, in the largest unit that tells enough: "5 min", "2 h 10 min", "3 days"."""
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes < 1:
        return f"{max(int(span.total_seconds()), 0)} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days"


def counted(number: int, noun: str) -> str:
    """ "1 alert", "3 alerts", "2 pods"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def message(summary: str, blocks: Iterable[Block]) -> View:
    """A message within Slack's limits: blocks that do not fit in are left out from the end, and it says so."""
    kept: list[Block] = []
    size = 0
    offered = list(blocks)
    for position, block in enumerate(offered):
        size += chars(block)
        last = position == len(offered) - 1
        if size > MESSAGE_CHARS or (len(kept) == MESSAGE_BLOCKS - 1 and not last):
            kept.append(small("Cut here: Slack shows no more in one message."))
            break
        kept.append(block)
    return View(text=sentence(summary), blocks=tuple(kept))


def chars(part: Any) -> int:
    """Characters of text in a block, by Slack's counting as far as it is known: every text and every plain title."""
    if isinstance(part, list | tuple):
        return sum(chars(item) for item in part)
    if not isinstance(part, dict):
        return 0
    return sum(
        len(value) if isinstance(value, str) and key in ("text", "title") else chars(value)
        for key, value in part.items()
    )


def plain_sections(view: View) -> tuple[Block, ...]:
    """The same message for a workspace that does not take its blocks: markup sections and our buttons only."""
    sections: list[Block] = []
    size = 0
    for block in view.blocks:
        if block["type"] == "actions":
            sections.append(block)
            continue
        shown = escape(as_text(block), SECTION_CHARS)
        size += len(shown)
        if shown and size <= MESSAGE_CHARS:
            sections.append({"type": "section", "text": {"type": "mrkdwn", "text": shown, "verbatim": True}})
    if not sections:
        sections.append({"type": "section", "text": {"type": "mrkdwn", "text": view.text, "verbatim": True}})
    return tuple(sections[:MESSAGE_BLOCKS])


def as_text(part: Any) -> str:
    """What a block says, without its looks."""
    if isinstance(part, list):
        return "".join(as_text(item) for item in part)
    kind = part.get("type")
    if kind == "rich_text_list":
        return "\n".join(f"• {as_text(item)}" for item in part["elements"])
    if kind == "plan":
        lines = [part["title"], *(f"{_STATUS_MARKS[task['status']]} {task['title']}" for task in part["tasks"])]
        return "\n".join(lines)
    if kind == "date":
        return str(part["fallback"])
    if kind in ("user", "usergroup", "channel"):
        return str(part[f"{kind}_id"])
    shown = part.get("text", part.get("elements", ""))
    said = as_text(shown) if isinstance(shown, dict | list) else str(shown)
    return said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if kind == "mrkdwn" else said


_STATUS_MARKS = {"pending": "○", "in_progress": "◐", "complete": "●", "error": "✕"}
