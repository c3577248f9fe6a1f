"""So much at once that it is one trouble, and what of it is still chance."""

from __future__ import annotations

import pytest

from core.grouping_settings import Grouping
from core.records import Records
from core.settings import Config
from tests.unit.core.test_correlate import MAP, fires, of, seen, why


def opened(records: Records) -> list[str]:
    return [incident.id for incident in records.incidents.open()]


def test_the_fifth_workload_within_a_minute_makes_them_one_incident(records: Records) -> None:
    found = [fires(records, "KubePodNotReady", n * 10, namespace=f"team-{n}", deployment="web").id for n in range(5)]
    assert found == ["INC-1", "INC-2", "INC-3", "INC-4", "INC-1"]
    assert opened(records) == ["INC-1"]
    last = fires(records, "Slow", 45, namespace="team-9", deployment="web")
    assert (last.id, last.how_many_fire) == ("INC-1", 6)
    assert why(records, last).startswith("at least 5 workloads began to fail within 60 s")


def test_five_that_fail_each_in_its_own_way_are_five(records: Records) -> None:
    for n, name in enumerate(("Crash", "ImagePull", "OutOfMemory", "Unschedulable", "NoConfig")):
        fires(records, name, n, namespace=f"team-{n}", deployment="web")
    assert len(opened(records)) == 5


def test_four_are_chance_and_so_are_five_in_five_minutes(records: Records) -> None:
    for n in range(5):
        fires(records, "KubePodNotReady", n * 65, namespace=f"team-{n}", deployment="web")
    for n in range(3):
        fires(records, "KubePodNotReady", 1000, namespace=f"other-{n}", deployment="web")
    assert len(opened(records)) == 8


def test_what_is_only_for_information_makes_no_storm(records: Records) -> None:
    for n in range(6):
        fires(records, "CPUThrottlingHigh", n, namespace=f"team-{n}", deployment="web", severity="info")
    assert fires(records, "Down", 10, namespace="pay", deployment="api").id == "INC-7"
    for n in range(4):
        fires(records, "Down", 12, namespace=f"other-{n}", deployment="api")
    assert [i for i in opened(records) if records.incidents.get(i).severity != "SEV4"] == ["INC-7"]


def test_the_worst_of_a_storm_gives_it_its_name(records: Records) -> None:
    for n in range(5):
        fires(records, "Slow", n, namespace=f"team-{n}", deployment="web", severity="warning")
    after = fires(records, "Down", 10, namespace="pay", deployment="api")
    assert (after.id, after.severity, after.namespace) == ("INC-1", "SEV2", "pay")
    again = fires(records, "Slow", 12, namespace="team-9", deployment="web", severity="warning")
    assert (again.id, again.namespace) == ("INC-1", "pay")


def test_thirty_alerts_of_two_namespaces_at_once_are_one_trouble(records: Records) -> None:
    for n in range(29):
        fires(records, f"PolicyViolated{n}", n / 10, namespace="net", component="sdn")
    after = fires(records, "ControllerDown", 5, namespace="sdn", component="sdn")
    assert (after.id, why(records, after)) == ("INC-1", "at least 30 alerts began within 60 s")


def test_where_a_node_is_down_three_that_run_nobody_knows_where_are_its(records: Records) -> None:
    fires(records, "TargetDown", namespace="a")
    fires(records, "OperatorDown", namespace="b")
    fires(records, "TargetDown", 20, namespace="c")
    after = fires(records, "KubeNodeNotReady", 600, node="node-3", severity="warning")
    assert (after.id, after.title) == ("INC-1", "checkout answers 7 % with 5xx")
    assert opened(records) == ["INC-1"]
    said = [group.why for group in records.book.groups("INC-1")]
    assert "node-3 went down when 3 workloads began to fail within 60 s, 10 min apart" in said
    assert "3 workloads began to fail within 60 s, and node-3 is down (was INC-3)" in said
    for n in range(2):
        fires(records, "Slow", 900, namespace=f"late-{n}", deployment="web")
    assert len(opened(records)) == 3
    after = fires(records, "Slow", 901, namespace="late-2", deployment="web")
    assert after.id == "INC-1"
    assert opened(records) == ["INC-1"]


def test_a_node_that_merely_runs_hot_gathers_nothing(records: Records) -> None:
    for n in range(3):
        fires(records, "Slow", namespace=f"team-{n}", deployment="web")
    fires(records, "NodeHighLoad", 60, node="node-3")
    assert len(opened(records)) == 4


def test_what_is_known_to_run_elsewhere_is_no_part_of_it(records: Records) -> None:
    shop = of(records, MAP)
    names = ("mail", "cart", "reviews", "catalog", "payments")
    seen(shop, {f"shop/{name}-5d4f8c9b7-abcde": "node-1" for name in names})
    fires(shop, "KubeNodeNotReady", node="node-3")
    for n, name in enumerate(names[:3]):
        fires(shop, "KubePodNotReady", n, pod=f"{name}-5d4f8c9b7-abcde")
    assert len(opened(shop)) == 4


def test_two_nodes_have_an_incident_each_and_three_at_once_are_one(records: Records) -> None:
    assert [fires(records, "KubeNodeNotReady", n, node=f"node-{n}").id for n in range(2)] == ["INC-1", "INC-2"]
    after = fires(records, "KubeNodeNotReady", 9, node="node-7")
    assert (after.id, why(records, after)) == ("INC-1", "at least 3 nodes went down within 60 s")
    assert opened(records) == ["INC-1"]


def test_a_daemon_set_is_on_the_node_that_is_down(records: Records) -> None:
    fires(records, "KubeNodeNotReady", node="node-3")
    after = fires(records, "KubeDaemonSetRolloutStuck", 1200, namespace="dns", daemonset="resolver")
    said = "resolver: a DaemonSet has a pod on every node, so on node-3 too, 20 min apart"
    assert (after.id, why(records, after)) == ("INC-1", said)
    seen(records, workloads={"dns/gpu": frozenset({"node-1"})})
    assert fires(records, "KubeDaemonSetRolloutStuck", 1200, namespace="dns", daemonset="gpu").id == "INC-2"


def test_alerts_about_a_whole_namespace_are_one_incident(records: Records) -> None:
    fires(records, "TargetDown", namespace="dns")
    after = fires(records, "QuotaUsedUp", 300, namespace="dns")
    assert (after.id, why(records, after)) == ("INC-1", "also about the namespace dns, 5 min apart")
    assert fires(records, "Slow", 301, namespace="dns", deployment="resolver").id == "INC-2"
    assert fires(records, "TargetDown", 950, namespace="dns", severity="warning").id == "INC-1"
    assert fires(records, "QuotaUsedUp", 2000, namespace="other").id == "INC-3"


@pytest.mark.parametrize("off", ["storm", "same_namespace"])
def test_a_rule_that_is_off_joins_nothing(records: Records, off: str) -> None:
    own = of(records, Config(grouping=Grouping.model_validate({"rules": {off: {"enabled": False}}})))
    for n in range(6):
        fires(own, f"TargetDown{n}", namespace="dns" if off == "same_namespace" else f"team-{n}")
    assert len(opened(own)) == 6
