"""Webhooks V3: signed, one event each, tried again for twenty minutes, at least once (developer.pagerduty.com)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field

import aiohttp
import orjson

from sandbox.clock import Clock, rfc3339
from sandbox.pagerduty.account import fixed_id, new_id
from sandbox.pagerduty.model import Actor, Json

WAITS_S = (30.0, 120.0, 330.0, 720.0)  # before the second to the fifth attempt: twenty minutes in all
DROPS_UNTIL_DISABLED, DISABLED_FOR_S = 3, 86_400.0
EVENTS = (
    "incident.acknowledged", "incident.annotated", "incident.delegated", "incident.escalated",
    "incident.priority_updated", "incident.reassigned", "incident.reopened", "incident.resolved",
    "incident.responder.added", "incident.status_update_published", "incident.title_updated", "incident.triggered",
    "incident.unacknowledged", "incident.urgency_updated",
)  # fmt: skip


def signature(keys: list[str], body: bytes) -> str:
    """The header `X-PagerDuty-Signature`: one signature for each secret that is valid at present."""
    return ",".join("v1=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest() for key in keys)


@dataclass
class Delivery:
    """One webhook, with the answers that each attempt got: a status, or 0 when nobody answered."""

    event: Json
    headers: dict[str, str]
    body: bytes
    answers: list[int] = field(default_factory=list)

    @property
    def taken(self) -> bool:
        return any(status // 100 == 2 for status in self.answers)


class Webhooks:
    """One subscription to everything. `url` may be set later; what happens before is not delivered."""

    def __init__(self, clock: Clock, url: str | None = None, timeout_s: float = 5.0) -> None:
        self.url = url
        self.events: tuple[str, ...] = EVENTS  # what is subscribed to
        self.secrets = [secrets.token_urlsafe(32)]
        self.subscription = fixed_id("webhook subscription")
        self.deliveries: list[Delivery] = []
        self.disabled_until = 0.0
        self._clock, self._timeout = clock, aiohttp.ClientTimeout(total=timeout_s)
        self._queue: asyncio.Queue[Json] = asyncio.Queue()
        self._drops = 0
        self._repeats = 0
        self._swap = False
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._life = asyncio.create_task(self._live())

    async def stop(self) -> None:
        if self._life:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)

    def rotate(self) -> str:
        """Add a secret, which is the newest from now on; returns it. Both sign until `forget_old_secrets`."""
        self.secrets.append(secrets.token_urlsafe(32))
        return self.secrets[-1]

    def forget_old_secrets(self) -> None:
        del self.secrets[:-1]

    def repeat_next(self, times: int = 1) -> None:
        """Deliver the next webhook so many times more, as at-least-once allows."""
        self._repeats = times

    def swap_next(self) -> None:
        """Deliver the next two webhooks in the wrong order."""
        self._swap = True

    def tell(self, event_type: str, data: Json, actor: Actor, at: float) -> None:
        """Queue an event, if it is subscribed to."""
        if event_type in self.events:
            self._put(_envelope(event_type, data, actor, at))

    def ping(self, actor: Actor) -> None:
        """The test event of the subscription's page."""
        data = {"message": "Hello from your friend Pagey!", "type": "ping"}
        self._put(_envelope("pagey.ping", data, actor, self._clock.now()))

    def _put(self, event: Json) -> None:
        if self.url and self._clock.now() >= self.disabled_until:
            self._queue.put_nowait(event)

    async def _live(self) -> None:
        async with aiohttp.ClientSession(timeout=self._timeout) as http:
            while True:
                events = [await self._queue.get()]
                if self._swap:
                    self._swap = False
                    events.insert(0, await self._queue.get())
                for event in events:
                    await self._deliver(http, event)

    async def _deliver(self, http: aiohttp.ClientSession, event: Json) -> None:
        """Until it is taken, or given up; what follows waits meanwhile."""
        body = orjson.dumps({"event": event})
        headers = {
            "Content-Type": "application/json", "Accept": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0", "X-Webhook-Id": str(uuid.uuid4()),
            "X-Webhook-Subscription": self.subscription, "X-PagerDuty-Signature": signature(self.secrets, body),
        }  # fmt: skip
        delivery = Delivery(event, headers, body)
        self.deliveries.append(delivery)
        for wait_s in (0.0, *WAITS_S):
            await self._clock.sleep(wait_s)
            status = await self._post(http, delivery)
            delivery.answers.append(status)
            if delivery.taken or (status // 100 == 4 and status != 429):
                break
        while delivery.taken and self._repeats:
            self._repeats -= 1
            delivery.answers.append(await self._post(http, delivery))
        self._count(delivery)

    def _count(self, delivery: Delivery) -> None:
        """Three webhooks dropped in a row, and PagerDuty sends no more for a day."""
        self._drops = 0 if delivery.taken else self._drops + 1
        if self._drops >= DROPS_UNTIL_DISABLED:
            self._drops, self.disabled_until = 0, self._clock.now() + DISABLED_FOR_S
            while not self._queue.empty():
                self._queue.get_nowait()

    async def _post(self, http: aiohttp.ClientSession, delivery: Delivery) -> int:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with http.post(str(self.url), data=delivery.body, headers=delivery.headers) as answer:
                return answer.status
        return 0


def _envelope(event_type: str, data: Json, actor: Actor, at: float) -> Json:
    return {
        "id": new_id("01", 26), "event_type": event_type, "resource_type": event_type.partition(".")[0],
        "occurred_at": rfc3339(at), "agent": actor.agent, "client": actor.client, "data": data,
    }  # fmt: skip
