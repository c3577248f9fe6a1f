"""Events, counted up when the same thing happens again, as Kubernetes' recorders do."""

from __future__ import annotations

import copy

from sandbox.kubernetes.objects import Objects, stamp, unstamp
from sandbox.kubernetes.resources import Json

KEPT_S = 3600.0  # kube-apiserver's default
_SOURCES = {
    "Deployment": "deployment-controller", "ReplicaSet": "replicaset-controller", "Job": "job-controller",
    "StatefulSet": "statefulset-controller", "CronJob": "cronjob-controller", "Node": "node-controller",
}  # fmt: skip


def record(objects: Objects, about: Json, kind: str, reason: str, message: str, now: float) -> None:
    """Note something that happened to `about`; `kind` is Normal or Warning."""
    meta = about["metadata"]
    namespace = meta.get("namespace", "default")
    scheduled = reason in ("Scheduled", "FailedScheduling")
    source = "default-scheduler" if scheduled else _SOURCES.get(about["kind"], "kubelet")
    involved = {"kind": about["kind"], "name": meta["name"], "namespace": namespace, "uid": meta["uid"],
                "apiVersion": about["apiVersion"], "resourceVersion": meta["resourceVersion"]}  # fmt: skip
    if source == "kubelet" and reason not in ("Killing",) and "containers" in about.get("spec", {}):
        involved["fieldPath"] = f"spec.containers{{{about['spec']['containers'][0]['name']}}}"
    for held in objects.list("events", namespace):
        same = (held["involvedObject"]["uid"], held["reason"], held["message"]) == (meta["uid"], reason, message)
        if same:
            again = copy.deepcopy(held)
            again |= {"count": held["count"] + 1, "lastTimestamp": stamp(now)}
            objects.put("events", again, now)
            return
    host = {"host": about["spec"]["nodeName"]} if source == "kubelet" and "nodeName" in about.get("spec", {}) else {}
    objects.put("events", {
        "metadata": {"name": f"{meta['name']}.{objects.version:016x}", "namespace": namespace},
        "involvedObject": involved, "type": kind, "reason": reason, "message": message, "count": 1,
        "firstTimestamp": stamp(now), "lastTimestamp": stamp(now), "eventTime": None,
        "source": {"component": source, **host}, "reportingComponent": source,
        "reportingInstance": host.get("host", ""),
    }, now)  # fmt: skip


def forget_old(objects: Objects, now: float) -> None:
    """Drop the events that are older than the API keeps them."""
    for held in objects.list("events"):
        if now - unstamp(held["lastTimestamp"]) > KEPT_S:
            objects.remove("events", held["metadata"]["namespace"], held["metadata"]["name"])
