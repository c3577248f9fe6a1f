"""Slack's text markup as a person reads it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sandbox.slack.state import Workspace

_TAG = re.compile(r"<([^<>\n]+)>")
_EMOJI = re.compile(r":([a-z0-9_+-]+):")
_EMPHASIS = re.compile(r"(?<![\w*_~`])([*_~])(?=\S)([^\n`]*?\S)\1(?![\w*_~])")
_FENCE = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
_DATE_PART = re.compile(r"\{(\w+)\}")
_MARKDOWN = ((re.compile(r"\*\*(.+?)\*\*"), r"\1"), (re.compile(r"^#{1,6} +", re.MULTILINE), ""))
_MARKDOWN_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
_EMOJIS = {
    "red_circle": "🔴", "large_orange_circle": "🟠", "large_yellow_circle": "🟡", "large_green_circle": "🟢",
    "white_circle": "⚪", "large_blue_circle": "🔵", "white_check_mark": "✅", "heavy_check_mark": "✔",
    "x": "❌", "warning": "⚠", "rotating_light": "🚨", "eyes": "👀", "+1": "👍", "thumbsup": "👍", "-1": "👎",
    "thumbsdown": "👎", "hourglass": "⌛", "hourglass_flowing_sand": "⏳", "mag": "🔍", "tada": "🎉",
    "bell": "🔔", "no_bell": "🔕", "fire": "🔥", "rocket": "🚀", "lock": "🔒", "robot_face": "🤖",
    "octagonal_sign": "🛑", "bar_chart": "📊", "book": "📖", "bulb": "💡", "link": "🔗", "speech_balloon": "💬",
    "wave": "👋",
}  # fmt: skip
_STYLES = {
    "date_num": "%Y-%m-%d",
    "date_long": "%a, %-d %b %Y",
    "time": "%H:%M",
    "time_secs": "%H:%M:%S",
    **dict.fromkeys(("date", "date_short", "date_pretty", "date_short_pretty", "date_long_pretty"), "%-d %b %Y"),
}


def plain(text: str, workspace: Workspace) -> str:
    """`mrkdwn` without its markup: names for ids, words for links, emoji for their names."""
    text = _FENCE.sub(lambda match: "\n".join(f"    {line}" for line in match[1].split("\n")), text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _TAG.sub(lambda match: _tag(match[1], workspace), text)
    return unescape(emoji(text))


def markdown(text: str) -> str:
    """Markdown as a markdown block shows it, without the markup that a terminal cannot show."""
    for pattern, replacement in _MARKDOWN:
        text = pattern.sub(replacement, text)
    return emoji(_MARKDOWN_LINK.sub(r"\1", text))


def emoji(text: str) -> str:
    return _EMOJI.sub(lambda match: _EMOJIS.get(match[1], match[0]), text)


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def name(identifier: str, workspace: Workspace) -> str:
    """How a user, channel or group is shown: "@maria", "#sre", "@sre-oncall"."""
    if identifier in workspace.users:
        return f"@{workspace.users[identifier].name}"
    if identifier in workspace.groups:
        return f"@{workspace.groups[identifier].handle}"
    if identifier in workspace.channels:
        return f"#{workspace.channels[identifier].name}"
    return f"@{identifier}"


def date(timestamp: float, pattern: str) -> str:
    """A date in Slack's notation, such as "{date_num} {time}", in local time."""
    moment = datetime.fromtimestamp(timestamp, UTC).astimezone()
    return _DATE_PART.sub(lambda match: moment.strftime(_STYLES.get(match[1], match[0])), pattern)


def _tag(tag: str, workspace: Workspace) -> str:
    target, _, label = tag.partition("|")
    if target.startswith(("@", "#")):
        return name(target[1:], workspace) if not label else f"{target[0]}{label.removeprefix(target[0])}"
    if target.startswith("!subteam^"):
        return name(target.removeprefix("!subteam^"), workspace)
    if target.startswith("!date^"):
        parts = target.split("^")
        return date(float(parts[1]), parts[2]) if len(parts) > 2 and parts[1].isdigit() else label
    if target.startswith("!"):
        return f"@{target[1:]}"
    return label or target.removeprefix("mailto:")
