"""What an alert's labels say, by the conventions of Prometheus, kube-state-metrics and the common rule sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import get_args

from core.incident import Severity
from core.settings import Config, Service

Labels = Mapping[str, str]

_SEVERITIES: dict[Severity, frozenset[str]] = {
    "SEV1": frozenset({"sev1", "p1", "emergency", "disaster", "fatal", "blocker", "1"}),
    "SEV2": frozenset({"sev2", "p2", "critical", "crit", "page", "high", "error", "major", "2"}),
    "SEV3": frozenset({"sev3", "p3", "warning", "warn", "medium", "average", "moderate", "ticket", "3"}),
    "SEV4": frozenset({"sev4", "p4", "p5", "info", "information", "informational", "low", "minor", "notice", "none",
                       "debug", "ok", "4", "5"}),
}  # fmt: skip
_WORKLOADS = (
    ("deployment", "Deployment"), ("statefulset", "StatefulSet"), ("daemonset", "DaemonSet"), ("cronjob", "CronJob"),
    ("job_name", "Job"), ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"), ("pod", "Pod"), ("node", "Node"),
)  # fmt: skip
# The more an alert's author meant the label to name a service, the earlier it is asked. `job` is often the exporter's.
_NAMES = (
    "service_name", "app", "app_kubernetes_io_name", "application", "service", "app_kubernetes_io_instance",
    "component", "destination_service_name", "destination_workload", "workload", "container", "ingress", "job",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_POD_ENDS = re.compile(
    r"(?:-[a-z0-9]{6,10}-[a-z0-9]{5}|-[a-z0-9]{5}|-\d{1,5})$"
)  # of Deployments, DaemonSets, StatefulSets


def severity_of(labels: Labels) -> Severity:
    """How bad the alert's author thought it is; SEV3 when the labels do not say."""
    for key in ("severity", "priority", "level"):
        said = labels.get(key, "").strip().lower()
        for severity, words in _SEVERITIES.items():
            if said in words:
                return severity
    return "SEV3"


def worst(severities: Iterable[Severity]) -> Severity:
    """The worst of them; SEV4 of none."""
    order: tuple[Severity, ...] = get_args(Severity)
    return min(severities, key=order.index, default=order[-1])


def target_of(labels: Labels) -> str | None:
    """The object that the labels name, as "Deployment/checkout"; the workload before its pod."""
    for label, kind in _WORKLOADS:
        if _NAME.fullmatch(labels.get(label, "")):
            return f"{kind}/{labels[label]}"
    return None


def namespace_of(labels: Labels) -> str | None:
    """The namespace of what the alert is about, not of the exporter that reported it."""
    return labels.get("exported_namespace") or labels.get("namespace") or labels.get("kubernetes_namespace") or None


def service_of(labels: Labels, config: Config) -> str | None:
    """The catalogue's service that the labels mean: by its workload, else by its name; None when none is meant.
    A service of another namespace or cluster is never meant."""
    services = {name: s for name, s in config.services.items() if _may_be_in(s, labels)}
    workloads = _workloads(labels)
    for name, service in services.items():
        if workloads & set(service.workloads):
            return name
    for label in _NAMES:
        said = labels.get(label, "")
        for name, service in services.items():
            if said and (said == name or said in {w.partition("/")[2] for w in service.workloads}):
                return name
    return None


def cluster_of(labels: Labels, config: Config, service: str | None) -> str | None:
    """The cluster that the labels name, else the service's. None where no clusters are configured: then there is but
    one, whatever a label calls it."""
    if not config.clusters:
        return None
    said = labels.get("cluster") or labels.get("k8s_cluster") or labels.get("cluster_name")
    return said or (config.services[service].cluster if service else None)


def owner_of(pod: str) -> str:
    """The name of the workload that a pod's name is made of."""
    return _POD_ENDS.sub("", pod)


def _may_be_in(service: Service, labels: Labels) -> bool:
    namespace, cluster = namespace_of(labels), labels.get("cluster")
    return (not service.namespace or not namespace or service.namespace == namespace) and (
        not service.cluster or not cluster or service.cluster == cluster
    )


def _workloads(labels: Labels) -> set[str]:
    """Every workload that the labels can mean; a pod's name gives its owner's."""
    found = {f"{kind}/{labels[label]}" for label, kind in _WORKLOADS if labels.get(label)}
    owner = owner_of(labels.get("pod", ""))
    return found | ({f"{kind}/{owner}" for kind in ("Deployment", "StatefulSet", "DaemonSet")} if owner else set())
