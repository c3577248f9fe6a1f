"""How far actions reach on a real control plane, where real controllers own the pods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.diagnosis import Action
from core.errors import Absent
from core.model import utc_now
from tests.live.lab import Lab, job, service, workload
from tests.live.stack import eventually
from workers.reach.groups import Reads
from workers.reach.rollout import deployed_at
from workers.reach.touch import Touch, touched

pytestmark = pytest.mark.live

WITHIN_S = 60.0


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[str]:
    """A namespace with a deployment of three pods and a service, a stateful set, and a job that ended."""
    with lab.namespace("reach") as namespace:
        db = workload("db", kind="StatefulSet", replicas=2)
        lab.apply(namespace, workload("web", replicas=3), service("web"), db, job("report", "done"))
        settle(lab, namespace)
        yield namespace


def settle(lab: Lab, namespace: str) -> None:
    """Wait until no rollout is under way."""

    def started() -> bool:
        pods = list(lab.cluster.items(f"/api/v1/namespaces/{namespace}/pods"))
        return len(pods) == 6 and all(pod["status"].get("phase") != "Pending" for pod in pods)

    eventually(started, WITHIN_S, "six pods that started")


def reach(lab: Lab, kind: str, namespace: str, name: str, **params: Any) -> tuple[Touch, datetime | None]:
    action = Action.model_validate({"kind": kind, "namespace": namespace, "name": name, "params": params})
    reads = Reads(lab.cluster)
    found = touched(action, reads)
    return found, deployed_at(action, found, reads)


def shape(touch: Touch) -> dict[str, tuple[int, bool]]:
    return {owner: (group.pods, group.keeps_data) for group in touch.groups for owner in [group.place[1]]}


def test_a_rollback_reaches_the_pods_and_the_service_of_its_deployment(lab: Lab, shop: str) -> None:
    found, at = reach(lab, "rollback_deployment", shop, "web")
    assert shape(found) == {"Deployment/web": (3, False)}
    assert found.fronts == {((shop, "Deployment/web"), "web")}
    assert at is not None
    assert timedelta(0) <= utc_now() - at + timedelta(seconds=2) < timedelta(minutes=10)


def test_a_new_rollout_makes_the_deploy_young_again(lab: Lab, shop: str) -> None:
    _, before = reach(lab, "rollback_deployment", shop, "web")
    lab.patch("Deployment", shop, "web", {"spec": {"template": {"metadata": {"annotations": {"again": "1"}}}}})

    def newer() -> bool:
        _, after = reach(lab, "rollback_deployment", shop, "web")
        return before is not None and after is not None and after > before

    eventually(newer, WITHIN_S, "a replica set younger than the first")


def test_one_pod_belongs_to_its_deployment(lab: Lab, shop: str) -> None:
    pods = lab.cluster.items(f"/api/v1/namespaces/{shop}/pods", labelSelector="app=web")
    found, at = reach(lab, "restart_pod", shop, next(pods)["metadata"]["name"])
    assert shape(found) == {"Deployment/web": (1, False)}
    assert at is not None


def test_a_stateful_set_keeps_data_and_has_revisions(lab: Lab, shop: str) -> None:
    found, at = reach(lab, "restart_pod", shop, "db-0")
    assert shape(found) == {"StatefulSet/db": (1, True)}
    assert at is not None


def test_a_drain_reaches_what_runs_there_and_a_cordon_nothing(lab: Lab, shop: str) -> None:
    settle(lab, shop)
    running = [
        pod for pod in lab.cluster.items(f"/api/v1/namespaces/{shop}/pods")
        if pod["status"]["phase"] == "Running" and pod["spec"].get("nodeName")
    ]  # fmt: skip
    node = running[0]["spec"]["nodeName"]
    found, _ = reach(lab, "drain_node", "", node)
    here = [group for group in found.groups if group.place[0] == shop]
    assert sum(group.pods for group in here) == sum(pod["spec"]["nodeName"] == node for pod in running)
    assert reach(lab, "cordon_node", "", node)[0].pods == 0


def test_a_target_of_another_kind_is_absent(lab: Lab, shop: str) -> None:
    with pytest.raises(Absent):
        reach(lab, "restart_deployment", shop, "db")
