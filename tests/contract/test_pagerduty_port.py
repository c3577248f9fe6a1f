"""The PagerDuty port on the sandbox's server, with everything that can go wrong on the way."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.errors import Absent, Forbidden, NotFound, Refused, ToolError, Transient, Unreachable
from core.settings import Settings, load_settings
from sandbox.company import wait_until
from sandbox.pagerduty.server import PagerDuty
from tests.contract.pagerduty_lab import alert, only, post_event
from workers.adapters.pagerduty import PagerDutyAdapter, events_url

MARIA, LI, JONAS = "maria@example.com", "li@example.com", "jonas@example.com"


def settings_for(pagerduty: PagerDuty, tmp_path: Path) -> Settings:
    return load_settings({**pagerduty.environment(), "SRE_DATA_DIR": str(tmp_path)})


@pytest.fixture
def port(pagerduty: PagerDuty, tmp_path: Path) -> PagerDutyAdapter:
    return PagerDutyAdapter(settings_for(pagerduty, tmp_path))


@pytest.fixture
def page_id(pagerduty: PagerDuty) -> str:
    return pagerduty.open("maria", "checkout", "carts are lost")


def now() -> datetime:
    return datetime.now(UTC)


def test_importing_the_adapter_warns_of_nothing(port: PagerDutyAdapter) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        port.check()


@pytest.mark.parametrize(
    ("api", "events"),
    [
        ("https://api.pagerduty.com", "https://events.pagerduty.com"),
        ("https://api.eu.pagerduty.com", "https://events.eu.pagerduty.com"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099"),
        ("https://api.pagerduty.com.evil.test", "https://api.pagerduty.com.evil.test"),
    ],
)
def test_events_go_to_pagerdutys_own_host_for_them(api: str, events: str) -> None:
    assert events_url(api) == events


def test_a_page_is_read_whole(pagerduty: PagerDuty, port: PagerDutyAdapter, page_id: str) -> None:
    pagerduty.set_priority("maria", page_id, "P1")
    pagerduty.acknowledge("li", page_id)
    page = port.page(page_id)
    assert (page.id, page.number, page.title, page.status) == (page_id, 1, "carts are lost", "acknowledged")
    assert (page.urgency, page.priority) == ("high", "P1")
    assert [who.id for who in page.acknowledged_by] == [pagerduty.account.user("li").id]
    assert page.service == pagerduty.account.service("checkout").id
    assert page.html_url.endswith(page_id)


def test_what_monitoring_said_is_read(pagerduty: PagerDuty, port: PagerDutyAdapter) -> None:
    details = {"firing": "Labels:\n - alertname = X\n", "num_firing": "1"}
    payload = {"summary": "s", "source": "prometheus", "severity": "critical", "custom_details": details}
    post_event(pagerduty, alert(payload=payload, client_url="http://am.test/#/alerts?receiver=x"))
    (told,) = port.alerts(only(pagerduty)["id"])
    assert (told.details, told.client_url, told.severity) == (details, "http://am.test/#/alerts?receiver=x", "critical")


def test_acknowledge_escalate_resolve_in_the_name_of_a_person(
    pagerduty: PagerDuty, port: PagerDutyAdapter, page_id: str
) -> None:
    first = port.page(page_id).assigned[0].id
    assert port.escalate(page_id, MARIA).assigned[0].id != first
    assert port.acknowledge(page_id, LI).status == "acknowledged"
    assert pagerduty.incidents()[0]["acknowledged_by"] == [pagerduty.account.user("li").name]
    assert port.resolve(page_id, MARIA).status == "resolved"
    with pytest.raises(Refused) as caught:
        port.resolve(page_id, MARIA)
    assert caught.value.code == "1001"


def test_escalating_beyond_the_last_level_is_refused(port: PagerDutyAdapter, page_id: str) -> None:
    port.escalate(page_id, MARIA)
    port.escalate(page_id, MARIA)
    with pytest.raises(Refused) as caught:
        port.escalate(page_id, MARIA)
    assert caught.value.code == "last_level"


def test_a_note_is_written_once_and_found_again(port: PagerDutyAdapter, page_id: str, pagerduty: PagerDuty) -> None:
    made = port.note(page_id, "we roll back", LI)
    (found,) = port.notes(page_id)
    assert (found.id, found.text, found.author) == (made, "we roll back", pagerduty.account.user("li").id)


def test_people_and_policies_are_asked_to_help(port: PagerDutyAdapter, page_id: str, pagerduty: PagerDuty) -> None:
    li = port.user_by_email("LI@example.com")
    assert li and li.email == LI
    by = port.user_by_email(MARIA)
    assert by
    port.ask_to_help(page_id, li.id, "Please look", by)
    policy = next(choice for choice in port.policies() if choice.name == "Payments")
    port.ask_to_help(page_id, f"policy:{policy.id}", "Please look", by)
    log = port.log(page_id, now() - timedelta(minutes=1))
    assert [(line.kind, line.agent) for line in log if line.kind == "responder_request"] == [
        ("responder_request", by.id)
    ] * 2


def test_an_incident_is_opened_once_for_a_key(port: PagerDutyAdapter, pagerduty: PagerDuty) -> None:
    service, li = pagerduty.account.service("checkout").id, pagerduty.account.user("li").id
    page = port.open(service, "INC-1: help", "look", "sre-bot:INC-1", li, MARIA)
    assert ([who.id for who in page.assigned], page.key) == ([li], "sre-bot:INC-1")
    with pytest.raises(Refused) as caught:
        port.open(service, "INC-1: help", "look", "sre-bot:INC-1", li, MARIA)
    assert caught.value.code == "2002"
    found = port.find_page("sre-bot:INC-1")
    assert found and found.id == page.id
    assert port.find_page("another") is None


def test_an_event_opens_an_incident_once(port: PagerDutyAdapter, pagerduty: PagerDuty) -> None:
    service = pagerduty.account.service("checkout").id
    for _ in range(2):
        port.trigger(service, "INC-1: help", {"said": "x"}, "sre-bot:INC-1", "https://slack.test/p1")
    wait_until(pagerduty.incidents)
    assert [i["title"] for i in pagerduty.incidents()] == ["INC-1: help"]


def test_who_is_on_call_and_who_is_next(port: PagerDutyAdapter, pagerduty: PagerDuty) -> None:
    services = {name: pagerduty.account.service(name).id for name in ("checkout", "payments")}
    found = port.on_call({**services, "gone": "PGONE00"}, now())
    assert [each.service for each in found] == ["checkout", "payments"]
    for each in found:
        assert [shift.who.email for shift in each.now] == pagerduty.on_call(each.service)
        assert each.now[0].until and each.now[0].until > now()
        assert each.then and each.then[0].who.id != each.now[0].who.id


def test_a_stakeholder_may_only_look(port: PagerDutyAdapter, page_id: str) -> None:
    with pytest.raises(Refused) as caught:
        port.acknowledge(page_id, JONAS)
    assert caught.value.code == "1018"


def test_what_is_not_there(port: PagerDutyAdapter) -> None:
    with pytest.raises(Absent):
        port.page("QGONE")
    with pytest.raises(NotFound):
        port.acknowledge("QGONE", MARIA)
    assert port.user_by_email("nobody@example.com") is None


def test_a_key_that_may_only_read_is_refused(pagerduty: PagerDuty, tmp_path: Path, page_id: str) -> None:
    settings = settings_for(pagerduty, tmp_path)
    only_reads = PagerDutyAdapter(settings.model_copy(update={"pagerduty_api_key": SecretStr(pagerduty.read_only_key)}))
    assert only_reads.page(page_id).id == page_id
    with pytest.raises(Refused):
        only_reads.acknowledge(page_id, MARIA)


def test_a_wrong_key_says_what_to_correct(pagerduty: PagerDuty, tmp_path: Path) -> None:
    settings = settings_for(pagerduty, tmp_path).model_copy(update={"pagerduty_api_key": SecretStr("wrong")})
    with pytest.raises(Unreachable, match="correct PAGERDUTY_API_KEY"):
        PagerDutyAdapter(settings).check()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_is_put_off_comes_back_at_once_and_is_not_tried_again(
    pagerduty: PagerDuty, port: PagerDutyAdapter, page_id: str, status: int
) -> None:
    acts: list[Callable[[], Any]] = [
        port.check, lambda: port.note(page_id, "x", MARIA), lambda: port.acknowledge(page_id, MARIA)
    ]  # fmt: skip
    for act in acts:
        pagerduty.fail_next(status)
        began = time.monotonic()
        with pytest.raises(Transient) as caught:
            act()
        assert time.monotonic() - began < 1
        assert caught.value.retry_after_s >= 1
    assert port.notes(page_id) == ()


def test_an_event_that_is_put_off_is_not_tried_again(pagerduty: PagerDuty, port: PagerDutyAdapter) -> None:
    service = pagerduty.account.service("checkout").id
    for status in (429, 503):
        pagerduty.fail_next(status, "/v2/enqueue")
        with pytest.raises(Transient):
            port.trigger(service, "x", {}, "k", None)
    assert pagerduty.incidents() == []


def test_a_lost_answer_is_told_and_the_write_not_repeated(
    pagerduty: PagerDuty, port: PagerDutyAdapter, page_id: str
) -> None:
    pagerduty.lose_next(f"POST /incidents/{page_id}/notes")
    with pytest.raises(Transient):
        port.note(page_id, "once", MARIA)
    assert [note.text for note in port.notes(page_id)] == ["once"]


def test_a_server_that_is_gone_is_transient(tmp_path: Path) -> None:
    settings = load_settings(
        {"PAGERDUTY_API_KEY": "k", "PAGERDUTY_API_URL": "http://127.0.0.1:9", "SRE_DATA_DIR": str(tmp_path)}
    )
    with pytest.raises(Transient):
        PagerDutyAdapter(settings).check()


def test_reads_that_are_refused_are_tool_errors(pagerduty: PagerDuty, port: PagerDutyAdapter) -> None:
    for status, kind in ((403, Forbidden), (400, ToolError), (404, Absent)):
        pagerduty.fail_next(status)
        with pytest.raises(kind):
            port.check()
