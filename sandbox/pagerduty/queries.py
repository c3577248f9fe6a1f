"""The questions of REST requests: pages, filters and times, as PagerDuty reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

from sandbox.pagerduty.errors import ApiError, invalid
from sandbox.pagerduty.model import Json, User

DEFAULT_LIMIT, MOST_LIMIT, LAST_RESULT = 25, 100, 10_000
CALLER = web.RequestKey("caller", User)  # whose key it is; absent for an account's key
T = TypeVar("T")


def page(request: web.Request, name: str, things: Sequence[T], shown: Callable[[T], Json]) -> Json:
    """One page of a list in classic pagination; `total` is null unless it is asked for."""
    limit, offset = _number(request, "limit", DEFAULT_LIMIT), _number(request, "offset", 0)
    if offset + limit > LAST_RESULT:
        raise invalid(f"Offset and limit must not exceed {LAST_RESULT} together")
    limit = max(1, min(limit, MOST_LIMIT))
    total = len(things) if request.query.get("total") in ("1", "true") else None
    return {
        name: [shown(t) for t in things[offset : offset + limit]], "limit": limit, "offset": offset, "total": total,
        "more": offset + limit < len(things),
    }  # fmt: skip


def values(request: web.Request, name: str) -> list[str]:
    """The values of a filter that may be given several times: `statuses[]`."""
    return request.query.getall(f"{name}[]", [])


def includes(request: web.Request, what: str) -> bool:
    return what in values(request, "include")


def moment(request: web.Request, name: str) -> float | None:
    """Unix seconds of a time in the query. Raises: ApiError."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(400, 2004, "Invalid time values in 'since' and/or 'until' parameters") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


async def body(request: web.Request) -> Json:
    """The object that was posted. Raises: ApiError."""
    if request.content_type != "application/json":
        raise invalid("params must be a Hash")
    try:
        read: Any = await request.json()
    except ValueError:
        raise invalid("params must be a Hash") from None
    if not isinstance(read, dict):
        raise invalid("params must be a Hash")
    return read


def wrapped(read: Json, name: str) -> Json:
    """What is in the wrapper: `{"incident": {…}}`. Raises: ApiError."""
    inner = read.get(name)
    if not isinstance(inner, dict):
        raise invalid(f"{name.capitalize()} is required")
    return inner


def text(read: Json, name: str) -> str:
    """Raises: ApiError when it is missing or blank."""
    value = read.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"{name.replace('_', ' ').capitalize()} cannot be empty")
    return value


def _number(request: web.Request, name: str, otherwise: int) -> int:
    value = request.query.get(name)
    if value is None:
        return otherwise
    if not value.isdigit():
        raise invalid(f"{name.capitalize()} must be a non-negative integer")
    return int(value)
