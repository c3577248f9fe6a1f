"""How interactions and events reach the bot: by Socket Mode when it is connected, else by signed HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
import orjson

from sandbox.slack import events
from sandbox.slack.app import App
from sandbox.slack.clock import Timers
from sandbox.slack.model import Json
from sandbox.slack.signing import signed_headers
from sandbox.slack.sockets import Sockets
from sandbox.slack.state import Workspace

Kind = Literal["slash_commands", "interactive", "events_api"]
_RETRY_AFTER_S = {2: 60, 3: 300}  # the first retry comes at once


@dataclass(frozen=True)
class Outcome:
    """What became of something that a person did.

    `error` is what Slack tells the person: "operation_timeout" when the bot did not acknowledge in time,
    "dispatch_failed" when it could not be reached or refused, or why Slack did not ask the bot at all.
    Neither `acked` nor `error`: the app is not subscribed to it.
    """

    acked: bool = False
    took_s: float = 0.0
    via: Literal["socket", "http", "none"] = "none"
    error: str | None = None
    body: Json | None = None  # what came with the acknowledgement; text comes as {"text": …}
    status: int | None = None  # of HTTP
    attempts: int = 0
    retry: bool = True  # False: the answer asked Slack not to
    payload: Json | None = field(default=None, repr=False)  # what was sent to the bot
    ts: str | None = None  # the message that the person wrote


class Delivery:
    """Sends to the bot. `request_url` is where HTTP goes; None when the app has none."""

    def __init__(
        self,
        workspace: Workspace,
        app: App,
        timers: Timers,
        sockets: Sockets,
        signing_secret: str,
        request_url: str | None,
        ack_timeout_s: float,
    ) -> None:
        self.request_url = request_url
        self._workspace = workspace
        self._app = app
        self._timers = timers
        self._sockets = sockets
        self._secret = signing_secret
        self._timeout = aiohttp.ClientTimeout(total=ack_timeout_s)
        self._http: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[Any]] = set()

    async def stop(self) -> None:
        for task in list(self._running):
            task.cancel()
        if self._http:
            await self._http.close()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do it in the background, until the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def interaction(self, kind: Kind, payload: Json) -> Outcome:
        """Deliver a command, a click or a submission, once: Slack does not retry these."""
        outcome = await self._send(kind, payload, None)
        self._note(outcome, f"The bot did not acknowledge {_named(payload)}.", kind)
        return outcome

    async def event(self, event: Json) -> Outcome:
        """Deliver an event: the first attempt, and the retry at once. Later retries wait for their time."""
        if not self._app.hears(event):
            return Outcome()
        body = events.envelope(event, self._workspace.new_id("Ev"), self._workspace.clock.now())
        return await self._attempt(body, 0, "")

    def emit(self, event: Json) -> None:
        """Deliver an event in the background."""
        if self._app.hears(event):
            self.spawn(self.event(event))

    async def verify_url(self) -> Outcome:
        """What Slack does when a request URL is saved: the app must answer with the challenge."""
        challenge = self._workspace.new_id("challenge")
        body = {"type": "url_verification", "token": events.LEGACY_TOKEN, "challenge": challenge}
        outcome = await self._post("events_api", body, {})
        echoed = outcome.body is not None and challenge in (outcome.body.get("challenge"), outcome.body.get("text"))
        return outcome if echoed else replace(outcome, acked=False, error=outcome.error or "challenge_failed")

    async def _attempt(self, body: Json, number: int, reason: str) -> Outcome:
        outcome = await self._send("events_api", body, (number, reason) if number else None)
        outcome = replace(outcome, attempts=number + 1)
        if outcome.acked or not outcome.retry:
            return outcome
        self._note(outcome, f"The bot did not acknowledge {_named(body)} (attempt {number + 1}).", "events_api")
        if number == 0:
            return await self._attempt(body, 1, _reason(outcome))
        if number + 1 in _RETRY_AFTER_S:
            due = self._workspace.clock.now() + _RETRY_AFTER_S[number + 1]
            self._timers.at(due, lambda: self.spawn(self._attempt(body, number + 1, _reason(outcome))))
        return outcome

    def _note(self, outcome: Outcome, message: str, kind: Kind) -> None:
        """A connected bot must acknowledge; one that is not there breaks no rule."""
        if outcome.error and outcome.via != "none":
            self._workspace.breach(outcome.error, message, kind)

    async def _send(self, kind: Kind, payload: Json, retry: tuple[int, str] | None) -> Outcome:
        if self._sockets.connections:
            return await self._through_socket(kind, payload, retry)
        if self.request_url:
            headers = {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]} if retry else {}
            return await self._post(kind, payload, headers)
        return Outcome(error="dispatch_failed", payload=payload)

    async def _through_socket(self, kind: Kind, payload: Json, retry: tuple[int, str] | None) -> Outcome:
        started = time.monotonic()
        try:
            answer = await self._sockets.send(kind, payload, kind != "events_api", retry)
        except TimeoutError:
            took_s = time.monotonic() - started
            return Outcome(took_s=took_s, via="socket", error="operation_timeout", payload=payload)
        return Outcome(True, time.monotonic() - started, "socket", body=answer or None, payload=payload)

    async def _post(self, kind: Kind, payload: Json, headers: dict[str, str]) -> Outcome:
        body, content_type = _encoded(kind, payload)
        headers = headers | signed_headers(self._secret, body) | {"Content-Type": content_type}
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=self._timeout)
        started = time.monotonic()
        failed = Outcome(via="http", error="dispatch_failed", payload=payload)
        try:
            async with self._http.post(str(self.request_url), data=body, headers=headers) as response:
                text = await response.text()
        except TimeoutError:
            return replace(failed, took_s=time.monotonic() - started, error="operation_timeout")
        except aiohttp.ClientError:
            return replace(failed, took_s=time.monotonic() - started)
        answered = replace(
            failed,
            took_s=time.monotonic() - started,
            status=response.status,
            body=_decoded(text, response.content_type),
            retry=response.headers.get("X-Slack-No-Retry") != "1",
        )
        return answered if response.status >= 300 else replace(answered, acked=True, error=None)


def _encoded(kind: Kind, payload: Json) -> tuple[bytes, str]:
    if kind == "events_api":
        return orjson.dumps(payload), "application/json"
    form = payload if kind == "slash_commands" else {"payload": orjson.dumps(payload).decode()}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def _decoded(text: str, content_type: str) -> Json | None:
    if not text.strip():
        return None
    if content_type == "application/json":
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"text": text}
        return answer if isinstance(answer, dict) else {"text": text}
    return {"text": text}


def _reason(outcome: Outcome) -> str:
    """Slack's word for why it tries again."""
    if outcome.error == "operation_timeout":
        return "timeout" if outcome.via == "socket" else "http_timeout"
    return "http_error" if outcome.status else "connection_failed"


def _named(payload: Json) -> str:
    if "command" in payload:
        return f"{payload['command']} {payload['text']}".strip()
    if "event" in payload:
        return f"the event {payload['event']['type']}"
    actions = payload.get("actions") or [{}]
    return f"the {payload['type']} {actions[0].get('action_id') or payload.get('callback_id', '')}".strip()
