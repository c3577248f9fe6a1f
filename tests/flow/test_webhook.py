"""Alertmanager's webhook, as it is served."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from bot.http import LARGEST_BODY
from tests.flow.conftest import Face, Starter
from tests.unit.core.test_intake import alert, body


@pytest.fixture
def face(start: Starter) -> Face:
    return start("none")


def count(face: Face, outcome: str) -> float:
    return face.metric(f'sre_webhooks_total{{outcome="{outcome}",source="alertmanager"}}')


def test_a_group_opens_an_incident_and_its_end_resolves_it(face: Face) -> None:
    answer = face.alert(body(alert(deployment="checkout")))
    assert (answer.status_code, answer.json()) == (200, {"incident": "INC-1"})
    assert face.records.incidents.get("INC-1").service == "checkout"
    assert face.jobs() == [["investigate", "INV-1"]]
    assert face.alert(body(alert(deployment="checkout", status="resolved"))).json() == {"incident": "INC-1"}
    assert face.records.incidents.get("INC-1").state == "resolved"
    assert (count(face, "received"), count(face, "resolved")) == (1, 1)


def test_a_resolved_group_that_nobody_knows_is_only_counted(face: Face) -> None:
    assert face.alert(body(alert(status="resolved"))).json() == {"incident": None}
    assert count(face, "ignored") == 1
    assert face.jobs() == []


@pytest.mark.parametrize("token", [None, "", "wrong", "lét-me-in", "let-me-in2"])
def test_a_missing_or_wrong_token_is_refused_before_anything_is_read(face: Face, token: str | None) -> None:
    answer = face.alert(b"not even JSON", token=token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {"error": "The bearer token is missing or wrong; set it as the webhook's credentials."}
    assert count(face, "refused") == 1


def test_without_a_configured_token_no_alert_is_taken(start: Starter) -> None:
    answer = start("none", alertmanager_webhook_token=None).alert(body(alert()))
    assert answer.status_code == 503
    assert answer.json() == {"error": "No alerts are taken until ALERTMANAGER_WEBHOOK_TOKEN is set here."}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"{", "The body is not JSON."),
        ({"version": "3"}, "This is not version 4 of Alertmanager's webhook; update what sends it."),
        (body(alert(), status=None), "status cannot be read."),
        (body({**alert(), "labels": None}, status="firing"), None),
        (b"\x00" * 10, "The body is not JSON."),
        (b'{"version": "4", "groupKey": "\xff"}', "The body is not JSON."),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(face: Face, sent: Any, said: str | None) -> None:
    answer = face.alert(sent)
    if said is None:  # no labels at all is odd, but a person can still be told
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()) == (400, {"error": said})
    assert count(face, "malformed") == 1


def test_a_body_that_is_too_large_is_refused(face: Face) -> None:
    answer = face.alert(b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert face.alert(body(alert())).status_code == 200


def test_while_the_records_are_away_alertmanager_is_asked_to_send_again(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise redis.ConnectionError("no route")

    with monkeypatch.context() as patched:
        patched.setattr(face.records.redis, "execute_command", down)
        answer = face.alert(body(alert()))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert face.get("/readyz").status_code == 503
        assert face.get("/metrics").status_code == 503
        assert face.get("/healthz").status_code == 200
    assert face.alert(body(alert())).status_code == 200
