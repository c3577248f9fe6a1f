"""Rules about deployments, stateful sets, daemon sets and bare replica sets: fewer pods than wanted, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.observation import Condition
from workers.triage.draft import Draft, events_source, object_source
from workers.triage.events import Warned
from workers.triage.grace import SETTLE_S, START_S, any_moving, is_starting
from workers.triage.objects import (
    Obj,
    age_s,
    condition,
    controller_of,
    created_at,
    duration,
    is_leaving,
    is_true,
    key_of,
    moment,
    name_of,
    namespace_of,
    plural,
    sentence,
    since_s,
    spec_of,
    status_of,
)
from workers.triage.snapshot import Snapshot

CREATE_S = 30  # for a busy controller to make missing pods, guessed
ADMISSION_RECENT_S = 900  # controllers try again with a back-off of up to some 15 minutes
KINDS = (
    ("deployments", "Deployment"), ("statefulsets", "StatefulSet"), ("daemonsets", "DaemonSet"),
    ("replicasets", "ReplicaSet"), ("jobs", "Job"),
)  # fmt: skip
_QUOTA = re.compile(r"exceeded quota")
_WEBHOOK = re.compile(r"failed calling (?:admission )?webhook")


@dataclass(frozen=True)
class Count:
    """How many pods a workload should have, and how many of them are ready (of a job: run or have succeeded)."""

    desired: int
    ready: int


def count_of(kind: str, workload: Obj) -> Count:
    status = status_of(workload)
    if kind == "DaemonSet":
        return Count(int(status.get("desiredNumberScheduled") or 0), int(status.get("numberReady") or 0))
    if kind == "Job":
        ended = any(is_true(workload, end) for end in ("Complete", "Failed"))
        running = int(status.get("active") or 0) + int(status.get("succeeded") or 0)
        return Count(0 if ended or spec_of(workload).get("suspend") else 1, running)
    desired = spec_of(workload).get("replicas")
    return Count(1 if desired is None else int(desired), int(status.get("readyReplicas") or 0))


def workload_findings(snap: Snapshot) -> Iterator[Draft]:
    """What keeps workloads below their wanted number. Those scaled to zero want none, and old replica sets too."""
    for resource, kind in KINDS:
        for workload in snap.all(resource):
            if is_leaving(workload) or (kind == "ReplicaSet" and controller_of(workload) is not None):
                continue
            count = count_of(kind, workload)
            if count.desired > 0:
                yield from _refused(kind, workload, snap, count)
                if kind != "Job":
                    yield from _stalled(kind, workload, snap)
                    yield from _short(kind, workload, snap, count)


def _refused(kind: str, workload: Obj, snap: Snapshot, count: Count) -> Iterator[Draft]:
    """Pods that the API server does not let its controller create."""
    said = condition(workload, "ReplicaFailure")
    warned = _failed_create(kind, workload, snap) if count.ready < count.desired else None
    if said.get("status") == "True":
        message, since = str(said.get("message") or ""), moment(said.get("lastTransitionTime"))
    elif warned:
        message, since = warned.message, warned.first
    else:
        return
    for name, pattern in _REFUSALS:
        if pattern.search(message):
            yield _draft(kind, workload, snap, name, message, since)
    yield _draft(kind, workload, snap, "ReplicaFailure", message, since)


_REFUSALS: tuple[tuple[Condition, re.Pattern[str]], ...] = (("QuotaExceeded", _QUOTA), ("WebhookUnavailable", _WEBHOOK))


def _failed_create(kind: str, workload: Obj, snap: Snapshot) -> Warned | None:
    """The latest refusal that its controller met, of the workload itself or of its newest replica set."""
    warned = snap.events.find(kind, *key_of(workload), "FailedCreate")
    return warned if warned and since_s(warned.last, snap.now) <= ADMISSION_RECENT_S else None


def _stalled(kind: str, workload: Obj, snap: Snapshot) -> Iterator[Draft]:
    said = condition(workload, "Progressing")
    if said.get("reason") == "ProgressDeadlineExceeded" and not spec_of(workload).get("paused"):
        since = moment(said.get("lastTransitionTime"))
        yield _draft(kind, workload, snap, "ProgressDeadlineExceeded", str(said.get("message") or ""), since)


def _short(kind: str, workload: Obj, snap: Snapshot, count: Count) -> Iterator[Draft]:
    """Fewer ready pods than wanted, unless the rest is merely on its way."""
    if count.ready >= count.desired or age_s(workload, snap.now) <= SETTLE_S:
        return
    since = _short_since(workload)
    if snap.complete("pods"):
        pods = snap.pods_of(namespace_of(workload), snap.owners.top(kind, workload))
        settled = [p for p in pods if not is_leaving(p) and not is_starting(p, snap.now)]
        all_well = all(is_true(p, "Ready") for p in settled)
        if all_well and (any_moving(pods, snap.now) or len(settled) >= count.desired):
            return  # the rest is on its way, or the controller has not counted yet
        if all_well and since_s(since, snap.now) <= CREATE_S:
            return
    elif since_s(since, snap.now) <= START_S:
        return
    held = f"for {duration(since_s(since, snap.now))}" if since else ""
    message = f"{count.ready} of {plural(count.desired, 'pod')} ready {held}"
    yield _draft(kind, workload, snap, "ReplicasMismatch", message, since)


def _short_since(workload: Obj) -> datetime | None:
    available = condition(workload, "Available")
    if available.get("status") == "False":
        return moment(available.get("lastTransitionTime"))
    return created_at(workload) if not status_of(workload).get("readyReplicas") else None


def _draft(kind: str, workload: Obj, snap: Snapshot, name: Condition, message: str, since: datetime | None) -> Draft:
    namespace, owner = namespace_of(workload), snap.owners.top(kind, workload)
    count = count_of(kind, workload)
    return Draft(
        condition=name, severity="warning" if count.ready else "critical", kind=kind, namespace=namespace,
        name=name_of(workload), owner=owner, message=sentence(message), since=since,
        sources=(
            object_source(snap, kind, workload, replicas=spec_of(workload).get("replicas"), status=status_of(workload)),
            *events_source(snap, kind, workload),
        ),
    )  # fmt: skip
