"""Workloads and their pods, as the API lists them. Everything here may raise ToolError and Unreachable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from workers.ports import Cluster
from workers.reach.service_map import Place
from workers.triage.objects import Obj, controller_of, labels_of, namespace_of, spec_of, status_of, template_of
from workers.triage.owners import Owners

RESOURCES = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
# Volumes whose loss loses nothing. emptyDir is here: whether its content matters, only the catalogue can say.
_EMPTY_VOLUMES = frozenset({"configMap", "secret", "projected", "downwardAPI", "emptyDir", "image"})


class Reads:
    """Reads of one cluster, each made once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._held: dict[tuple[str, tuple[tuple[str, str], ...]], list[Obj]] = {}

    def get(self, path: str) -> Obj:
        return self._once(path, {}, lambda: [self._cluster.get(path)])[0]

    def items(self, path: str, **query: str) -> list[Obj]:
        return self._once(path, query, lambda: list(self._cluster.items(path, **query)))

    def _once(self, path: str, query: Mapping[str, str], read: Callable[[], list[Obj]]) -> list[Obj]:
        key = (path, tuple(sorted(query.items())))
        if key not in self._held:
            self._held[key] = read()
        return self._held[key]


@dataclass(frozen=True)
class Group:
    """The pods of one workload that an action touches."""

    place: Place
    pods: int
    labels: tuple[Mapping[str, str], ...]  # of the pods, and of the template they are made from
    keeps_data: bool  # a StatefulSet, or a volume that outlives the pod


def group_of(kind: str, namespace: str, name: str, reads: Reads) -> Group:
    """All pods of one workload, as many as it should have when there are fewer."""
    workload = workload_of(kind, namespace, name, reads)
    wanted = (spec_of(workload).get("selector") or {}).get("matchLabels") or {}
    query = ",".join(f"{label}={value}" for label, value in sorted(wanted.items()))
    listed = reads.items(f"/api/v1/namespaces/{namespace}/pods", **({"labelSelector": query} if query else {}))
    place = (namespace, f"{kind}/{name}")
    pods = [pod for pod in listed if is_live(pod) and Owners({}).top("Pod", pod) == place[1]]
    template = template_of(workload)
    labels = (template_labels(template), *(labels_of(pod) for pod in pods))
    held = any(keeps_data(spec) for spec in (spec_of(template), *(spec_of(pod) for pod in pods)))
    return Group(place, max(len(pods), replicas_of(workload)), labels, held or kind == "StatefulSet")


def by_owner(pods: Iterable[Obj], reads: Reads) -> list[Group]:
    """These pods, by the workload at the top of their ownership chain."""
    owned: dict[Place, list[Obj]] = defaultdict(list)
    for pod in pods:
        owned[namespace_of(pod), _top(pod, reads)].append(pod)
    return [_group(place, each) for place, each in sorted(owned.items(), key=lambda item: item[0])]


def _group(place: Place, pods: list[Obj]) -> Group:
    held = any(keeps_data(spec_of(pod)) for pod in pods) or place[1].startswith("StatefulSet/")
    return Group(place, len(pods), tuple(labels_of(pod) for pod in pods), held)


def _top(pod: Obj, reads: Reads) -> str:
    above = controller_of(pod)
    jobs: list[Obj] = []
    if above and above[0] == "Job":  # a cron job stands above most
        jobs = reads.items(f"/apis/batch/v1/namespaces/{namespace_of(pod)}/jobs")
    return Owners({"Job": jobs}).top("Pod", pod)


def workload_of(kind: str, namespace: str, name: str, reads: Reads) -> Obj:
    return reads.get(f"/apis/apps/v1/namespaces/{namespace}/{RESOURCES[kind]}/{name}")


def job_of(namespace: str, name: str, reads: Reads) -> Obj:
    return reads.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}")


def replicas_of(workload: Obj) -> int:
    """How many pods it should have; a DaemonSet says so in its status."""
    wanted = spec_of(workload).get("replicas", status_of(workload).get("desiredNumberScheduled"))
    return 1 if wanted is None else int(wanted)


def template_labels(template: Obj) -> Mapping[str, str]:
    """The labels of the pods that a template makes."""
    return (template.get("metadata") or {}).get("labels") or {}


def keeps_data(pod_spec: Obj) -> bool:
    """Whether a volume is of a kind that may hold what must not be lost."""
    volumes = pod_spec.get("volumes") or ()
    return any(not set(volume) - {"name"} <= _EMPTY_VOLUMES for volume in volumes)


def is_live(pod: Obj) -> bool:
    """Whether it has not ended."""
    return status_of(pod).get("phase") not in ("Succeeded", "Failed")
