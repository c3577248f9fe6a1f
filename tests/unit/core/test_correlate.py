"""Which incident a group of alerts joins, and that what merely happens at the same time stays apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.book import Book
from core.grouping_settings import Grouping
from core.incident import Incident
from core.intake import open_incident, receive_group
from core.records import Records, open_records
from core.settings import Config, Service, Settings
from core.whereabouts import Seen
from tests.conftest import NOON
from tests.unit.core.test_intake import alert, group


def service(name: str, *needs: str) -> Service:
    return Service(namespace="shop", workloads=(f"Deployment/{name}",), depends_on=needs)


MAP = Config(services={
    "storefront": service("storefront", "checkout", "catalog"), "checkout": service("checkout", "payments", "cart"),
    "payments": service("payments", "db"), "catalog": service("catalog", "db"), "reviews": service("reviews", "db"),
    "cart": service("cart"), "db": service("db"), "mail": service("mail"), "batch": service("batch", "mail"),
})  # fmt: skip


@pytest.fixture
def shop(records: Records) -> Records:
    return of(records, MAP)


def of(records: Records, config: Config) -> Records:
    settings = Settings(data_dir=records.settings.data_dir, channel="C0SRE", config=config)
    return open_records(settings, records.redis, now=lambda: NOON)


def fires(records: Records, name: str, after_s: float = 0, key: str | None = None, **labels: str) -> Incident:
    """A group of one alert that begins so long after noon, when it is received."""
    at = NOON + timedelta(seconds=after_s)
    sent = alert(name, **labels) | {"startsAt": at.isoformat()}
    found = receive_group(replace(records, now=lambda: at), group(sent, groupKey=key or f"{name} {labels}"))
    assert found
    return found


def why(records: Records, incident: Incident) -> str:
    return records.book.groups(incident.id)[-1].why


def seen(records: Records, pods: dict[str, str] | None = None, **more: Any) -> None:
    nodes = {f"node-{n}": f"node-{n}" for n in range(1, 6)} | {"10.0.0.3": "node-3"}
    records.whereabouts.note("", Seen(pods=pods or {}, nodes=nodes, **more), NOON.timestamp())


def test_another_alert_of_the_same_service_joins_and_says_so(shop: Records) -> None:
    fires(shop, "HighErrorRate", service="checkout")
    after = fires(shop, "KubePodCrashLooping", 60, pod="checkout-5d4f8c9b7-abcde", severity="emergency")
    assert (after.id, after.severity, after.groups, after.how_many_fire) == ("INC-1", "SEV1", 2, 2)
    assert why(shop, after) == "also about checkout, 60 s apart"


def test_alerts_of_one_unknown_workload_join_without_a_catalogue(records: Records) -> None:
    fires(records, "KubePodCrashLooping", pod="mystery-5d4f8c9b7-abcde", namespace="lab")
    assert fires(records, "KubeDeploymentReplicasMismatch", 30, deployment="mystery", namespace="lab").id == "INC-1"
    assert fires(records, "KubeDeploymentReplicasMismatch", 30, deployment="mystery", namespace="prod").id == "INC-2"


def test_a_caller_joins_what_it_depends_on(shop: Records) -> None:
    fires(shop, "PaymentsDown", service="payments")
    after = fires(shop, "HighErrorRate", 40, service="checkout")
    assert (after.id, why(shop, after)) == ("INC-1", "checkout depends on payments, 40 s apart")
    assert after.service == "payments"


def test_a_cause_that_alerts_later_joins_its_effect_and_leads(shop: Records) -> None:
    fires(shop, "HighErrorRate", service="storefront")
    after = fires(shop, "PaymentsDown", 20, service="payments")
    assert (after.id, why(shop, after)) == ("INC-1", "storefront depends on payments through 1 other, 20 s apart")
    assert (after.service, after.title) == ("payments", "payments: checkout answers 7 % with 5xx")


def test_a_cause_of_two_incidents_makes_them_one(shop: Records) -> None:
    assert fires(shop, "PaymentsSlow", service="payments").id == "INC-1"
    assert fires(shop, "CatalogSlow", 5, service="catalog").id == "INC-2"
    after = fires(shop, "DatabaseDown", 9, service="db")
    assert (after.id, after.how_many_fire) == ("INC-1", 3)
    assert shop.incidents.get("INC-2").merged_into == "INC-1"
    assert [i.id for i in shop.incidents.open()] == ["INC-1"]


def test_what_a_failing_service_calls_besides_its_cause_stays_apart(shop: Records) -> None:
    fires(shop, "PaymentsDown", service="payments")
    assert fires(shop, "HighErrorRate", 5, service="checkout").id == "INC-1"
    assert fires(shop, "CartEvictions", 10, service="cart").id == "INC-2"


def test_a_caller_of_two_failing_services_does_not_make_them_one(shop: Records) -> None:
    fires(shop, "PaymentsDown", service="payments")
    assert fires(shop, "CartDown", 5, service="cart").id == "INC-2"
    assert fires(shop, "HighErrorRate", 10, service="checkout").id in ("INC-1", "INC-2")
    assert len(shop.incidents.open()) == 2


@pytest.mark.parametrize(
    ("labels", "after_s"),
    [
        ({"service": "mail"}, 0),  # at the same moment, and nothing else in common
        ({"service": "checkout", "severity": "emergency"}, 1900),  # the same service, too late for what is worse
        ({"service": "storefront"}, 700),  # a neighbour, too late
        ({"service": "catalog"}, 1),  # both depend on db, but two of three may be chance
        ({"service": "checkout", "cluster": "us"}, 0),
    ],
)
def test_what_is_not_related_stays_apart(shop: Records, labels: dict[str, str], after_s: float) -> None:
    fires(shop, "HighErrorRate", service="checkout")
    if labels["service"] == "catalog":
        fires(shop, "PaymentsSlow", service="reviews")
    assert fires(shop, "Other", after_s, **labels).id != "INC-1"


def test_nothing_joins_an_old_incident_but_alerts_of_what_fires_there_and_is_no_worse(records: Records) -> None:
    own = {"oldest_s": 100, "quiet_s": 30, "ongoing_s": 5000, "rules": {"neighbours": {"within_s": 5000}}}
    shop = of(records, MAP.model_copy(update={"grouping": Grouping.model_validate(own)}))
    fires(shop, "PaymentsDown", service="payments")
    assert fires(shop, "HighErrorRate", 90, service="checkout", severity="warning").id == "INC-1"
    assert fires(shop, "HighErrorRate", 110, service="storefront").id == "INC-2"
    after = fires(shop, "Slow", 3900, service="payments")
    assert (after.id, why(shop, after)) == ("INC-1", "also about payments, which is not over, 65 min apart")
    assert fires(shop, "DataLost", 3910, service="payments", severity="emergency").id == "INC-3"
    assert fires(shop, "Slower", 5001, service="payments", severity="warning").id == "INC-3"


def test_what_a_person_opened_takes_the_alerts_of_its_service_as_long_as_it_is_open(shop: Records) -> None:
    open_incident(shop, "customers cannot pay", user="U1", channel="C9", service="payments")
    after = fires(shop, "PaymentsDown", 7300, service="payments", severity="emergency")
    assert (after.id, why(shop, after)) == ("INC-1", "also about payments, which is not over, 122 min apart")
    assert fires(shop, "HighErrorRate", 7310, service="mail").id == "INC-2"


def test_what_ended_long_ago_in_an_incident_takes_nothing(records: Records) -> None:
    shop = of(records, MAP.model_copy(update={"grouping": Grouping.model_validate({"oldest_s": 100})}))
    fires(shop, "PaymentsDown", service="payments")
    fires(shop, "HighErrorRate", 10, service="checkout")
    over = alert("HighErrorRate", status="resolved", service="checkout") | {"startsAt": NOON.isoformat()}
    receive_group(replace(shop, now=lambda: NOON + timedelta(seconds=60)), group(over, groupKey="over"))
    assert fires(shop, "Slow", 300, service="checkout", severity="warning").id == "INC-1"
    assert fires(shop, "Slower", 4000, service="cart").id == "INC-2"
    assert [g.rule for g in shop.book.groups("INC-1")] == ["", "neighbours", "same_service"]


def test_a_rule_that_is_off_joins_nothing(records: Records) -> None:
    off = Grouping.model_validate({"rules": {"neighbours": {"enabled": False}}})
    shop = of(records, MAP.model_copy(update={"grouping": off}))
    fires(shop, "PaymentsDown", service="payments")
    assert fires(shop, "HighErrorRate", 5, service="checkout").id == "INC-2"


def test_most_of_what_depends_on_one_silent_thing_is_one_incident(shop: Records) -> None:
    assert fires(shop, "Slow", service="payments").id == "INC-1"
    assert fires(shop, "Slow", 10, service="catalog").id == "INC-2"
    after = fires(shop, "Slow", 20, service="reviews")
    assert (after.id, [i.id for i in shop.incidents.open()]) == ("INC-1", ["INC-1"])
    assert "catalog, payments, reviews all depend on db, 20 s apart" in [g.why for g in shop.book.groups("INC-1")]


def test_what_runs_on_a_node_that_is_down_joins_it(shop: Records) -> None:
    seen(shop, {"shop/mail-5d4f8c9b7-abcde": "node-3", "shop/cart-5d4f8c9b7-abcde": "node-1"})
    assert fires(shop, "KubeNodeNotReady", node="node-3").namespace is None
    after = fires(shop, "KubePodNotReady", 40, pod="mail-5d4f8c9b7-abcde")
    assert (after.id, why(shop, after)) == ("INC-1", "mail runs on the same node, node-3, 40 s apart")
    assert fires(shop, "KubePodNotReady", 41, pod="cart-5d4f8c9b7-abcde").id == "INC-2"


def test_a_node_is_known_by_its_exporters_address(shop: Records) -> None:
    seen(shop)
    fires(shop, "NodeFilesystemReadOnly", instance="10.0.0.3:9100")
    assert fires(shop, "KubeNodeNotReady", 5, node="node-3").id == "INC-1"


def test_a_node_that_alerts_last_gathers_what_failed_on_it(shop: Records) -> None:
    pods = {f"shop/{name}-5d4f8c9b7-abcde": "node-3" for name in ("mail", "cart")}
    seen(shop, {**pods, "shop/reviews-5d4f8c9b7-abcde": "node-1"})
    for name in ("mail", "cart", "reviews"):
        fires(shop, "KubePodNotReady", pod=f"{name}-5d4f8c9b7-abcde")
    after = fires(shop, "KubeNodeNotReady", 30, node="node-3")
    assert (after.id, shop.incidents.get("INC-2").merged_into) == ("INC-1", "INC-1")
    assert {i.id for i in shop.incidents.open()} == {"INC-1", "INC-3"}
    assert shop.investigations.get("INV-1").incident == "INC-1"


def test_two_pods_that_merely_share_a_node_stay_apart_but_many_accuse_it(shop: Records) -> None:
    names = ("mail", "cart", "reviews", "catalog")
    seen(shop, {f"shop/{name}-5d4f8c9b7-abcde": "node-3" for name in names})
    found = [fires(shop, "KubePodNotReady", n, pod=f"{name}-5d4f8c9b7-abcde").id for n, name in enumerate(names)]
    assert found == ["INC-1", "INC-2", "INC-3", "INC-1"]
    assert [i.id for i in shop.incidents.open()] == ["INC-1"]


def test_what_one_rollout_changed_is_one_incident(shop: Records) -> None:
    began = NOON.timestamp() - 60
    seen(shop, rollouts={"shop/mail": ("release shop-7", began), "shop/cart": ("release shop-7", began + 20),
                         "shop/reviews": ("release reviews-2", began)})  # fmt: skip
    fires(shop, "CrashLooping", deployment="mail")
    after = fires(shop, "CrashLooping", 5, deployment="cart")
    assert (after.id, why(shop, after)) == (
        "INC-1", "cart was rolled out together with mail, as release shop-7, 5 s apart",
    )  # fmt: skip
    assert fires(shop, "CrashLooping", 6, deployment="reviews").id == "INC-2"


def test_a_rule_of_the_team_joins_by_labels(records: Records) -> None:
    own = Grouping.model_validate({"labels": {"one-tenant": {"labels": ["tenant"]}}})
    shop = of(records, MAP.model_copy(update={"grouping": own}))
    fires(shop, "Slow", service="mail", tenant="acme")
    after = fires(shop, "Slow", 5, service="cart", tenant="acme")
    assert (after.id, why(shop, after)) == ("INC-1", "has the same tenant=acme, 5 s apart (rule one-tenant)")
    assert fires(shop, "Slow", 5, service="db", tenant="other").id == "INC-2"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"cluster": "eu"}, {"cluster": "us"}),
        ({"externalURL": "http://eu.test"}, {"externalURL": "http://us.test"}),
    ],
)
def test_two_clusters_with_one_group_key_have_an_incident_each(
    records: Records, first: dict[str, str], second: dict[str, str]
) -> None:
    ids = []
    for number, more in enumerate((first, second)):
        sent = alert(**{k: v for k, v in more.items() if k == "cluster"}) | {"startsAt": f"2026-03-02T11:55:0{number}Z"}
        found = receive_group(records, group(sent, **{k: v for k, v in more.items() if k != "cluster"}))
        assert found
        ids.append(found.id)
    assert ids == ["INC-1", "INC-2"]


def test_one_group_with_two_clusters_is_two_incidents(records: Records) -> None:
    receive_group(records, group(alert(cluster="eu"), alert(cluster="us")))
    assert [len(i.alerts) for i in records.incidents.open()] == [1, 1]


def test_another_peer_of_alertmanager_brings_the_same_firing(records: Records) -> None:
    receive_group(records, group(alert(), externalURL="http://am-0.test"))
    again = receive_group(records, group(alert(), externalURL="http://am-1.test"))
    assert again and (again.id, again.alerts[0].received) == ("INC-1", 2)
    over = receive_group(records, group(alert(status="resolved"), externalURL="http://am-1.test"))
    assert over and over.quiet_since


def test_two_hundred_groups_at_once_are_one_incident_and_one_investigation(shop: Records) -> None:
    seen(shop, {f"lab/app{n}-5d4f8c9b7-abcde": "node-3" for n in range(200)})
    fires(shop, "KubeNodeNotReady", node="node-3")
    for n in range(200):
        fires(shop, "KubePodNotReady", n / 10, pod=f"app{n}-5d4f8c9b7-abcde", namespace="lab")
    (incident,) = shop.incidents.open()
    assert (incident.how_many_fire, incident.groups) == (201, 201)
    assert (len(incident.alerts) + incident.truncated_alerts, incident.investigation) == (201, "INV-1")
    assert len(list(Book(shop.redis).all("INC-1"))) == 201
