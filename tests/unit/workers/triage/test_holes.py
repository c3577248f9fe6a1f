"""Objects with holes: an API server leaves out what is empty, and writes null where it likes."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from core.diagnosis import Subject
from core.settings import Config
from tests.unit.workers.triage.scene import (
    NOW,
    Obj,
    Scene,
    deployment,
    ended,
    endpoints,
    event,
    job,
    looping,
    make,
    node,
    pod_of,
    running,
    service,
    waiting,
)
from tests.unit.workers.triage.test_infrastructure import MOUNTING, claim, hooks, scaler, storage_class
from tests.unit.workers.triage.test_networking import ingress, to
from workers.loop.observe import observe

_KEPT = {"metadata", "name", "kind", "namespace", "uid"}


def everything() -> list[Obj]:
    web, cron = deployment(desired=3), make("CronJob", "nightly", spec={"schedule": "0 0 30 2 *"})
    failing = job("nightly-1", by=cron, failed=True)
    pods = [
        pod_of(web, looping(137, "OOMKilled"), name="web-7d7d7-a", spec=MOUNTING),
        pod_of(web, waiting("ErrImagePull", "denied"), name="web-7d7d7-b"),
        pod_of(web, running(ready=False, since=600), name="web-7d7d7-c"),
        pod_of(web, {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "Unschedulable"}]},
               name="web-7d7d7-d", spec={"nodeName": None}),
        pod_of(failing, running(phase="Failed", state=ended(1)), name="nightly-1-x"),
        pod_of(None, {"phase": "Failed", "reason": "Evicted"}),
    ]  # fmt: skip
    events = [event(pod, reason, "it failed") for pod in pods for reason in ("Unhealthy", "FailedMount", "BackOff")]
    revision = make(
        "ReplicaSet", "web-7d7d7", by=web, labels={"app": "web"}, spec={"template": {"spec": {"containers": [{}]}}},
        annotations={"deployment.kubernetes.io/revision": "1"},
    )  # fmt: skip
    return [
        web, cron, failing, *pods, *events, revision, service(), endpoints(unready=1), ingress(to("gone", number=80)),
        claim(storageClassName="gone"), storage_class("fast"), scaler(AbleToScale=("False", "FailedGetScale", "")),
        hooks("Fail"), node(Ready="Unknown", DiskPressure="True"),
        make("StatefulSet", "db", spec={"replicas": 2}),
        make("DaemonSet", "agent", status={"desiredNumberScheduled": 2}),
    ]  # fmt: skip


def with_holes(value: Any, dice: random.Random, share: float) -> Any:
    """The value with some of its fields null, gone or emptied."""
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            if key not in _KEPT and dice.random() < share:
                if dice.random() < 0.5:
                    kept[key] = None
                continue
            kept[key] = with_holes(inner, dice, share)
        return kept
    if isinstance(value, list):
        return [with_holes(inner, dice, share) for inner in value]
    return value


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.4])
def test_objects_with_holes_are_judged_by_what_is_left(share: float) -> None:
    dice = random.Random(5)
    for _ in range(1 if share == 0 else 40):
        objects = [with_holes(copy.deepcopy(obj), dice, share) for obj in everything()]

        seen = observe(Subject(text="web is down", target="Deployment/web"), Scene(*objects), None, None, NOW, Config())

        ids = {e.id for e in seen.evidence}
        assert all(set(finding.evidence) <= ids for finding in seen.findings)
        if share == 0:
            assert len({finding.condition for finding in seen.findings}) >= 14
