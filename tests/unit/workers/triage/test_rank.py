from __future__ import annotations

from typing import get_args

from core.observation import Condition
from tests.unit.workers.triage.scene import NOW, deployment, event, looping, make, pod_of
from workers.triage.draft import Draft
from workers.triage.events import Events
from workers.triage.owners import Owners
from workers.triage.rank import CAUSALITY, EXPLAINS, ranked


def draft(condition: Condition, owner: str, **more: object) -> Draft:
    fields = {"severity": "critical", "kind": "Pod", "namespace": "shop", "name": owner, "message": "", **more}
    return Draft(condition=condition, owner=owner, **fields)  # type: ignore[arg-type]


def order(*drafts: Draft) -> list[tuple[str, str]]:
    return [(d.condition, d.owner) for d in ranked(drafts, lambda d: 0)]


def test_every_condition_has_its_place_and_causes_stand_before_what_they_explain() -> None:
    assert sorted(CAUSALITY) == sorted(get_args(Condition))
    for cause, effects in EXPLAINS.items():
        for effect in effects - {"Evicted", "Unhealthy", "HPALimited", "JobFailed"}:
            assert CAUSALITY.index(cause) < CAUSALITY.index(effect) or cause == "Evicted", (cause, effect)


def test_a_consequence_comes_after_every_cause_whatever_its_severity() -> None:
    crash = draft("CrashLoopBackOff", "Deployment/web", severity="warning")
    mismatch = draft("ReplicasMismatch", "Deployment/web")

    assert order(mismatch, crash) == [("CrashLoopBackOff", "Deployment/web"), ("ReplicasMismatch", "Deployment/web")]


def test_a_mismatch_that_nothing_explains_is_a_cause_itself() -> None:
    lesser = draft("CrashLoopBackOff", "Deployment/b", severity="warning")

    assert order(draft("ReplicasMismatch", "Deployment/a"), lesser) == [
        ("ReplicasMismatch", "Deployment/a"), ("CrashLoopBackOff", "Deployment/b"),
    ]  # fmt: skip


def test_a_pressed_node_does_not_explain_a_crash() -> None:
    touched = frozenset({("shop", "Deployment/web")})
    node = draft("NodePressure", "Node/n1", namespace="", touches=touched, severity="warning")

    assert order(node, draft("CrashLoopBackOff", "Deployment/web"))[0] == ("CrashLoopBackOff", "Deployment/web")


def test_what_is_nearer_to_the_question_comes_first() -> None:
    far, near = draft("NodeNotReady", "Node/n1"), draft("ReplicasMismatch", "Deployment/web")

    found = ranked([far, near], lambda d: 0 if d is near else 1)

    assert found == [near, far]


def test_events_are_gathered_by_reason_with_the_message_that_says_something() -> None:
    pod = pod_of(deployment(), looping())
    events = Events(
        [
            event(pod, "Failed", "Error: ErrImagePull", last=5, first=5),
            event(pod, "Failed", "Failed to pull image: denied", last=60, first=500, count=3),
            event(pod, "BackOff", "Back-off pulling image", last=1),
            event(pod, "Failed", "hours ago", last=9000),
        ],
        NOW,
    )

    about = ("Pod", "shop", "web-7d7d7-x1")
    failed = events.find(*about, "Failed")
    assert failed is not None
    assert (failed.message, failed.count) == ("Failed to pull image: denied", 4)
    assert [w.reason for w in events.of(*about)] == ["BackOff", "Failed"]
    assert events.telling(*about) == failed


def test_events_of_the_newer_form_are_read_too() -> None:
    newer = {
        "metadata": {"name": "e"}, "type": "Warning", "reason": "FailedScheduling", "note": "0/3 nodes",
        "regarding": {"kind": "Pod", "namespace": "shop", "name": "web"}, "eventTime": "2026-03-02T02:10:00.000001Z",
        "series": {"count": 7, "lastObservedTime": "2026-03-02T02:16:00.000001Z"},
    }  # fmt: skip

    [warned] = Events([newer], NOW).of("Pod", "shop", "web")

    assert (warned.message, warned.count) == ("0/3 nodes", 7)


def test_owners_are_followed_through_what_is_listed_and_guessed_by_the_hash_otherwise() -> None:
    cron = make("CronJob", "nightly")
    run = make("Job", "nightly-1", by=cron)
    web = deployment()
    pod = pod_of(web, looping())
    owners = Owners({"CronJob": [cron], "Job": [run]})

    assert owners.top("Pod", pod_of(run, looping())) == "CronJob/nightly"
    assert owners.top("Pod", pod) == "Deployment/web"
    assert owners.top("Pod", pod_of(None, looping())) == "Pod/alone"


def test_a_loop_of_owners_ends() -> None:
    a, b = make("Job", "a"), make("Job", "b")
    for one, other in ((a, b), (b, a)):
        one["metadata"]["ownerReferences"] = [{"kind": "Job", "name": other["metadata"]["name"], "controller": True}]

    assert Owners({"Job": [a, b]}).top("Job", a).startswith("Job/")
