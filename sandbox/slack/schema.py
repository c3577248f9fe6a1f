"""A small schema language for JSON, whose complaints read like Slack's.

A check takes a value and the JSON pointer to it, and yields what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """What is wrong, and where: `/blocks/0/text`."""

    pointer: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} [json-pointer:{self.pointer}]"


Check = Callable[[Any, str], Iterator[Problem]]


def string(most: int, least: int = 1) -> Check:
    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, "must be a string")
        elif len(value) > most:
            yield Problem(at, f"must be less than {most + 1} characters")
        elif len(value) < least:
            yield Problem(at, f"must be more than {least - 1} characters")

    return check


def boolean(value: Any, at: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem(at, "must be a boolean")


def integer(least: int, most: int) -> Check:
    def check(value: Any, at: str) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield Problem(at, "must be an integer")
        elif not least <= value <= most:
            yield Problem(at, f"must be between {least} and {most}")

    return check


def number(value: Any, at: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield Problem(at, "must be a number")


def one_of(*values: str) -> Check:
    def check(value: Any, at: str) -> Iterator[Problem]:
        if value not in values:
            yield Problem(at, "must be a valid enum value")

    return check


def array(each: Check, most: int, least: int = 1) -> Check:
    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(at, "must be an array")
            return
        if len(value) > most:
            yield Problem(at, f"no more than {most} items allowed")
        elif len(value) < least:
            yield Problem(at, f"no fewer than {least} items allowed")
        for index, item in enumerate(value):
            yield from each(item, f"{at}/{index}")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *rules: Check) -> Check:
    """An object with these keys and no others; `rules` look at it whole, once its keys are right."""
    known = {**(optional or {}), **required}

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "must be an object")
            return
        clean = True
        for key in required:
            if value.get(key) is None:
                clean = False
                yield Problem(at, f"missing required field: {key}")
        for key, item in value.items():
            if key not in known:
                clean = False
                yield Problem(at, f"invalid additional property: {key}")
            elif item is not None:
                for problem in known[key](item, f"{at}/{key}"):
                    clean = False
                    yield problem
        if clean:
            for rule in rules:
                yield from rule(value, at)

    return check


def by_type(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` says which of the checks applies."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "must be an object")
        elif not isinstance(value.get("type"), str):
            yield Problem(at, "missing required field: type")
        elif value["type"] not in kinds:
            yield Problem(f"{at}/type", f"unsupported type: {value['type']}")
        else:
            yield from kinds[value["type"]](value, at)

    return check


def needs_one_of(*keys: str) -> Check:
    """At least one of these keys is there and not empty."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not any(value.get(key) for key in keys):
            yield Problem(at, f"missing required field: {' or '.join(keys)}")

    return check


def only_one_of(*keys: str) -> Check:
    """Exactly one of these keys is there."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        given = [key for key in keys if value.get(key) is not None]
        if not given:
            yield Problem(at, f"missing required field: {' or '.join(keys)}")
        elif len(given) > 1:
            yield Problem(at, f"only one of {' or '.join(keys)} is allowed")

    return check


def nullable(check: Check) -> Check:
    return lambda value, at: iter(()) if value is None else check(value, at)
