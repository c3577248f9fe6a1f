from __future__ import annotations

import pytest

from tests.unit.workers.triage.scene import (
    Obj,
    ago,
    deployment,
    event,
    found,
    looping,
    make,
    only,
    pod_of,
    running,
    waiting,
)


def _failing(kind: str, status: str, reason: str, message: str) -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(300)}


QUOTA = 'pods "web-x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1'
WEBHOOK = 'Internal error occurred: failed calling webhook "guard.example": connection refused'


def test_fewer_ready_pods_than_wanted_is_a_mismatch_after_its_cause() -> None:
    web = deployment(desired=2, ready=1)
    pods = pod_of(web, running(), name="web-7d7d7-a"), pod_of(web, looping(), name="web-7d7d7-b")

    assert found(web, *pods) == [("CrashLoopBackOff", "Deployment/web"), ("ReplicasMismatch", "Deployment/web")]


def test_a_rollout_under_way_is_no_mismatch() -> None:
    web = deployment(desired=3, ready=1)
    starting = pod_of(web, waiting("ContainerCreating"), age=30, name="web-7d7d7-b")
    leaving = pod_of(web, running(), name="web-7d7d7-c")
    leaving["metadata"]["deletionTimestamp"] = ago(5)

    assert found(web, pod_of(web, running(), name="web-7d7d7-a"), starting, leaving) == []


def test_a_stateful_set_that_starts_one_by_one_is_no_mismatch() -> None:
    db = make("StatefulSet", "db", spec={"replicas": 3}, status={"readyReplicas": 1})

    ready, starting = pod_of(db, running(), name="db-0"), pod_of(db, waiting("PodInitializing"), age=20, name="db-1")
    assert found(db, ready, starting) == []


def test_a_controller_that_has_not_counted_its_ready_pods_yet_is_no_mismatch() -> None:
    agent = make("DaemonSet", "agent", age=90, status={"desiredNumberScheduled": 2, "numberReady": 1})

    assert found(agent, *(pod_of(agent, running(), name=f"agent-{n}") for n in "ab")) == []


@pytest.mark.parametrize(("age", "expected"), [(20, []), (120, ["ReplicasMismatch"])])
def test_a_controller_has_half_a_minute_to_create_pods(age: float, expected: list[str]) -> None:
    assert [c for c, _ in found(deployment(desired=2, age=age))] == expected


def test_scaled_to_zero_is_on_purpose_and_old_replica_sets_rest() -> None:
    web = deployment(desired=0, conditions=[_failing("Progressing", "False", "ProgressDeadlineExceeded", "old")])
    old = make("ReplicaSet", "web-old", by=web, spec={"replicas": 0})

    assert found(web, old) == []


def test_an_exceeded_progress_deadline_is_told_unless_the_rollout_is_paused() -> None:
    said = _failing(
        "Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "web-7d" has timed out progressing.'
    )

    assert only(deployment(ready=1, conditions=[said])).condition == "ProgressDeadlineExceeded"
    assert found(deployment(ready=1, conditions=[said], spec={"paused": True})) == []


@pytest.mark.parametrize(("message", "cause"), [(QUOTA, "QuotaExceeded"), (WEBHOOK, "WebhookUnavailable")])
def test_a_refusal_to_create_pods_names_its_cause_first(message: str, cause: str) -> None:
    said = _failing("ReplicaFailure", "True", "FailedCreate", message)

    conditions = [c for c, _ in found(deployment(conditions=[said]))]

    assert conditions == [cause, "ReplicaFailure", "ReplicasMismatch"]


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_kinds_without_that_condition_tell_it_by_events(kind: str) -> None:
    status = {"desiredNumberScheduled": 1} if kind == "DaemonSet" else {}
    db = make(kind, "db", spec={"replicas": 1}, status=status)

    assert found(db, event(db, "FailedCreate", QUOTA))[0] == ("QuotaExceeded", f"{kind}/db")
    assert found(db, event(db, "FailedCreate", QUOTA, last=2000))[0] == ("ReplicasMismatch", f"{kind}/db")


def test_a_job_that_cannot_create_its_pod_tells_it() -> None:
    stuck = make("Job", "import", spec={"template": {"spec": {}}})

    assert [c for c, _ in found(stuck, event(stuck, "FailedCreate", QUOTA))] == ["QuotaExceeded", "ReplicaFailure"]


def test_other_refusals_are_replica_failures() -> None:
    said = _failing("ReplicaFailure", "True", "FailedCreate", "pods is forbidden: maximum memory usage is 1Gi")

    assert [c for c, _ in found(deployment(conditions=[said]))] == ["ReplicaFailure", "ReplicasMismatch"]
