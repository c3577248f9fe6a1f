"""Rules about services: somebody may call, and no pod answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workers.triage.draft import Draft, Severity, events_source, object_source
from workers.triage.grace import SETTLE_S, is_starting
from workers.triage.objects import (
    Obj,
    age_s,
    created_at,
    is_leaving,
    is_true,
    key_of,
    labels_of,
    listed,
    name_of,
    namespace_of,
    plural,
    selects,
    sentence,
    spec_of,
    status_of,
    template_of,
)
from workers.triage.snapshot import Snapshot
from workers.triage.workloads import KINDS, count_of

# Labels that controllers move from pod to pod; at times no pod has them, by design.
_ROLES = re.compile(r"role|leader|master|primary|replica|active|standby|serving", re.IGNORECASE)


@dataclass(frozen=True)
class Silence:
    """Why nobody answers behind a service, and the pods that should."""

    why: str
    severity: Severity
    pods: tuple[Obj, ...] = ()


def service_findings(snap: Snapshot) -> Iterator[Draft]:
    """Services behind which no pod is ready. Those without a selector, scaled to zero, or headless and empty rest."""
    if not snap.complete("services", "endpoints"):
        return
    for service in snap.all("services"):
        spec = spec_of(service)
        if is_leaving(service) or not spec.get("selector") or spec.get("type") == "ExternalName":
            continue
        if age_s(service, snap.now) <= SETTLE_S or answers(service, snap):
            continue
        if silence := _silence(service, snap):
            namespace = namespace_of(service)
            yield Draft(
                condition="NoEndpoints", severity=silence.severity, kind="Service", namespace=namespace,
                name=name_of(service), owner=snap.owners.top("Service", service), message=silence.why,
                since=created_at(service) if not silence.pods else None,
                touches=frozenset((namespace, snap.owner_of(pod)) for pod in silence.pods),
                sources=(
                    object_source(snap, "Endpoints", snap.find("endpoints", *key_of(service)) or service,
                                  selector=spec.get("selector"), ports=spec.get("ports"),
                                  subsets=(snap.find("endpoints", *key_of(service)) or {}).get("subsets")),
                    *events_source(snap, "Service", service),
                ),
            )  # fmt: skip


def answers(service: Obj, snap: Snapshot) -> bool:
    """Whether a ready address stands behind the service."""
    endpoints = snap.find("endpoints", *key_of(service)) or {}
    return any(subset.get("addresses") for subset in endpoints.get("subsets") or ())


def selected(service: Obj, snap: Snapshot) -> tuple[Obj, ...]:
    """The pods that the service's selector picks, without those that ended or leave."""
    selector = spec_of(service).get("selector") or {}
    return tuple(
        pod for pod in snap.pods_in(namespace_of(service))
        if selector and selects(selector, labels_of(pod)) and not is_leaving(pod)
        and status_of(pod).get("phase") not in ("Succeeded", "Failed")
    )  # fmt: skip


def _silence(service: Obj, snap: Snapshot) -> Silence | None:
    """Why nobody answers; None when that is on purpose or passing."""
    pods = selected(service, snap)
    if not pods:
        return _nobody(service, snap) if snap.complete("pods", "deployments", "statefulsets", "daemonsets") else None
    if any(is_starting(pod, snap.now) for pod in pods) and not any(_is_tired(pod, snap) for pod in pods):
        return None
    ready = [pod for pod in pods if is_true(pod, "Ready")]
    if ready:
        ports = listed(str(port.get("targetPort") or port.get("port")) for port in spec_of(service).get("ports") or ())
        return Silence(f"its selector finds {plural(len(ready), 'ready pod')}, but none offers port {ports}",
                       "critical", pods)  # fmt: skip
    who = "the pod behind it is not" if len(pods) == 1 else f"none of the {len(pods)} pods behind it is"
    return Silence(f"{who} ready", "critical", pods)


def _is_tired(pod: Obj, snap: Snapshot) -> bool:
    return not is_starting(pod, snap.now) and not is_true(pod, "Ready")


def _nobody(service: Obj, snap: Snapshot) -> Silence | None:
    """No pod matches the selector: nobody should, or the selector is wrong."""
    spec, namespace = spec_of(service), namespace_of(service)
    selector: dict[str, str] = spec["selector"]
    if spec.get("clusterIP") == "None":
        return None
    wanted = [
        (f"{kind}/{name_of(w)}", count_of(kind, w).desired)
        for resource, kind in KINDS for w in snap.all(resource)
        if namespace_of(w) == namespace and selects(selector, labels_of({"metadata": {}, **template_of(w)}))
    ]  # fmt: skip
    if wanted:
        short = [owner for owner, desired in wanted if desired]
        return Silence(f"{listed(short)} should stand behind it but has no pod", "critical") if short else None
    here = [pod for pod in snap.pods_in(namespace) if not is_leaving(pod)]
    if any(selects(selector, labels_of(pod)) for pod in here):  # they all ended, as jobs do
        return None
    fixed = {name: value for name, value in selector.items() if not _ROLES.search(name)}
    if fixed != selector and any(selects(fixed, labels_of(pod)) for pod in here):
        return None
    said = ", ".join(f"{name}={value}" for name, value in sorted(selector.items()))
    others = listed(f"{name}={labels_of(pod)[name]}" for pod in here for name in selector if name in labels_of(pod))
    return Silence(
        sentence(f"its selector {said} matches no pod", f"pods here have {others}" if others else ""), "warning"
    )
