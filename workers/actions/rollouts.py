"""Deployments and StatefulSets: what they should be, whether a rollout is complete, and what differs, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from core.errors import Transient
from workers.reasoners.words import field_change
from workers.triage.differences import differences
from workers.triage.objects import (
    Obj,
    annotations_of,
    containers_of,
    labels_of,
    name_of,
    spec_of,
    status_of,
    template_of,
)

REVISION = "deployment.kubernetes.io/revision"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_KEEPERS = {"argocd.argoproj.io/tracking-id": "Argo CD", "kustomize.toolkit.fluxcd.io/name": "Flux",
            "helm.toolkit.fluxcd.io/name": "Flux"}  # fmt: skip


def fingerprint(value: object) -> str:
    """Equal for equal JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def without_replicas(workload: Obj) -> str:
    """What it should be, but for how many: autoscalers change that all the time, and no rollout depends on it."""
    return fingerprint({key: value for key, value in spec_of(workload).items() if key != "replicas"})


def revision_of(obj: Obj) -> int | None:
    """The revision of a Deployment or a ReplicaSet; None when it does not say."""
    text = annotations_of(obj).get(REVISION) or ""
    return int(text) if text.isdigit() else None


def settled_facts(workload: Obj) -> dict[str, Any]:
    """Its revision, replicas and images. Raises: Transient while a change of it is not yet taken up."""
    if status_of(workload).get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        raise Transient(f"{name_of(workload)} was changed just now; look again when the cluster has taken that up.")
    images = {str(c.get("name")): str(c.get("image")) for c in containers_of(spec_of(template_of(workload)))}
    return {
        "revision": revision_of(workload),
        "replicas": spec_of(workload).get("replicas", 1),
        "paused": bool(spec_of(workload).get("paused")),
        "images": images,
    }


def what_changed(facts: dict[str, Any], workload: Obj) -> str:
    """What somebody did to it since these facts were taken."""
    revision, spec = revision_of(workload), spec_of(workload)
    if revision != facts.get("revision"):
        return f"revision {revision} {'was rolled out' if is_complete(workload) else 'is rolling out'}"
    images = {str(c.get("name")): str(c.get("image")) for c in containers_of(spec_of(template_of(workload)))}
    if images != facts.get("images"):
        return "another image is rolling out"
    if bool(spec.get("paused")) != facts.get("paused"):
        return "its rollouts were paused" if spec.get("paused") else "its rollouts were resumed"
    if spec.get("replicas", 1) != facts.get("replicas"):
        return f"it was scaled from {facts.get('replicas')} to {spec.get('replicas', 1)}"
    return "its specification was edited"


def is_complete(workload: Obj) -> bool:
    """Whether all of its pods are of the newest template and available, as `kubectl rollout status` has it."""
    status, wanted = status_of(workload), spec_of(workload).get("replicas", 1)
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False
    if "updateRevision" in status:  # a StatefulSet
        ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
        return bool(
            ready == wanted and (status.get("currentRevision") == status["updateRevision"] or updated == wanted)
        )
    counts = (status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas"))
    return all(count == wanted for count in counts)


def changes(before: Obj, after: Obj) -> Iterator[str]:
    """What differs between two states of a workload; never the value of an environment variable."""
    was, now = spec_of(before).get("replicas"), spec_of(after).get("replicas")
    if was != now:
        yield f"replicas {was} → {now}"
    several = len(spec_of(template_of(before)).get("containers") or ()) > 1
    for each in differences(template_of(before), template_of(after)):
        if each.field == f"annotation {RESTARTED_AT}" and each.verb != "removed":
            yield "every pod is replaced, as by kubectl rollout restart"
        else:
            yield field_change(each) + (f" (container {each.container})" if several and each.container else "")
    held = {**annotations_of(before), **labels_of(before)}
    for keeper in sorted({who for key, who in _KEEPERS.items() if key in held}):
        yield f"{keeper} keeps this workload as it is in Git and may set it back"
