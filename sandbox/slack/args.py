"""The arguments of a Web API call, however they were sent: query, form or JSON; lists as lists or as JSON text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson

from sandbox.slack.errors import ApiError
from sandbox.slack.model import Json

T = TypeVar("T")


class Args:
    """Typed access to arguments. What is missing or malformed is refused as Slack does."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        return default if value is None else str(value)

    def needed(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise ApiError("invalid_arguments", [f"missing required field: {name}"])
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._values.get(name)
        return default if value is None else str(value).lower() in ("true", "1")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name) or default)
        except ValueError:
            raise ApiError("invalid_arguments", [f"must be an integer [json-pointer:/{name}]"]) from None

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def value(self, name: str) -> Any:
        """An argument as it came; None when absent."""
        return self._values.get(name)

    def json(self, name: str, error: str = "invalid_arguments") -> Any:
        """A structured argument, decoded when it came as text; None when absent or empty."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ApiError(error, [f"must be valid JSON [json-pointer:/{name}]"]) from None

    def names(self, name: str) -> list[str]:
        """A list, or text with commas: ids of users or channels."""
        value = self._values.get(name)
        return [str(v) for v in value] if isinstance(value, list) else [v for v in self.text(name).split(",") if v]


def page(items: Sequence[T], args: Args, default: int, most: int = 1000) -> tuple[list[T], Json]:
    """One page of `items` by `limit` and `cursor`, and the fields that lead to the next."""
    limit = max(1, min(args.number("limit", default), most))
    start = _position(args.text("cursor"))
    end = start + limit
    cursor = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
    return list(items[start:end]), {"response_metadata": {"next_cursor": cursor}}


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except (ValueError, binascii.Error):
        raise ApiError("invalid_cursor") from None
