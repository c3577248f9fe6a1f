"""Facts in words: foreign text made safe and short, times, shares, lists."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from core.observation import Change, FieldChange, Reading

_KEPT = {"\t": " ", "\n": " ", "\r": " "}
_PERCENT = {
    "error_ratio": "5xx",
    "cpu_saturation": "CPU use of its limit",
    "memory_saturation": "memory use of its limit",
    "cpu_throttled": "CPU periods throttled",
}


def clean(text: str, limit: int = 200) -> str:
    """Foreign text on one line: no control, bidi or invisible characters, at most `limit` long, cut with "…"."""
    kept = "".join(
        _KEPT.get(char, " " if unicodedata.category(char) in ("Zl", "Zp") else char)
        for char in text[: limit * 8]
        if char in _KEPT or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def quoted(text: str, limit: int = 200) -> str:
    """Foreign text as a quotation."""
    return f"`{clean(text, limit).replace('`', chr(39))}`"


def listed(parts: Sequence[str], limit: int = 3) -> str:
    """ "a, b and 2 more"."""
    if len(parts) <= limit:
        return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""
    return f"{', '.join(parts[:limit])} and {len(parts) - limit} more"


def clock(at: datetime, now: datetime) -> str:
    """ "02:12 UTC", with the day when it is not today's."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at.day} {at:%b %H:%M} UTC"


def span(length: timedelta) -> str:
    """A length of time in its largest unit: "6 days", "5 min"."""
    seconds = max(int(length.total_seconds()), 0)
    for size, unit in ((86400, "day"), (3600, "hour")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def count(number: int, noun: str) -> str:
    """ "1 pod", "2 pods"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(ratio: float) -> str:
    """ "7.4 %"."""
    return f"{ratio * 100:.3g} %" if ratio < 0.1 else f"{ratio * 100:.0f} %"


def seconds(value: float) -> str:
    """ "180 ms", "2.4 s"."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.3g} s"


def figure(reading: Reading) -> str:
    """ "5xx 7.4 % (normal 0.2 %)"; the reading's own summary for metrics without a unit known here."""
    if reading.now is None:
        return clean(reading.summary)
    label, write = _unit(reading.name)
    if write is None:
        return clean(reading.summary)
    normal = "" if reading.before is None else f" (normal {write(reading.before)})"
    return f"{label} {write(reading.now)}{normal}"


def _unit(name: str) -> tuple[str, Callable[[float], str] | None]:
    if name in _PERCENT:
        return _PERCENT[name], percent
    if name.endswith("_s"):
        return name.removesuffix("_s").removeprefix("latency_").replace("_", " "), seconds
    return "requests", "{:.3g} a second".format if name == "request_rate" else None


def rollout(change: Change, now: datetime) -> str:
    """ "the 02:11 UTC rollout, revision 17 → 18 (image 1.8.3 → 1.8.4, env CART_URL added)"."""
    revisions = f", revision {change.from_revision} → {change.to_revision}" if change.from_revision else ""
    fields = listed([field_change(field) for field in change.fields], 4)
    return f"the {clock(change.at, now)} rollout{revisions}{f' ({fields})' if fields else ''}"


def field_change(field: FieldChange) -> str:
    """ "image 1.8.3 → 1.8.4", "memory limit 64Mi added", "env CART_URL added"."""
    name = clean(field.field, 60)
    if field.before is None or field.after is None:
        value = clean(field.after or field.before or "", 80)
        return f"{name}{f' {value}' if value else ''} {field.verb}"
    before, after = clean(field.before, 80), clean(field.after, 80)
    repository, _, tag = before.rpartition(":")
    if field.field == "image" and repository and after.startswith(repository + ":"):
        before, after = tag, after.removeprefix(repository + ":")
    return f"{name} {before} → {after}"
