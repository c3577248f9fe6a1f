"""Everything about one object that somebody would look at first."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any

from core.errors import SreError
from workers.ports import Cluster
from workers.tools.events import event_lines
from workers.tools.kinds import TIMEOUT_S, Kind, Named, Served, Space, answer, served
from workers.tools.manifest import as_yaml
from workers.tools.registry import ToolContext, need_cluster, tool
from workers.tools.results import Result
from workers.tools.rows import conditions, containers, is_troubled, row
from workers.triage.objects import controller_of, labels_of, name_of, selects, spec_of, status_of

Obj = dict[str, Any]
_MOST_PODS, _SHOWN_PODS = 500, 20
_APART = frozenset({"apiVersion", "kind", "metadata", "spec", "status", "data", "binaryData"})
_SELDOM_SET = frozenset(
    {"terminationMessagePath", "terminationMessagePolicy", "schedulerName", "dnsPolicy", "preemptionPolicy", "priority",
     "revisionHistoryLimit", "enableServiceLinks", "tolerations", "ipFamilies", "ipFamilyPolicy", "clusterIPs"}
)  # fmt: skip


@tool(source="kubernetes", doing="Describing {kind} {name}", timeout_s=TIMEOUT_S)
def kubernetes_describe(ctx: ToolContext, kind: Kind, name: Named, namespace: Space = "") -> Result:
    """What is known of one object: state, conditions, containers, what belongs to it, and its recent events.

    Args:
        kind: Kind, plural or short name, as "Pod".
        name: The object's name.
        namespace: Its namespace; empty for cluster-wide objects.
    """
    cluster, now = need_cluster(ctx), ctx.now()
    found = served(cluster, kind, namespace)
    path = found.path(namespace, name)
    obj = cluster.get(path)
    lines = [f"{found.kind} {row(found.kind, obj, now)}"]
    lines.append("labels: " + (", ".join(f"{k}={v}" for k, v in sorted(labels_of(obj).items())) or "none"))
    if controller_of(obj):
        lines.append("controlled by " + "/".join(controller_of(obj) or ()))
    lines += conditions(obj, now)
    lines += containers(obj, now)
    lines += _belongings(cluster, found, obj, now)
    lines += ["", "spec:", as_yaml(_brief_spec(found.kind, obj)), "events:"]
    try:
        lines += event_lines(cluster, namespace, now, f"{found.kind}/{name}")
    except SreError as error:  # the rest of the description is still good
        lines.append(f"could not be read: {error}")
    return answer(cluster, path, "\n".join(lines))


def _belongings(cluster: Cluster, found: Served, obj: Obj, now: datetime) -> list[str]:
    """Pods of a workload or service, endpoints of a service, pods on a node."""
    spec, namespace = spec_of(obj), obj["metadata"].get("namespace") or ""
    if found.kind == "Node":
        path, query = "/api/v1/pods", {"fieldSelector": f"spec.nodeName={name_of(obj)}"}
    else:
        selector = spec.get("selector") or {}
        labels = selector if found.kind == "Service" else selector.get("matchLabels") if "template" in spec else None
        if not labels:
            return []
        path = f"/api/v1/namespaces/{namespace}/pods"
        query = {"labelSelector": ",".join(f"{k}={v}" for k, v in sorted(labels.items()))}
    try:
        pods = list(islice(cluster.items(path, **query), _MOST_PODS))
    except SreError as error:
        return [f"its pods could not be read: {error}"]
    pods.sort(key=lambda pod: not is_troubled("Pod", pod))
    lines = [f"pods: {len(pods)}", *(f"  {row('Pod', pod, now)}" for pod in pods[:_SHOWN_PODS])]
    if found.kind == "Service" and not pods:
        lines += _near_misses(cluster, namespace, spec.get("selector") or {})
    return lines


def _near_misses(cluster: Cluster, namespace: str, selector: dict[str, str]) -> list[str]:
    """Why a service selects nothing: the labels that pods of its namespace have instead."""
    try:
        pods = list(islice(cluster.items(f"/api/v1/namespaces/{namespace}/pods"), _MOST_PODS))
    except SreError:
        return []
    lines = []
    for key, wanted in sorted(selector.items()):
        there = sorted({value for pod in pods if (value := labels_of(pod).get(key)) is not None})
        lines.append(f"  wants {key}={wanted}; pods there have {key}: {', '.join(there[:10]) or 'on none of them'}")
    alike = [name_of(pod) for pod in pods if any(selects({k: v}, labels_of(pod)) for k, v in selector.items())]
    return [*lines, f"  pods with some of its labels: {', '.join(alike[:5]) or 'none'}"]


def _brief_spec(kind: str, obj: Obj) -> Any:
    """The part of the specification that faults hide in: all but what hardly anybody sets."""
    spec = spec_of(obj)
    if kind == "Node":
        spec = {**spec, "allocatable": status_of(obj).get("allocatable")}
    rest = {k: v for k, v in obj.items() if k not in _APART}
    return _plain({**rest, **spec})


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {k: _plain(v) for k, v in value.items() if k not in _SELDOM_SET and v not in ({}, [], None)}
