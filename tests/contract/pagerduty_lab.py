"""A receiver of PagerDuty's webhooks, and the library's sessions, for tests with the sandbox's PagerDuty."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from hashlib import sha256
from hmac import new as hmac
from typing import Any

import orjson
import pytest
import requests

from sandbox.company import wait_until
from sandbox.pagerduty.server import PagerDuty

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # at import pdpyras recommends its successor
    import pdpyras

Json = dict[str, Any]
HOUR_S = 3600.0


class Inbox:
    """A receiver of webhooks that keeps those whose signature is right; it answers `statuses` in turn, then 202."""

    def __init__(self) -> None:
        self.secret, self.url = "", ""
        self.events: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.forged = 0
        self.statuses: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        self.gate.wait(5)
        expected = "v1=" + hmac(self.secret.encode(), body, sha256).hexdigest()
        if expected not in headers["X-PagerDuty-Signature"].split(","):
            self.forged += 1
            return 403
        self.headers.append(headers)
        status = self.statuses.pop(0) if self.statuses else 202
        if status == 202:
            self.events.append(orjson.loads(body)["event"])
        return status

    def types(self) -> list[str]:
        return [e["event_type"].removeprefix("incident.") for e in self.events]

    def wait(self, *types: str) -> list[Json]:
        """The events, once these have come, in any order."""
        wait_until(lambda: len(self.events) >= len(types))
        assert sorted(self.types()) == sorted(types)
        return self.events


def session(pagerduty: PagerDuty, who: str | None = "maria@example.com", key: str | None = None) -> pdpyras.APISession:
    made = pdpyras.APISession(key or pagerduty.api_key, default_from=who)
    made.url, made.sleep_timer = pagerduty.url, 0.01
    return made


def events_session(pagerduty: PagerDuty) -> pdpyras.EventsAPISession:
    made = pdpyras.EventsAPISession(pagerduty.account.service("checkout").routing_key)
    made.url, made.sleep_timer = pagerduty.url, 0.01
    return made


def refusal(act: Callable[[], Any]) -> tuple[int, int]:
    """The status and PagerDuty's code of what the API refuses."""
    with pytest.raises(pdpyras.PDHTTPError) as caught:
        act()
    return caught.value.response.status_code, caught.value.response.json()["error"]["code"]


def incident(api: pdpyras.APISession, on: str = "checkout", **fields: Any) -> Json:
    """A new incident, opened through the API."""
    found = next(s for s in api.list_all("services") if s["name"] == on)
    body = {"type": "incident", "title": "carts are lost", "service": {"id": found["id"], "type": "service_reference"}}
    made: Json = api.rpost("incidents", json={**body, **fields})
    return made


def put(api: pdpyras.APISession, held: Json, **fields: Any) -> Json:
    changed: Json = api.rput(held, json={"type": "incident_reference", **fields})
    return changed


def user_ref(pagerduty: PagerDuty, who: str) -> Json:
    return {"id": pagerduty.account.user(who).id, "type": "user_reference"}


def assigned(held: Json) -> list[str]:
    return [a["assignee"]["summary"] for a in held["assignments"]]


def alert(**changes: Any) -> Json:
    payload = {"summary": "checkout fails", "source": "prometheus", "severity": "critical"}
    return {"event_action": "trigger", "dedup_key": "k1", "payload": payload, **changes}


def post_event(pagerduty: PagerDuty, event: Any, path: str = "/v2/enqueue", **kw: Any) -> requests.Response:
    key = pagerduty.account.service("checkout").routing_key
    body = {"routing_key": key, **event} if isinstance(event, dict) else event
    return requests.post(pagerduty.url + path, json=body, timeout=5, **kw)


def only(pagerduty: PagerDuty, status: str = "triggered") -> Json:
    """The newest incident, once it is in this state."""

    return wait_until(lambda: [i for i in pagerduty.incidents()[:1] if i["status"] == status])[0]
