"""A cluster of a few objects in memory, with their ownership as controllers would make it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import Absent, Forbidden, Unreachable

NOW = datetime(2026, 3, 2, 2, 17, tzinfo=UTC)
Obj = dict[str, Any]

_GROUPS = {
    "Pod": "/api/v1", "Service": "/api/v1", "Node": "/api/v1", "Namespace": "/api/v1", "Job": "/apis/batch/v1",
    "Deployment": "/apis/apps/v1", "StatefulSet": "/apis/apps/v1", "DaemonSet": "/apis/apps/v1",
    "ReplicaSet": "/apis/apps/v1", "ControllerRevision": "/apis/apps/v1",
    "Ingress": "/apis/networking.k8s.io/v1",
}  # fmt: skip


def at(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


class HeldCluster:
    """Implements workers.ports.Cluster over objects. `refuse` holds resources that may not be read."""

    name = "held"
    server = "https://held.invalid"

    def __init__(self, *objects: Obj, refuse: frozenset[str] = frozenset(), gone: bool = False) -> None:
        self.objects = list(objects)
        self.refuse = refuse
        self.gone = gone
        self.reads: list[str] = []

    def get(self, path: str, **query: str | int) -> Obj:
        parent, _, name = path.rpartition("/")
        for obj in self._listed(parent):
            if obj["metadata"]["name"] == name:
                return obj
        raise Absent(path, "there is none")

    def items(self, path: str, **query: str | int) -> Iterator[Obj]:
        wanted = dict(pair.split("=") for pair in str(query.get("labelSelector", "")).split(",") if pair)
        node = str(query.get("fieldSelector", "")).removeprefix("spec.nodeName=")
        for obj in self._listed(path):
            labels = obj["metadata"].get("labels", {})
            if wanted.items() <= labels.items() and (not node or obj["spec"].get("nodeName") == node):
                yield obj

    def serves(self, group_version: str, resource: str) -> bool:
        return True

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        return ""

    def _listed(self, path: str) -> list[Obj]:
        self.reads.append(path)
        resource = path.rpartition("/")[2]
        if self.gone:
            raise Unreachable("The Kubernetes API cannot be reached; check the address and the network.")
        if resource in self.refuse:
            raise Forbidden(path, "forbidden")
        return [obj for obj in self.objects if path in _lists_of(obj)]


def _lists_of(obj: Obj) -> set[str]:
    resource = "ingresses" if obj["kind"] == "Ingress" else obj["kind"].lower() + "s"
    namespace = obj["metadata"].get("namespace")
    base = _GROUPS[obj["kind"]]
    return {f"{base}/{resource}"} | ({f"{base}/namespaces/{namespace}/{resource}"} if namespace else set())


def owned_by(owner: Obj) -> list[Obj]:
    return [
        {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": True}
    ]


def made(
    kind: str, name: str, namespace: str | None = "shop", *, age: float = 1440, by: Obj | None = None, **parts: Any
) -> Obj:
    """One object; `parts` are its other top-level fields, `labels` and `annotations` go to its metadata."""
    metadata: Obj = {
        "name": name, "uid": f"{kind}-{namespace}-{name}", "creationTimestamp": at(age),
        "labels": parts.pop("labels", {}), "annotations": parts.pop("annotations", {}),
    }  # fmt: skip
    if namespace:
        metadata["namespace"] = namespace
    if by:
        metadata["ownerReferences"] = owned_by(by)
    return {"kind": kind, "metadata": metadata, "spec": {}, "status": {}, **parts}


def deployment(
    name: str, replicas: int = 2, *, namespace: str = "shop", deployed: float = 6, revision: int = 18,
    volumes: tuple[Obj, ...] = (), node: str = "node-1", release: str | None = None,
) -> list[Obj]:  # fmt: skip
    """A deployment with an old and a present replica set, its pods, and a service of its name in front."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"volumes": list(volumes)}}
    annotations = {"meta.helm.sh/release-name": release} if release else {}
    top = made("Deployment", name, namespace, annotations=annotations,
               spec={"replicas": replicas, "selector": {"matchLabels": labels}, "template": template})  # fmt: skip
    key = "deployment.kubernetes.io/revision"
    old = made("ReplicaSet", f"{name}-6f6f6", namespace, by=top, age=9000, annotations={key: str(revision - 1)})
    new = made("ReplicaSet", f"{name}-7d7d7", namespace, by=top, age=deployed, annotations={key: str(revision)})
    pods = [
        made("Pod", f"{name}-7d7d7-{n}", namespace, by=new, age=deployed,
             labels={**labels, "pod-template-hash": "7d7d7"},
             spec={"nodeName": node, "volumes": list(volumes)}, status={"phase": "Running"})
        for n in range(replicas)
    ]  # fmt: skip
    return [top, old, new, *pods, service(name, namespace)]


def service(name: str, namespace: str = "shop", selects: str | None = None) -> Obj:
    return made("Service", name, namespace, spec={"selector": {"app": selects or name}})


def stateful_set(
    name: str, replicas: int = 3, *, namespace: str = "shop", deployed: float = 600, node: str = "node-1"
) -> list[Obj]:
    labels = {"app": name}
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
    template = {"metadata": {"labels": labels}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    top = made("StatefulSet", name, namespace, spec=spec)
    revision = made("ControllerRevision", f"{name}-1", namespace, by=top, age=deployed, revision=1)
    pods = [
        made("Pod", f"{name}-{n}", namespace, by=top, labels=labels, spec={"nodeName": node, "volumes": [claim]},
             status={"phase": "Running"})
        for n in range(replicas)
    ]  # fmt: skip
    return [top, revision, *pods, service(name, namespace)]


def daemon_pod(name: str, node: str = "node-1") -> list[Obj]:
    top = made("DaemonSet", name, "kube-system")
    return [
        top,
        made("Pod", f"{name}-{node}", "kube-system", by=top, spec={"nodeName": node}, status={"phase": "Running"}),
    ]
