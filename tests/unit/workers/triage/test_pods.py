from __future__ import annotations

import pytest

from tests.unit.workers.triage.scene import (
    NOW,
    Obj,
    Scene,
    ago,
    deployment,
    ended,
    event,
    found,
    job,
    looping,
    make,
    only,
    pod_of,
    running,
    seen,
    waiting,
)
from workers.loop.observe import triage

WEB = deployment(ready=1)  # the deployment itself is in order, so that only the pod speaks
LIMITED = {"containers": [{"name": "app", "image": "shop/app:1.0", "resources": {"limits": {"memory": "64Mi"}}}]}


@pytest.mark.parametrize(
    ("reason", "condition"),
    [
        ("ErrImagePull", "ImagePullBackOff"),
        ("ImagePullBackOff", "ImagePullBackOff"),
        ("InvalidImageName", "ImagePullBackOff"),
        ("ErrImageNeverPull", "ImagePullBackOff"),
        ("CreateContainerConfigError", "CreateContainerConfigError"),
        ("CreateContainerError", "CreateContainerConfigError"),
        ("RunContainerError", "CrashLoopBackOff"),
        ("StartError", "CrashLoopBackOff"),
        ("PostStartHookError", "CrashLoopBackOff"),
    ],
)
def test_a_container_that_waits_for_a_reason_is_a_fault_however_young(reason: str, condition: str) -> None:
    pod = pod_of(WEB, waiting(reason, "what the kubelet says"), age=1)

    finding = only(WEB, pod)

    assert (finding.condition, finding.owner, finding.container) == (condition, "Deployment/web", "app")
    assert "what the kubelet says" in finding.message


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_is_starting_is_no_fault_until_it_takes_too_long(reason: str) -> None:
    assert found(WEB, pod_of(WEB, waiting(reason), age=200)) == []

    finding = only(WEB, pod_of(WEB, waiting(reason), age=400))
    assert finding.condition == "Unhealthy"
    assert "starting for 6 min" in finding.message


def test_a_crash_says_how_it_ended_how_often_and_its_last_words() -> None:
    finding = only(WEB, pod_of(WEB, looping(2, message="panic: no port"), age=40))

    assert finding.condition == "CrashLoopBackOff"
    assert finding.message == "container app exited with 2 (Error); restarted 5 times; panic: no port"


def test_an_oom_loop_is_named_before_the_crash_that_follows_with_its_limit() -> None:
    findings = seen(WEB, pod_of(WEB, looping(137, "OOMKilled"), spec=LIMITED)).findings

    assert [f.condition for f in findings] == ["OOMKilled", "CrashLoopBackOff"]
    assert "memory limit of 64Mi" in findings[0].message


@pytest.mark.parametrize(("ago_s", "expected"), [(600, ["OOMKilled"]), (7200, [])])
def test_a_lone_oom_kill_counts_while_it_is_recent(ago_s: float, expected: list[str]) -> None:
    status = running(restartCount=1, lastState=ended(137, "OOMKilled", ago_s=ago_s, ran_s=9e4))

    assert [c for c, _ in found(WEB, pod_of(WEB, status))] == expected


def test_a_loop_is_seen_while_the_container_happens_to_run() -> None:
    quick = running(since=20, restartCount=4, lastState=ended(1, ago_s=25))
    long = running(since=20, restartCount=4, lastState=ended(1, ago_s=25, ran_s=9e5))

    assert found(WEB, pod_of(WEB, quick)) == [("CrashLoopBackOff", "Deployment/web")]
    assert found(WEB, pod_of(WEB, long)) == []


def test_a_container_that_ended_well_but_should_run_is_said_to_keep_ending() -> None:
    assert "keeps ending with exit code 0" in only(WEB, pod_of(WEB, looping(0, "Completed"))).message


def test_a_failing_init_container_is_named() -> None:
    status = waiting("PodInitializing")
    failing = looping(127)["containerStatuses"][0] | {"name": "migrate"}
    status["initContainerStatuses"] = [failing]

    finding = only(WEB, pod_of(WEB, status))

    assert finding.container == "migrate"
    assert finding.message.startswith("init container migrate exited with 127 (the command was not found)")


def test_the_event_that_says_why_joins_the_message_and_the_evidence() -> None:
    pod = pod_of(WEB, waiting("ImagePullBackOff", 'Back-off pulling image "shop/app:1.0"'))
    events = (
        event(pod, "BackOff", "Back-off pulling image", last=5),
        event(pod, "Failed", 'Failed to pull image "shop/app:1.0": manifest unknown', last=20, first=900),
        event(pod, "Failed", "Error: ImagePullBackOff", last=10),
    )

    observation = seen(WEB, pod, *events)

    [finding] = observation.findings
    assert finding.message == (
        'container app: Back-off pulling image "shop/app:1.0"; Failed to pull image "shop/app:1.0": manifest unknown'
    )
    assert finding.since is not None
    assert (NOW - finding.since).total_seconds() == 900
    shown = {e.id: e.excerpt for e in observation.evidence}
    assert "manifest unknown" in shown[finding.evidence[1]]


@pytest.mark.parametrize(
    ("reason", "condition"),
    [
        ("FailedMount", "FailedMount"),
        ("FailedAttachVolume", "FailedMount"),
        ("FailedCreatePodSandBox", "FailedCreatePodSandBox"),
    ],
)
def test_what_keeps_a_bound_pod_from_starting_is_told_by_its_events(reason: str, condition: str) -> None:
    pod = pod_of(WEB, waiting("ContainerCreating"), age=20)

    assert found(WEB, pod, event(pod, reason, "why it cannot")) == [(condition, "Deployment/web")]


def test_a_mount_that_only_waits_for_a_cache_is_no_fault_in_the_first_minute() -> None:
    said = "MountVolume.SetUp failed: failed to sync configmap cache: timed out waiting for the condition"
    young, old = (pod_of(WEB, waiting("ContainerCreating"), age=age) for age in (20, 120))

    assert found(WEB, young, event(young, "FailedMount", said)) == []
    assert found(WEB, old, event(old, "FailedMount", said)) == [("FailedMount", "Deployment/web")]


def _unscheduled(message: str, reason: str = "Unschedulable") -> Obj:
    said = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(5),
    }
    return {"phase": "Pending", "conditions": [said]}


def test_an_unschedulable_pod_is_a_fault_and_a_gated_one_is_not() -> None:
    nowhere = pod_of(WEB, _unscheduled("0/3 nodes are available: 3 Insufficient cpu."), spec={"nodeName": None}, age=5)
    gated = pod_of(WEB, _unscheduled("", "SchedulingGated"), spec={"nodeName": None})

    assert only(WEB, nowhere).message == "0/3 nodes are available: 3 Insufficient cpu"
    assert found(WEB, gated) == []


def test_a_pod_that_no_scheduler_looks_at_is_unschedulable() -> None:
    pod = pod_of(WEB, {"phase": "Pending"}, spec={"nodeName": None, "schedulerName": "absent"}, age=180)

    assert "it asks for absent" in only(WEB, pod).message


def _probed(delay: int, period: int, failures: int) -> Obj:
    probe = {"initialDelaySeconds": delay, "periodSeconds": period, "failureThreshold": failures}
    return {"containers": [{"name": "app", "image": "a", "readinessProbe": probe}]}


@pytest.mark.parametrize(("since", "expected"), [(35, []), (50, ["Unhealthy"])])
def test_an_unready_pod_has_the_time_that_its_own_probe_allows(since: float, expected: list[str]) -> None:
    pod = pod_of(WEB, running(ready=False, since=since), spec=_probed(30, 5, 2))

    assert [c for c, _ in found(WEB, pod)] == expected


def test_a_startup_probe_adds_to_the_grace() -> None:
    spec = _probed(0, 10, 3)
    spec["containers"][0]["startupProbe"] = {"periodSeconds": 10, "failureThreshold": 30}

    assert found(WEB, pod_of(WEB, running(ready=False, since=200), spec=spec)) == []


def test_a_ready_pod_whose_probe_keeps_failing_is_unhealthy() -> None:
    pod = pod_of(WEB, running())

    assert found(WEB, pod, event(pod, "Unhealthy", "Liveness probe failed", count=9, first=100, last=5)) == [
        ("Unhealthy", "Deployment/web")
    ]


@pytest.mark.parametrize(
    ("count", "first", "last", "ready_s"),
    [(2, 30, 5, 80_000), (9, 1500, 900, 80_000), (9, 3000, 5, 80_000), (9, 100, 50, 40)],
    ids=["twice", "long ago", "now and then", "only until it was ready"],
)
def test_a_probe_that_failed_in_passing_is_no_fault(count: int, first: float, last: float, ready_s: float) -> None:
    pod = pod_of(WEB, running(since=ready_s))

    assert found(WEB, pod, event(pod, "Unhealthy", "Readiness probe failed", count=count, first=first, last=last)) == []


def test_pods_that_succeeded_or_leave_have_no_fault() -> None:
    leaving = pod_of(WEB, looping())
    leaving["metadata"]["deletionTimestamp"] = ago(5)

    assert found(WEB, leaving, pod_of(None, {"phase": "Succeeded"}, name="done")) == []


@pytest.mark.parametrize(("ago_s", "expected"), [(600, ["Evicted"]), (90_000, [])])
def test_an_eviction_counts_while_it_is_recent(ago_s: float, expected: list[str]) -> None:
    status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    pod = pod_of(WEB, status, age=ago_s, name="web-7d7d7-old")

    assert [c for c, _ in found(WEB, pod)] == expected


def test_a_pod_that_its_node_ended_and_its_owner_replaced_is_no_fault() -> None:
    pod = pod_of(WEB, {"phase": "Failed", "reason": "NodeShutdown"}, age=100, name="web-7d7d7-old")

    assert found(WEB, pod) == []
    assert found(pod_of(None, {"phase": "Failed", "reason": "NodeShutdown"}, age=100)) == [("Evicted", "Pod/alone")]


def test_a_bare_pod_that_failed_is_told_of_for_a_day() -> None:
    status = running(ready=False, phase="Failed", state=ended(3, ago_s=60))
    old = running(ready=False, phase="Failed", state=ended(3, ago_s=100_000))

    assert "exited with 3 (Error); it is not started again" in only(pod_of(None, status)).message
    assert found(pod_of(None, old)) == []


def test_an_oom_killed_job_names_memory_before_the_failure() -> None:
    failing = job("report", failed=True)
    pod = pod_of(failing, running(ready=False, phase="Failed", state=ended(137, "OOMKilled")), spec=LIMITED)

    assert found(failing, pod) == [("OOMKilled", "Job/report"), ("JobFailed", "Job/report")]


def test_severity_is_critical_only_while_no_pod_of_the_owner_is_ready() -> None:
    crashing = pod_of(WEB, looping(), name="web-7d7d7-x1")
    ready = pod_of(WEB, running(), name="web-7d7d7-x2")

    assert only(WEB, crashing).severity == "critical"
    assert only(WEB, crashing, ready).severity == "warning"


def test_the_owner_is_followed_to_the_top_even_past_what_is_listed() -> None:
    rollout = make("Deployment", "canary")
    rollout["kind"] = "Rollout"
    replica_set = make("ReplicaSet", "canary-abc", by=rollout)
    pod = make("Pod", "canary-abc-1", by=replica_set, spec={"nodeName": "n"}, status=looping())

    assert found(pod, replica_set) == [("CrashLoopBackOff", "Rollout/canary")]


def test_a_static_pod_stands_for_itself() -> None:
    pod = make(
        "Pod",
        "kube-apiserver-n1",
        "kube-system",
        by=make("Node", "n1", None),
        spec={"nodeName": "n1"},
        status=looping(),
    )

    assert found(pod) == [("CrashLoopBackOff", "Pod/kube-apiserver-n1")]


def test_at_most_ten_alike_are_listed() -> None:
    pods = [pod_of(WEB, looping(), name=f"web-7d7d7-{n:02}") for n in range(40)]

    assert len(triage(Scene(WEB, *pods), None, NOW, with_logs=False).findings) == 10


def test_secrets_in_what_the_cluster_says_are_masked() -> None:
    observation = seen(WEB, pod_of(WEB, looping(message="login failed: password=hunter2secret")))

    assert "hunter2secret" not in observation.model_dump_json()
