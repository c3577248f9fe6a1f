"""The sandbox's PagerDuty as PagerDuty's own client library sees it, and as a receiver of its webhooks does."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import new as hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from core.settings import load_settings
from sandbox.company import running as running_company
from sandbox.company import wait_until
from sandbox.faults import BAD_DEPLOY
from sandbox.pagerduty.errors import ApiError
from sandbox.pagerduty.events_api import LARGEST_BYTES
from sandbox.pagerduty.faults import PER_MINUTE
from sandbox.pagerduty.server import PagerDuty, running
from sandbox.slack.clock import Clock as SlackClock
from sandbox.slack.state import Workspace

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


@pytest.fixture
def pagerduty() -> Iterator[PagerDuty]:
    with running() as held:
        yield held


@pytest.fixture
def inbox(pagerduty: PagerDuty) -> Iterator[Inbox]:
    held = Inbox()
    held.secret = pagerduty.environment()["PAGERDUTY_WEBHOOK_SECRET"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = held.take(self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers.items()))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = pagerduty.webhook_url = f"http://127.0.0.1:{server.server_port}/webhooks/pagerduty"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield held
    held.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def session(pagerduty: PagerDuty, who: str | None = "maria@example.com", key: str | None = None) -> pdpyras.APISession:
    made = pdpyras.APISession(key or pagerduty.api_key, default_from=who)
    made.url, made.sleep_timer = pagerduty.url, 0.01
    return made


@pytest.fixture
def api(pagerduty: PagerDuty) -> Iterator[pdpyras.APISession]:
    with session(pagerduty) as made:
        yield made


@pytest.fixture
def events(pagerduty: PagerDuty) -> Iterator[pdpyras.EventsAPISession]:
    with pdpyras.EventsAPISession(pagerduty.account.service("checkout").routing_key) as made:
        made.url, made.sleep_timer = pagerduty.url, 0.01
        yield made


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

    def found() -> Json | None:
        listed = pagerduty.incidents()
        return listed[0] if listed and listed[0]["status"] == status else None

    return wait_until(found)  # type: ignore[return-value]


class TestEventsApi:
    def test_a_trigger_opens_an_incident_and_calls_who_is_on_call(
        self, pagerduty: PagerDuty, api: pdpyras.APISession, events: pdpyras.EventsAPISession
    ) -> None:
        link = {"href": "https://slack.example/archives/C1/p1", "text": "Thread"}
        image = {"src": "https://graphs.example/1.png", "alt": "5xx"}
        key = events.trigger("checkout fails", "prometheus", custom_details={"a": "b"}, links=[link], images=[image])
        only(pagerduty)
        (held,) = api.list_all("incidents", params={"incident_key": key})
        assert (held["title"], held["urgency"], held["service"]["summary"]) == ("checkout fails", "high", "checkout")
        assert assigned(held) == ["Maria Keller"]
        assert held["alert_counts"] == {"all": 1, "triggered": 1, "resolved": 0}
        assert held["summary"] == "[#1] checkout fails"
        (found,) = api.list_all(f"incidents/{held['id']}/alerts")
        assert (found["alert_key"], found["severity"], found["body"]["details"]) == (key, "critical", {"a": "b"})
        assert found["body"]["contexts"] == [{"type": "link", **link}, {"type": "image", **image}]

    def test_one_key_is_one_incident_until_it_is_resolved(
        self, pagerduty: PagerDuty, events: pdpyras.EventsAPISession
    ) -> None:
        for _ in range(2):
            assert events.trigger("checkout fails", "prometheus", dedup_key="k1") == "k1"
        events.acknowledge("k1")
        assert only(pagerduty, "acknowledged")["acknowledged_by"] == ["Prometheus"]
        events.resolve("k1")
        only(pagerduty, "resolved")
        events.trigger("checkout fails again", "prometheus", dedup_key="k1")
        assert only(pagerduty)["number"] == 2

    def test_what_refers_to_nothing_open_is_dropped(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        post_event(pagerduty, alert())
        only(pagerduty)
        other = pagerduty.account.service("search").routing_key
        for event in (alert(event_action="resolve", routing_key=other), alert(event_action="resolve", dedup_key="k2")):
            answer = post_event(pagerduty, event)
            assert (answer.status_code, answer.json()["status"]) == (202, "success")
        post_event(pagerduty, alert(dedup_key="k3"))
        wait_until(lambda: len(pagerduty.incidents()) == 2)
        assert {i["status"] for i in pagerduty.incidents()} == {"triggered"}

    @pytest.mark.parametrize(("severity", "urgency"), [("error", "high"), ("warning", "low"), ("info", "low")])
    def test_severity_decides_urgency(self, pagerduty: PagerDuty, severity: str, urgency: str) -> None:
        post_event(pagerduty, alert(payload={"summary": "s", "source": "p", "severity": severity}))
        assert only(pagerduty)["urgency"] == urgency

    @pytest.mark.parametrize(
        ("event", "error"),
        [
            ("text", "Event object format is unrecognized"),
            (alert(routing_key=""), "'routing_key' is missing or blank"),
            (alert(routing_key="short"), "Length of 'routing_key' is incorrect (should be 32 characters)"),
            (alert(routing_key="0" * 32), "Invalid routing key"),
            (alert(event_action="explode"), "'event_action' is invalid (must be one of the following: 'trigger', "
             "'acknowledge' or 'resolve')"),
            (alert(payload=None), "'payload' is missing or blank"),
            (alert(payload={"summary": " ", "source": "p", "severity": "info"}),
             "'payload.summary' is missing or blank"),
            (alert(payload={"summary": "s", "source": "p", "severity": "bad"}), "'payload.severity' is invalid (must "
             "be one of the following: 'critical', 'warning', 'error' or 'info')"),
            (alert(payload={"summary": "s" * 1025, "source": "p", "severity": "info"}),
             "'payload.summary' is too long (at most 1024 characters)"),
            (alert(dedup_key="k" * 256), "'dedup_key' is invalid (must be a string of at most 255 characters)"),
            (alert(event_action="resolve", dedup_key=None), "'dedup_key' is missing or blank"),
            (alert(links=[{"text": "no address"}]), "'links.href' is missing or blank"),
        ],
    )  # fmt: skip
    def test_bad_events_are_refused_and_change_nothing(self, pagerduty: PagerDuty, event: Any, error: str) -> None:
        answer = post_event(pagerduty, event)
        assert answer.status_code == 400
        expected = {"status": "invalid event", "message": "Event object is invalid", "errors": [error]}
        assert answer.json() == expected
        assert pagerduty.incidents() == []

    def test_too_large_or_too_many_is_refused(self, pagerduty: PagerDuty) -> None:
        assert post_event(pagerduty, alert(client="x" * LARGEST_BYTES)).status_code == 413
        pagerduty.limit(events_per_minute=2)
        answers = [post_event(pagerduty, alert()).status_code for _ in range(3)]
        assert answers == [202, 202, 429]
        pagerduty.clock.advance(60)
        assert post_event(pagerduty, alert()).status_code == 202

    def test_changes_are_kept_and_call_nobody(self, pagerduty: PagerDuty) -> None:
        event = {"payload": {"summary": "checkout 1.8.4", "custom_details": {"revision": 18}}}
        answer = post_event(pagerduty, event, "/v2/change/enqueue")
        assert (answer.status_code, answer.json()["status"]) == (202, "success")
        (kept,) = pagerduty.desk.changes
        assert (kept["summary"], kept["services"][0]["summary"]) == ("checkout 1.8.4", "checkout")
        assert pagerduty.incidents() == []
        assert post_event(pagerduty, {"payload": {}}, "/v2/change/enqueue").status_code == 400


class TestAccess:
    def test_a_key_that_is_unknown_is_refused(self, pagerduty: PagerDuty) -> None:
        with session(pagerduty, key="nonsense") as api, pytest.raises(pdpyras.PDHTTPError) as caught:
            api.rget("incidents")
        assert caught.value.response.status_code == 401
        headers = {"Authorization": f"Bearer {pagerduty.api_key}"}
        assert requests.get(f"{pagerduty.url}/users", headers=headers, timeout=5).status_code == 401

    def test_an_older_version_of_the_api_is_refused(self, pagerduty: PagerDuty) -> None:
        headers = {"Authorization": f"Token token={pagerduty.api_key}",
                   "Accept": "application/vnd.pagerduty+json;version=1"}  # fmt: skip
        assert requests.get(f"{pagerduty.url}/users", headers=headers, timeout=5).status_code == 406

    def test_an_account_has_no_me_and_a_person_has(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        assert api.api_key_access == "account"
        with session(pagerduty, None, pagerduty.key_of("li")) as own:
            assert own.api_key_access == "user"
            assert own.rget("users/me")["email"] == "li@example.com"
            held = incident(own)
            assert put(own, held, status="acknowledged")["acknowledgements"][0]["acknowledger"]["summary"] == "Li Wei"

    @pytest.mark.parametrize(
        ("who", "expected"),
        [(None, (400, 2016)), ("nobody@example.com", (400, 1008)), ("jonas@example.com", (403, 1018))],
        ids=["nobody named", "no user", "a stakeholder"],
    )
    def test_writes_are_made_for_somebody_who_may(
        self, pagerduty: PagerDuty, api: pdpyras.APISession, who: str | None, expected: tuple[int, int]
    ) -> None:
        held = incident(api)
        with session(pagerduty, who) as other:
            assert refusal(lambda: put(other, held, status="acknowledged")) == expected
            assert refusal(lambda: other.rpost(f"incidents/{held['id']}/notes", json={"content": "x"})) == expected
        assert pagerduty.incidents()[0]["status"] == "triggered"

    def test_a_read_only_key_reads(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        with session(pagerduty, key=pagerduty.read_only_key) as reader:
            assert reader.rget(f"incidents/{held['id']}")["id"] == held["id"]
            assert refusal(lambda: put(reader, held, status="resolved")) == (403, 2010)

    def test_requests_are_limited_by_the_minute(self, pagerduty: PagerDuty) -> None:
        pagerduty.limit(per_minute=2)
        headers = {"Authorization": f"Token token={pagerduty.api_key}"}
        pagerduty.clock.advance(60 - pagerduty.clock.now() % 60)
        answers = [requests.get(f"{pagerduty.url}/users", headers=headers, timeout=5) for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert answers[2].json() == {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
        assert [a.headers["ratelimit-remaining"] for a in answers] == ["1", "0", "0"]
        assert answers[2].headers["ratelimit-limit"] == "2"
        assert 0 < int(answers[2].headers["ratelimit-reset"]) <= 60
        pagerduty.clock.advance(60)
        assert requests.get(f"{pagerduty.url}/users", headers=headers, timeout=5).status_code == 200
        assert PER_MINUTE == 960


class TestReading:
    def test_slacks_people_are_found_by_their_address(self, api: pdpyras.APISession) -> None:
        for person in Workspace(SlackClock()).people():
            found = api.find("users", person.email, attribute="email")
            assert (found["name"], found["type"]) == (person.real_name, "user")
            assert api.rget(found)["id"] == found["id"]
        assert api.find("users", "nobody@example.com", attribute="email") is None
        assert refusal(lambda: api.rget("users/PNOBODY")) == (404, 2100)

    def test_services_have_a_policy_and_a_key_for_events(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        listed = {s["name"]: s for s in api.list_all("services", params={"include": ["integrations"]})}
        assert listed.keys() >= {"storefront", "checkout", "payments", "orders-db", "batch"}
        key = pagerduty.account.service("checkout").routing_key
        assert [i["integration_key"] for i in listed["checkout"]["integrations"]] == [key]
        assert listed["checkout"]["escalation_policy"]["summary"] == "SRE"
        plain = api.rget(listed["checkout"])
        assert plain["integrations"][0]["type"] == "events_api_v2_inbound_integration_reference"
        assert api.rget(plain["integrations"][0]["self"])["integration_key"] == key
        assert plain["status"] == "active"
        held = incident(api)
        assert api.rget(plain)["status"] == "critical"
        put(api, held, status="acknowledged")
        assert api.rget(plain)["status"] == "warning"

    def test_three_levels_are_on_call_now(self, api: pdpyras.APISession) -> None:
        (policy,) = api.rget("escalation_policies", params={"query": "SRE"})
        assert [t["type"] for r in policy["escalation_rules"] for t in r["targets"]] == [
            "schedule_reference", "schedule_reference", "user_reference",
        ]  # fmt: skip
        listed = api.list_all("oncalls", params={"escalation_policy_ids": [policy["id"]], "include": ["users"]})
        assert [(o["escalation_level"], o["user"]["email"]) for o in listed] == [
            (1, "maria@example.com"), (2, "li@example.com"), (3, "nora@example.com"),
        ]  # fmt: skip
        assert (listed[2]["schedule"], listed[2]["start"], listed[2]["end"]) == (None, None, None)
        now = datetime.now(UTC)
        assert datetime.fromisoformat(listed[0]["start"]) <= now < datetime.fromisoformat(listed[0]["end"])

    def test_the_next_turn_is_somebody_elses(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        (schedule,) = api.rget("schedules", params={"query": "primary"})
        since = datetime.now(UTC)
        span = {"since": since.isoformat(), "until": (since + timedelta(days=7)).isoformat()}
        turns = api.list_all("oncalls", params={"schedule_ids": [schedule["id"]], **span})
        names = [t["user"]["summary"] for t in turns if t["escalation_policy"]["summary"] == "SRE"]
        assert names == ["Maria Keller", "Li Wei"]
        shown = api.rget(f"schedules/{schedule['id']}", params=span)
        entries = shown["final_schedule"]["rendered_schedule_entries"]
        assert [e["user"]["summary"] for e in entries] == ["Maria Keller", "Li Wei"]
        pagerduty.clock.advance(7 * 24 * HOUR_S)
        assert pagerduty.on_call("checkout") == ["li@example.com"]
        assert assigned(incident(api)) == ["Li Wei"]

    def test_a_span_that_ends_before_it_begins_is_refused(self, api: pdpyras.APISession) -> None:
        span = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
        assert refusal(lambda: api.rget("oncalls", params=span)) == (400, 2004)
        assert refusal(lambda: api.rget("incidents", params={"since": "yesterday"})) == (400, 2004)

    def test_priorities_and_abilities(self, api: pdpyras.APISession) -> None:
        assert [p["name"] for p in api.list_all("priorities")] == ["P1", "P2", "P3", "P4"]
        assert "coordinated_responding" in api.rget("abilities")
        assert api.get("abilities/coordinated_responding").status_code == 204
        assert api.get("abilities/teleportation").status_code == 402

    def test_what_is_not_there_says_so_in_json(self, api: pdpyras.APISession) -> None:
        answer = api.get("/nonsense")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, 2100)
        assert refusal(lambda: api.rget("incidents/QNONE")) == (404, 2100)

    def test_lists_come_in_pages(self, api: pdpyras.APISession) -> None:
        made = [incident(api)["id"] for _ in range(5)]
        page = api.get("incidents", params={"limit": 2, "offset": 2, "total": "true"}).json()
        assert {k: page[k] for k in ("limit", "offset", "total", "more")} == {
            "limit": 2, "offset": 2, "total": 5, "more": True,
        }  # fmt: skip
        assert [i["id"] for i in page["incidents"]] == made[2:4]
        assert [i["id"] for i in api.iter_all("incidents", page_size=2)] == made
        assert api.get("incidents").json()["total"] is None
        assert refusal(lambda: api.rget("incidents", params={"limit": 100, "offset": 9_950})) == (400, 2001)

    def test_incidents_are_filtered(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        first = incident(api, incident_key="k1")
        second = incident(api, on="search", urgency="low")
        put(api, second, status="resolved")

        def listed(**query: Any) -> list[str]:
            return [i["id"] for i in api.list_all("incidents", params=query)]

        assert listed(statuses=["triggered", "acknowledged"]) == [first["id"]]
        assert listed(service_ids=[second["service"]["id"]]) == [second["id"]]
        assert listed(incident_key="k1") == [first["id"]]
        assert listed(urgencies=["low"]) == [second["id"]]
        assert listed(user_ids=[pagerduty.account.user("maria").id]) == [first["id"]]
        assert listed(sort_by="incident_number:desc") == [second["id"], first["id"]]
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        assert listed(since=later, until=(datetime.now(UTC) + timedelta(hours=2)).isoformat()) == []
        assert refusal(lambda: listed(statuses=["ok"])) == (400, 2001)
        pagerduty.clock.advance(40 * 24 * HOUR_S)
        assert listed() == []
        assert len(listed(date_range="all")) == 2


class TestIncidents:
    def test_an_open_key_is_not_opened_twice(self, api: pdpyras.APISession) -> None:
        held = incident(api, incident_key="approval-1")
        with pytest.raises(pdpyras.PDHTTPError) as caught:
            incident(api, incident_key="approval-1")
        assert caught.value.response.json()["error"] == {
            "message": "Arguments Caused Error", "code": 2002,
            "errors": ["Open incident with matching dedup key already exists on this service"],
        }  # fmt: skip
        incident(api, on="search", incident_key="approval-1")
        put(api, held, status="resolved")
        incident(api, incident_key="approval-1")

    def test_opened_for_oneself_it_is_acknowledged(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        mine = incident(api, assignments=[{"assignee": user_ref(pagerduty, "maria")}])
        others = incident(api, assignments=[{"assignee": user_ref(pagerduty, "li")}])
        assert (mine["status"], others["status"]) == ("acknowledged", "triggered")
        assert (assigned(others), others["assigned_via"]) == (["Li Wei"], "direct_assignment")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"title": " "}, (400, 2001)),
            ({"service": {"id": "PNONE"}}, (400, 2001)),
            ({"urgency": "huge"}, (400, 2001)),
            ({"priority": {"id": "PNONE"}}, (400, 1020)),
            ({"escalation_policy": {"id": "PNONE"}}, (400, 1014)),
            ({"assignments": [{"assignee": {"id": "PNONE"}}]}, (400, 1007)),
            ({"assignments": [], "escalation_policy": {}}, (400, 2002)),
        ],
    )
    def test_what_makes_no_sense_opens_nothing(
        self, pagerduty: PagerDuty, api: pdpyras.APISession, fields: Json, expected: tuple[int, int]
    ) -> None:
        assert refusal(lambda: incident(api, **fields)) == expected
        assert refusal(lambda: api.rpost("incidents", data="not JSON")) == (400, 2001)
        assert pagerduty.incidents() == []

    def test_acknowledged_then_resolved_then_over(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        acknowledged = put(api, held, status="acknowledged")
        assert acknowledged["acknowledgements"][0]["acknowledger"]["summary"] == "Maria Keller"
        assert [a["type"] for a in acknowledged["pending_actions"]] == ["unacknowledge"]
        resolved = put(api, held, status="resolved", resolution="rolled back")
        assert (resolved["status"], resolved["assignments"], resolved["pending_actions"]) == ("resolved", [], [])
        assert pagerduty.incidents()[0]["notes"][0]["content"] == "Resolution Note: rolled back"
        for fields in ({"status": "acknowledged"}, {"status": "resolved"}, {"escalation_level": 2}):
            assert refusal(lambda fields=fields: put(api, held, **fields)) == (400, 1001)

    def test_it_is_given_to_others(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        put(api, held, status="acknowledged")
        moved = put(api, held, assignments=[{"assignee": user_ref(pagerduty, "li")}])
        assert (moved["status"], assigned(moved), moved["acknowledgements"]) == ("triggered", ["Li Wei"], [])
        assert moved["pending_actions"] == []
        assert assigned(put(api, held, escalation_level=3)) == ["Nora Lind"]
        policy = next(p for p in api.list_all("escalation_policies") if p["name"] == "Payments")
        delegated = put(api, held, escalation_policy={"id": policy["id"], "type": "escalation_policy_reference"})
        assert (delegated["escalation_policy"]["summary"], assigned(delegated)) == ("Payments", ["Maria Keller"])
        assert refusal(lambda: put(api, held, escalation_level=4)) == (400, 1006)
        both = {"escalation_level": 1, "assignments": [{"assignee": user_ref(pagerduty, "li")}]}
        assert refusal(lambda: put(api, held, **both)) == (400, 1011)

    def test_priority_urgency_and_title(self, api: pdpyras.APISession) -> None:
        held = incident(api)
        first = api.list_all("priorities")[0]
        changed = put(
            api, held, priority={"id": first["id"], "type": "priority_reference"}, urgency="low", title="nobody can pay"
        )
        assert (changed["priority"]["name"], changed["urgency"]) == ("P1", "low")
        assert changed["title"] == "nobody can pay"
        assert put(api, held, priority=None)["priority"] is None
        assert refusal(lambda: put(api, held, status="closed")) == (400, 1003)
        assert refusal(lambda: api.rput(held, json={"type": "alert", "status": "resolved"})) == (400, 2001)

    def test_several_change_together_or_not_at_all(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = [incident(api) for _ in range(3)]

        def all_to(status: str) -> list[Json]:
            body = [{"id": i["id"], "type": "incident_reference", "status": status} for i in held]
            changed: list[Json] = api.rput("incidents", json=body)
            return changed

        assert {i["status"] for i in all_to("acknowledged")} == {"acknowledged"}
        put(api, held[2], status="resolved")
        assert refusal(lambda: all_to("resolved")) == (400, 1001)
        assert [i["status"] for i in pagerduty.incidents()] == ["resolved", "acknowledged", "acknowledged"]

    def test_notes_and_status_updates(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        for text in ("first", "second"):
            made = api.rpost(f"incidents/{held['id']}/notes", json={"content": text})
            assert (made["content"], made["user"]["summary"]) == (text, "Maria Keller")
        listed = api.rget(f"incidents/{held['id']}/notes")
        assert [n["content"] for n in listed] == ["second", "first"]
        update = api.rpost(f"incidents/{held['id']}/status_updates", json={"message": "we roll back"})
        assert (update["message"], update["sender"]["summary"]) == ("we roll back", "Maria Keller")
        assert refusal(lambda: api.rpost(f"incidents/{held['id']}/notes", json={"content": ""})) == (400, 2001)
        assert [u["message"] for u in pagerduty.incidents()[0]["status_updates"]] == ["we roll back"]

    def test_responders_are_asked(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        target = {"responder_request_target": user_ref(pagerduty, "li")}
        body = {"requester_id": pagerduty.account.user("maria").id, "message": "please help",
                "responder_request_targets": [target]}  # fmt: skip
        made = api.rpost(f"incidents/{held['id']}/responder_requests", json=body)
        (asked,) = made["responder_request_targets"][0]["responder_request_target"]["incidents_responders"]
        assert (asked["user"]["summary"], asked["state"], asked["message"]) == ("Li Wei", "pending", "please help")
        assert api.rget(held)["incidents_responders"] == [asked]
        where = f"incidents/{held['id']}/responder_requests"
        assert refusal(lambda: api.rpost(where, json={**body, "requester_id": None})) == (400, 2011)
        assert refusal(lambda: api.rpost(where, json={**body, "responder_request_targets": []})) == (400, 2001)

    def test_a_snooze_keeps_an_acknowledgement(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        where = f"incidents/{held['id']}/snooze"
        assert refusal(lambda: api.rpost(where, json={"duration": 7200})) == (400, 1012)
        put(api, held, status="acknowledged")
        assert refusal(lambda: api.rpost(where, json={"duration": 0})) == (400, 1013)
        api.rpost(where, json={"duration": 7200})
        pagerduty.clock.advance(7100)
        assert api.rget(held)["status"] == "acknowledged"
        pagerduty.clock.advance(200)
        assert api.rget(held)["status"] == "triggered"

    def test_merged_incidents_leave_their_alerts_to_one(
        self, pagerduty: PagerDuty, api: pdpyras.APISession, events: pdpyras.EventsAPISession
    ) -> None:
        for key in ("k1", "k2"):
            events.trigger(f"{key} fails", "prometheus", dedup_key=key)
        wait_until(lambda: len(pagerduty.incidents()) == 2)
        source, target = (i["id"] for i in pagerduty.incidents())
        sources = [{"id": source, "type": "incident_reference"}]
        merged = api.rput(f"incidents/{target}/merge", json=sources)
        assert merged["alert_counts"]["all"] == 2
        reason = api.rget(f"incidents/{source}")["resolve_reason"]
        assert (reason["type"], reason["incident"]["id"]) == ("merge_resolve_reason", target)
        assert refusal(lambda: api.rput(f"incidents/{target}/merge", json=sources)) == (400, 1019)
        events.resolve("k1")
        events.resolve("k2")
        wait_until(lambda: api.rget(f"incidents/{target}")["status"] == "resolved")

    def test_everything_is_in_the_log(self, api: pdpyras.APISession) -> None:
        held = incident(api)
        put(api, held, status="acknowledged")
        api.rpost(f"incidents/{held['id']}/notes", json={"content": "looking"})
        put(api, held, status="resolved")
        entries = api.list_all(f"incidents/{held['id']}/log_entries")
        assert [e["type"].removesuffix("_log_entry") for e in entries] == [
            "resolve", "annotate", "acknowledge", "assign", "trigger",
        ]  # fmt: skip
        assert {e["agent"]["summary"] for e in entries} == {"Maria Keller"}
        assert entries[1]["channel"] == {"type": "api", "content": "looking"}


class TestTime:
    def test_an_acknowledgement_runs_out_and_the_next_level_is_called(
        self, pagerduty: PagerDuty, api: pdpyras.APISession, inbox: Inbox
    ) -> None:
        held = incident(api)
        put(api, held, status="acknowledged")
        pagerduty.clock.advance(1801)
        wait_until(lambda: inbox.types() == ["triggered", "acknowledged", "unacknowledged"])
        assert inbox.events[-1]["agent"]["type"] == "service_reference"
        assert inbox.events[-1]["data"]["status"] == "triggered"
        pagerduty.clock.advance(15 * 60)
        wait_until(lambda: inbox.types()[3:] == ["escalated"])
        assert [a["summary"] for a in inbox.events[-1]["data"]["assignees"]] == ["Li Wei"]

    def test_levels_are_called_in_turn_and_once_more(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        incident(api)
        called = []
        for _ in range(7):
            pagerduty.clock.advance(15 * 60 + 1)
            called.append(pagerduty.incidents()[0]["assigned"][0].split()[0])
        assert called == ["Li", "Nora", "Maria", "Li", "Nora", "Nora", "Nora"]

    def test_levels_that_reach_nobody_are_passed_over(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        del pagerduty.account.users[pagerduty.account.user("li").id]
        pagerduty.clock.advance(15 * 60 + 1)
        assert assigned(api.rget(held)) == ["Nora Lind"]
        assert refusal(lambda: put(api, held, escalation_level=2)) == (400, 1015)
        bot = pagerduty.account.user("sre-bot@example.com")
        with session(pagerduty, bot.email) as other:
            pagerduty.account.users = {bot.id: bot}
            assert refusal(lambda: incident(other)) == (400, 1015)
        assert len(pagerduty.desk.incidents) == 1

    def test_a_long_leap_does_everything_that_fell_due(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        put(api, held, status="acknowledged")
        pagerduty.clock.advance(1800 + 2 * 15 * 60 + 5)
        assert assigned(api.rget(held)) == ["Nora Lind"]

    def test_who_acknowledges_again_has_the_time_again(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        put(api, held, status="acknowledged")
        pagerduty.clock.advance(1000)
        assert len(put(api, held, status="acknowledged")["acknowledgements"]) == 1
        pagerduty.clock.advance(1000)
        assert api.rget(held)["status"] == "acknowledged"


ACTS: list[tuple[str, Callable[[PagerDuty, str], object]]] = [
    ("acknowledged", lambda p, i: p.acknowledge("li", i)),
    ("resolved", lambda p, i: p.resolve("li", i)),
    ("reassigned", lambda p, i: p.reassign("li", i, "nora")),
    ("escalated", lambda p, i: p.escalate("li", i)),
    ("delegated", lambda p, i: p.delegate("li", i, "Payments")),
    ("annotated", lambda p, i: p.annotate("li", i, "looking")),
    ("status_update_published", lambda p, i: p.publish("li", i, "we roll back")),
    ("priority_updated", lambda p, i: p.set_priority("li", i, "P2")),
    ("urgency_updated", lambda p, i: p.set_urgency("li", i, "low")),
    ("title_updated", lambda p, i: p.rename("li", i, "nobody can pay")),
    ("responder.added", lambda p, i: p.add_responder("li", i, "nora")),
]


class TestWebhooks:
    def test_the_envelope_is_pagerdutys(self, pagerduty: PagerDuty, inbox: Inbox) -> None:
        post_event(pagerduty, alert(client="Alertmanager", client_url="http://am/#/alerts"))
        (event,) = inbox.wait("triggered")
        data = event.pop("data")
        assert {k: event[k] for k in ("event_type", "resource_type", "client")} == {
            "event_type": "incident.triggered", "resource_type": "incident",
            "client": {"name": "Alertmanager", "url": "http://am/#/alerts"},
        }  # fmt: skip
        assert event.keys() == {"id", "event_type", "resource_type", "occurred_at", "agent", "client"}
        assert event["agent"]["type"] == "inbound_integration_reference"
        assert abs(datetime.fromisoformat(event["occurred_at"]) - datetime.now(UTC)) < timedelta(seconds=10)
        held = pagerduty.incidents()[0]
        service, user = pagerduty.account.service("checkout"), pagerduty.account.user("maria")
        policy = pagerduty.account.policies[service.policy_id]
        assert data == {
            "id": held["id"], "type": "incident", "self": f"{pagerduty.url}/incidents/{held['id']}",
            "html_url": f"https://shop.pagerduty.example/incidents/{held['id']}", "number": 1, "status": "triggered",
            "incident_key": "k1", "created_at": held["created_at"], "reopened_at": None, "title": "checkout fails",
            "service": pagerduty.account.ref(service), "assignees": [pagerduty.account.ref(user)],
            "escalation_policy": pagerduty.account.ref(policy), "teams": [], "priority": None, "urgency": "high",
            "conference_bridge": None, "resolve_reason": None, "incident_type": {"name": "incident_default"},
        }  # fmt: skip
        headers = inbox.headers[0]
        assert headers["User-Agent"] == "PagerDuty-Webhook/V3.0"
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Webhook-Subscription"] == pagerduty.webhooks.subscription

    @pytest.mark.parametrize(("kind", "act"), ACTS, ids=[kind for kind, _ in ACTS])
    def test_what_people_do_in_the_app_is_told(
        self, pagerduty: PagerDuty, inbox: Inbox, kind: str, act: Callable[[PagerDuty, str], object]
    ) -> None:
        held = pagerduty.open("maria", "checkout", "carts are lost")
        act(pagerduty, held)
        first, second = inbox.wait("triggered", kind)
        assert first["agent"]["summary"] == "Maria Keller"
        assert (second["agent"]["summary"], second["agent"]["type"]) == ("Li Wei", "user_reference")
        about = second["data"].get("incident", second["data"])
        assert about["id"] == held
        assert (about.get("summary") or about["title"]) in ("carts are lost", "nobody can pay")

    def test_only_what_happened_is_told(self, pagerduty: PagerDuty, inbox: Inbox) -> None:
        held = pagerduty.open("maria", "checkout", "carts are lost")
        pagerduty.set_urgency("maria", held, "high")
        pagerduty.set_priority("maria", held, None)
        with pytest.raises(ApiError, match="not authorized"):
            pagerduty.resolve("jonas", held)
        pagerduty.resolve("maria", held)
        with pytest.raises(ApiError, match="Already Resolved"):
            pagerduty.resolve("li", held)
        pagerduty.reopen("li", held)
        _, resolved, reopened = inbox.wait("triggered", "resolved", "reopened")
        assert (resolved["data"]["assignees"], resolved["data"]["status"]) == ([], "resolved")
        assert (reopened["data"]["status"], reopened["data"]["reopened_at"] is None) == ("triggered", False)

    def test_notes_updates_and_requests_carry_their_own_data(self, pagerduty: PagerDuty, inbox: Inbox) -> None:
        held = pagerduty.open("maria", "checkout", "carts are lost")
        pagerduty.annotate("maria", held, "looking")
        pagerduty.publish("maria", held, "we roll back")
        pagerduty.add_responder("maria", held, "li", "please help")
        events = inbox.wait("triggered", "annotated", "status_update_published", "responder.added")[1:]
        about = {
            "id": held, "type": "incident_reference", "summary": "carts are lost",
            "self": f"{pagerduty.url}/incidents/{held}",
            "html_url": f"https://shop.pagerduty.example/incidents/{held}",
        }  # fmt: skip
        note, update, asked = (e["data"] for e in events)
        assert note == {"incident": about, "id": note["id"], "content": "looking", "trimmed": False,
                        "type": "incident_note"}  # fmt: skip
        assert update == {"incident": about, "id": update["id"], "message": "we roll back", "trimmed": False,
                          "type": "incident_status_update"}  # fmt: skip
        user = pagerduty.account.ref(pagerduty.account.user("li"))
        assert asked == {"incident": about, "user": user, "escalation_policy": None, "message": "please help",
                         "state": "pending", "type": "incident_responder"}  # fmt: skip

    def test_a_ping_is_no_incident(self, pagerduty: PagerDuty, inbox: Inbox) -> None:
        pagerduty.ping()
        (event,) = inbox.wait("pagey.ping")
        assert (event["resource_type"], event["client"]) == ("pagey", None)
        assert event["data"] == {"message": "Hello from your friend Pagey!", "type": "ping"}

    def test_while_a_secret_is_changed_both_sign(self, pagerduty: PagerDuty, inbox: Inbox) -> None:
        new = pagerduty.webhooks.rotate()
        pagerduty.ping()
        wait_until(lambda: len(inbox.events) == 1)
        assert inbox.headers[0]["X-PagerDuty-Signature"].count("v1=") == 2
        inbox.secret = new
        pagerduty.ping()
        wait_until(lambda: len(inbox.events) == 2)
        inbox.secret = "of somebody else"
        pagerduty.ping()
        wait_until(lambda: inbox.forged == 1)
        pagerduty.webhooks.forget_old_secrets()
        inbox.secret = new
        pagerduty.ping()
        wait_until(lambda: len(inbox.events) == 3)
        assert inbox.headers[-1]["X-PagerDuty-Signature"].count("v1=") == 1

    def test_a_receiver_in_trouble_is_asked_again_and_the_rest_waits(self, pagerduty: PagerDuty, inbox: Inbox) -> None:
        inbox.statuses = [503, 429]
        pagerduty.ping()
        pagerduty.open("maria", "checkout", "carts are lost")
        for attempts in (1, 2):
            wait_until(lambda attempts=attempts: len(inbox.headers) == attempts)
            pagerduty.clock.advance(150)
        inbox.wait("pagey.ping", "triggered")
        assert inbox.types() == ["pagey.ping", "triggered"]
        assert len({h["X-Webhook-Id"] for h in inbox.headers}) == 2
        assert pagerduty.webhooks.deliveries[0].answers == [503, 429, 202]

    def test_a_slow_receiver_is_asked_again(self) -> None:
        held = PagerDuty(webhook_timeout_s=0.2)
        with running(held), pytest.MonkeyPatch.context() as patch:
            server = ThreadingHTTPServer(
                ("127.0.0.1", 0), BaseHTTPRequestHandler
            )  # takes the connection, never answers
            patch.setattr(held.webhooks, "url", f"http://127.0.0.1:{server.server_port}/")
            held.ping()
            wait_until(lambda: held.webhooks.deliveries and held.webhooks.deliveries[0].answers == [0])
            server.server_close()

    def test_a_refusal_is_final_and_three_end_the_subscription_for_a_day(
        self, pagerduty: PagerDuty, inbox: Inbox
    ) -> None:
        inbox.statuses = [400, 404, 401]
        for _ in range(3):
            pagerduty.ping()
        wait_until(lambda: pagerduty.webhooks.disabled_until)
        pagerduty.ping()
        pagerduty.clock.advance(25 * HOUR_S)
        pagerduty.open("maria", "checkout", "carts are lost")
        inbox.wait("triggered")
        assert len(inbox.headers) == 4

    def test_tests_can_repeat_and_reorder(self, pagerduty: PagerDuty, inbox: Inbox) -> None:
        pagerduty.webhooks.repeat_next(2)
        pagerduty.ping()
        wait_until(lambda: len(inbox.events) == 3)
        assert len({e["id"] for e in inbox.events}) == len({h["X-Webhook-Id"] for h in inbox.headers}) == 1
        pagerduty.webhooks.swap_next()
        pagerduty.acknowledge("maria", pagerduty.open("maria", "checkout", "carts are lost"))
        wait_until(lambda: len(inbox.events) == 5)
        assert inbox.types()[3:] == ["acknowledged", "triggered"]


class TestFaults:
    def test_a_failure_changes_nothing_and_the_next_try_works(
        self, pagerduty: PagerDuty, api: pdpyras.APISession
    ) -> None:
        held = incident(api)
        pagerduty.fail_next(500, "PUT /incidents")
        with pytest.raises(pdpyras.PDServerError):
            put(api, held, status="acknowledged")
        assert api.rget(held)["status"] == "triggered"
        pagerduty.fail_next(429, "PUT /incidents", times=2)
        assert put(api, held, status="acknowledged")["status"] == "acknowledged"

    def test_an_answer_can_be_lost_after_the_deed(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        held = incident(api)
        api.max_network_attempts = 0
        pagerduty.lose_next("/notes")
        with pytest.raises(pdpyras.PDClientError):
            api.rpost(f"incidents/{held['id']}/notes", json={"content": "cause found"})
        assert [n["content"] for n in api.rget(f"incidents/{held['id']}/notes")] == ["cause found"]

    def test_events_can_fail_and_be_slow(self, pagerduty: PagerDuty) -> None:
        pagerduty.fail_next(503, "/v2/enqueue")
        assert post_event(pagerduty, alert()).status_code == 503
        pagerduty.slow_next(0.3, "/v2/enqueue")
        assert post_event(pagerduty, alert()).elapsed > timedelta(seconds=0.3)


def test_the_company_pages_through_alertmanager(tmp_path: Path) -> None:
    with running_company(tmp_path, speed=10.0, pagerduty=True) as company:
        pagerduty = company.pagerduty
        assert pagerduty is not None
        settings = load_settings(company.environment())
        assert (settings.pagerduty_api_url, settings.pagerduty_from) == (pagerduty.url, "sre-bot@example.com")
        services = settings.config.services
        assert services["checkout"].pagerduty == pagerduty.account.service("checkout").id
        company.inject(BAD_DEPLOY)
        held = wait_until(lambda: next((i for i in pagerduty.incidents() if i["service"] == "checkout"), None), 30)
        assert held is not None
        assert (held["status"], held["assigned"]) == ("triggered", ["Maria Keller"])
        company.heal()
        wait_until(lambda: all(i["status"] == "resolved" for i in pagerduty.incidents()), 30)
