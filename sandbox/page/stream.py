"""What the page hears: one stream of Server-Sent Events, resumed from the last change that it saw."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import orjson
from aiohttp import web

from sandbox.page.people import channel_json
from sandbox.slack.model import Change, Json
from sandbox.slack.state import Workspace

_STILL_HERE_S = 15.0
_RETRY_MS = 500
_CHANNEL_KINDS = ("channel_created", "channel_archived", "member_joined")


class Stream:
    """The workspace's changes, and topics of others of which only the latest value counts."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._run = secrets.token_hex(4)  # another one: the server was restarted, the page starts anew
        self._topics: dict[str, tuple[int, bytes]] = {}
        self._published = 0
        self._closing = False

    def publish(self, topic: str, value: object) -> None:
        """Tell every page that is open, and each that will be, the new value of a topic."""
        self._published += 1
        self._topics[topic] = (self._published, orjson.dumps(value))

    async def close(self, _app: web.Application) -> None:
        """End every stream, so that the server can stop."""
        self._closing = True

    async def serve(self, request: web.Request) -> web.StreamResponse:
        seq = _since(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        heard, caught_up = 0, False
        with contextlib.suppress(ConnectionResetError):
            await response.write(b"retry: %d\n" % _RETRY_MS + _event("hello", orjson.dumps(self._run)))
            while not self._closing:
                changes = self._workspace.feed.since(seq)
                topics = [(name, *value) for name, value in self._topics.items() if value[0] > heard]
                parts = [self._change(change) for change in (latest(changes) if changes else ())]
                parts += [_event(name, data) for name, _, data in topics]
                parts += [] if caught_up else [_event("live", b"true")]
                caught_up = True
                seq = changes[-1].seq if changes else seq
                heard = max([heard, *(number for _, number, _ in topics)])
                await response.write(b"".join(parts) or b": still here\n\n")
                await self._news(seq, heard)
        return response

    async def _news(self, seq: int, heard: int) -> None:
        """Return when there is something new to say, or to say nothing and keep the connection."""

        def news() -> bool:
            return self._closing or self._published > heard or bool(self._workspace.feed.since(seq))

        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await self._workspace.feed.wait_for(news, _STILL_HERE_S)

    def _change(self, change: Change) -> bytes:
        data: Json = asdict(change)
        if change.kind in _CHANNEL_KINDS and change.channel in self._workspace.channels:
            data["data"] = channel_json(self._workspace, change.channel)
        return _event("change", orjson.dumps(data), change.seq)


def latest(changes: Iterable[Change]) -> Iterator[Change]:
    """The changes without those of a message that a later one supersedes; the last is always among them."""
    changes = list(changes)
    last = {_message(change): change.seq for change in changes if _message(change)}
    return (change for change in changes if not _message(change) or last[_message(change)] == change.seq)


def _message(change: Change) -> tuple[str | None, str | None] | None:
    about_message = change.kind.startswith(("message_", "ephemeral_", "reaction_"))
    return (change.channel, change.ts) if about_message else None


def _since(request: web.Request) -> int:
    given = request.headers.get("Last-Event-ID") or request.query.get("since") or "0"
    return int(given) if given.isdigit() else 0


def _event(name: str, data: bytes, seq: int | None = None) -> bytes:
    number = b"id: %d\n" % seq if seq is not None else b""
    return number + b"event: %s\ndata: %s\n\n" % (name.encode(), data)
