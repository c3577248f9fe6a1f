"""Socket Mode: the WebSocket connections that the bot opened, and what goes through them.

Source: docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import uuid
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import orjson
from aiohttp import WSMsgType, web

from sandbox.slack.clock import Timers
from sandbox.slack.model import APP_ID, Json
from sandbox.slack.state import Workspace

CONNECTIONS_MAX = 10
_GRACE_S = {"warning": 10, "refresh_requested": 1}  # until a connection that was told to go is closed
_PING_EVERY_S = 5

Reason = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]


@dataclass(eq=False)
class Connection:
    """One open connection. A `leaving` one was told to go and gets nothing more while there are others."""

    socket: web.WebSocketResponse
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    leaving: bool = False


class Sockets:
    """Issues connections, sends envelopes, and matches their acknowledgements."""

    def __init__(self, workspace: Workspace, timers: Timers, ack_timeout_s: float) -> None:
        self.connections: list[Connection] = []
        self._workspace = workspace
        self._timers = timers
        self._ack_timeout_s = ack_timeout_s
        self._tickets: set[str] = set()
        self._awaited: dict[str, asyncio.Future[Json | None]] = {}  # by envelope id
        self._closing: set[asyncio.Task[object]] = set()

    def issue(self) -> str:
        """Path and query of a connection that may be opened once."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return f"/link/?ticket={ticket}&app_id={APP_ID}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The life of one connection."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid_auth")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if len(self.connections) >= CONNECTIONS_MAX:
            await socket.send_str(_goodbye("too_many_websockets"))
            await socket.close()
            return socket
        connection = Connection(socket)
        self.connections.append(connection)
        self._note("socket_opened", connection)
        try:
            await socket.send_str(self._hello())
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            self.connections.remove(connection)
            self._note("socket_closed", connection)
        return socket

    async def send(self, kind: str, payload: Json, wants_answer: bool, retry: tuple[int, str] | None) -> Json | None:
        """Send an envelope through a connection picked at random; the payload of its acknowledgement.

        `retry` is the number of the retry and its reason. Raises: TimeoutError when nothing acknowledged in time.
        """
        envelope_id = str(uuid.uuid4())
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "accepts_response_payload": wants_answer,
            "payload": payload,
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": retry[0] if retry else 0, "retry_reason": retry[1] if retry else ""}
        acknowledged = self._awaited[envelope_id] = asyncio.get_running_loop().create_future()
        connection = random.choice([c for c in self.connections if not c.leaving] or self.connections)
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                with contextlib.suppress(ConnectionError):  # it just went; the bot has until the timeout all the same
                    await connection.socket.send_str(orjson.dumps(envelope).decode())
                answer = await acknowledged
        finally:
            del self._awaited[envelope_id]
        return answer if wants_answer else None

    async def disconnect(self, reason: Reason) -> None:
        """Tell every connection to reconnect. After a warning they have ten seconds, after a request one."""
        for leaving in list(self.connections):
            leaving.leaving = True
            with contextlib.suppress(ConnectionError):
                await leaving.socket.send_str(_goodbye(reason))
            gone_at = self._workspace.clock.now() + _GRACE_S.get(reason, 0)
            self._timers.at(gone_at, partial(self._close_soon, leaving))

    async def ping(self) -> None:
        """Ping every connection, now and then, for ever. Who does not answer is left alone: it may be busy."""
        while True:
            await asyncio.sleep(_PING_EVERY_S)
            for connection in list(self.connections):
                with contextlib.suppress(ConnectionError):
                    await connection.socket.ping()

    async def close(self) -> None:
        for connection in list(self.connections):
            await connection.socket.close()

    def _close_soon(self, connection: Connection) -> None:
        task = asyncio.ensure_future(connection.socket.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _acknowledge(self, text: str) -> None:
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return
        future = self._awaited.get(message.get("envelope_id", ""))
        if future and not future.done():
            future.set_result(message.get("payload"))

    def _hello(self) -> str:
        hello = {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": APP_ID},
        }
        return orjson.dumps(hello).decode()

    def _note(self, kind: Literal["socket_opened", "socket_closed"], connection: Connection) -> None:
        self._workspace.feed.add(kind, {"id": connection.id, "open": len(self.connections)})


def _goodbye(reason: Reason) -> str:
    return orjson.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}).decode()
