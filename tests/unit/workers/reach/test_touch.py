"""What an action touches: pods that restart or move, services in front, data that would be lost, age of the deploy."""

from __future__ import annotations

from typing import Any

import pytest

from core.diagnosis import Action
from core.errors import Absent, ToolError, Unreachable
from tests.unit.workers.reach.held import (
    NOW,
    HeldCluster,
    daemon_pod,
    deployment,
    made,
    service,
    stateful_set,
)  # fmt: skip
from workers.reach.groups import Reads
from workers.reach.rollout import deployed_at
from workers.reach.touch import Touch, touched

CHECKOUT = ("shop", "Deployment/checkout")
DB = ("shop", "StatefulSet/db")


def action(kind: str, name: str = "checkout", namespace: str = "shop", **params: Any) -> Action:
    return Action.model_validate({"kind": kind, "namespace": namespace, "name": name, "params": params})


def reach(cluster: HeldCluster, wanted: Action) -> Touch:
    return touched(wanted, Reads(cluster))


def minutes(cluster: HeldCluster, wanted: Action) -> float | None:
    reads = Reads(cluster)
    when = deployed_at(wanted, touched(wanted, reads), reads)
    return (NOW - when).total_seconds() / 60 if when else None


def shape(touch: Touch) -> dict[tuple[str, str], tuple[int, bool]]:
    """Workload to pods, and whether data is kept there."""
    return {group.place: (group.pods, group.keeps_data) for group in touch.groups}


@pytest.fixture
def cluster() -> HeldCluster:
    """A shop: checkout and storefront on node-1, a database with them, a DaemonSet everywhere."""
    return HeldCluster(
        made("Namespace", "shop", None), made("Node", "node-1", None, age=50_000), *deployment("checkout", 4),
        *deployment("storefront", 2, deployed=700), *stateful_set("db"), *daemon_pod("log-agent"),
    )  # fmt: skip


def test_a_pod_alone_and_the_service_in_front_of_it(cluster: HeldCluster) -> None:
    found = reach(cluster, action("restart_pod", "checkout-7d7d7-0"))
    assert found.target == "Pod/checkout-7d7d7-0"
    assert shape(found) == {CHECKOUT: (1, False)}
    assert found.fronts == {(CHECKOUT, "checkout")}
    assert minutes(cluster, action("restart_pod", "checkout-7d7d7-0")) == 6


@pytest.mark.parametrize("kind", ["restart_deployment", "rollback_deployment", "set_resources"])
def test_a_deployment_whole(cluster: HeldCluster, kind: str) -> None:
    params = {"container": "app", "memory_limit": "1Gi"} if kind == "set_resources" else {}
    found = reach(cluster, action(kind, **params))
    assert (found.target, found.pods) == ("Deployment/checkout", 4)
    assert shape(found) == {CHECKOUT: (4, False)}


def test_a_deployment_without_pods_counts_those_it_should_have(cluster: HeldCluster) -> None:
    cluster.objects = [obj for obj in cluster.objects if obj["kind"] != "Pod"]
    found = reach(cluster, action("rollback_deployment"))
    assert found.pods == 4
    assert found.fronts == {(CHECKOUT, "checkout")}


def test_pods_that_ended_or_are_anothers_do_not_count(cluster: HeldCluster) -> None:
    pods = [obj for obj in cluster.objects if obj["metadata"]["name"].startswith("checkout-7d7d7-")]
    pods[0]["status"]["phase"] = "Failed"
    lookalike = made("Pod", "by-hand", labels={"app": "checkout"}, spec={}, status={"phase": "Running"})
    cluster.objects += [lookalike, *(made("Pod", f"old-{n}", status={"phase": "Succeeded"}) for n in range(3))]
    top = next(obj for obj in cluster.objects if obj["kind"] == "Deployment")
    top["spec"]["replicas"] = 1
    assert reach(cluster, action("restart_deployment")).pods == 3


@pytest.mark.parametrize(("replicas", "moved"), [(4, 0), (6, 2), (1, 3), (0, 4)])
def test_scaling_touches_the_pods_that_come_or_go(cluster: HeldCluster, replicas: int, moved: int) -> None:
    assert reach(cluster, action("scale_deployment", replicas=replicas)).pods == moved


def test_a_stateful_set_keeps_data(cluster: HeldCluster) -> None:
    assert shape(reach(cluster, action("restart_pod", "db-0"))) == {DB: (1, True)}
    found = reach(cluster, action("set_resources", "db", container="db", memory_limit="4Gi"))
    assert (found.target, shape(found)) == ("StatefulSet/db", {DB: (3, True)})
    assert minutes(cluster, action("restart_pod", "db-0")) == 600


@pytest.mark.parametrize(
    ("volume", "keeps"),
    [
        ({"persistentVolumeClaim": {}}, True), ({"hostPath": {}}, True), ({"nfs": {}}, True), ({"csi": {}}, True),
        ({"ephemeral": {}}, True), ({"emptyDir": {}}, False), ({"configMap": {}}, False), ({"secret": {}}, False),
        ({"projected": {}}, False),
    ],
)  # fmt: skip
def test_a_volume_that_outlives_its_pod_keeps_data(volume: dict[str, Any], keeps: bool) -> None:
    cluster = HeldCluster(*deployment("checkout", volumes=({"name": "v", **volume},)))
    assert shape(reach(cluster, action("restart_deployment"))) == {CHECKOUT: (2, keeps)}


def test_every_service_in_front_counts(cluster: HeldCluster) -> None:
    cluster.objects += [service("checkout-canary", selects="checkout"), service("other", selects="nobody")]
    cluster.objects.append(made("Service", "external", spec={"type": "ExternalName"}))
    found = reach(cluster, action("restart_deployment"))
    assert {name for _, name in found.fronts} == {"checkout", "checkout-canary"}


def test_a_release_is_what_helm_marked(cluster: HeldCluster) -> None:
    cluster.objects += [
        *deployment("cart", 2, release="cart", deployed=20),
        *deployment("cart-worker", 1, release="cart"),
    ]
    found = reach(cluster, action("rollback_release", "cart"))
    assert shape(found) == {("shop", "Deployment/cart"): (2, False), ("shop", "Deployment/cart-worker"): (1, False)}
    assert minutes(cluster, action("rollback_release", "cart")) == 6
    with pytest.raises(Absent):
        reach(cluster, action("uninstall_release", "checkout"))


@pytest.mark.parametrize("kind", ["cordon_node", "uncordon_node"])
def test_cordoning_moves_no_pod(cluster: HeldCluster, kind: str) -> None:
    assert reach(cluster, action(kind, "node-1", "")) == Touch("Node/node-1")
    assert minutes(cluster, action(kind, "node-1", "")) == 50_000


def test_a_drain_moves_all_but_what_stays(cluster: HeldCluster) -> None:
    mirror = made("Pod", "kube-apiserver-node-1", "kube-system", annotations={"kubernetes.io/config.mirror": "x"},
                  spec={"nodeName": "node-1"}, status={"phase": "Running"})  # fmt: skip
    ended = made("Pod", "done", spec={"nodeName": "node-1"}, status={"phase": "Succeeded"})
    cluster.objects += [mirror, ended, *deployment("web", 3, namespace="web", node="node-2")]
    found = reach(cluster, action("drain_node", "node-1", ""))
    assert shape(found) == {CHECKOUT: (4, False), ("shop", "Deployment/storefront"): (2, False), DB: (3, True)}


def test_a_node_that_is_not_there_is_absent(cluster: HeldCluster) -> None:
    with pytest.raises(Absent):
        reach(cluster, action("drain_node", "node-9", ""))


def test_a_silence_touches_nothing_and_is_as_old_as_the_newest_rollout(cluster: HeldCluster) -> None:
    silence = action(
        "silence_alert", "KubePodCrashLooping", duration_minutes=30, matchers=["alertname=KubePodCrashLooping"]
    )
    assert reach(cluster, silence) == Touch("Alert/KubePodCrashLooping")
    assert minutes(cluster, silence) == 6


def test_a_job_of_a_cron_job_belongs_to_it() -> None:
    cron = made("CronJob", "report")
    job = made("Job", "report-1", by=cron, age=30, spec={"parallelism": 2, "template": {"spec": {"volumes": []}}})
    pod = made("Pod", "report-1-x", by=job, status={"phase": "Running"})
    cluster = HeldCluster(job, pod)
    assert shape(reach(cluster, action("rerun_job", "report-1"))) == {("shop", "CronJob/report"): (2, False)}
    assert shape(reach(cluster, action("restart_pod", "report-1-x"))) == {("shop", "CronJob/report"): (1, False)}
    assert minutes(cluster, action("rerun_job", "report-1")) == 30


def test_a_service_is_the_pods_behind_it_else_the_deployment_of_its_name(cluster: HeldCluster) -> None:
    shift = action("shift_traffic", "checkout", template="shift", to="eu-west-2")
    assert shape(reach(cluster, shift)) == {CHECKOUT: (4, False)}
    cluster.objects = [obj for obj in cluster.objects if obj["kind"] != "Service"]
    assert shape(reach(cluster, shift)) == {CHECKOUT: (4, False)}
    with pytest.raises(Absent):
        reach(cluster, action("rotate_credentials", "nobody", template="rotate"))


def test_a_namespace_is_everything_in_it(cluster: HeldCluster) -> None:
    found = reach(cluster, action("delete_namespace", "shop", ""))
    assert (found.target, found.pods) == ("Namespace/shop", 9)


def test_the_age_is_that_of_the_present_revision_not_of_the_newest_replica_set(cluster: HeldCluster) -> None:
    younger = made("ReplicaSet", "checkout-abandoned", age=1, by=cluster.objects[2],
                   annotations={"deployment.kubernetes.io/revision": "3"})  # fmt: skip
    cluster.objects.append(younger)
    assert minutes(cluster, action("rollback_deployment")) == 6


def test_without_a_revision_the_age_is_unknown(cluster: HeldCluster) -> None:
    cluster.objects = [obj for obj in cluster.objects if obj["kind"] != "ReplicaSet"]
    assert minutes(cluster, action("rollback_deployment")) is None


@pytest.mark.parametrize("refused", ["pods", "deployments", "services"])
def test_what_may_not_be_read_is_raised(cluster: HeldCluster, refused: str) -> None:
    cluster.refuse = frozenset({refused})
    with pytest.raises(ToolError):
        reach(cluster, action("restart_deployment"))


def test_a_cluster_that_is_gone_is_raised(cluster: HeldCluster) -> None:
    cluster.gone = True
    with pytest.raises(Unreachable):
        reach(cluster, action("restart_deployment"))


def test_nothing_is_read_twice(cluster: HeldCluster) -> None:
    reads = Reads(cluster)
    for kind in ("restart_deployment", "rollback_deployment"):
        deployed_at(action(kind), touched(action(kind), reads), reads)
    assert len(cluster.reads) == len(set(cluster.reads)) == 4
