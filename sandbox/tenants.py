"""Small shops of other merchants, each one pod, all on one node: enough workloads for a storm when that node dies."""

from __future__ import annotations

from typing import Any

from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.resources import Json
from sandbox.manifests import DAY_S, named, pod_spec, put
from sandbox.prometheus.rules import Rule
from sandbox.services import TENANT_IMAGE

NAMESPACE = "tenants"
NODE = "node-3"


def apply_tenants(objects: Objects, count: int, now: float) -> list[Json]:
    """Their Deployments, not yet rolled out."""
    if count:
        body: dict[str, Any] = {"metadata": {"name": NAMESPACE}, "spec": {"finalizers": ["kubernetes"]}}
        put(objects, "namespaces", {**body, "status": {"phase": "Active"}}, now - 90 * DAY_S)
    return [_apply(objects, f"tenant-{number:02}", now) for number in range(1, count + 1)]


def _apply(objects: Objects, name: str, now: float) -> Json:
    container = {
        "name": "shop", "image": TENANT_IMAGE, "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 8080, "name": "main", "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
    }  # fmt: skip
    labels = {"app": name, "tier": "tenant"}
    pod = {**pod_spec(container), "nodeSelector": {"kubernetes.io/hostname": NODE}}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "strategy": rolling, "progressDeadlineSeconds": 600,
            "template": {"metadata": {"labels": labels}, "spec": pod}}  # fmt: skip
    metadata = named(name, NAMESPACE, labels=labels)
    return put(objects, "deployments", {"metadata": metadata, "spec": spec}, now - 80 * DAY_S)


def _rule(alert: str, expr: str, for_s: float, severity: str, summary: str) -> Rule:
    labels = {"severity": severity} | ({"service": "{{ $labels.deployment }}"} if "deployment" in expr else {})
    return Rule(alert, expr, for_s, labels, {"summary": summary, "description": summary})


RULES = (
    _rule("TenantDown", f'kube_deployment_status_replicas_ready{{namespace="{NAMESPACE}"}} == 0', 3, "critical",
          "The shop {{ $labels.deployment }} is down."),
    _rule("KubeDeploymentReplicasMismatch",
          f'kube_deployment_spec_replicas{{namespace="{NAMESPACE}"}} > '
          f'kube_deployment_status_replicas_available{{namespace="{NAMESPACE}"}}', 4, "warning",
          "Deployment {{ $labels.namespace }}/{{ $labels.deployment }} has too few replicas."),
    _rule("KubePodNotReady", f'kube_pod_status_ready{{condition="false",namespace="{NAMESPACE}"}} == 1', 3, "warning",
          "Pod {{ $labels.namespace }}/{{ $labels.pod }} is not ready."),
    _rule("KubeContainerNotReady", f'kube_pod_container_status_ready{{namespace="{NAMESPACE}"}} == 0', 4, "warning",
          "Container {{ $labels.container }} of {{ $labels.namespace }}/{{ $labels.pod }} is not ready."),
)  # fmt: skip
