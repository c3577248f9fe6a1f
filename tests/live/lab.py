"""Objects on a live cluster: made, changed and removed by tests."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from core.settings import load_settings
from workers.adapters.kubernetes import KubernetesCluster, open_cluster
from workers.triage.objects import is_true, name_of

Obj = dict[str, Any]
_PATHS = {
    "Namespace": "/api/v1/namespaces", "Node": "/api/v1/nodes",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "Pod": "/api/v1/namespaces/{}/pods", "Service": "/api/v1/namespaces/{}/services",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps", "Endpoints": "/api/v1/namespaces/{}/endpoints",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts", "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments", "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets", "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}  # fmt: skip
_BY_VERSION = {
    "CronJob": ("batch", "cronjobs"), "HorizontalPodAutoscaler": ("autoscaling", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("policy", "poddisruptionbudgets"),
}  # fmt: skip
_numbers = itertools.count(1)


class Lab:
    """One cluster. What is made in a namespace goes with it."""

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import config

        self.kubeconfig = kubeconfig
        self._client = config.new_client_from_config(str(kubeconfig))

    @property
    def cluster(self) -> KubernetesCluster:
        """The product's own view of it."""
        return reader(self.kubeconfig)

    @property
    def node(self) -> str:
        """The name of a node that takes pods."""
        nodes = self.cluster.items("/api/v1/nodes")
        return next(name_of(n) for n in nodes if is_true(n, "Ready") and not n["spec"].get("taints"))

    @contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """A namespace of that name and a number."""
        made = f"{name}-{os.getpid()}-{next(_numbers)}"
        self.apply("", {"kind": "Namespace", "metadata": {"name": made}})
        try:
            yield made
        finally:
            self.call("DELETE", f"{_PATHS['Namespace']}/{made}")

    def apply(self, namespace: str, *objects: Obj) -> None:
        """Create these objects."""
        for obj in objects:
            self.call("POST", self._path(obj["kind"], namespace), self._versioned(obj))

    def replace(self, namespace: str, obj: Obj) -> None:
        """Create this object anew."""
        path = f"{self._path(obj['kind'], namespace)}/{obj['metadata']['name']}"
        with contextlib.suppress(AssertionError):  # there was none
            self.call("DELETE", path)
        self.apply(namespace, obj)

    def patch(self, kind: str, namespace: str, name: str, body: Obj, sub: str = "") -> None:
        """Merge `body` into an object, or into its status with `sub` = "status"."""
        self.call("PATCH", f"{self._path(kind, namespace)}/{name}{'/' + sub if sub else ''}", body)

    def call(self, method: str, path: str, body: Obj | None = None) -> Obj:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        method, url, headers, sent, _ = self._client.param_serialize(
            method, path, header_params={"Content-Type": kind}, body=body, auth_settings=["BearerToken"]
        )
        answer = self._client.call_api(method, url, headers, sent)
        text = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text[:500]!r}"
        return dict(json.loads(text))

    def _path(self, kind: str, namespace: str) -> str:
        if kind in _BY_VERSION:
            group, plural = _BY_VERSION[kind]
            return f"/apis/{group}/{self._version(kind)}/namespaces/{namespace}/{plural}"
        return _PATHS[kind].format(namespace)

    def _versioned(self, obj: Obj) -> Obj:
        if "apiVersion" in obj:
            return obj
        kind = obj["kind"]
        parts = self._path(kind, "x").split("/")
        return {"apiVersion": "v1" if parts[1] == "api" else "/".join(parts[2:4]), **obj}

    def _version(self, kind: str) -> str:
        group, plural = _BY_VERSION[kind]
        versions = ("v2", "v2beta2") if group == "autoscaling" else ("v1", "v1beta1")
        return next(v for v in versions if self.cluster.serves(f"{group}/{v}", plural))


def reader(kubeconfig: Path) -> KubernetesCluster:
    """The product's own view of a cluster."""
    return open_cluster(load_settings({"KUBECONFIG": str(kubeconfig), "HOME": "/nonexistent"}))


def altered(kubeconfig: Path, folder: Path, alter: Callable[[Obj], None]) -> Path:
    """A copy of a kubeconfig, altered."""
    content = yaml.safe_load(kubeconfig.read_text())
    alter(content)
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


def workload(
    name: str, behaviour: str = "ok", *, kind: str = "Deployment", replicas: int = 1, env: dict[str, str] | None = None,
    memory: str | None = None, **pod: Any,
) -> Obj:  # fmt: skip
    """A deployment, stateful set or daemon set whose container behaves so; `pod` goes into the pod's specification."""
    spec = {"containers": [container_of(behaviour, env, memory)], **pod}
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    more: Obj = {} if kind == "DaemonSet" else {"replicas": replicas}
    if kind == "StatefulSet":
        more["serviceName"] = name
    return {
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **more},
    }


# Each behaviour twice: by the variable that the launcher's kubelet reads, and by what makes a real one behave so.
_REAL: dict[str, Obj] = {
    "ok": {"command": ["sleep", "100000"]},
    "crash": {"command": ["sh", "-c", 'echo "$LAB_LOG"; exit 1']},
    "oom": {"command": ["tail", "/dev/zero"]},
    "imagepull": {"image": "registry.invalid/no-such-image:1.0"},
    "unready": {"command": ["sleep", "100000"], "readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1}},
    "config": {"envFrom": [{"configMapRef": {"name": "settings"}}]},
    "done": {"command": ["true"]},
}


def container_of(behaviour: str, env: dict[str, str] | None = None, memory: str | None = None) -> Obj:
    """A container that behaves so."""
    variables = [{"name": key, "value": value} for key, value in {"LAB_BEHAVIOUR": behaviour, **(env or {})}.items()]
    resources = {"limits": {"memory": memory}} if memory else {}
    return {"name": "app", "image": "busybox:1.36", "env": variables, "resources": resources, **_REAL[behaviour]}


def job(name: str, behaviour: str, env: dict[str, str] | None = None, memory: str | None = None) -> Obj:
    """A job that is tried once."""
    pod = {"restartPolicy": "Never", "containers": [container_of(behaviour, env, memory)]}
    return {"kind": "Job", "metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}


def cron_job(name: str, schedule: str, behaviour: str) -> Obj:
    return {"kind": "CronJob", "metadata": {"name": name},
            "spec": {"schedule": schedule, "jobTemplate": {"spec": job(name, behaviour)["spec"]}}}  # fmt: skip


def service(name: str, selector: dict[str, str] | None = None, **spec: Any) -> Obj:
    """A service in front of the workload of its name, unless `selector` says otherwise."""
    picked = {"app": name} if selector is None else selector
    return {
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": picked, "ports": [{"port": 80}], **spec},
    }


def ingress(name: str, to: str) -> Obj:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {"rules": [{"host": "shop.example", "http": {"paths": [path]}}]},
    }
