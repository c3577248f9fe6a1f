"""Incidents in the sandbox's PagerDuty, through PagerDuty's own client library."""

from __future__ import annotations

from functools import partial

import pdpyras
import pytest

from sandbox.company import wait_until
from sandbox.pagerduty.server import PagerDuty
from tests.contract.pagerduty_lab import (
    Json,
    alert,
    assigned,
    incident,
    only,
    post_event,
    put,
    refusal,
    user_ref,
)


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
            assert refusal(partial(put, api, held, **fields)) == (400, 1001)

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

    def test_merged_incidents_leave_their_alerts_to_one(self, pagerduty: PagerDuty, api: pdpyras.APISession) -> None:
        def search_event(action: str) -> Json:
            key = pagerduty.account.service("search").routing_key
            return alert(dedup_key="k2", routing_key=key, event_action=action)

        post_event(pagerduty, alert())
        target = only(pagerduty)["id"]
        post_event(pagerduty, search_event("trigger"))
        wait_until(lambda: len(pagerduty.incidents()) == 2)
        source = pagerduty.incidents()[0]["id"]
        sources = [{"id": source, "type": "incident_reference"}]
        merged = api.rput(f"incidents/{target}/merge", json=sources)
        assert merged["alert_counts"] == {"all": 2, "triggered": 2, "resolved": 0}
        reason = api.rget(f"incidents/{source}")["resolve_reason"]
        assert (reason["type"], reason["incident"]["id"]) == ("merge_resolve_reason", target)
        assert refusal(lambda: api.rput(f"incidents/{target}/merge", json=sources)) == (400, 1019)
        services = [a["service"]["summary"] for a in api.list_all(f"incidents/{target}/alerts")]
        assert services == ["checkout", "search"]
        post_event(pagerduty, search_event("resolve"))
        wait_until(lambda: api.rget(f"incidents/{target}")["alert_counts"]["resolved"] == 1)
        assert api.rget(f"incidents/{target}")["status"] == "triggered"
        post_event(pagerduty, alert(event_action="resolve"))
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
