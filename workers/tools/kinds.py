"""From a kind as people write it ("deploy", "Deployments", "certificates.cert-manager.io") to its path in the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from core.errors import BadQuestion, SreError, ToolError
from workers.ports import Cluster
from workers.tools.results import Result

TIMEOUT_S = 20  # of each tool over this API: two of the adapter's own
MOST_OBJECTS = 5_000  # read of one list; the largest cluster that a small team runs

Kind = Annotated[str, Field(min_length=1, max_length=100)]
Named = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]*$")]
Space = Annotated[str, Field(max_length=63, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$")]


@dataclass(frozen=True)
class Served:
    """A resource that the API serves."""

    kind: str  # "Deployment"
    plural: str  # "deployments"
    group_version: str  # "apps/v1"
    namespaced: bool = True

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of one object, or of the list in one namespace or, without it, in all."""
        base = "/api/v1" if self.group_version == "v1" else f"/apis/{self.group_version}"
        if self.namespaced and namespace:
            base += f"/namespaces/{namespace}"
        return f"{base}/{self.plural}" + (f"/{name}" if name else "")


# What is asked for most, so that it costs no discovery: kind, plural, versions (newest first), short names.
_COMMON: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Pod", "pods", ("v1",), ("po",)),
    ("Service", "services", ("v1",), ("svc",)),
    ("Endpoints", "endpoints", ("v1",), ("ep",)),
    ("ConfigMap", "configmaps", ("v1",), ("cm",)),
    ("PersistentVolumeClaim", "persistentvolumeclaims", ("v1",), ("pvc",)),
    ("ReplicationController", "replicationcontrollers", ("v1",), ("rc",)),
    ("ResourceQuota", "resourcequotas", ("v1",), ("quota",)),
    ("LimitRange", "limitranges", ("v1",), ()),
    ("ServiceAccount", "serviceaccounts", ("v1",), ("sa",)),
    ("Event", "events", ("v1",), ("ev",)),
    ("Node", "nodes", ("v1",), ("no",)),
    ("Namespace", "namespaces", ("v1",), ("ns",)),
    ("PersistentVolume", "persistentvolumes", ("v1",), ("pv",)),
    ("Deployment", "deployments", ("apps/v1",), ("deploy",)),
    ("ReplicaSet", "replicasets", ("apps/v1",), ("rs",)),
    ("StatefulSet", "statefulsets", ("apps/v1",), ("sts",)),
    ("DaemonSet", "daemonsets", ("apps/v1",), ("ds",)),
    ("ControllerRevision", "controllerrevisions", ("apps/v1",), ()),
    ("Job", "jobs", ("batch/v1",), ()),
    ("CronJob", "cronjobs", ("batch/v1", "batch/v1beta1"), ("cj",)),
    ("Ingress", "ingresses", ("networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1"), ("ing",)),
    ("NetworkPolicy", "networkpolicies", ("networking.k8s.io/v1",), ("netpol",)),
    ("HorizontalPodAutoscaler", "horizontalpodautoscalers",
     ("autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v1"), ("hpa",)),
    ("PodDisruptionBudget", "poddisruptionbudgets", ("policy/v1", "policy/v1beta1"), ("pdb",)),
    ("StorageClass", "storageclasses", ("storage.k8s.io/v1",), ("sc",)),
)  # fmt: skip
_CLUSTER_WIDE = frozenset({"Node", "Namespace", "PersistentVolume", "StorageClass"})


def resolve(cluster: Cluster, written: str) -> Served:
    """The resource that `written` names: a kind, a plural or a short name, in any case, with its group if need be.

    Raises: ToolError when it is a Secret or the API serves none of that name; Unreachable.
    """
    asked, _, group = written.strip().lower().partition(".")
    if is_secret(asked):
        raise ToolError("secrets", "never read here")
    for kind, plural, versions, short in _COMMON:
        if not group and asked in (kind.lower(), plural, *short):
            version = next((v for v in versions[:-1] if cluster.serves(v, plural)), versions[-1])
            return Served(kind, plural, version, kind not in _CLUSTER_WIDE)
    for served, names in _discovered(cluster, group):
        if asked in names:
            return served
    raise BadQuestion("that kind", "this cluster serves nothing of that name")


def served(cluster: Cluster, kind: str, namespace: str) -> Served:
    """What `resolve` finds, for one object. Raises: ToolError also when it needs a namespace and has none."""
    found = resolve(cluster, kind)
    if found.namespaced and not namespace:
        raise BadQuestion(f"one {found.kind}", "its namespace is needed")
    return found


def answer(cluster: Cluster, path: str, text: str) -> Result:
    """The result of reading `path`, which may be followed by a remark after a space."""
    return Result(query=f"GET {path}", text=text, link=cluster.server + path.partition(" ")[0])


def is_secret(kind: str) -> bool:
    """Whether a kind, however written, means Secrets."""
    return kind.strip().lower().partition(".")[0].partition("/")[0] in ("secret", "secrets", "secretlist")


def _discovered(cluster: Cluster, group: str) -> Iterator[tuple[Served, frozenset[str]]]:
    """Every listable resource and its names in lower case; of one API group when it is given."""
    groups = cluster.get("/apis").get("groups") or ()
    versions = [g["preferredVersion"]["groupVersion"] for g in groups if g["name"].startswith(group)]
    for version in versions if group else ["v1", *versions]:
        path = "/api/v1" if version == "v1" else f"/apis/{version}"
        try:
            resources = cluster.get(path).get("resources") or ()
        except SreError:  # an aggregated API that is down hides its own kinds only
            continue
        for r in resources:
            if "/" not in r["name"] and "list" in (r.get("verbs") or ()):
                names = {r["kind"].lower(), r["name"], r.get("singularName") or "", *(r.get("shortNames") or ())}
                yield Served(r["kind"], r["name"], version, bool(r.get("namespaced"))), frozenset(names)
