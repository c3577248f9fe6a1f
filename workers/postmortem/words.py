"""Figures, times and foreign text as a draft writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from blocks.parts import clean, fit
from core.mask import mask
from core.visible import clean as visible

_MENTION = re.compile(r"<([@#!])([^<>|]{1,80})(?:\|([^<>]{0,80}))?>")
_LINK = re.compile(r"<((?:https?|mailto):[^<>|\s]{1,500})(?:\|([^<>]{0,200}))?>")


def one_line(text: str, most: int = 300) -> str:
    """Foreign text in one line, cut, without what nobody sees; what looks like a secret once that is gone is masked."""
    seen = mask(visible(text[: most * 4 + 1000]))
    return fit(" ".join(clean(seen, most * 4).split()), most)


def said(markup: str, names: dict[str, str] | None = None, most: int = 240) -> str:
    """What somebody wrote in Slack, as plain words that mention nobody."""
    known = names or {}

    def mention(found: re.Match[str]) -> str:
        sign, target, label = found.groups()
        return f"{'#' if sign == '#' else '@'}{label or known.get(target, target)}"

    plain = _LINK.sub(lambda m: m[2] or m[1], _MENTION.sub(mention, markup[:8000]))
    plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return one_line(plain, most)


def span(length: timedelta) -> str:
    """ "27 s", "11 min 40 s", "2 h 10 min", "3 days 4 h"."""
    seconds = max(round(length.total_seconds()), 0)
    for size, unit, rest_size, rest_unit in ((86_400, "day", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            name = f"{unit}s" if unit == "day" and whole != 1 else unit
            more = f" {rest // rest_size} {rest_unit}" if rest // rest_size else ""
            return f"{whole} {name}{more}"
    return f"{seconds} s"


def at(moment: datetime, day: datetime | None = None) -> str:
    """The time, to the second; with its date unless it is of that day."""
    if day is not None and moment.date() == day.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def listed(items: Iterable[str], most: int = 6) -> str:
    """ "a, b and c"; "a, b and 4 more"."""
    every = list(items)
    shown = every[:most] if len(every) > most else every
    rest = len(every) - len(shown)
    parts = [*shown, f"{rest} more"] if rest else shown
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
