"""What an action would touch, read from the cluster with credentials that cannot write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from core.catalogue import CATALOGUE, Aim
from core.diagnosis import Action
from core.errors import Absent
from workers.reach.groups import (
    RESOURCES,
    Group,
    Reads,
    by_owner,
    group_of,
    is_live,
    job_of,
    keeps_data,
    replicas_of,
    template_labels,
    workload_of,
)  # fmt: skip
from workers.reach.service_map import Place
from workers.triage.objects import Obj, annotations_of, controller_of, labels_of, name_of, selects, spec_of, template_of


@dataclass(frozen=True)
class Touch:
    """What an action touches."""

    target: str  # "Deployment/checkout"
    groups: tuple[Group, ...] = ()
    fronts: frozenset[tuple[Place, str]] = frozenset()  # a workload, and a Kubernetes Service in front of it

    @property
    def pods(self) -> int:
        return sum(group.pods for group in self.groups)


def touched(action: Action, reads: Reads) -> Touch:
    """What the action touches now. Raises: ToolError (Absent when the target is not there), Unreachable."""
    aim = CATALOGUE[action.kind].aim
    if aim == "Alert":
        return Touch(f"Alert/{action.name}")  # a silence touches no pod
    target, groups = _FINDERS[aim](action, reads)
    return Touch(target, tuple(groups), frozenset(_fronts(groups, reads)))


Found = tuple[str, list[Group]]  # the target, and what of it is touched


def _pod(action: Action, reads: Reads) -> Found:
    pod = reads.get(f"/api/v1/namespaces/{action.namespace}/pods/{action.name}")
    return f"Pod/{action.name}", by_owner([pod], reads)


def _deployment(action: Action, reads: Reads) -> Found:
    group = group_of("Deployment", action.namespace, action.name, reads)
    if action.kind == "scale_deployment":
        now = replicas_of(workload_of("Deployment", action.namespace, action.name, reads))
        group = replace(group, pods=abs(int(action.params["replicas"]) - now))
    return f"Deployment/{action.name}", [group]


def _any_workload(action: Action, reads: Reads) -> Found:
    try:
        return f"Deployment/{action.name}", [group_of("Deployment", action.namespace, action.name, reads)]
    except Absent:
        return f"StatefulSet/{action.name}", [group_of("StatefulSet", action.namespace, action.name, reads)]


def _release(action: Action, reads: Reads) -> Found:
    """The workloads that Helm marked with the release's name; its own records are Secrets, which are never read."""
    found = [
        group_of(kind, action.namespace, name_of(workload), reads)
        for kind, resource in RESOURCES.items()
        for workload in reads.items(f"/apis/apps/v1/namespaces/{action.namespace}/{resource}")
        if annotations_of(workload).get("meta.helm.sh/release-name") == action.name
    ]
    if not found:
        raise Absent(f"release {action.namespace}/{action.name}", "no workload is marked with its name")
    return f"Release/{action.name}", found


def _node(action: Action, reads: Reads) -> Found:
    reads.get(f"/api/v1/nodes/{action.name}")
    if action.kind != "drain_node":
        return f"Node/{action.name}", []  # cordoning moves no pod
    pods = reads.items("/api/v1/pods", fieldSelector=f"spec.nodeName={action.name}")
    return f"Node/{action.name}", by_owner([pod for pod in pods if is_drained(pod)], reads)


def is_drained(pod: Obj) -> bool:
    """Whether a drain evicts it: not what a DaemonSet keeps there, nor the node's own static pods."""
    above = controller_of(pod)
    stays = (above and above[0] in ("DaemonSet", "Node")) or "kubernetes.io/config.mirror" in annotations_of(pod)
    return is_live(pod) and not stays


def _job(action: Action, reads: Reads) -> Found:
    job = job_of(action.namespace, action.name, reads)
    above = controller_of(job)
    place = (action.namespace, f"{above[0]}/{above[1]}" if above else f"Job/{action.name}")
    template = template_of(job)
    pods = int(spec_of(job).get("parallelism") or 1)
    return f"Job/{action.name}", [Group(place, pods, (template_labels(template),), keeps_data(spec_of(template)))]


def _service(action: Action, reads: Reads) -> Found:
    """What stands behind the Kubernetes Service of that name, else the Deployment of that name."""
    try:
        service = reads.get(f"/api/v1/namespaces/{action.namespace}/services/{action.name}")
    except Absent:
        return _deployment(action, reads)
    selector = spec_of(service).get("selector")
    pods = reads.items(f"/api/v1/namespaces/{action.namespace}/pods")
    picked = [pod for pod in pods if selector and selects(selector, labels_of(pod)) and is_live(pod)]
    if not picked:
        raise Absent(f"pods of service {action.namespace}/{action.name}", "there are none")
    return f"Service/{action.name}", by_owner(picked, reads)


def _namespace(action: Action, reads: Reads) -> Found:
    reads.get(f"/api/v1/namespaces/{action.name}")
    pods = reads.items(f"/api/v1/namespaces/{action.name}/pods")
    return f"Namespace/{action.name}", by_owner([pod for pod in pods if is_live(pod)], reads)


_FINDERS: Mapping[Aim, Callable[[Action, Reads], Found]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "Workload": _any_workload,
    "Release": _release,
    "Node": _node,
    "Job": _job,
    "Service": _service,
    "Namespace": _namespace,
}


def _fronts(groups: Iterable[Group], reads: Reads) -> Iterator[tuple[Place, str]]:
    """The Kubernetes Services that send traffic to any of these pods."""
    for group in groups:
        for service in reads.items(f"/api/v1/namespaces/{group.place[0]}/services"):
            selector = spec_of(service).get("selector")
            if selector and any(selects(selector, labels) for labels in group.labels):
                yield group.place, name_of(service)
