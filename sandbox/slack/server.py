"""The pretend Slack: an HTTP and WebSocket server on loopback around one workspace.

What Slack says over HTTP is here; what it does is in the modules that this one puts together.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Literal, TypeVar

import orjson
from aiohttp import web

from sandbox.slack.answers import answer
from sandbox.slack.app import App
from sandbox.slack.args import Args
from sandbox.slack.clock import Clock, Timers
from sandbox.slack.delivery import Delivery, Outcome
from sandbox.slack.errors import BREACHES, ApiError
from sandbox.slack.grants import ResponseUrls, Triggers
from sandbox.slack.limits import Rates
from sandbox.slack.methods.api import Api
from sandbox.slack.methods.catalogue import METHODS
from sandbox.slack.model import Breach, Json, Message
from sandbox.slack.people import People
from sandbox.slack.sockets import Reason, Sockets
from sandbox.slack.state import Workspace
from sandbox.slack.transcript import render

T = TypeVar("T")
_BODY_MAX = 10_000_000


class SlackServer(People):
    """Start it, give the bot `url`, `bot_token`, `app_token` and `signing_secret`, and act as the people in it.

    Args:
        app: What the bot's app is allowed; `App.from_manifest` makes the sandbox as strict as the manifest.
        clock: Its `advance` lets trigger ids expire, limits recover and retries fall due without waiting.
        port: 0 takes a free one.
        request_url: Where HTTP deliveries go while no Socket Mode connection is open.
        ack_timeout_s: How long the bot has to acknowledge, in real seconds.
    """

    def __init__(
        self,
        *,
        app: App | None = None,
        clock: Clock | None = None,
        port: int = 0,
        request_url: str | None = None,
        ack_timeout_s: float = 3.0,
    ) -> None:
        self.app = app or App()
        self.clock = clock or Clock()
        self.bot_token = f"xoxb-{secrets.token_hex(12)}"
        self.app_token = f"xapp-1-{secrets.token_hex(12)}"
        self.signing_secret = secrets.token_hex(16)
        self.workspace = Workspace(self.clock)
        self.web = web.Application(client_max_size=_BODY_MAX)  # more routes may be added before `start`
        self._port = port
        self._timers = Timers(self.clock)
        self._sockets = Sockets(self.workspace, self._timers, ack_timeout_s)
        delivery = Delivery(
            self.workspace, self.app, self._timers, self._sockets, self.signing_secret, request_url, ack_timeout_s
        )
        triggers = Triggers(self.clock)
        api = Api(self.workspace, self.app, self._timers, triggers, delivery.emit, self._sockets.issue)
        super().__init__(api, delivery, ResponseUrls(self.clock))
        self._rates = Rates(self.clock)
        self._faults: dict[str, deque[ApiError | Literal["lose"]]] = defaultdict(deque)
        self._runner: web.AppRunner | None = None
        self._background: list[asyncio.Task[None]] = []

    # running

    async def start(self) -> None:
        self.web.router.add_route("*", "/api/{method}", self._serve_method)
        self.web.router.add_get("/link/", self._sockets.serve)
        self.web.router.add_post("/response/{key}", self._serve_response_url)
        self.web.router.add_route("*", "/upload/{file}", self._serve_upload)
        self.web.router.add_get("/files/{file}", self._serve_file)
        self._runner = web.AppRunner(self.web, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._api.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._background = [asyncio.create_task(work) for work in (self._timers.run(), self._sockets.ping())]

    async def stop(self) -> None:
        for task in self._background:
            task.cancel()
        await self._delivery.stop()
        await self._sockets.close()
        if self._runner:
            await self._runner.cleanup()

    @property
    def origin(self) -> str:
        """Where the server is: "http://127.0.0.1:4711"."""
        return self._api.origin

    @property
    def url(self) -> str:
        """The base of the Web API, for SLACK_API_URL."""
        return f"{self.origin}/api/"

    @property
    def request_url(self) -> str | None:
        return self._delivery.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self._delivery.request_url = url

    async def verify_request_url(self) -> Outcome:
        """What Slack does when a request URL is saved."""
        return await self._delivery.verify_url()

    @property
    def connections(self) -> int:
        """How many Socket Mode connections are open."""
        return len(self._sockets.connections)

    async def disconnect(self, reason: Reason = "refresh_requested") -> None:
        """Send every connection away: within a second, or, with "warning", within ten."""
        await self._sockets.disconnect(reason)

    # faults

    def fail_next(self, method: str, error: str, times: int = 1, retry_after_s: int | None = None) -> None:
        """Let the next calls of a method fail with this error; with 429 when `retry_after_s` is given."""
        self._faults[method] += [ApiError(error, retry_after_s=retry_after_s)] * times

    def lose_next(self, method: str, times: int = 1) -> None:
        """Let the next calls of a method take effect, and then break the connection instead of answering."""
        self._faults[method] += ["lose"] * times

    # looking

    @property
    def breaches(self) -> list[Breach]:
        """Every rule of Slack's that the bot broke, in order."""
        return self.workspace.breaches

    def messages(self, channel: str) -> list[Message]:
        """The messages of a channel, without replies, oldest first."""
        where = self.workspace.channel(channel)
        return [m for m in self.workspace.in_channel(where.id) if not m.is_reply or m.broadcast]

    def thread(self, ts: str) -> list[Message]:
        """The message with this ts and the replies to it, oldest first; empty when there is none."""
        parent = self.workspace.find(ts)
        return self.workspace.thread(parent.channel, ts) if parent else []

    def ephemerals(self, user: str) -> list[Message]:
        """What this person alone sees, oldest first."""
        who = self.workspace.user(user).id
        return [m for m in self.workspace.ephemerals.values() if m.seen_by == who]

    def transcript(self, channel: str) -> str:
        """The channel with its threads, as plain text."""
        return render(self.workspace, self.workspace.channel(channel))

    async def wait_for(self, predicate: Callable[[], T | None], timeout_s: float = 5.0) -> T:
        """What `predicate` answers once that is true.

        Raises: TimeoutError, with the transcripts, when it was not within `timeout_s` real seconds.
        """
        try:
            return await self.workspace.feed.wait_for(predicate, timeout_s)
        except TimeoutError:
            shown = "\n".join(render(self.workspace, channel) for channel in self.workspace.channels.values())
            raise TimeoutError(f"This did not happen within {timeout_s} s.\n{shown}\n{self.breaches}") from None

    # serving

    async def _serve_method(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        fault = self._faults[name].popleft() if self._faults[name] else None
        headers = {"x-oauth-scopes": ",".join(sorted(self.app.scopes))}
        try:
            values = await _read(request)
            if isinstance(fault, ApiError):
                raise fault
            body, status = self._call(name, request.headers.get("Authorization", ""), values), 200
        except ApiError as error:
            if error.error in BREACHES and error is not fault:
                self.workspace.breach(error.error, str(error), name)
            body, status = error.as_json(), error.status
            headers |= {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else {}
        if fault == "lose" and request.transport:
            request.transport.abort()
        return web.Response(
            body=orjson.dumps(body), status=status, headers=headers, content_type="application/json", charset="utf-8"
        )

    def _call(self, name: str, authorization: str, values: Json) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        token = authorization.removeprefix("Bearer ").strip() or str(values.get("token") or "")
        if not token:
            raise ApiError("not_authed")
        if token not in (self.bot_token, self.app_token):
            raise ApiError("invalid_auth")
        if token != (self.bot_token if method.caller == "bot" else self.app_token):
            raise ApiError("not_allowed_token_type")
        if method.scopes and not self.app.scopes.intersection(method.scopes):
            raise ApiError("missing_scope", needed=",".join(method.scopes), provided=",".join(sorted(self.app.scopes)))
        self._rates.take(name, method.rate, str(values.get("channel") or ""))
        return method.run(self._api, Args(values))

    async def _serve_response_url(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        try:
            grant = self._response_urls.use(key)
        except ApiError as error:
            self.workspace.breach(error.error, str(error), "response_url")
            return web.json_response(error.as_json(), status=404)
        try:
            answer(self._api, grant, await _read(request), "response_url")
        except ApiError as error:
            self.workspace.breach(error.error, str(error), "response_url")
            return web.json_response(error.as_json(), status=400)
        return web.Response(text="ok")

    async def _serve_upload(self, request: web.Request) -> web.Response:
        file_id = request.match_info["file"]
        if file_id not in self.workspace.files:
            return web.Response(status=404, text="file_not_found")
        content = await _uploaded(request)
        self.workspace.uploads[file_id] = content
        self.workspace.files[file_id]["size"] = len(content)
        return web.Response(text=f"OK - {len(content)}")

    async def _serve_file(self, request: web.Request) -> web.Response:
        file_id = request.match_info["file"]
        if file_id not in self.workspace.uploads:
            return web.Response(status=404, text="file_not_found")
        kind = self.workspace.files[file_id]["mimetype"]
        return web.Response(body=self.workspace.uploads[file_id], content_type=kind)


async def _read(request: web.Request) -> Json:
    """The arguments of a request, from its query and its body. Raises ApiError."""
    values: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = orjson.loads(await request.read() or b"{}")
        except orjson.JSONDecodeError:
            raise ApiError("invalid_json") from None
        if not isinstance(body, dict):
            raise ApiError("json_not_object")
        return values | body
    with contextlib.suppress(ValueError):
        values |= dict(await request.post())
    return values


async def _uploaded(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    for value in (await request.post()).values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""
