"""What the controllers share: owners, templates, the making and ending of pods, conditions."""

from __future__ import annotations

import copy
import hashlib
import json

from sandbox.kubernetes.events import record
from sandbox.kubernetes.objects import Objects, stamp
from sandbox.kubernetes.resources import Json

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes, which avoids vowels and look-alikes


def safe_hash(text: str, length: int) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_ALPHABET[b % len(_ALPHABET)] for b in digest[:length])


def template_hash(template: Json) -> str:
    """The pod-template-hash: the same for equal templates, whatever the order of their keys."""
    clean = copy.deepcopy(template)
    clean["metadata"].get("labels", {}).pop("pod-template-hash", None)
    return safe_hash(json.dumps(clean, sort_keys=True), 10)


def owner_reference(owner: Json) -> list[Json]:
    meta = owner["metadata"]
    return [
        {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"],
         "controller": True, "blockOwnerDeletion": True}
    ]  # fmt: skip


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def is_going(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def new_pod(objects: Objects, owner: Json, template: Json, name: str, labels: dict[str, str], now: float) -> Json:
    """A pod from a template, not yet placed on a node."""
    meta = owner["metadata"]
    pod = {
        "metadata": {
            "name": name, "namespace": meta["namespace"], "ownerReferences": owner_reference(owner),
            "labels": {**template["metadata"].get("labels", {}), **labels},
            "annotations": dict(template["metadata"].get("annotations", {})),
        },
        "spec": copy.deepcopy(template["spec"]),
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }  # fmt: skip
    stored = objects.put("pods", pod, now)
    record(objects, owner, "Normal", "SuccessfulCreate", f"Created pod: {name}", now)
    return stored


def delete_pod(objects: Objects, pod: Json, now: float, grace_s: float | None = None) -> None:
    """Ask for a pod's end; the kubelet removes it when it has stopped. Safe to repeat."""
    if is_going(pod):
        return
    grace = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
    gone = copy.deepcopy(pod)
    gone["metadata"] |= {"deletionTimestamp": stamp(now + grace), "deletionGracePeriodSeconds": int(grace)}
    objects.put("pods", gone, now)


def condition(kind: str, status: str, reason: str, message: str, held: list[Json], now: float) -> Json:
    """A condition whose transition time moves only when its status does. Empty words are left out."""
    old: Json = next((c for c in held if c["type"] == kind), {})
    since = old["lastTransitionTime"] if old.get("status") == status else stamp(now)
    words = {k: v for k, v in (("reason", reason), ("message", message)) if v}
    return {"type": kind, "status": status, "lastTransitionTime": since, **words}
