"""One object in one line, and what its status says in a few."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from workers.triage.objects import (
    age_s,
    containers_of,
    created_at,
    duration,
    moment,
    name_of,
    namespace_of,
    since_s,
    spec_of,
    status_of,
    statuses_of,
    template_of,
)

Obj = dict[str, Any]
# True is the good state of most conditions; of those that name a trouble it is the bad one.
_TROUBLES = (
    "Pressure", "Unavailable", "Failure", "Failed", "Stalled", "Degraded", "ScalingLimited", "Dangling", "Conflict",
    "FailureTarget", "DisruptionTarget", "Terminating", "NonConformant",
)  # fmt: skip
_NEITHER = frozenset({"Complete", "SuccessCriteriaMet", "Suspended", "PodReadyToStartContainers"})


def row(kind: str, obj: Obj, now: datetime) -> str:
    """ "shop/checkout-1  Running, 1/1 ready, 5 restarts, node-2, 3 h old"."""
    where = f"{namespace_of(obj)}/{name_of(obj)}" if namespace_of(obj) else name_of(obj)
    age = f"{duration(age_s(obj, now))} old" if created_at(obj) else ""
    leaving = "being deleted" if obj["metadata"].get("deletionTimestamp") else ""
    said = ", ".join(filter(None, (state(kind, obj, now), age, leaving)))
    return f"{where}  {' '.join(said.split())}"  # one line, whatever a status says: who begins one, was listed


def is_troubled(kind: str, obj: Obj) -> bool:
    """Whether the object's own status says that something is not as it should be."""
    if kind == "Pod":
        phase = status_of(obj).get("phase")
        unready = any(not c.get("ready") and not init for c, init in statuses_of(obj))
        return phase in ("Failed", "Pending", "Unknown") or (phase == "Running" and unready)
    if kind in _STATES and _STATES[kind] is _workload:
        ready, wanted = _replicas(obj)
        return ready < wanted or bool(status_of(obj).get("unavailableReplicas"))
    return any(is_bad(c) for c in status_of(obj).get("conditions") or ())


def state(kind: str, obj: Obj, now: datetime) -> str:
    """What its status says, shortly."""
    return _STATES.get(kind, _other)(obj, now)


def conditions(obj: Obj, now: datetime) -> list[str]:
    """One line for each condition, those that are not as they should be first and marked."""
    lines = []
    for c in sorted(status_of(obj).get("conditions") or (), key=lambda c: not is_bad(c)):
        since = moment(c.get("lastTransitionTime"))
        held = f", for {duration(since_s(since, now))}" if since else ""
        lines.append(f"{'! ' if is_bad(c) else ''}{c.get('type')}={c.get('status')}{_why(c)}{held}")
    return lines


def containers(pod: Obj, now: datetime) -> list[str]:
    """What each container of a pod does now and how it ended before."""
    lines = []
    for status, init in statuses_of(pod):
        ready = "ready" if status.get("ready") else "not ready"
        lines.append(
            f"{'init ' if init else ''}container {status.get('name')}: {_doing(status, now)}, {ready}, "
            f"{status.get('restartCount', 0)} restarts, image {status.get('image')}"
        )
        last = (status.get("lastState") or {}).get("terminated")
        if last:
            lines.append(f"  ended before: {_ended(last, now)}")
    return lines


def is_bad(condition: Obj) -> bool:
    """Whether a condition is not as it should be."""
    kind, status = str(condition.get("type")), condition.get("status")
    if kind in _NEITHER:
        return False
    return bool(status == "Unknown" or (status == "True") == kind.endswith(_TROUBLES))


def _pod(obj: Obj, now: datetime) -> str:
    each = list(statuses_of(obj))
    main = [c for c, init in each if not init]
    phases = ("waiting", "terminated")
    reasons = {((c.get("state") or {}).get(phase) or {}).get("reason") for c, _ in each for phase in phases}
    said = [str(status_of(obj).get("reason") or status_of(obj).get("phase"))]
    said += sorted(str(reason) for reason in reasons - {None, "Completed", "PodInitializing"})
    ready = sum(bool(c.get("ready")) for c in main)
    said.append(f"{ready}/{len(main) or len(spec_of(obj).get('containers') or ())} ready")
    restarts = sum(c.get("restartCount", 0) for c, _ in each)
    if restarts:
        ended = [(c.get("lastState") or {}).get("terminated") or {} for c, _ in each]
        last = max((at for t in ended if (at := moment(t.get("finishedAt")))), default=None)
        said.append(f"{restarts} restarts" + (f", the last {duration(since_s(last, now))} ago" if last else ""))
    said.append(spec_of(obj).get("nodeName") or "on no node")
    return ", ".join(said)


def _workload(obj: Obj, _now: datetime) -> str:
    ready, wanted = _replicas(obj)
    s = status_of(obj)
    updated = s.get("updatedReplicas", s.get("updatedNumberScheduled"))
    said = [f"{ready}/{wanted} ready"] + ([f"{updated} up to date"] if updated not in (None, wanted) else [])
    return ", ".join([*said, *(str(c.get("image")) for c in containers_of(spec_of(template_of(obj))))])


def _service(obj: Obj, _now: datetime) -> str:
    spec = spec_of(obj)
    ports = " ".join(f"{p.get('port')}->{p.get('targetPort')}" for p in spec.get("ports") or ())
    selector = ",".join(f"{k}={v}" for k, v in (spec.get("selector") or {}).items())
    return f"{spec.get('type')}, ports {ports or 'none'}, selects {selector or 'nothing'}"


def _endpoints(obj: Obj, _now: datetime) -> str:
    ready = sum(len(s.get("addresses") or ()) for s in obj.get("subsets") or ())
    unready = sum(len(s.get("notReadyAddresses") or ()) for s in obj.get("subsets") or ())
    return f"{ready} ready addresses, {unready} not ready"


def _node(obj: Obj, now: datetime) -> str:
    return ("cordoned, " if spec_of(obj).get("unschedulable") else "") + _other(obj, now)


def _job(obj: Obj, now: datetime) -> str:
    counts = ", ".join(f"{status_of(obj).get(each, 0)} {each}" for each in ("succeeded", "failed", "active"))
    return "; ".join(filter(None, (counts, _other(obj, now))))


def _cron_job(obj: Obj, now: datetime) -> str:
    last = moment(status_of(obj).get("lastScheduleTime"))
    ran = f"last run {duration(since_s(last, now))} ago" if last else "never ran"
    return f"schedule {spec_of(obj).get('schedule')}, {ran}" + (", suspended" if spec_of(obj).get("suspend") else "")


def _autoscaler(obj: Obj, now: datetime) -> str:
    s, spec = status_of(obj), spec_of(obj)
    limits = f"{spec.get('minReplicas', 1)} to {spec.get('maxReplicas')}"
    wants = f"{s.get('currentReplicas')} replicas, wants {s.get('desiredReplicas')}, allowed {limits}"
    return "; ".join(filter(None, (wants, _other(obj, now))))


def _claim(obj: Obj, _now: datetime) -> str:
    spec = spec_of(obj)
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    return f"{status_of(obj).get('phase')}, {size} of class {spec.get('storageClassName')}"


def _other(obj: Obj, _now: datetime) -> str:
    found = status_of(obj).get("conditions") or ()
    bad = [f"{c.get('type')}={c.get('status')}{_why(c)}" for c in found if is_bad(c)]
    phase = status_of(obj).get("phase")
    said = [str(phase)] if phase else []
    return ", ".join([*said, *bad]) or ("all conditions as they should be" if found else "")


_STATES: dict[str, Callable[[Obj, datetime], str]] = {
    "Pod": _pod,
    "Deployment": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "ReplicaSet": _workload,
    "ReplicationController": _workload,
    "Service": _service,
    "Endpoints": _endpoints,
    "Node": _node,
    "Job": _job,
    "CronJob": _cron_job,
    "HorizontalPodAutoscaler": _autoscaler,
    "PersistentVolumeClaim": _claim,
}


def _replicas(obj: Obj) -> tuple[int, int]:
    """Ready and wanted."""
    s, wanted = status_of(obj), spec_of(obj).get("replicas")
    ready = s.get("readyReplicas") or s.get("numberReady") or 0
    return int(ready), int(wanted if wanted is not None else s.get("desiredNumberScheduled") or 0)


def _doing(status: Obj, now: datetime) -> str:
    current = status.get("state") or {}
    if current.get("waiting"):
        return f"waiting{_why(current['waiting'])}"
    if current.get("terminated"):
        return f"terminated, {_ended(current['terminated'], now)}"
    started = moment((current.get("running") or {}).get("startedAt"))
    return f"running for {duration(since_s(started, now))}" if started else "not started"


def _ended(terminated: Obj, now: datetime) -> str:
    at = moment(terminated.get("finishedAt"))
    signal = f" signal {terminated['signal']}" if terminated.get("signal") else ""
    ago = f", {duration(since_s(at, now))} ago" if at else ""
    return f"exit {terminated.get('exitCode')}{signal}{_why(terminated)}{ago}"


def _why(said: Obj) -> str:
    words = ": ".join(str(said[key]).strip() for key in ("reason", "message") if said.get(key))
    return f" ({words})" if words else ""
