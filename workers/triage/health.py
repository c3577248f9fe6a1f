"""How the workloads in question stand, healthy or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from core.observation import Workload
from workers.triage.draft import Place, Source, object_source
from workers.triage.evidence import Exhibits
from workers.triage.objects import Obj, condition, is_leaving, is_true, moment, spec_of, status_of, statuses_of
from workers.triage.snapshot import Snapshot
from workers.triage.workloads import Count, count_of

MOST = 20
_RESOURCES = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets",
              "ReplicaSet": "replicasets", "Job": "jobs", "Pod": "pods"}  # fmt: skip


def workloads(snap: Snapshot, places: Iterable[Place], exhibits: Exhibits) -> Iterator[Workload]:
    """Each of these workloads that was read, at most `MOST`."""
    known = ((place, _find(snap, *place)) for place in dict.fromkeys(places))
    for (namespace, owner), found in [each for each in known if each[1]][:MOST]:
        kind = owner.partition("/")[0]
        pods = [p for p in snap.pods_of(namespace, owner) if not is_leaving(p)]
        count = _count(kind, found or {}, pods)
        yield Workload(
            namespace=namespace, owner=owner, desired=count.desired, ready=count.ready,
            restarts=sum(int(s.get("restartCount") or 0) for pod in pods for s, _ in statuses_of(pod)),
            ready_since=_ready_since(pods) if count.ready >= count.desired > 0 else None,
            evidence=exhibits.cite_all([_source(snap, kind, found or {})]),
        )  # fmt: skip


def _find(snap: Snapshot, namespace: str, owner: str) -> Obj | None:
    kind, _, name = owner.partition("/")
    return snap.find(_RESOURCES[kind], namespace, name) if kind in _RESOURCES else None


def _count(kind: str, found: Obj, pods: list[Obj]) -> Count:
    if kind == "Pod":
        return Count(1, sum(is_true(pod, "Ready") for pod in pods))
    return count_of(kind, found)


def _source(snap: Snapshot, kind: str, found: Obj) -> Source:
    return object_source(snap, kind, found, replicas=spec_of(found).get("replicas"), status=status_of(found))


def _ready_since(pods: list[Obj]) -> datetime | None:
    """Since when all of them are ready."""
    times = [moment(condition(pod, "Ready").get("lastTransitionTime")) for pod in pods if is_true(pod, "Ready")]
    return max((at for at in times if at), default=None)
