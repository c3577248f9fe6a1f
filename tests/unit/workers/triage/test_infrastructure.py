"""Nodes, volume claims, autoscalers and webhooks."""

from __future__ import annotations

import pytest

from core.errors import Forbidden
from tests.unit.workers.triage.scene import (
    Obj,
    ago,
    deployment,
    endpoints,
    event,
    found,
    make,
    node,
    only,
    pod_of,
    running,
    seen,
    service,
)

WEB = deployment(ready=1)


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_node_that_is_not_ready_harms_the_workloads_on_it(status: str) -> None:
    finding = only(node(Ready=status), WEB, pod_of(WEB, running()))

    assert (finding.condition, finding.owner, finding.severity) == ("NodeNotReady", "Node/node-1", "critical")
    assert finding.harms == ("shop/Deployment/web",)


@pytest.mark.parametrize("pressure", ["MemoryPressure", "DiskPressure", "PIDPressure"])
def test_a_node_under_pressure_says_of_what(pressure: str) -> None:
    finding = only(node(**{pressure: "True"}))

    assert finding.condition == "NodePressure"
    assert pressure in finding.message


def test_a_node_without_network_is_not_ready() -> None:
    assert found(node(NetworkUnavailable="True")) == [("NodeNotReady", "Node/node-1")]


def test_cordoned_new_and_leaving_nodes_are_no_faults() -> None:
    leaving = node("leaving", Ready="Unknown")
    leaving["metadata"]["deletionTimestamp"] = ago(5)

    assert (
        found(node("cordoned") | {"spec": {"unschedulable": True}}, node("new", age=20, Ready="False"), leaving) == []
    )


def test_of_a_namespace_only_the_nodes_of_its_pods_count() -> None:
    bad = node("node-1", Ready="Unknown"), node("node-2", Ready="Unknown")

    findings = seen(*bad, WEB, pod_of(WEB, running()), namespace="shop").findings

    assert [f.owner for f in findings] == ["Node/node-1"]


def test_what_a_lost_node_causes_comes_after_it() -> None:
    web = deployment(desired=1)
    pod = pod_of(web, running(ready=False, since=600))

    assert found(node(Ready="Unknown"), web, pod) == [
        ("NodeNotReady", "Node/node-1"), ("Unhealthy", "Deployment/web"), ("ReplicasMismatch", "Deployment/web"),
    ]  # fmt: skip


def claim(name: str = "data", *, age: float = 300, phase: str = "Pending", **spec: str) -> Obj:
    return make("PersistentVolumeClaim", name, age=age, spec=spec, status={"phase": phase})


def storage_class(name: str, mode: str = "Immediate", *, default: bool = False) -> Obj:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return make("StorageClass", name, None, annotations=annotations, volumeBindingMode=mode)


MOUNTING = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}


def test_a_claim_of_a_class_that_does_not_exist_is_pending_at_once_and_harms_who_mounts_it() -> None:
    finding = only(
        claim(storageClassName="gone", age=20), storage_class("fast"), WEB, pod_of(WEB, running(), spec=MOUNTING)
    )

    assert (finding.condition, finding.owner) == ("PVCPending", "PersistentVolumeClaim/data")
    assert finding.message == "its storage class gone does not exist"
    assert finding.harms == ("shop/Deployment/web",)


def test_a_claim_without_class_where_none_is_the_default_is_pending() -> None:
    assert "no storage class and the cluster has no default one" in only(claim(), storage_class("fast")).message
    assert found(claim(age=60), storage_class("fast", default=True)) == []


def test_a_claim_waits_for_its_first_pod_without_fault() -> None:
    lazy = storage_class("lazy", "WaitForFirstConsumer")
    waiting = claim(storageClassName="lazy", age=9000)

    assert found(waiting, lazy) == []
    assert found(waiting, lazy, WEB, pod_of(WEB, running(), spec=MOUNTING)) == [
        ("PVCPending", "PersistentVolumeClaim/data")
    ]


def test_what_the_provisioner_says_counts_before_patience_ends() -> None:
    slow = claim(storageClassName="fast", age=30)

    assert found(slow, storage_class("fast")) == []
    assert (
        "quota of disks"
        in only(slow, storage_class("fast"), event(slow, "ProvisioningFailed", "quota of disks")).message
    )


def test_a_claim_is_judged_without_classes_when_they_may_not_be_read() -> None:
    refused = {"storageclasses": Forbidden("storageclasses", "forbidden: this account may not list them")}

    observation = seen(claim(storageClassName="gone", age=600), refuse=refused)

    assert [f.condition for f in observation.findings] == ["PVCPending"]
    assert "storageclasses (forbidden: this account may not list them)" in observation.could_not_read


def test_storage_classes_are_not_asked_for_while_every_claim_is_bound() -> None:
    refused = {"storageclasses": Forbidden("storageclasses", "forbidden")}

    observation = seen(claim(phase="Bound"), refuse=refused)

    assert (observation.findings, observation.could_not_read) == ((), ())


def test_a_lost_claim_is_a_fault() -> None:
    assert "its volume pv-7 is gone" in only(claim(phase="Lost", volumeName="pv-7")).message


def scaler(**conditions: tuple[str, str, str]) -> Obj:
    said = [
        {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(60)}
        for kind, (status, reason, message) in conditions.items()
    ]
    target = {"kind": "Deployment", "name": "web"}
    spec = {"minReplicas": 2, "maxReplicas": 6, "scaleTargetRef": target}
    return make("HorizontalPodAutoscaler", "web", spec=spec, status={"conditions": said})


def test_an_autoscaler_that_wants_more_than_it_may_have_is_limited() -> None:
    finding = only(
        WEB, scaler(ScalingLimited=("True", "TooManyReplicas", "the desired replica count is more than the maximum"))
    )

    assert (finding.condition, finding.owner) == ("HPALimited", "HorizontalPodAutoscaler/web")
    assert "allowed 2 to 6 replicas of Deployment/web" in finding.message
    assert finding.harms == ("shop/Deployment/web",)


@pytest.mark.parametrize(
    "conditions",
    [
        {"ScalingLimited": ("True", "TooFewReplicas", "the desired replica count is less than the minimum")},
        {"ScalingLimited": ("False", "DesiredWithinRange", "")},
        {"ScalingActive": ("False", "ScalingDisabled", "scaling is disabled since the replica count is zero")},
        {"ScalingActive": ("False", "FailedGetResourceMetric", "did not receive metrics for any ready pods")},
    ],
)
def test_an_autoscaler_at_rest_or_just_started_is_no_fault(conditions: dict[str, tuple[str, str, str]]) -> None:
    assert found(WEB, scaler(**conditions)) == []


@pytest.mark.parametrize(
    "condition",
    [
        {"AbleToScale": ("False", "FailedGetScale", "the HPA controller was unable to get the target's current scale")},
        {"ScalingActive": ("False", "FailedGetResourceMetric", "missing request for cpu")},
        {"ScalingActive": ("False", "FailedGetResourceMetric",
                           "unable to get metrics for resource cpu: the server could not find the requested resource")},
    ],
)  # fmt: skip
def test_an_autoscaler_that_cannot_decide_is_limited_at_once(condition: dict[str, tuple[str, str, str]]) -> None:
    assert found(WEB, scaler(**condition)) == [("HPALimited", "HorizontalPodAutoscaler/web")]


def hooks(policy: str | None, name: str = "guard") -> Obj:
    hook = {"name": "guard.example", "clientConfig": {"service": {"namespace": "shop", "name": name}}}
    return make(
        "ValidatingWebhookConfiguration", "guard", None, webhooks=[hook | ({"failurePolicy": policy} if policy else {})]
    )


@pytest.mark.parametrize(("policy", "severity"), [("Fail", "critical"), (None, "critical"), ("Ignore", "warning")])
def test_a_webhook_whose_service_is_gone_is_unavailable(policy: str | None, severity: str) -> None:
    finding = only(hooks(policy))

    assert (finding.condition, finding.severity) == ("WebhookUnavailable", severity)
    assert finding.owner == "ValidatingWebhookConfiguration/guard"
    assert "service shop/guard, which does not exist" in finding.message


def test_a_webhook_that_is_answered_or_calls_a_url_is_no_fault() -> None:
    by_url = make(
        "MutatingWebhookConfiguration", "far", None, webhooks=[{"name": "a", "clientConfig": {"url": "https://a"}}]
    )

    assert found(hooks("Fail"), by_url, service("guard"), endpoints("guard", ready=1)) == []


def test_of_a_namespace_only_webhooks_that_it_serves_count() -> None:
    elsewhere = hooks("Fail")
    elsewhere["webhooks"][0]["clientConfig"]["service"]["namespace"] = "other"

    assert found(elsewhere, namespace="shop") == []
    assert found(hooks("Fail"), namespace="shop") == [("WebhookUnavailable", "ValidatingWebhookConfiguration/guard")]
