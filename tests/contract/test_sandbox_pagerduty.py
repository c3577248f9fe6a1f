"""The sandbox's PagerDuty: events from monitoring, who may ask for what, and what is set up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pdpyras
import pytest
import requests

from core.settings import load_settings
from sandbox.company import running as running_company
from sandbox.company import wait_until
from sandbox.faults import BAD_DEPLOY
from sandbox.pagerduty.events_api import LARGEST_BYTES
from sandbox.pagerduty.faults import PER_MINUTE
from sandbox.pagerduty.server import PagerDuty
from sandbox.slack.clock import Clock as SlackClock
from sandbox.slack.state import Workspace
from tests.contract.pagerduty_lab import (
    HOUR_S,
    alert,
    assigned,
    incident,
    only,
    post_event,
    put,
    refusal,
    session,
)


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
        pagerduty.fail_next(503, times=1000)
        assert post_event(pagerduty, alert()).status_code == 503
        pagerduty.mend()
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
