"""What happens in PagerDuty comes into one thread, once, in whatever order and however often it is brought."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import redis
from pydantic import SecretStr

from bot.http import LARGEST_BODY
from core.intake import open_incident, turn
from core.merging import merge_locked, split_locked
from core.settling import settle
from sandbox.pagerduty.webhooks import EVENTS, signature
from tests.conftest import NOON
from tests.flow.conftest import Starter
from tests.flow.paging_lab import Night, both, night
from tests.unit.core.test_intake import alert, body
from workers import jobs
from workers.world import use


@pytest.fixture
def lab(start: Starter) -> Iterator[Night]:
    with night(start) as held:
        yield held


def group(**labels: str) -> dict[str, Any]:
    """A group of checkout, with the fingerprint that Alertmanager gives it."""
    from sandbox.alertmanager.model import fingerprint

    one = alert(deployment="checkout", **labels)
    return body({**one, "fingerprint": fingerprint(one["labels"])}, groupLabels={"service": "checkout"},
                commonLabels=one["labels"])  # fmt: skip


def over(sent: dict[str, Any]) -> dict[str, Any]:
    (one,) = sent["alerts"]
    return {**sent, "status": "resolved", "alerts": [{**one, "status": "resolved", "endsAt": "2026-03-02T12:01:00Z"}]}


def metric(lab: Night, outcome: str) -> float:
    return lab.face.metric(f'sre_webhooks_total{{outcome="{outcome}",source="pagerduty"}}')


def test_an_incident_of_pagerduty_opens_a_thread_in_its_services_channel(lab: Night) -> None:
    lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.heard(1)
    incident = lab.incident
    assert (incident.source, incident.service, incident.channel) == ("pagerduty", "checkout", "C0SHOP")
    assert incident.title == "checkout: carts are lost"
    assert incident.pagerduty and (incident.pagerduty.number, incident.pagerduty.status) == (1, "triggered")
    assert lab.face.jobs() == [["investigate", incident.investigation]]
    assert "PagerDuty #1 · high urgency" in lab.card()
    assert "not acknowledged" in lab.card()
    assert lab.thread() == ""  # the card says it; a thread begins with what is seen
    lab.pagerduty.acknowledge("li", 1)
    lab.hear_all()
    assert "pages U0" in lab.thread()  # whom it pages, as Slack knows them


def test_every_change_is_a_line_and_the_card_follows(lab: Night) -> None:
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.acknowledge("li", page)
    lab.pagerduty.set_priority("maria", page, "P1")
    lab.pagerduty.annotate("maria", page, "we roll back <!channel>")
    lab.pagerduty.publish("maria", page, "customers see errors")
    lab.pagerduty.add_responder("maria", page, "li")
    lab.hear_all()
    assert "P1 · " in lab.card()
    assert "acknowledged by U0LI" in lab.card()
    lab.pagerduty.reassign("maria", page, "maria")
    lab.hear_all()
    assert "not acknowledged" in lab.card()
    lab.pagerduty.escalate("maria", page, 2)
    lab.pagerduty.delegate("maria", page, "Payments")
    lab.hear_all()
    said = lab.thread()
    for line in (
        "Li Wei acknowledged",
        "set the priority to P1",
        "noted: we roll back",
        "told stakeholders: customers",
        "asked to help: Please help U0LI",
        "reassigned to U0MARIA",
        "escalated to",
        "handed to another team",
    ):
        assert line in said.replace(lab.pagerduty.account.user("li").name, "Li Wei"), line
    assert "<!channel>" not in json.dumps(lab.records.outbox.get(next(iter(parts(lab)))).view.model_dump())
    assert len(parts(lab)) == 1  # all of it is one message
    assert len(lab.records.incidents.open()) == 1


def parts(lab: Night) -> set[str]:
    found = {f"{lab.incident.id}/pagerduty-{int(change.at.timestamp()) // 600}" for change in lab.changes()}
    return {key for key in found if lab.records.outbox.find(key)}


def test_changes_of_ten_minutes_are_one_message(lab: Night) -> None:
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    for number in range(30):
        lab.pagerduty.annotate("maria", page, f"note {number}")
    lab.hear_all()
    assert len(parts(lab)) == 1
    assert "and 19 changes before" in lab.thread()


def test_a_person_who_resolves_it_there_ends_it_here(lab: Night) -> None:
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.resolve("maria", page)
    lab.hear_all()
    assert lab.incident.state == "resolved"
    events = lab.records.ledger.of_incident(lab.incident.id)
    assert [entry.actor for entry in events if entry.event == "incident.resolved"] == ["U0MARIA"]


def test_what_monitoring_ends_is_over_after_the_quiet_time(lab: Night) -> None:
    sent = group()
    lab.from_alertmanager(sent)
    lab.heard(1)
    lab.from_alertmanager(over(sent))
    lab.heard(2)
    assert lab.incident.is_open
    assert lab.incident.quiet_since == NOON
    lab.later(minutes=6)
    settle(lab.records)
    assert lab.incident.state == "resolved"


def test_what_is_said_after_the_end_comes_into_its_thread(lab: Night) -> None:
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.resolve("maria", page)
    lab.pagerduty.annotate("maria", page, "it was the cache")
    lab.hear_all()
    assert lab.incident.state == "resolved"
    assert "noted: it was the cache" in lab.thread()


def test_reopened_there_it_opens_again_here(lab: Night) -> None:
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.resolve("maria", page)
    lab.hear_all()
    lab.pagerduty.reopen("maria", page)
    lab.hear_all()
    (again,) = lab.records.incidents.open()
    assert again.pagerduty and again.pagerduty.id == page


@pytest.mark.parametrize("first", ["alertmanager", "pagerduty"])
def test_an_alert_and_its_page_are_one_incident_whichever_comes_first(lab: Night, first: str) -> None:
    sent = group()
    if first == "alertmanager":
        assert lab.face.alert(sent).status_code == 200
        lab.from_alertmanager(sent)
        lab.heard(1)
    else:
        lab.from_alertmanager(sent)
        lab.heard(1)
        assert lab.face.alert(sent).status_code == 200
    incident = lab.incident
    assert (len(incident.alerts), incident.how_many_fire) == (1, 1)
    assert incident.title == "checkout answers 7 % with 5xx"
    assert incident.pagerduty and incident.pagerduty.number == 1
    assert len(lab.face.jobs()) == 1


def test_while_the_details_cannot_be_read_it_is_one_incident_all_the_same(lab: Night) -> None:
    sent = group()
    lab.pagerduty.fail_next(503, "/alerts", times=5)
    lab.from_alertmanager(sent)
    lab.heard(1)
    assert lab.face.alert(sent).status_code == 200
    assert lab.incident.service == "checkout"
    assert lab.incident.pagerduty


def test_without_an_api_key_a_page_stands_for_its_alerts_until_they_come(start: Starter) -> None:
    with night(start, pagerduty_api_key=None) as lab:
        sent = group()
        lab.from_alertmanager(sent)
        lab.heard(1)
        assert (lab.incident.service, lab.incident.how_many_fire) == ("checkout", 1)
        assert "Page someone" not in lab.card()
        lab.face.alert(sent)
        use(lab.world)
        jobs.read_on_call()
        assert lab.incident.how_many_fire == 1
        assert {a.name: a.status for a in lab.incident.alerts} == {
            "PagerDutyIncident": "resolved", "HighErrors": "firing"
        }  # fmt: skip


def test_the_same_alert_under_another_dedup_key_is_joined_by_its_labels(lab: Night) -> None:
    sent = group()
    assert lab.face.alert(sent).status_code == 200
    lab.from_alertmanager({**sent, "groupKey": "another"})
    lab.heard(1)
    assert lab.incident.pagerduty
    assert len(lab.incident.alerts) == 1


def test_a_page_joins_what_a_person_opened_for_the_same_service(lab: Night) -> None:
    open_incident(lab.records, "customers cannot pay", user="U0LI", channel="C0SRE", service="checkout")
    lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.heard(1)
    assert lab.incident.source == "slack"
    assert lab.incident.pagerduty


def test_a_page_of_another_service_is_another_incident(lab: Night) -> None:
    lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.open("maria", "payments", "cards are declined")
    lab.hear_all()
    assert {i.service for i in lab.records.incidents.open()} == {"checkout", "payments"}


def test_a_service_that_nobody_listed_goes_to_the_channel_for_everything(lab: Night) -> None:
    lab.pagerduty.open("maria", "search", "no results")
    lab.heard(1)
    assert (lab.incident.service, lab.incident.channel) == (None, "C0SRE")


def test_alert_and_page_at_the_same_moment_are_one_incident(lab: Night) -> None:
    for number in range(5):
        sent = {**group(pod=f"p{number}"), "groupKey": f"{number}"}
        lab.from_alertmanager(sent)
        lab.pagerduty.fail_next(503, "/alerts")  # not even the labels help
    wait = len(lab.pagerduty.incidents())
    from sandbox.company import wait_until

    wait_until(lambda: sum(d.taken for d in lab.pagerduty.webhooks.deliveries) >= wait)
    groups = [{**group(pod=f"p{number}"), "groupKey": f"{number}"} for number in range(5)]
    both(lab.work, lambda: [lab.face.alert(sent) for sent in groups])
    lab.work()
    assert len(lab.records.incidents.open()) == 1
    assert len(lab.incident.pages) == 5


def test_merged_incidents_share_their_pages_and_what_is_split_off_takes_its_own(lab: Night) -> None:
    for name in ("checkout", "payments"):
        lab.pagerduty.open("maria", name, "carts are lost")
        lab.hear_all()
    first, second = sorted(lab.records.incidents.open(), key=lambda i: i.id)
    with turn(lab.records):
        merge_locked(second.id, first.id, "U0LI", "merged", lab.records)
    assert [page.number for page in lab.records.incidents.get(first.id).pages] == [1, 2]
    lab.pagerduty.acknowledge("li", 2)
    lab.hear_all()
    assert [page.status for page in lab.records.incidents.get(first.id).pages] == ["triggered", "acknowledged"]
    joined = next(g for g in lab.records.book.groups(first.id) if g.rule)
    with turn(lab.records):
        new = split_locked(first.id, joined.id, "U0LI", lab.records)
    lab.pagerduty.annotate("li", 2, "cards again")
    lab.hear_all()
    assert [page.number for page in lab.records.incidents.get(first.id).pages] == [1]
    assert [page.number for page in lab.records.incidents.get(new.id).pages] == [2]
    assert [c.said for c in lab.records.pages.changes(new.id) if c.kind == "annotated"] == ["cards again"]


def test_what_is_merged_there_is_merged_here_and_nothing_ends(lab: Night) -> None:
    for name in ("checkout", "payments"):
        lab.pagerduty.open("maria", name, "carts are lost")
        lab.hear_all()
    first, second = sorted(lab.records.incidents.open(), key=lambda i: i.id)
    lab.pagerduty.merge("li", 1, 2)
    lab.hear_all()
    assert [(i.id, i.how_many_fire) for i in lab.records.incidents.open()] == [(first.id, 2)]
    assert lab.records.incidents.get(second.id).merged_into == first.id
    merged = [(c.kind, c.said) for c in lab.records.pages.changes(second.id) if c.number == 2]
    assert merged == [("triggered", ""), ("merged", "#1")]
    assert [e.actor for e in lab.records.ledger.of_incident(second.id) if e.event == "incident.merged"] == ["U0LI"]
    lab.pagerduty.resolve("maria", 1)
    lab.hear_all()
    ended = lab.records.incidents.get(first.id)
    assert (ended.state, ended.how_many_fire) == ("resolved", 0)


def test_what_is_merged_into_an_incident_that_nobody_here_knows_goes_on(lab: Night) -> None:
    lab.pagerduty.webhooks.events = ()
    lab.pagerduty.open("maria", "payments", "cards are refused")
    lab.pagerduty.webhooks.events = EVENTS
    lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.hear_all()
    lab.pagerduty.merge("li", 1, 2)
    lab.hear_all()
    assert lab.incident.is_open
    assert "merged into another incident" in lab.thread()
    lab.pagerduty.resolve("maria", 1)
    lab.hear_all()
    assert (lab.incident.state, [page.number for page in lab.incident.pages]) == ("resolved", [1, 2])


def test_webhooks_that_come_again_change_nothing(lab: Night) -> None:
    lab.pagerduty.webhooks.repeat_next(3)
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.annotate("maria", page, "hello")
    lab.hear_all()
    before = (lab.incident.model_dump(exclude={"version"}), lab.thread())
    for number in (0, 1):
        answer = lab.again(number)
        assert (answer.status_code, answer.json()) == (202, {"outcome": "repeated"})
    lab.work()
    assert (lab.incident.model_dump(exclude={"version"}), lab.thread()) == before
    assert metric(lab, "repeated") >= 2


def test_an_older_state_never_comes_back(lab: Night) -> None:
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.hear_all()
    lab.pagerduty.webhooks.swap_next()
    lab.pagerduty.acknowledge("li", page)
    lab.pagerduty.resolve("maria", page)
    lab.hear_all()
    assert lab.incident.pagerduty and lab.incident.pagerduty.status == "resolved"
    assert [change.kind for change in lab.changes()] == ["triggered", "acknowledged", "resolved"]


def test_what_comes_before_its_beginning_finds_it(lab: Night) -> None:
    lab.pagerduty.webhooks.swap_next()
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.annotate("maria", page, "hello")
    lab.hear_all()
    assert "noted: hello" in lab.thread()
    assert lab.incident.pagerduty and lab.incident.pagerduty.status == "triggered"


def test_an_end_of_something_unknown_opens_nothing(lab: Night) -> None:
    lab.pagerduty.webhooks.events = ("incident.resolved",)
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.resolve("maria", page)
    lab.heard(1)
    assert lab.records.incidents.open() == ()


def test_an_end_that_comes_before_its_beginning_is_the_end(lab: Night) -> None:
    lab.pagerduty.webhooks.swap_next()
    page = lab.pagerduty.open("maria", "checkout", "carts are lost")
    lab.pagerduty.resolve("maria", page)
    lab.hear_all()
    assert lab.records.incidents.since(NOON - timedelta(days=1)) == ()


def test_either_secret_is_taken_while_one_replaces_the_other(start: Starter) -> None:
    with night(start) as lab:
        old = lab.records.settings.pagerduty_webhook_secret
        assert old
        new = lab.pagerduty.webhooks.rotate()
        lab.pagerduty.open("maria", "checkout", "signed with both")  # we know the old one
        lab.heard(1)
        lab.pagerduty.webhooks.forget_old_secrets()
        payload = lab.pagerduty.webhooks.deliveries[0].body
        assert lab.webhook(payload, signature([new], payload)).status_code == 401
    with night(start, pagerduty_webhook_secret=SecretStr(f" one , {new} ")) as lab:
        assert lab.webhook(payload, signature([new], payload)).status_code == 202
        assert lab.webhook(payload, signature(["other", "one"], payload)).status_code == 202


@pytest.mark.parametrize("given", ["", "v1=", "v1=00", "v0=x,v1=y", "v1=é"])
def test_what_is_not_signed_is_refused_and_not_read(lab: Night, given: str) -> None:
    answer = lab.webhook(b"not even JSON", given.encode("utf-8").decode("latin-1"))
    assert answer.status_code == 401
    assert metric(lab, "refused") == 1
    assert lab.records.incidents.open() == ()


def event(**changes: Any) -> bytes:
    data = {"id": "Q1", "type": "incident", "status": "triggered", "title": "x", "service": {"id": "P1"}}
    whole = {"id": "01E", "event_type": "incident.triggered", "occurred_at": NOON.isoformat(), "data": data}
    return orjson.dumps({"event": whole | changes})


def signed(lab: Night, payload: bytes) -> Any:
    return lab.webhook(payload, signature(lab.pagerduty.webhooks.secrets, payload))


@pytest.mark.parametrize(
    "payload",
    [b"{", b"[]", b'{"event": 1}', event(data=None), event(occurred_at="yesterday"), event(data={"type": "incident"}),
     event(data={"id": "../x", "type": "incident", "status": "triggered"}),
     event(data={"id": "Q1", "type": "incident", "status": "strange"}),
     event(data={"id": "Q1", "type": "incident", "status": "triggered", "number": "twelve"}),
     event(occurred_at="0001-01-01T00:00:00+14:00")],
)  # fmt: skip
def test_what_cannot_be_read_gets_one_sentence_and_somebody_is_told(lab: Night, payload: bytes) -> None:
    answer = signed(lab, payload)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert "PagerDuty sends alerts that I cannot read" in lab.incident.title
    assert metric(lab, "malformed") == 1


def test_a_body_that_is_too_large_is_refused(lab: Night) -> None:
    assert signed(lab, b" " * (LARGEST_BODY + 1)).status_code == 413


def test_ten_megabytes_are_read(lab: Night) -> None:
    assert signed(lab, event(extra="x" * 10 * 2**20)).status_code == 202


def test_what_is_too_old_is_counted_and_does_nothing(lab: Night) -> None:
    old = (NOON - timedelta(days=3)).isoformat()
    answer = signed(lab, event(occurred_at=old))
    assert (answer.status_code, answer.json()) == (202, {"outcome": "too_old"})
    assert metric(lab, "too_old") == 1
    assert signed(lab, event(occurred_at=(NOON + timedelta(days=3)).isoformat())).json() == {"outcome": "too_old"}
    lab.work()
    assert lab.records.incidents.open() == ()


def test_unknown_events_are_counted(lab: Night) -> None:
    assert signed(lab, event(event_type="incident.danced", data={})).json() == {"outcome": "unknown"}
    lab.pagerduty.ping()
    lab.heard(1)
    assert metric(lab, "unknown") == 2
    assert lab.records.incidents.open() == ()


def test_without_a_secret_nothing_is_taken(start: Starter) -> None:
    with night(start, pagerduty_webhook_secret=None) as lab:
        assert lab.webhook(b"{}", "v1=x").status_code == 503


def test_while_the_records_are_away_it_is_to_be_sent_again(lab: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise redis.ConnectionError("no route")

    with monkeypatch.context() as patched:
        patched.setattr(lab.records.redis, "execute_command", down)
        assert signed(lab, event()).status_code == 503
    assert signed(lab, event()).json() == {"outcome": "received"}


def test_an_event_whose_job_was_never_queued_is_taken_up_by_the_clock(
    lab: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(lab.records.queues), "enqueue", lambda *_, **__: None)
        assert signed(lab, event()).status_code == 202
    lab.later(minutes=3)
    use(lab.world)
    jobs.read_on_call()
    lab.work()
    assert lab.incident.pagerduty and lab.incident.pagerduty.id == "Q1"
