"""One round of everything that kube-controller-manager runs."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.kubernetes.bookkeeping import step_autoscaler, step_budget, step_endpoints, step_quota
from sandbox.kubernetes.deployments import step_deployment, step_replica_set
from sandbox.kubernetes.events import forget_old
from sandbox.kubernetes.jobs import step_cron_job, step_job
from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.statefulsets import step_stateful_set
from sandbox.kubernetes.workloads import delete_pod

Step = Callable[[Objects, Json, float], None]
CONTROLLERS: tuple[tuple[str, Step], ...] = (
    ("cronjobs", step_cron_job),
    ("jobs", step_job),
    ("deployments", step_deployment),
    ("replicasets", step_replica_set),
    ("statefulsets", step_stateful_set),
    ("services", step_endpoints),
    ("poddisruptionbudgets", step_budget),
    ("horizontalpodautoscalers", step_autoscaler),
    ("resourcequotas", step_quota),
)
_OWNERS = ("deployments", "replicasets", "statefulsets", "cronjobs", "jobs")


def step_controllers(objects: Objects, now: float) -> None:
    """Move every object one step towards what its spec wants."""
    for plural, step in CONTROLLERS:
        for found in objects.list(plural):
            step(objects, found, now)
    _collect_garbage(objects, now)
    forget_old(objects, now)


def _collect_garbage(objects: Objects, now: float) -> None:
    """End what belonged to something that is no longer there."""
    owners = {o["metadata"]["uid"] for plural in _OWNERS for o in objects.list(plural)}
    for plural in ("jobs", "replicasets", "controllerrevisions", "pods"):
        for found in objects.list(plural):
            meta = found["metadata"]
            references = meta.get("ownerReferences", ())
            if not references or any(r["uid"] in owners for r in references):
                continue
            if plural == "pods":
                delete_pod(objects, found, now)
            else:
                objects.remove(plural, meta["namespace"], meta["name"])
