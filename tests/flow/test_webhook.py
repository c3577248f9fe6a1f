"""Alertmanager's webhook, as it is served."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import redis
import requests

from bot.http import LARGEST_BODY
from tests.conftest import NOON
from tests.flow.conftest import WEBHOOK_TOKEN, Face, Starter
from tests.unit.core.test_intake import alert, body


@pytest.fixture
def face(start: Starter) -> Face:
    return start("none")


def count(face: Face, outcome: str) -> float:
    return face.metric(f'sre_webhooks_total{{outcome="{outcome}",source="alertmanager"}}')


def test_a_group_opens_an_incident_and_its_end_begins_the_quiet_time(face: Face) -> None:
    answer = face.alert(body(alert(deployment="checkout")))
    assert (answer.status_code, answer.json()) == (200, {"incident": "INC-1"})
    assert face.records.incidents.get("INC-1").service == "checkout"
    assert face.jobs() == [["investigate", "INV-1"]]
    assert face.alert(body(alert(deployment="checkout", status="resolved"))).json() == {"incident": "INC-1"}
    assert face.records.incidents.get("INC-1").quiet_since == NOON
    assert (count(face, "received"), count(face, "quiet")) == (1, 1)
    assert (face.metric('sre_alerts_total{outcome="new"}'), face.metric('sre_alerts_total{outcome="resolved"}')) == (
        1,
        1,
    )


def test_a_resolved_group_that_nobody_knows_is_only_counted(face: Face) -> None:
    assert face.alert(body(alert(status="resolved"))).json() == {"incident": None}
    assert count(face, "ignored") == 1
    assert face.metric('sre_alerts_total{outcome="resolved_unknown"}') == 1
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


def test_what_cannot_be_read_is_one_incident_however_often_it_comes(face: Face) -> None:
    for sent in (b"{", b"{", b"[]", body(alert(), version="3"), body(alert() | {"startsAt": "yesterday"})):
        assert face.alert(sent).status_code == 400
    (incident,) = face.records.incidents.open()
    assert (incident.channel, incident.severity) == ("C0SRE", "SEV2")
    assert incident.title.startswith("Alertmanager sends alerts that I cannot read. The body is not JSON.")
    assert len(incident.alerts) == 4  # by what is wrong with them


def test_what_cannot_be_read_is_named_as_far_as_it_can_be_heard(face: Face) -> None:
    face.alert({"title": "[Alerting] Panel <!channel>", "ruleName": "Panel", "state": "alerting"})
    face.alert(body(alert("DiskFull", pod="a"), alert("DiskFull", pod="b"), alert("Down"), version="3"))
    (incident,) = face.records.incidents.open()
    assert "that I cannot read: [Alerting] Panel <!channel>. This is not version 4" in incident.title
    assert [a.name for a in incident.alerts] == [
        "AlertsUnreadable: [Alerting] Panel <!channel>", "AlertsUnreadable: DiskFull, Down",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "odd", [{"alerts": {"labels": 1}}, {"alerts": [1, {"labels": {"alertname": 5}}]}, {"event": []}]
)
def test_what_has_no_name_is_told_without_one(face: Face, odd: dict[str, Any]) -> None:
    assert face.alert(odd).status_code == 400
    assert [a.name for a in face.records.incidents.open()[0].alerts] == ["AlertsUnreadable"]


def test_grafana_is_read_though_it_counts_its_versions_otherwise(face: Face) -> None:
    assert face.alert(body(alert(), version="1", orgId=1, title="[FIRING:1]", state="alerting")).status_code == 200
    assert face.alert(body(alert(), version="1")).status_code == 400


def test_a_million_labels_are_read_within_seconds(face: Face) -> None:
    many = json.dumps(body(alert(**{f"a{n}": "x" for n in range(1_000_000)}))).encode()
    began = time.monotonic()
    answer = requests.post(f"{face.url}/webhooks/alertmanager", data=many, timeout=60,
                           headers={"Authorization": f"Bearer {WEBHOOK_TOKEN}"})  # fmt: skip
    assert answer.json() == {"incident": "INC-1"}
    assert time.monotonic() - began < 20
    assert len(face.records.incidents.get("INC-1").alerts[0].labels) == 100


def test_a_body_that_is_too_large_is_refused_and_somebody_is_told(face: Face) -> None:
    answer = face.alert(b" " * (LARGEST_BODY + 1))
    assert (answer.status_code, "max_alerts" in answer.json()["error"]) == (413, True)
    (incident,) = face.records.incidents.open()
    assert "larger than 16 MB" in incident.title
    assert face.alert(body(alert())).status_code == 200


def test_a_group_of_ten_megabytes_is_taken(face: Face) -> None:
    many = [alert(pod=f"p{n}") | {"annotations": {"summary": "x" * 4000}} for n in range(2500)]
    sent = json.dumps(body(*many)).encode()
    assert len(sent) > 10 * 2**20
    answer = requests.post(f"{face.url}/webhooks/alertmanager", data=sent, timeout=60,
                           headers={"Authorization": f"Bearer {WEBHOOK_TOKEN}"})  # fmt: skip
    assert answer.json() == {"incident": "INC-1"}
    assert face.records.incidents.get("INC-1").how_many_fire == 2500


def test_an_alert_with_too_many_labels_keeps_those_that_tell_most(face: Face) -> None:
    many = alert(**{f"aa{n}": "x" for n in range(100_000)}, pod="checkout-1", cluster="prod-eu")
    assert face.alert(body(many)).status_code == 200
    (held,) = face.records.incidents.get("INC-1").alerts
    assert len(held.labels) == 100
    assert {"alertname", "severity", "namespace", "pod", "cluster"} <= held.labels.keys()


def test_an_alert_from_the_future_or_from_before_time_fires_now(face: Face) -> None:
    ahead = alert(pod="a") | {"startsAt": "2031-01-01T00:00:00Z"}
    unset = alert(pod="b") | {"startsAt": "0001-01-01T00:00:00Z"}
    assert face.alert(body(ahead, unset)).status_code == 200
    assert {a.starts_at for a in face.records.incidents.get("INC-1").alerts} == {NOON}


def test_an_unknown_service_goes_to_the_channel_for_everything(face: Face) -> None:
    face.alert(body(alert(service="nobody-knows-it", namespace="elsewhere")))
    assert face.records.incidents.get("INC-1").channel == "C0SRE"


def test_a_heartbeat_opens_nothing_while_it_beats(face: Face) -> None:
    answer = face.alert(body(alert("Watchdog")))
    assert (answer.status_code, answer.json()) == (200, {"incident": None})
    assert face.metric('sre_alerts_total{outcome="heartbeats"}') == 1
    assert face.records.incidents.open() == ()


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
