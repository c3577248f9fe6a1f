"""Deployments and ReplicaSets: revisions, and rollouts within maxSurge and maxUnavailable."""

from __future__ import annotations

import copy

from sandbox.kubernetes.events import record
from sandbox.kubernetes.objects import Objects, stamp, unstamp
from sandbox.kubernetes.quantities import percent
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import (
    condition,
    delete_pod,
    is_going,
    is_ready,
    new_pod,
    owner_reference,
    safe_hash,
    template_hash,
)

REVISION = "deployment.kubernetes.io/revision"


def revision(replica_set: Json) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get(REVISION, 0))


def step_deployment(objects: Objects, deployment: Json, now: float) -> None:
    sets = sorted(objects.owned("replicasets", deployment), key=revision)
    wanted = template_hash(deployment["spec"]["template"])
    new = next((s for s in sets if s["metadata"]["labels"]["pod-template-hash"] == wanted), None)
    if new is None or revision(new) < revision(sets[-1]):
        new = _new_revision(objects, deployment, new, revision(sets[-1]) + 1 if sets else 1, now)
    old = [s for s in sets if s["metadata"]["uid"] != new["metadata"]["uid"]]
    if not deployment["spec"].get("paused"):
        _roll(objects, deployment, new, old, now)
    sets = list(objects.owned("replicasets", deployment))
    spare = sorted((s for s in sets if not s["spec"]["replicas"] and s is not new), key=revision)
    for replica_set in spare[: -deployment["spec"].get("revisionHistoryLimit", 10)]:
        objects.remove("replicasets", replica_set["metadata"]["namespace"], replica_set["metadata"]["name"])
    _deployment_status(objects, deployment["metadata"]["namespace"], deployment["metadata"]["name"], now)


def _new_revision(objects: Objects, deployment: Json, existing: Json | None, number: int, now: float) -> Json:
    """A ReplicaSet for the template, or the old one of the same template under a new revision number."""
    meta, template = deployment["metadata"], copy.deepcopy(deployment["spec"]["template"])
    cause = {k: v for k, v in meta.get("annotations", {}).items() if k == "kubernetes.io/change-cause"}
    annotations = {REVISION: str(number), **cause}
    if existing is not None:
        body = copy.deepcopy(existing)
        body["metadata"]["annotations"] = annotations
    else:
        digest = template_hash(template)
        labels = {**template["metadata"].get("labels", {}), "pod-template-hash": digest}
        template["metadata"]["labels"] = labels
        selector = {**deployment["spec"]["selector"]["matchLabels"], "pod-template-hash": digest}
        body = {
            "metadata": {"name": f"{meta['name']}-{digest}", "namespace": meta["namespace"], "labels": labels,
                         "annotations": annotations, "ownerReferences": owner_reference(deployment)},
            "spec": {"replicas": 0, "selector": {"matchLabels": selector}, "template": template},
            "status": {"replicas": 0},
        }  # fmt: skip
    stored = objects.put("replicasets", body, now)
    current = copy.deepcopy(deployment)
    current["metadata"].setdefault("annotations", {})[REVISION] = str(number)
    objects.put("deployments", current, now)
    return stored


def _available(replica_set: Json) -> int:
    return int(replica_set.get("status", {}).get("availableReplicas", 0))


def _roll(objects: Objects, deployment: Json, new: Json, old: list[Json], now: float) -> None:
    """Scale the new ReplicaSet up and the old ones down, within maxSurge and maxUnavailable."""
    wanted = deployment["spec"]["replicas"]
    strategy = deployment["spec"].get("strategy", {})
    if strategy.get("type") == "Recreate":
        for replica_set in old:
            _scale(objects, deployment, replica_set, 0, now)
        if not any(replica_set["status"]["replicas"] for replica_set in old):
            _scale(objects, deployment, new, wanted, now)
        return
    rolling = strategy.get("rollingUpdate") or {}
    surge = percent(rolling.get("maxSurge", "25%"), wanted, up=True)
    may_miss = percent(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    may_miss = max(may_miss, 1) if not surge else may_miss
    total = sum(s["spec"]["replicas"] for s in [new, *old])
    has = new["spec"]["replicas"]
    target = wanted if has > wanted else min(wanted, has + max(0, wanted + surge - total))
    if target != has:
        new = _scale(objects, deployment, new, target, now)
        total += target - has
    least = wanted - may_miss
    spare = total - least - (new["spec"]["replicas"] - _available(new))
    if spare <= 0:
        return
    kept = []
    for replica_set in old:  # first those pods that do not work anyway
        idle = replica_set["spec"]["replicas"] - _available(replica_set)
        taken, held = _shrink(objects, deployment, replica_set, min(idle, spare), now)
        spare -= taken
        kept.append(held)
    spare = _available(new) + sum(_available(s) for s in old) - least
    for replica_set in kept:
        spare -= _shrink(objects, deployment, replica_set, min(replica_set["spec"]["replicas"], spare), now)[0]


def _shrink(objects: Objects, deployment: Json, replica_set: Json, by: int, now: float) -> tuple[int, Json]:
    """Scale a ReplicaSet down. Returns by how many, and the ReplicaSet as it is now."""
    if by <= 0:
        return 0, replica_set
    return by, _scale(objects, deployment, replica_set, replica_set["spec"]["replicas"] - by, now)


def _scale(objects: Objects, deployment: Json, replica_set: Json, replicas: int, now: float) -> Json:
    before = replica_set["spec"]["replicas"]
    if before == replicas:
        return replica_set
    body = copy.deepcopy(replica_set)
    body["spec"]["replicas"] = replicas
    verb = "up" if replicas > before else "down"
    message = f"Scaled {verb} replica set {body['metadata']['name']} to {replicas} from {before}"
    record(objects, deployment, "Normal", "ScalingReplicaSet", message, now)
    return objects.put("replicasets", body, now)


def step_replica_set(objects: Objects, replica_set: Json, now: float) -> None:
    pods = [p for p in objects.owned("pods", replica_set) if not is_going(p)]
    missing = replica_set["spec"]["replicas"] - len(pods)
    name, labels = replica_set["metadata"]["name"], replica_set["metadata"]["labels"]
    for index in range(missing):
        suffix = safe_hash(f"{name}/{objects.version}/{index}", 5)
        new_pod(objects, replica_set, replica_set["spec"]["template"], f"{name}-{suffix}", labels, now)
    for pod in sorted(pods, key=_worth)[: max(0, -missing)]:
        record(objects, replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", now)
        delete_pod(objects, pod, now)
    pods = [p for p in objects.owned("pods", replica_set) if not is_going(p)]
    ready = sum(is_ready(p) for p in pods)
    body = copy.deepcopy(replica_set)
    status = {"replicas": len(pods), "fullyLabeledReplicas": len(pods), "readyReplicas": ready,
              "availableReplicas": ready, "observedGeneration": body["metadata"].get("generation", 1)}  # fmt: skip
    body["status"] = {k: v for k, v in status.items() if v or k == "replicas"}
    objects.put("replicasets", body, now)


def _worth(pod: Json) -> tuple[bool, bool, float]:
    """Which pods go first when there are too many: not placed, not ready, the youngest."""
    return "nodeName" in pod["spec"], is_ready(pod), -unstamp(pod["metadata"]["creationTimestamp"])


def _deployment_status(objects: Objects, namespace: str, name: str, now: float) -> None:
    deployment = objects.find("deployments", namespace, name)
    if deployment is None:
        return
    body = copy.deepcopy(deployment)
    sets = list(objects.owned("replicasets", deployment))
    new = max(sets, key=revision)
    totals = {k: sum(s["status"].get(k, 0) for s in sets) for k in ("replicas", "readyReplicas", "availableReplicas")}
    wanted = deployment["spec"]["replicas"]
    status: Json = {
        **totals, "updatedReplicas": new["status"].get("replicas", 0),
        "unavailableReplicas": max(0, max(wanted, totals["replicas"]) - totals["availableReplicas"]),
    }  # fmt: skip
    before = deployment.get("status", {})
    moved = any(before.get(k, 0) != v for k, v in status.items()) or not before
    body["status"] = {k: v for k, v in status.items() if v}
    body["status"]["observedGeneration"] = body["metadata"].get("generation", 1)
    conditions = before.get("conditions", [])
    body["status"]["conditions"] = [
        _available_condition(deployment, totals["availableReplicas"], conditions, now),
        _progress_condition(deployment, status, new["metadata"]["name"], conditions, moved, now),
    ]
    objects.put("deployments", body, now)


def _available_condition(deployment: Json, available: int, held: list[Json], now: float) -> Json:
    wanted = deployment["spec"]["replicas"]
    rolling = deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
    if available >= wanted - percent(rolling.get("maxUnavailable", 0), wanted, up=False):
        return _dated(
            "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", held, now
        )
    why = "Deployment does not have minimum availability."
    return _dated("Available", "False", "MinimumReplicasUnavailable", why, held, now)


def _progress_condition(deployment: Json, status: Json, newest: str, held: list[Json], moved: bool, now: float) -> Json:
    wanted = deployment["spec"]["replicas"]
    old: Json = next((c for c in held if c["type"] == "Progressing"), {})
    if status["updatedReplicas"] == status["availableReplicas"] == status["replicas"] == wanted:
        why = f'ReplicaSet "{newest}" has successfully progressed.'
        return _dated("Progressing", "True", "NewReplicaSetAvailable", why, held, now)
    if old.get("reason") == "NewReplicaSetAvailable" and f'"{newest}"' in old["message"]:
        return old  # a pod was lost after the rollout had ended; that is no rollout
    deadline = deployment["spec"].get("progressDeadlineSeconds", 600)
    if old.get("reason") == "ProgressDeadlineExceeded" and f'"{newest}"' in old["message"] and not moved:
        return old
    if old and not moved and now - unstamp(old["lastUpdateTime"]) > deadline:
        why = f'ReplicaSet "{newest}" has timed out progressing.'
        return _dated("Progressing", "False", "ProgressDeadlineExceeded", why, held, now)
    why = f'ReplicaSet "{newest}" is progressing.'
    return _dated("Progressing", "True", "ReplicaSetUpdated", why, held, now, touched=moved)


def _dated(
    kind: str, status: str, reason: str, message: str, held: list[Json], now: float, *, touched: bool = False
) -> Json:
    """A Deployment's condition, which also says when it was last updated."""
    new = condition(kind, status, reason, message, held, now)
    old: Json = next((c for c in held if c["type"] == kind), {})
    same = not touched and (old.get("reason"), old.get("message")) == (reason, message)
    return {**new, "lastUpdateTime": old["lastUpdateTime"] if same else stamp(now)}
