"""Rules about horizontal pod autoscalers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.triage.draft import Draft, events_source, object_source
from workers.triage.objects import (
    Obj,
    condition,
    is_leaving,
    moment,
    name_of,
    namespace_of,
    sentence,
    since_s,
    spec_of,
    status_of,
)
from workers.triage.snapshot import Snapshot

METRICS_S = 180  # until a new pod's metrics are scraped twice and averaged
# Metrics that are merely not there yet, as after every rollout; all other words mean that they will not come.
_NOT_YET = re.compile(r"no metrics returned|did not receive metrics|missing data|unable to get metrics for resource")
_NEVER = re.compile(r"missing request for|could not find the requested resource|not found|forbidden|unknown metric")


def autoscaler_findings(snap: Snapshot) -> Iterator[Draft]:
    """Autoscalers that want more than they may have, or that cannot decide. Being at the minimum is rest."""
    for scaler in snap.all("horizontalpodautoscalers"):
        said = None if is_leaving(scaler) else _limit(scaler, snap)
        if said is None:
            continue
        spec, namespace = spec_of(scaler), namespace_of(scaler)
        target = spec.get("scaleTargetRef") or {}
        scaled = snap.owners.named(str(target.get("kind")), namespace, str(target.get("name")))
        bounds = f"allowed {spec.get('minReplicas', 1)} to {spec.get('maxReplicas')} replicas of {scaled}"
        yield Draft(
            condition="HPALimited", severity="warning", kind="HorizontalPodAutoscaler", namespace=namespace,
            name=name_of(scaler), owner=snap.owners.top("HorizontalPodAutoscaler", scaler),
            message=sentence(said.get("reason"), said.get("message"), bounds),
            since=moment(said.get("lastTransitionTime")), touches=frozenset({(namespace, scaled)}),
            sources=(
                object_source(snap, "HorizontalPodAutoscaler", scaler, minReplicas=spec.get("minReplicas"),
                              maxReplicas=spec.get("maxReplicas"), scaleTargetRef=target, status=status_of(scaler)),
                *events_source(snap, "HorizontalPodAutoscaler", scaler),
            ),
        )  # fmt: skip


def _limit(scaler: Obj, snap: Snapshot) -> Obj | None:
    """The condition that limits it; None when nothing does."""
    able, active, limited = (condition(scaler, kind) for kind in ("AbleToScale", "ScalingActive", "ScalingLimited"))
    if able.get("status") == "False" and able.get("reason") != "BackoffBoth":
        return able
    if active.get("status") == "False" and active.get("reason") != "ScalingDisabled":
        message = str(active.get("message") or "")
        young = since_s(moment(active.get("lastTransitionTime")), snap.now) <= METRICS_S
        not_yet = _NOT_YET.search(message) and not _NEVER.search(message)
        return None if young and not_yet else active
    return limited if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas" else None
