"""What was seen: facts, each with the evidence that shows it. No guesses live here."""

from __future__ import annotations

from typing import Literal

from core.incident import Alert
from core.model import Model, Moment

Condition = Literal[
    "CrashLoopBackOff", "OOMKilled", "ImagePullBackOff", "CreateContainerConfigError", "Unschedulable", "Evicted",
    "Unhealthy", "FailedMount", "FailedCreatePodSandBox", "ProgressDeadlineExceeded", "ReplicaFailure",
    "ReplicasMismatch", "NoEndpoints", "PVCPending", "NodeNotReady", "NodePressure", "JobFailed", "CronJobInvalid",
    "HPALimited", "IngressBackendMissing", "WebhookUnavailable", "QuotaExceeded",
]  # fmt: skip


class Evidence(Model):
    """One read that was made and what it showed; claims cite it by `id`."""

    id: str  # "e1", unique within one investigation
    tool: str  # "kubernetes", "prometheus", "alertmanager", "memory"
    query: str  # the request as somebody could repeat it: "GET /api/v1/namespaces/shop/pods/checkout-1", or PromQL
    excerpt: str  # masked, at most 2,000 characters
    observed_at: Moment
    link: str | None = None


class Finding(Model):
    """One condition that is wrong on one object."""

    condition: Condition
    severity: Literal["critical", "warning", "info"]
    kind: str
    namespace: str  # "" for cluster-wide objects
    name: str
    owner: str  # top of the ownership chain, as "Deployment/checkout"; the object itself when nothing owns it
    message: str  # the cluster's own reason, in a sentence; foreign text
    since: Moment | None = None
    container: str | None = None
    harms: tuple[str, ...] = ()  # workloads that it harms beside its owner, as "shop/Deployment/checkout"
    evidence: tuple[str, ...] = ()


class FieldChange(Model):
    """One field that differs between two revisions. Values of environment variables are never kept."""

    field: str  # "image", "env CART_URL", "memory limit", "command", "replicas"
    container: str | None = None
    verb: Literal["added", "removed", "changed"]
    before: str | None = None
    after: str | None = None


class Change(Model):
    """A recent rollout of one workload."""

    namespace: str
    owner: str  # "Deployment/checkout"
    at: Moment
    from_revision: str | None
    to_revision: str
    fields: tuple[FieldChange, ...]
    evidence: tuple[str, ...] = ()


class LogExcerpt(Model):
    """Lines around the error in one container's log, oldest first, masked; foreign text."""

    namespace: str
    pod: str
    container: str
    owner: str
    previous: bool  # of the run before the last restart
    lines: tuple[str, ...]
    evidence: tuple[str, ...] = ()


class Reading(Model):
    """One metric of one service, now against before."""

    name: str  # "error_ratio", "request_rate", "latency_p95_s", "cpu_saturation", "memory_saturation", "alert_expr"
    service: str
    now: float | None  # in the unit of its name; ratios from 0 to 1
    before: float | None  # the median of the hours before the trouble
    summary: str  # what a person would say of the graph
    evidence: tuple[str, ...] = ()


class Workload(Model):
    """How one controller stands, healthy or not."""

    namespace: str
    owner: str
    desired: int
    ready: int
    restarts: int
    ready_since: Moment | None = None
    evidence: tuple[str, ...] = ()


class Observation(Model):
    """Everything that stage one read."""

    findings: tuple[Finding, ...] = ()  # worst first
    changes: tuple[Change, ...] = ()  # newest first
    logs: tuple[LogExcerpt, ...] = ()
    readings: tuple[Reading, ...] = ()
    workloads: tuple[Workload, ...] = ()  # of the services in question
    calls: tuple[tuple[str, str], ...] = ()  # who calls whom: ("shop/Deployment/checkout", "shop/Deployment/payments")
    alerts: tuple[Alert, ...] = ()  # firing now
    evidence: tuple[Evidence, ...] = ()
    could_not_read: tuple[str, ...] = ()  # "traces (no TEMPO_URL)"
