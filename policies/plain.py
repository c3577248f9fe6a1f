"""Input as plain, bounded JSON: what the engines might read differently from us never reaches them.

rego-cpp cuts texts at a NUL and wraps integers at 64 bits; other engines keep both. Here such input is malformed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

MAX_BYTES = 64 * 1024  # an action and its facts take 2 KB; guessed, generously
MAX_TEXT = 2_000
MAX_ITEMS = 500  # in all
MAX_DEPTH = 6  # action.params.matchers[0].name is 4
MAX_NUMBER = 2**53  # beyond it, engines that hold numbers as doubles disagree


class Malformed(ValueError):
    """Not plain, bounded JSON."""


def parse(line: bytes) -> tuple[Any, Any]:
    """The action and the facts in one JSON object `{"action": …, "facts": …}`.

    Raises: Malformed, also for a key that occurs twice, NaN, Infinity, and anything beside the two keys.
    """
    if len(line) > MAX_BYTES:
        raise Malformed("too long")
    try:
        document = json.loads(line.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(document, dict) or set(document) != {"action", "facts"}:
        raise Malformed("not an action and its facts")
    return document["action"], document["facts"]


def plain(value: object) -> dict[str, Any]:
    """A copy of a mapping, in dicts, lists and scalars. Raises: Malformed."""
    if not isinstance(value, Mapping):
        raise Malformed("not an object")
    left = [MAX_ITEMS]
    return {_key(key): _copy(each, MAX_DEPTH, left) for key, each in value.items()}


def _copy(value: object, depth: int, left: list[int]) -> object:
    left[0] -= 1
    if depth < 0 or left[0] < 0:
        raise Malformed("too deep or too large")
    if isinstance(value, Mapping):
        return {_key(key): _copy(each, depth - 1, left) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(each, depth - 1, left) for each in value]
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= MAX_NUMBER:
        return value
    raise Malformed("not a plain value")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise Malformed("a key is not a text")
    return _text(key)


def _text(text: str) -> str:
    if len(text) > MAX_TEXT or any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in text):
        raise Malformed("a text is too long or holds control characters")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key occurs twice")
    return found


def _no_constant(name: str) -> None:
    raise Malformed(f"{name} is not JSON")
