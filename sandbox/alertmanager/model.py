"""Alerts and matchers as Alertmanager knows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]
NEVER = "0001-01-01T00:00:00Z"  # Go's zero time, which stands for "not yet"


class BadInput(ValueError):
    """What was posted cannot be used; the message says why."""


def fingerprint(labels: dict[str, str]) -> str:
    """The alert's identity: FNV-1a over its sorted labels, as Prometheus computes it."""
    value = 0xCBF29CE484222325
    for name, text in sorted(labels.items()):
        for byte in (*name.encode(), 255, *text.encode(), 255):
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def parse_time(text: Any, otherwise: float) -> float:
    """Unix seconds; `otherwise` for nothing and for Go's zero time. Raises: BadInput."""
    if not text or text == NEVER:
        return otherwise
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time") from error


@dataclass
class Alert:
    """One alert, in Unix seconds. It is resolved once `ends_at` has passed."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: float
    ends_at: float
    updated_at: float
    generator_url: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.labels)

    def resolved_at(self, time: float) -> bool:
        return self.ends_at <= time


@dataclass(frozen=True)
class Matcher:
    """A condition on one label; a label that is absent counts as empty."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: dict[str, str]) -> bool:
        held = labels.get(self.name, "")
        same = re.fullmatch(self.value, held) is not None if self.is_regex else held == self.value
        return same == self.is_equal

    def as_json(self) -> Json:
        return {"name": self.name, "value": self.value, "isRegex": self.is_regex, "isEqual": self.is_equal}


def parse_matcher(text: str) -> Matcher:
    """`alertname="X"`, `service=~"a|b"`; quotes may be left out. Raises: BadInput."""
    found = re.fullmatch(r'\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^"]*?)\s*', text)
    if not found:
        raise BadInput(f"bad matcher format: {text}")
    value = re.sub(r"\\(.)", r"\1", found[3][1:-1]) if found[3].startswith('"') else found[3]
    return make_matcher(found[1], value, is_regex="~" in found[2], is_equal=not found[2].startswith("!"))


def make_matcher(name: str, value: str, *, is_regex: bool, is_equal: bool) -> Matcher:
    """Raises: BadInput for a regular expression that cannot be read."""
    if is_regex:
        try:
            re.compile(value)
        except re.error as error:
            raise BadInput(f"invalid regular expression {value!r}: {error}") from error
    return Matcher(name, value, is_regex, is_equal)
