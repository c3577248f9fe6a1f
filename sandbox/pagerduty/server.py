"""The pretend PagerDuty: one HTTP server on loopback for the REST API and the Events API."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from aiohttp import web

from sandbox.clock import Clock
from sandbox.pagerduty import events_api
from sandbox.pagerduty.account import BOT_EMAIL, Account
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.errors import ApiError, InvalidEvent, too_many
from sandbox.pagerduty.faults import EVENTS_PER_MINUTE, PER_MINUTE, Fault, Faults, Limiter
from sandbox.pagerduty.incidents_api import IncidentsApi
from sandbox.pagerduty.model import Json, Service
from sandbox.pagerduty.people import People
from sandbox.pagerduty.queries import CALLER
from sandbox.pagerduty.reads import Reads
from sandbox.pagerduty.webhooks import Webhooks

LOOK_S = 0.1  # real seconds between two looks for what has fallen due
PROCESSING_S = 0.05  # real seconds until an accepted event takes effect: the Events API is asynchronous
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Checked = tuple[Service, Json]
_TOKEN = re.compile(r"Token token=(\S+)")
_VERSION = re.compile(r"application/vnd\.pagerduty\+json;version=(\d+)")


class PagerDuty(People):
    """Start it, give the bot `environment()`, and act as the people in it.

    Args:
        clock: Its `advance` lets acknowledgements run out, escalations come and webhooks be tried again.
        webhook_url: Where webhooks go; may be set later.
        webhook_timeout_s: How long the receiver has to answer, in real seconds.
    """

    def __init__(
        self, clock: Clock | None = None, *, webhook_url: str | None = None, webhook_timeout_s: float = 5.0
    ) -> None:
        self.clock = clock or Clock()
        self.api_key, self.read_only_key = _key(), _key()
        account = Account(self.clock.now())
        webhooks = Webhooks(self.clock, webhook_url, webhook_timeout_s)
        super().__init__(account, Desk(self.clock, account, webhooks.tell), webhooks)
        self._user_keys: dict[str, str] = {}
        self._faults = Faults()
        self._limiter = Limiter(self.clock, PER_MINUTE)
        self._event_limiter = Limiter(self.clock, EVENTS_PER_MINUTE)
        self._runner: web.AppRunner | None = None
        self._life: asyncio.Task[None] | None = None

    # running

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(middlewares=[self._guard], client_max_size=events_api.LARGEST_BYTES)
        app.add_routes(Reads(self.desk).routes() + IncidentsApi(self.desk).routes())
        app.add_routes([web.post("/v2/enqueue", self._enqueue), web.post("/v2/change/enqueue", self._enqueue_change)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.account.api_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.webhooks.start()
        self._life = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """Safe to repeat."""
        if self._life:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        await self.webhooks.stop()
        if self._runner:
            await self._runner.cleanup()

    async def _live(self) -> None:
        while True:
            self.desk.tick()
            await asyncio.sleep(LOOK_S)

    @property
    def url(self) -> str:
        """The base of both APIs."""
        return self.account.api_url

    @property
    def events_url(self) -> str:
        """Where monitoring posts to."""
        return f"{self.url}/v2/enqueue"

    @property
    def webhook_url(self) -> str | None:
        return self.webhooks.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self.webhooks.url = url

    def environment(self) -> dict[str, str]:
        """The variables with which sre-bot finds this account."""
        return {
            "PAGERDUTY_API_KEY": self.api_key, "PAGERDUTY_API_URL": self.url, "PAGERDUTY_FROM": BOT_EMAIL,
            "PAGERDUTY_WEBHOOK_SECRET": self.webhooks.secrets[-1],
        }  # fmt: skip

    def key_of(self, who: str) -> str:
        """An API key of a person's own, which needs no `From`."""
        key = _key()
        self._user_keys[key] = self.account.user(who).id
        return key

    # faults; `where` is a part of the method and path, such as "PUT /incidents" or "/v2/enqueue"

    def fail_next(self, status: int, where: str = "", times: int = 1) -> None:
        """Let the next requests fail with this status and change nothing."""
        self.call(lambda: self._faults.add(Fault("fail", where, times, status)))

    def lose_next(self, where: str = "", times: int = 1) -> None:
        """Let the next requests take effect, and then break the connection instead of answering."""
        self.call(lambda: self._faults.add(Fault("lose", where, times)))

    def slow_next(self, seconds: float, where: str = "", times: int = 1) -> None:
        """Answer the next requests so many real seconds late."""
        self.call(lambda: self._faults.add(Fault("slow", where, times, seconds=seconds)))

    def mend(self) -> None:
        """Forget the faults that have not come about."""
        self.call(self._faults.clear)

    def limit(self, per_minute: int = PER_MINUTE, events_per_minute: int = EVENTS_PER_MINUTE) -> None:
        """Change how many requests an API key, and how many events a routing key, has in a minute."""
        self._limiter.per_minute, self._event_limiter.per_minute = per_minute, events_per_minute

    # serving

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Faults, limits and tokens, in this order, before anything else."""
        self.desk.tick()
        fault = self._faults.take(f"{request.method} {request.path}")
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind == "fail":
            handler = _failing(fault.status)
        is_event = request.path.startswith("/v2/")
        answer = await (_answer_event(request, handler) if is_event else self._answer_rest(request, handler))
        if fault and fault.kind == "lose" and request.transport:
            request.transport.abort()
        return answer

    async def _answer_rest(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = {"X-Request-Id": uuid.uuid4().hex}
        try:
            key = self._known_key(request)
            allowance = self._limiter.take(key)
            headers |= allowance.headers()
            if allowance.exceeded:
                raise too_many()
            if key == self.read_only_key and request.method != "GET":
                raise ApiError(403, 2010, "Access Denied")
            if key in self._user_keys:
                request[CALLER] = self.account.users[self._user_keys[key]]
            answer = await handler(request)
        except ApiError as error:
            answer = web.json_response(error.as_json(), status=error.status)
        except web.HTTPException as error:
            answer = web.json_response(ApiError(error.status, 2100, "Not Found").as_json(), status=error.status)
        answer.headers.update(headers)
        return answer

    def _known_key(self, request: web.Request) -> str:
        found = _TOKEN.fullmatch(request.headers.get("Authorization", ""))
        key = found[1] if found else ""
        if key not in (self.api_key, self.read_only_key, *self._user_keys):
            raise ApiError(401, 2006, "Authentication failed")
        version = _VERSION.search(request.headers.get("Accept", ""))
        if version and version[1] != "2":
            raise ApiError(406, 2001, "Invalid Input Provided", "The requested API version is not supported")
        return key

    async def _enqueue(self, request: web.Request) -> web.Response:
        service, event = events_api.checked_alert_event(self.account, await _event(request))
        self._count(service)
        asyncio.get_running_loop().call_later(PROCESSING_S, self._process, service, event)
        body = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return web.json_response(body, status=202)

    def _process(self, service: Service, event: Json) -> None:
        self.desk.tick()
        with contextlib.suppress(ApiError):  # nobody hears of what goes wrong after 202
            events_api.apply(self.desk, service, event)

    async def _enqueue_change(self, request: web.Request) -> web.Response:
        service, event = events_api.checked_change_event(self.account, await _event(request))
        self._count(service)
        events_api.keep_change(self.desk, service, event)
        return web.json_response({"status": "success", "message": "Change event processed"}, status=202)

    def _count(self, service: Service) -> None:
        if self._event_limiter.take(service.routing_key).exceeded:
            raise too_many()


async def _answer_event(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidEvent as error:
        body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(error.errors)}
        return web.json_response(body, status=400)
    except ApiError as error:
        body = {"status": "throttle exceeded" if error.status == 429 else "error", "message": error.message}
        return web.json_response(body, status=error.status)


async def _event(request: web.Request) -> object:
    try:
        return await request.json()
    except ValueError:
        raise InvalidEvent("JSON parse error") from None


def _failing(status: int) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        if status == 429:
            raise too_many()
        raise ApiError(status, 2000, "An internal error has occurred. PagerDuty team has been notified.")

    return handler


def _key() -> str:
    return secrets.token_urlsafe(15)


@contextlib.contextmanager
def running(pagerduty: PagerDuty | None = None) -> Iterator[PagerDuty]:
    """One on an event loop in a thread of its own, for callers that have none."""
    held = pagerduty or PagerDuty()
    started: Future[asyncio.Event] = Future()

    async def live() -> None:
        ended = asyncio.Event()
        try:
            await held.start()
            started.set_result(ended)
            await ended.wait()
        finally:
            await held.stop()

    with ThreadPoolExecutor(1, "sandbox-pagerduty") as thread:
        life = thread.submit(asyncio.run, live())
        ended = started.result(timeout=10)
        try:
            yield held
        finally:
            held.call(ended.set)
            life.result()
