"""The kinds that the API serves, as Kubernetes 1.28 groups and names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
VERSION = {
    "major": "1", "minor": "28", "gitVersion": "v1.28.9", "gitCommit": "", "gitTreeState": "clean", "buildDate": "",
    "goVersion": "go1.21.9", "compiler": "gc", "platform": "linux/amd64",
}  # fmt: skip


@dataclass(frozen=True)
class Resource:
    """One kind in one version of its group."""

    group_version: str  # "v1", "apps/v1"
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """ "" for the core group."""
        return self.group_version.rpartition("/")[0]

    @property
    def qualified(self) -> str:
        """As messages name it: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_SCALE = ("status", "scale")
RESOURCES = (
    Resource("v1", "namespaces", "Namespace", False, ("ns",), ("status",)),
    Resource("v1", "nodes", "Node", False, ("no",), ("status",)),
    Resource("v1", "pods", "Pod", True, ("po",), ("status", "log", "eviction")),
    Resource("v1", "services", "Service", True, ("svc",)),
    Resource("v1", "endpoints", "Endpoints", True, ("ep",)),
    Resource("v1", "configmaps", "ConfigMap", True, ("cm",)),
    Resource("v1", "secrets", "Secret"),
    Resource("v1", "events", "Event", True, ("ev",)),
    Resource("v1", "serviceaccounts", "ServiceAccount", True, ("sa",)),
    Resource("v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",)),
    Resource("v1", "persistentvolumes", "PersistentVolume", False, ("pv",)),
    Resource("v1", "resourcequotas", "ResourceQuota", True, ("quota",)),
    Resource("v1", "limitranges", "LimitRange", True, ("limits",)),
    Resource("v1", "replicationcontrollers", "ReplicationController", True, ("rc",)),
    Resource("apps/v1", "deployments", "Deployment", True, ("deploy",), _SCALE),
    Resource("apps/v1", "replicasets", "ReplicaSet", True, ("rs",), _SCALE),
    Resource("apps/v1", "statefulsets", "StatefulSet", True, ("sts",), _SCALE),
    Resource("apps/v1", "daemonsets", "DaemonSet", True, ("ds",), ("status",)),
    Resource("apps/v1", "controllerrevisions", "ControllerRevision"),
    Resource("batch/v1", "jobs", "Job", True, (), ("status",)),
    Resource("batch/v1", "cronjobs", "CronJob", True, ("cj",), ("status",)),
    Resource("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ("hpa",), ("status",)),
    Resource("networking.k8s.io/v1", "ingresses", "Ingress", True, ("ing",), ("status",)),
    Resource("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", True, ("netpol",)),
    Resource("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",), ("status",)),
    Resource("discovery.k8s.io/v1", "endpointslices", "EndpointSlice"),
    Resource("storage.k8s.io/v1", "storageclasses", "StorageClass", False, ("sc",)),
    Resource("coordination.k8s.io/v1", "leases", "Lease"),
    Resource("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration",
             False),
    Resource("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False),
    Resource("metrics.k8s.io/v1beta1", "pods", "PodMetrics"),
    Resource("metrics.k8s.io/v1beta1", "nodes", "NodeMetrics", False),
)  # fmt: skip
METRICS = "metrics.k8s.io/v1beta1"  # computed when asked for, never stored
STORED = {r.plural: r for r in RESOURCES if r.group_version != METRICS}
SERVED = {(r.group_version, r.plural): r for r in RESOURCES}
GROUP_VERSIONS = tuple(dict.fromkeys(r.group_version for r in RESOURCES if r.group))
_FOREIGN = {  # subresources whose body is a kind of another group
    "scale": ("Scale", {"group": "autoscaling", "version": "v1"}),
    "eviction": ("Eviction", {"group": "policy", "version": "v1"}),
}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def api_groups() -> Json:
    """What `/apis` answers."""
    groups = []
    for group_version in (*GROUP_VERSIONS, "authorization.k8s.io/v1"):
        name, _, version = group_version.rpartition("/")
        entry = {"groupVersion": group_version, "version": version}
        groups.append({"name": name, "versions": [entry], "preferredVersion": entry})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_resources(group_version: str) -> Json | None:
    """What `/api/v1` or `/apis/<group>/<version>` answers; None for a group version that is not served."""
    listed: list[Json] = []
    if group_version == "authorization.k8s.io/v1":
        listed.append(_entry("selfsubjectaccessreviews", "SelfSubjectAccessReview", False, ["create"], ()))
    for r in (r for r in RESOURCES if r.group_version == group_version):
        verbs = ["get", "list"] if group_version == METRICS else VERBS
        listed.append(_entry(r.plural, r.kind, r.namespaced, verbs, r.short))
        for sub in r.subresources:
            verbs = {"log": ["get"], "eviction": ["create"]}.get(sub, ["get", "patch", "update"])
            kind, where = _FOREIGN.get(sub, (r.kind, {}))
            listed.append(_entry(f"{r.plural}/{sub}", kind, r.namespaced, verbs, ()) | where)
    if not listed:
        return None
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _entry(name: str, kind: str, namespaced: bool, verbs: list[str], short: tuple[str, ...]) -> Json:
    entry: Json = {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": verbs}
    return {**entry, "shortNames": list(short)} if short else entry
