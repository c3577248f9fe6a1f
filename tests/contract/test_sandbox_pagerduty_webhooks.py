"""What the sandbox's PagerDuty tells by webhook: what people do, and what time does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pdpyras
import pytest

from sandbox.company import wait_until
from sandbox.pagerduty.errors import ApiError
from sandbox.pagerduty.server import PagerDuty, running
from tests.contract.pagerduty_lab import (
    HOUR_S,
    Inbox,
    alert,
    assigned,
    incident,
    post_event,
    put,
    refusal,
    session,
)


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
        answers = wait_until(lambda: [d.answers for d in pagerduty.webhooks.deliveries if d.answers])[0]
        pagerduty.clock.advance(31)
        wait_until(lambda: answers == [503, 429])
        pagerduty.clock.advance(121)
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
