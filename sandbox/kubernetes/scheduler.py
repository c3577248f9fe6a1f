"""Places pods on nodes that have room for what they request, and says why it cannot."""

from __future__ import annotations

import copy
from collections import Counter

from sandbox.kubernetes.bookkeeping import requested
from sandbox.kubernetes.events import record
from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.quantities import amount
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import condition


def schedule(objects: Objects, pod: Json, now: float) -> Json:
    """The pod, on a node if one takes it; otherwise with the reason, as its condition and in an event."""
    nodes = objects.list("nodes")
    obstacles: Counter[str] = Counter()
    free: dict[str, float] = {}
    for node in nodes:
        obstacle, room = _fit(objects, pod, node)
        if obstacle:
            obstacles[obstacle] += 1
        else:
            free[node["metadata"]["name"]] = room
    body = copy.deepcopy(pod)
    held = pod["status"].get("conditions", [])
    if free:
        chosen = max(sorted(free), key=lambda name: free[name])
        body["spec"]["nodeName"] = chosen
        body["status"]["conditions"] = [condition("PodScheduled", "True", "", "", held, now)]
        stored = objects.put("pods", body, now)
        meta = pod["metadata"]
        message = f"Successfully assigned {meta['namespace']}/{meta['name']} to {chosen}"
        record(objects, stored, "Normal", "Scheduled", message, now)
        return stored
    why = ", ".join(f"{count} {obstacle}" for obstacle, count in sorted(obstacles.items()))
    message = (
        f"0/{len(nodes)} nodes are available: {why}. preemption: 0/{len(nodes)} nodes are available: "
        f"{len(nodes)} Preemption is not helpful for scheduling."
    )
    blocked = condition("PodScheduled", "False", "Unschedulable", message, held, now)
    body["status"] |= {"phase": "Pending", "conditions": [blocked]}
    stored = objects.put("pods", body, now)
    if stored is not pod:
        record(objects, stored, "Warning", "FailedScheduling", message, now)
    return stored


def _fit(objects: Objects, pod: Json, node: Json) -> tuple[str | None, float]:
    """Why the pod cannot be on this node, in the scheduler's words; else the cores that would be left."""
    if node["spec"].get("unschedulable"):
        return "node(s) were unschedulable", 0.0
    if not all(c["status"] == "True" for c in node["status"]["conditions"] if c["type"] == "Ready"):
        return "node(s) had untolerated taint {node.kubernetes.io/not-ready: }", 0.0
    labels = node["metadata"].get("labels", {})
    if any(labels.get(k) != v for k, v in (pod["spec"].get("nodeSelector") or {}).items()):
        return "node(s) didn't match Pod's node affinity/selector", 0.0
    name = node["metadata"]["name"]
    there = [p for p in objects.list("pods") if p["spec"].get("nodeName") == name]
    there = [p for p in there if p["status"].get("phase") not in ("Succeeded", "Failed")]
    left = {}
    for what in ("cpu", "memory"):
        left[what] = amount(node["status"]["allocatable"][what]) - sum(requested(p, what) for p in [*there, pod])
        if left[what] < 0:
            return f"Insufficient {what}", 0.0
    return None, left["cpu"]
