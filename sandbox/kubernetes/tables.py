"""Lists as tables, the form in which kubectl asks for what it prints."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.kubernetes.objects import unstamp
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import is_going

Column = tuple[str, int, Callable[[Json, float], object]]  # name, priority (1: only with -o wide), cell
TABLE = "as=Table;v=v1;g=meta.k8s.io"  # in the Accept header


def age(since: str | None, now: float) -> str:
    """How long ago, in one unit, as kubectl writes it."""
    if not since:
        return "<unknown>"
    seconds = max(0, int(now - unstamp(since)))
    for unit, size, limit in (("s", 1, 120), ("m", 60, 180), ("h", 3600, 48)):
        if seconds < size * limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86400}d"


def _containers(pod: Json) -> list[Json]:
    found: list[Json] = pod["status"].get("containerStatuses") or []
    return found


def _pod_status(pod: Json, _: float) -> str:
    if is_going(pod):
        return "Terminating"
    states = [s["state"] for s in _containers(pod)]
    reasons = [s.get(kind, {}).get("reason") for s in states for kind in ("waiting", "terminated")]
    return next((str(r) for r in reasons if r), str(pod["status"].get("phase")))


def _pod_ready(pod: Json, _: float) -> str:
    return f"{sum(s['ready'] for s in _containers(pod))}/{len(pod['spec']['containers'])}"


def _restarts(pod: Json, now: float) -> str:
    count = sum(s["restartCount"] for s in _containers(pod))
    ended = [s["lastState"]["terminated"]["finishedAt"] for s in _containers(pod) if s["lastState"].get("terminated")]
    return f"{count} ({age(max(ended), now)} ago)" if count and ended else str(count)


def _image(found: Json) -> str:
    return ",".join(c["image"] for c in found["spec"]["template"]["spec"]["containers"])


def _status(name: str) -> Callable[[Json, float], object]:
    return lambda found, _: found.get("status", {}).get(name, 0)


def _node_status(node: Json, _: float) -> str:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
    return ("Ready" if ready else "NotReady") + (",SchedulingDisabled" if node["spec"].get("unschedulable") else "")


def _scheduled(cron_job: Json, now: float) -> str:
    last = cron_job["status"].get("lastScheduleTime")
    return age(last, now) if last else "<none>"


_NAME: Column = ("Name", 0, lambda found, _: found["metadata"]["name"])
_AGE: Column = ("Age", 0, lambda found, now: age(found["metadata"].get("creationTimestamp"), now))
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "pods": (
        _NAME, ("Ready", 0, _pod_ready), ("Status", 0, _pod_status), ("Restarts", 0, _restarts), _AGE,
        ("IP", 1, lambda p, _: p["status"].get("podIP", "<none>")),
        ("Node", 1, lambda p, _: p["spec"].get("nodeName", "<none>")),
    ),
    "deployments": (
        _NAME, ("Ready", 0, lambda d, _: f"{d['status'].get('readyReplicas', 0)}/{d['spec']['replicas']}"),
        ("Up-to-date", 0, _status("updatedReplicas")), ("Available", 0, _status("availableReplicas")), _AGE,
        ("Images", 1, lambda d, _: _image(d)),
    ),
    "replicasets": (
        _NAME, ("Desired", 0, lambda r, _: r["spec"]["replicas"]), ("Current", 0, _status("replicas")),
        ("Ready", 0, _status("readyReplicas")), _AGE, ("Images", 1, lambda r, _: _image(r)),
    ),
    "statefulsets": (
        _NAME, ("Ready", 0, lambda s, _: f"{s['status'].get('readyReplicas', 0)}/{s['spec']['replicas']}"), _AGE,
    ),
    "nodes": (
        _NAME, ("Status", 0, _node_status), ("Roles", 0, lambda n, _: "<none>"), _AGE,
        ("Version", 0, lambda n, _: n["status"]["nodeInfo"]["kubeletVersion"]),
    ),
    "services": (
        _NAME, ("Type", 0, lambda s, _: s["spec"]["type"]), ("Cluster-IP", 0, lambda s, _: s["spec"]["clusterIP"]),
        ("External-IP", 0, lambda s, _: "<none>"),
        ("Port(s)", 0, lambda s, _: ",".join(f"{p['port']}/{p['protocol']}" for p in s["spec"]["ports"])), _AGE,
    ),
    "jobs": (_NAME, ("Completions", 0, lambda j, _: f"{j['status'].get('succeeded', 0)}/1"), _AGE),
    "cronjobs": (
        _NAME, ("Schedule", 0, lambda c, _: c["spec"]["schedule"]), ("Suspend", 0, lambda c, _: c["spec"]["suspend"]),
        ("Active", 0, lambda c, _: len(c["status"].get("active", ()))), ("Last Schedule", 0, _scheduled), _AGE,
    ),
    "events": (
        ("Last Seen", 0, lambda e, now: age(e["lastTimestamp"], now)), ("Type", 0, lambda e, _: e["type"]),
        ("Reason", 0, lambda e, _: e["reason"]),
        ("Object", 0, lambda e, _: f"{e['involvedObject']['kind'].lower()}/{e['involvedObject']['name']}"),
        ("Message", 0, lambda e, _: e["message"]),
    ),
}  # fmt: skip


def table(plural: str, items: list[Json], meta: Json, now: float) -> Json:
    """The objects as rows; kinds without columns of their own get a name and an age."""
    columns = _COLUMNS.get(plural, (_NAME, _AGE))
    definitions: list[Json] = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": level,
        }
        for name, level, _ in columns
    ]
    head: Json = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    rows: list[Json] = [
        {"cells": [cell(found, now) for _, _, cell in columns], "object": head | {"metadata": found["metadata"]}}
        for found in items
    ]
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "columnDefinitions": definitions,
        "rows": rows,
    }  # fmt: skip
