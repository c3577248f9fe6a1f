"""What triage lists, and where the API has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import Absent, Forbidden
from workers.ports import Cluster
from workers.triage.objects import Obj


@dataclass(frozen=True)
class Resource:
    """One list, in the first of these versions that the API serves."""

    name: str
    kind: str
    versions: tuple[str, ...] = ("v1",)
    query: tuple[tuple[str, str], ...] = ()
    namespaced: bool = True
    scoped_only: bool = False  # too many in a whole cluster for what they tell


_ADMISSION = ("admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1beta1")
# Pods first: they take longest.
RESOURCES = (
    Resource("pods", "Pod"),
    Resource("events", "Event", query=(("fieldSelector", "type=Warning"),)),
    Resource("deployments", "Deployment", ("apps/v1",)),
    Resource("replicasets", "ReplicaSet", ("apps/v1",), scoped_only=True),
    Resource("statefulsets", "StatefulSet", ("apps/v1",)),
    Resource("daemonsets", "DaemonSet", ("apps/v1",)),
    Resource("jobs", "Job", ("batch/v1",)),
    Resource("cronjobs", "CronJob", ("batch/v1", "batch/v1beta1")),
    Resource("services", "Service"),
    Resource("endpoints", "Endpoints"),
    Resource("ingresses", "Ingress", ("networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1")),
    Resource(
        "horizontalpodautoscalers", "HorizontalPodAutoscaler",
        ("autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v2beta1"),
    ),
    Resource("persistentvolumeclaims", "PersistentVolumeClaim"),
    Resource("nodes", "Node", namespaced=False),
    Resource("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", _ADMISSION, namespaced=False),
    Resource("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", _ADMISSION, namespaced=False),
)  # fmt: skip
# Read only when a claim is pending.
STORAGE_CLASSES = Resource("storageclasses", "StorageClass", ("storage.k8s.io/v1",), namespaced=False)
BY_KIND = {resource.kind: resource for resource in (*RESOURCES, STORAGE_CLASSES)}


class Lists:
    """Reads lists of one cluster, and knows afterwards where each was."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._versions: dict[str, str] = {}

    def items(self, resource: Resource, namespace: str) -> Iterator[Obj]:
        """Every object in the namespace, or in the whole cluster with "".

        Raises: ToolError, Unreachable; Absent when no version is served.
        """
        if len(resource.versions) > 1:
            self._versions[resource.name] = self._served(resource)
        return self._cluster.items(self._list_path(resource, namespace), **dict(resource.query))

    def _served(self, resource: Resource) -> str:
        try:
            served = [v for v in resource.versions if self._cluster.serves(v, resource.name)]
        except Forbidden:  # discovery is closed to this account: the newest is as good as any
            return resource.versions[0]
        if not served:
            raise Absent(resource.name, "this API server does not serve them")
        return served[0]

    def path(self, kind: str, namespace: str, name: str) -> str:
        """Where one object is."""
        return f"{self._list_path(BY_KIND[kind], namespace)}/{name}"

    def _list_path(self, resource: Resource, namespace: str) -> str:
        version = self._versions.get(resource.name, resource.versions[0])
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        return f"{root}/namespaces/{namespace}/{resource.name}" if namespace else f"{root}/{resource.name}"
