"""StatefulSets: pods by ordinal, one after the other."""

from __future__ import annotations

import copy

from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import delete_pod, is_going, is_ready, new_pod, owner_reference, template_hash


def step_stateful_set(objects: Objects, stateful_set: Json, now: float) -> None:
    """Pods by ordinal, each made when the one before is ready; those of an old template are replaced, last first."""
    meta, spec = stateful_set["metadata"], stateful_set["spec"]
    revision = f"{meta['name']}-{template_hash(spec['template'])}"
    pods = {p["metadata"]["name"]: p for p in objects.owned("pods", stateful_set)}
    names = [f"{meta['name']}-{i}" for i in range(spec["replicas"])]
    settled = all(is_ready(p) and not is_going(p) for p in pods.values())
    missing = next((n for n in names if n not in pods), None)
    outdated = [n for n in names if n in pods and _revision_label(pods[n]) != revision]
    if missing is not None and settled:
        labels = {"controller-revision-hash": revision, "statefulset.kubernetes.io/pod-name": missing}
        new_pod(objects, stateful_set, spec["template"], missing, labels, now)
    elif outdated and missing is None:
        delete_pod(objects, pods[outdated[-1]], now)
    for extra in (p for n, p in pods.items() if n not in names):
        delete_pod(objects, extra, now)
    _record_revision(objects, stateful_set, revision, now)
    current = [p for p in objects.owned("pods", stateful_set) if not is_going(p)]
    ready = sum(is_ready(p) for p in current)
    updated = sum(_revision_label(p) == revision for p in current)
    body = copy.deepcopy(stateful_set)
    body["status"] = {
        "replicas": len(current), "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated,
        "currentReplicas": updated, "currentRevision": revision, "updateRevision": revision,
        "observedGeneration": body["metadata"].get("generation", 1), "collisionCount": 0,
    }  # fmt: skip
    objects.put("statefulsets", body, now)


def _revision_label(pod: Json) -> str:
    return str(pod["metadata"]["labels"].get("controller-revision-hash"))


def _record_revision(objects: Objects, stateful_set: Json, revision: str, now: float) -> None:
    namespace = stateful_set["metadata"]["namespace"]
    held = list(objects.owned("controllerrevisions", stateful_set))
    newest = max((r["revision"] for r in held), default=0)
    found = next((r for r in held if r["metadata"]["name"] == revision), None)
    if found is None:
        meta = {"name": revision, "namespace": namespace, "ownerReferences": owner_reference(stateful_set),
                "labels": stateful_set["spec"]["selector"]["matchLabels"]}  # fmt: skip
        template = {"spec": {"template": stateful_set["spec"]["template"]}}
        objects.put("controllerrevisions", {"metadata": meta, "revision": newest + 1, "data": template}, now)
    elif found["revision"] < newest:  # a rollback takes the old one up again
        objects.put("controllerrevisions", {**found, "revision": newest + 1}, now)
