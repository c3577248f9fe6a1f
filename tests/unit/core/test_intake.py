"""One incident of one group, whatever comes twice, at once, half done or malformed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.card import card_view
from core.errors import Malformed
from core.folding import MOST_ALERTS
from core.incident import Incident
from core.intake import open_incident, receive_group
from core.notification import Group, fingerprint_of, read_group
from core.records import Records, open_records
from core.settings import Channels, Config, Service, Settings
from core.settling import settle
from tests.conftest import NOON

BEFORE_TIME = "0001-01-01T00:00:00+05:00"
KEY = '{}/{severity="critical"}:{alertname="HighErrors"}'


def alert(name: str = "HighErrors", status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "critical", "namespace": "shop", **labels},
        "annotations": {"summary": "checkout answers 7 % with 5xx."},
        "startsAt": "2026-03-02T11:55:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-02T11:59:00Z",
        "generatorURL": "http://prometheus.test/graph",
        "fingerprint": fingerprint_of({"alertname": name, **labels}),
    }


def body(*alerts: dict[str, Any], **over: Any) -> dict[str, Any]:
    firing = any(a.get("status") == "firing" for a in alerts)
    return {
        "version": "4",
        "groupKey": KEY,
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "sre-bot",
        "groupLabels": {"alertname": "HighErrors"},
        "commonLabels": {"alertname": "HighErrors"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.test",
        "alerts": list(alerts),
    } | over


def group(*alerts: dict[str, Any], **over: Any) -> Group:
    return read_group(json.dumps(body(*alerts, **over)).encode())


def receive(records: Records, *alerts: dict[str, Any], **over: Any) -> Incident:
    incident = receive_group(records, group(*alerts, **over))
    assert incident
    return incident


def after(records: Records, seconds: float) -> Records:
    """The same records, later."""
    return replace(records, now=lambda: NOON + timedelta(seconds=seconds))


def events(records: Records, incident_id: str) -> list[str]:
    return [entry.event for entry in records.ledger.of_incident(incident_id)]


def jobs(records: Records, queue: str) -> list[list[str]]:
    from rq import Queue
    from rq.serializers import JSONSerializer

    held = Queue(queue, connection=records.redis, serializer=JSONSerializer)
    return [[job.func_name.rpartition(".")[2], *job.args] for job in held.jobs]


def configured(records: Records, config: Config) -> Records:
    with_config = Settings(data_dir=records.settings.data_dir, channel="C0SRE", config=config)
    return open_records(with_config, records.redis, now=lambda: NOON)


def test_a_firing_group_opens_an_incident_and_has_it_investigated_and_shown(records: Records) -> None:
    incident = receive(records, alert(pod="checkout-1"), alert(pod="checkout-2"))
    assert incident == Incident(
        id="INC-1",
        title="checkout answers 7 % with 5xx",
        severity="SEV2",
        namespace="shop",
        source="alertmanager",
        group_key=KEY,
        alerts=incident.alerts,
        firing_alerts=2,
        services=("shop/checkout",),
        opened_at=NOON,
        alerted_at=NOON,
        investigation="INV-1",
        version=1,
    )
    assert [a.fingerprint for a in incident.alerts] == [
        fingerprint_of({"alertname": "HighErrors", "pod": f"checkout-{n}"}) for n in (1, 2)
    ]
    assert incident.alerts[0].starts_at == NOON - timedelta(minutes=5) + timedelta(microseconds=123456)
    assert incident.alerts[0].ends_at is None
    investigation = records.investigations.get("INV-1")
    assert (investigation.incident, investigation.subject.target) == ("INC-1", "Pod/checkout-1")
    assert jobs(records, "investigate") == [["investigate", "INV-1"]]
    assert jobs(records, "notify") == [["show_incident", "INC-1"]]
    assert events(records, "INC-1") == ["incident.opened", "alert.received", "alert.received"]


def test_the_same_group_again_counts_and_changes_nothing_else(records: Records) -> None:
    first = receive(records, alert())
    again = receive(records, alert())
    assert again.id == first.id
    assert again.alerts[0].received == 2
    assert jobs(records, "investigate") == [["investigate", "INV-1"]]
    assert events(records, "INC-1") == ["incident.opened", "alert.received"]


def test_new_alerts_join_their_incident_and_raise_its_severity(records: Records) -> None:
    receive(records, alert(severity="warning"))
    after = receive(records, alert(severity="warning"), alert("Down", severity="emergency"))
    assert (after.id, after.severity, len(after.alerts)) == ("INC-1", "SEV1", 2)
    assert events(records, "INC-1")[-1] == "alert.received"


def test_one_of_two_resolved_leaves_the_incident_open(records: Records) -> None:
    receive(records, alert(pod="a"), alert(pod="b"))
    after = receive(records, alert(pod="a", status="resolved"), alert(pod="b"))
    assert after.is_open
    assert [a.status for a in after.alerts] == ["firing", "resolved"]
    assert events(records, "INC-1")[-1] == "alert.resolved"


def test_all_resolved_ends_it_and_the_next_alert_opens_another(records: Records) -> None:
    receive(records, alert(pod="a"), alert(pod="b"))
    quiet = receive(records, alert(pod="a", status="resolved"), alert(pod="b", status="resolved"))
    assert (quiet.state, quiet.quiet_since) == ("open", NOON)
    assert quiet.alerts[0].ends_at == NOON - timedelta(minutes=1)
    settle(after(records, 299))
    assert records.incidents.get("INC-1").is_open
    settle(after(records, 300))
    ended = records.incidents.get("INC-1")
    assert (ended.state, ended.resolved_at) == ("resolved", NOON + timedelta(seconds=300))
    assert events(records, "INC-1")[-1] == "incident.resolved"
    assert ["remember", "INC-1"] in jobs(records, "investigate")
    assert receive(after(records, 301), alert(pod="a")).id == "INC-2"


def test_a_quiet_group_ends_also_what_it_no_longer_mentions(records: Records) -> None:
    receive(records, alert(pod="a"), alert(pod="silenced"))
    after = receive(records, alert(pod="a", status="resolved"))
    assert (after.firing_alerts, after.quiet_since) == (0, NOON)


def test_a_truncated_group_is_not_taken_for_quiet(records: Records) -> None:
    receive(records, alert(), truncatedAlerts=7)
    after = receive(records, alert(status="resolved"), truncatedAlerts=7)
    assert (after.quiet_since, after.truncated_alerts) == (None, 7)


def test_a_resolved_group_that_nobody_knows_opens_nothing(records: Records) -> None:
    assert receive_group(records, group(alert(status="resolved"))) is None
    assert records.incidents.open() == ()
    assert records.incidents.new_id() == "INC-1"


def test_an_alert_without_fingerprint_is_known_by_its_labels(records: Records) -> None:
    bare = {k: v for k, v in alert().items() if k != "fingerprint"}
    shuffled = bare | {"labels": dict(reversed(bare["labels"].items()))}
    receive(records, bare)
    after = receive(records, shuffled)
    assert (len(after.alerts), after.alerts[0].received) == (1, 2)


def test_a_new_firing_of_a_known_alert_is_counted_from_one(records: Records) -> None:
    receive(records, alert(pod="a"), alert(pod="b"))
    receive(records, alert(pod="a", status="resolved"), alert(pod="b"))
    after = receive(records, alert(pod="a") | {"startsAt": "2026-03-02T12:00:00Z"}, alert(pod="b"))
    assert {a.labels["pod"]: a.received for a in after.alerts} == {"a": 1, "b": 3}
    assert events(records, "INC-1")[-2:] == ["alert.resolved", "alert.received"]


def test_catalogue_gives_service_channel_and_place(records: Records) -> None:
    service = Service(namespace="shop", workloads=("Deployment/checkout",), channel="C0SHOP")
    known = configured(records, Config(services={"checkout": service}))
    incident = receive(known, alert(deployment="checkout"))
    assert (incident.service, incident.namespace, incident.channel) == ("checkout", "shop", "C0SHOP")
    subject = known.investigations.get("INV-1").subject
    assert (subject.service, subject.target) == ("checkout", "Deployment/checkout")


def test_without_a_service_the_incident_goes_to_the_settings_channel_then_to_the_fallback(records: Records) -> None:
    assert receive(configured(records, Config()), alert()).channel == "C0SRE"
    only_fallback = Settings(data_dir=records.settings.data_dir, config=Config(channels=Channels(fallback="C0ALL")))
    other = open_records(only_fallback, records.redis, now=lambda: NOON)
    assert receive(other, alert(namespace="elsewhere"), groupKey="other").channel == "C0ALL"


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"annotations": {}, "labels": {"alertname": "KubePodNotReady", "pod": "a-1"}}, "Kube pod not ready on a-1"),
        ({"annotations": {"description": "Disk  is\nfull."}}, "Disk is full"),
        ({"annotations": {"summary": "word " * 200}}, ("word " * 29).strip() + "…"),
        ({"annotations": {}, "labels": {}}, "Alert"),
        ({"annotations": {"summary": "login with password=hunter2secret fails"}}, "login with password=[masked] fails"),
    ],
)  # fmt: skip
def test_title_is_in_plain_words_masked_and_short(records: Records, changes: dict[str, Any], title: str) -> None:
    assert receive(records, alert() | changes).title == title


def test_a_group_of_thousands_is_one_incident_that_keeps_the_worst(records: Records) -> None:
    many = [alert(pod=f"p{n}", severity="critical" if n == 999 else "warning") for n in range(1000)]
    incident = receive(records, *many)
    assert (len(incident.alerts), incident.truncated_alerts) == (MOST_ALERTS, 1000 - MOST_ALERTS)
    assert incident.alerts[0].labels["pod"] == "p999"
    quiet = receive(records, *(a | {"status": "resolved"} for a in many))
    assert (quiet.firing_alerts, quiet.quiet_since) == (0, NOON)


def test_many_processes_that_receive_a_group_at_once_open_one_incident(records: Records) -> None:
    same = group(alert())

    def process(_: int) -> Incident | None:
        return receive_group(open_records(records.settings, records.redis, now=lambda: NOON), same)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(process, range(16)))
    assert {incident.id for incident in found if incident} == {"INC-1"}
    assert len(records.incidents.open()) == 1
    assert jobs(records, "investigate") == [["investigate", "INV-1"]]
    assert events(records, "INC-1") == ["incident.opened", "alert.received"]
    assert records.incidents.get("INC-1").alerts[0].received == 16


class Died(BaseException):
    """The process was killed here."""


STEPS = ["incidents.claim", "incidents.save", "ledger.append", "investigations.save", "queues.enqueue"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_who_comes_after_a_crash_finishes_what_was_begun(
    records: Records, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    store, name = step.split(".")
    real = getattr(getattr(records, store), name)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            real(*args, **kwargs)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(getattr(records, store), name, dying)
        with pytest.raises(Died):
            receive(records, alert())
    incident = receive(records, alert())
    assert [i.id for i in records.incidents.open()] == [incident.id]
    assert records.investigations.get(str(incident.investigation)).incident == incident.id
    assert jobs(records, "investigate") == [["investigate", incident.investigation]]
    assert ["show_incident", incident.id] in jobs(records, "notify")
    assert events(records, incident.id).count("incident.opened") == 1


@pytest.mark.parametrize("step", ["incidents.release", "ledger.append", "book.close", "queues.enqueue"])
def test_a_crash_between_resolving_and_letting_go_is_mended_by_the_next(
    records: Records, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    receive(records, alert())
    receive(records, alert(status="resolved"))

    def dies(*_: object, **__: object) -> None:
        raise Died

    store, name = step.split(".")
    with monkeypatch.context() as patched:
        patched.setattr(getattr(records, store), name, dies)
        with pytest.raises(Died):
            settle(after(records, 400))
    assert receive_group(records, group(alert(status="resolved"))) is None
    settle(after(records, 410))
    assert events(records, "INC-1").count("incident.resolved") == 1
    assert jobs(records, "investigate").count(["remember", "INC-1"]) == 1
    assert receive(records, alert()).id == "INC-2"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"{", "The body is not JSON."),
        (b"[" * 100_000, "The body is not JSON."),
        (b"[]", "The body is not a JSON object; send Alertmanager's webhook format."),
        (b'{"version": "3"}', "This is not version 4 of Alertmanager's webhook; update what sends it."),
        (json.dumps(body(alert()) | {"groupKey": None}).encode(), "groupKey cannot be read."),
        (json.dumps({k: v for k, v in body(alert()).items() if k != "groupKey"}).encode(), "groupKey is missing."),
        (json.dumps(body()).encode(), "alerts cannot be read."),
        (json.dumps(body({"status": "firing"})).encode(), "alerts.0.labels is missing."),
        (json.dumps(body(alert() | {"startsAt": "yesterday"})).encode(), "alerts.0.startsAt cannot be read."),
        (json.dumps(body(alert() | {"labels": "x"})).encode(), "alerts.0.labels cannot be read."),
        (json.dumps(body(alert() | {"startsAt": BEFORE_TIME})).encode(), "alerts.0.startsAt cannot be read."),
        (json.dumps(body(alert(pod="\ud800"))).encode(), "The body is not JSON."),
    ],
)  # fmt: skip
def test_a_malformed_body_gets_one_sentence(sent: bytes, said: str) -> None:
    with pytest.raises(Malformed) as error:
        read_group(sent)
    assert str(error.value) == said


def test_what_older_relays_leave_out_is_filled_in(records: Records) -> None:
    bare = {"labels": {"alertname": "High", "n": 1}, "annotations": None, "startsAt": "2026-03-02T11:55:00+01:00"}
    incident = receive(records, bare, status="firing")
    assert (incident.alerts[0].status, incident.alerts[0].labels["n"]) == ("firing", "1")


def test_a_person_opens_an_incident_in_words(records: Records) -> None:
    known = configured(records, Config(services={"checkout": Service(namespace="shop", workloads=("Deployment/api",))}))
    incident = open_incident(known, "customers cannot pay", user="U1", channel="C9", team="T1", service="checkout")
    assert incident == Incident(
        id="INC-1",
        title="checkout: customers cannot pay",
        service="checkout",
        namespace="shop",
        source="slack",
        opened_by="U1",
        opened_at=NOON,
        services=("checkout",),
        groups=0,
        channel="C9",
        investigation="INV-1",
        version=1,
    )
    investigation = known.investigations.get("INV-1")
    assert (investigation.asked_by, investigation.team, investigation.subject.target) == ("U1", "T1", "Deployment/api")
    assert [(e.event, e.actor) for e in known.ledger.of_incident("INC-1")] == [("incident.opened", "U1")]
    assert jobs(known, "investigate") == [["investigate", "INV-1"]]


def test_fingerprints_do_not_depend_on_the_order_of_labels() -> None:
    assert fingerprint_of({"a": "1", "b": "2"}) == fingerprint_of({"b": "2", "a": "1"})
    assert fingerprint_of({"a": "1"}) != fingerprint_of({"a": "2"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
mutated = st.fixed_dictionaries({}, optional={
    "version": st.just("4") | json_values, "status": st.sampled_from(["firing", "resolved"]) | json_values,
    "groupKey": st.text(min_size=1) | json_values, "truncatedAlerts": json_values,
    "alerts": st.lists(
        st.fixed_dictionaries({}, optional={
            "labels": st.dictionaries(st.text(max_size=8), json_values, max_size=3) | json_values,
            "annotations": json_values, "status": json_values | st.just("firing"), "fingerprint": json_values,
            "startsAt": st.datetimes().map(lambda at: f"{at.isoformat()}Z") | json_values,
            "endsAt": json_values, "generatorURL": json_values,
        }).map(lambda some: alert() | some), max_size=3,
    ) | json_values,
})  # fmt: skip


@given(mutated)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_is_taken_or_refused_in_a_sentence(records: Records, over: dict[str, Any]) -> None:
    try:
        received = read_group(json.dumps(body(alert()) | over).encode())
    except Malformed as error:
        assert str(error).endswith(".")
        return
    incident = receive_group(records, received)
    if incident:
        assert card_view(records.incidents.get(incident.id), NOON).text
