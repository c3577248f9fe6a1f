"""Rules about pods: what keeps one from running, and what keeps one that runs from being well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from core.observation import Condition
from workers.triage.containers import death, troubles
from workers.triage.draft import Draft, Severity, Source, events_source, object_source, severity_of
from workers.triage.events import Warned
from workers.triage.grace import START_S, is_starting
from workers.triage.jobs import settled_jobs
from workers.triage.objects import (
    Key,
    Obj,
    age_s,
    condition,
    containers_of,
    controller_of,
    created_at,
    duration,
    is_leaving,
    is_true,
    key_of,
    moment,
    name_of,
    namespace_of,
    sentence,
    since_s,
    spec_of,
    status_of,
    statuses_of,
)
from workers.triage.snapshot import Snapshot

UNSCHEDULED_S = 60  # without a word from any scheduler
TRANSIENT_S = 60  # caches fill and volumes are provisioned within this, guessed
FAILED_KEPT_S = 86_400  # a bare pod that failed longer ago is history
EVICTED_KEPT_S = 3_600  # so is an eviction whose pod was replaced
PROBE_FAILURES = 3  # the API's default failureThreshold
PROBE_RECENT_S = 300
_MOUNT = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_SANDBOX = ("FailedCreatePodSandBox", "FailedCreatePodContainer", "NetworkNotReady")
_TRANSIENT = ("failed to sync", "unbound immediate PersistentVolumeClaims", "network is not ready", "cni plugin not")
# Why the kubelet or a controller ended a pod that its owner then replaces.
_MOVED = frozenset({"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "Preempting", "NodeAffinity"})


def pod_findings(snap: Snapshot) -> Iterator[Draft]:
    """Every pod's own faults. Pods that succeeded, that are leaving, or that are within their grace have none."""
    settled = settled_jobs(snap)
    warned = set(snap.events.about("Pod"))
    for pod in snap.all("pods"):
        if is_leaving(pod) or (key_of(pod) not in warned and _is_plainly_well(pod)):
            continue
        phase = status_of(pod).get("phase")
        if phase == "Failed":
            yield from _failed(pod, snap, settled)
        elif phase != "Succeeded":
            yield from _living(pod, snap)


def _is_plainly_well(pod: Obj) -> bool:
    """A quick yes for the thousands of pods that run and never died."""
    status = status_of(pod)
    return status.get("phase") == "Running" and is_true(pod, "Ready") and not any(
        each.get("lastState") for each in status.get("containerStatuses") or ()
    )  # fmt: skip


def _living(pod: Obj, snap: Snapshot) -> Iterator[Draft]:
    found = list(_containers(pod, snap))
    if found:
        yield from found
    elif not spec_of(pod).get("nodeName"):
        yield from _unscheduled(pod, snap)
    elif status_of(pod).get("phase") == "Pending":
        yield from _stuck(pod, snap)
    else:
        yield from _unhealthy(pod, snap)


def _containers(pod: Obj, snap: Snapshot) -> Iterator[Draft]:
    specs = {c.get("name"): c for c in containers_of(spec_of(pod))}
    always = spec_of(pod).get("restartPolicy", "Always") != "Never"
    for status, is_init in statuses_of(pod):
        for trouble in troubles(status, specs.get(status.get("name"), {}), snap.now, always):
            yield _draft(pod, snap, trouble.condition, f"init {trouble.message}" if is_init else trouble.message,
                         container=trouble.container, add_event=True)  # fmt: skip


def _unscheduled(pod: Obj, snap: Snapshot) -> Iterator[Draft]:
    said = condition(pod, "PodScheduled")
    message = str(said.get("message") or "")
    if said.get("reason") == "SchedulingGated":
        return
    if said.get("reason") == "Unschedulable":
        if not (_is_transient(message) and age_s(pod, snap.now) <= TRANSIENT_S):
            yield _draft(pod, snap, "Unschedulable", message, since=moment(said.get("lastTransitionTime")))
    elif age_s(pod, snap.now) > UNSCHEDULED_S:
        scheduler = spec_of(pod).get("schedulerName") or "default-scheduler"
        waited = duration(age_s(pod, snap.now))
        yield _draft(pod, snap, "Unschedulable", f"no scheduler has placed it for {waited}; it asks for {scheduler}")


def _stuck(pod: Obj, snap: Snapshot) -> Iterator[Draft]:
    """Bound to a node, but its containers do not start."""
    age = age_s(pod, snap.now)
    kinds: tuple[tuple[Condition, tuple[str, ...]], ...] = (
        ("FailedMount", _MOUNT), ("FailedCreatePodSandBox", _SANDBOX),
    )  # fmt: skip
    for name, reasons in kinds:
        warned = snap.events.find("Pod", *key_of(pod), *reasons)
        if warned and not (_is_transient(warned.message) and age <= TRANSIENT_S):
            yield _draft(pod, snap, name, warned.message, since=warned.first)
            return
    if age > START_S:
        waits = _still_starting(pod)
        yield _draft(pod, snap, "Unhealthy", f"it has been starting for {duration(age)}: {waits}", add_event=True)


def _still_starting(pod: Obj) -> str:
    for status, is_init in statuses_of(pod):
        state = status.get("state") or {}
        if is_init and "running" in state:
            return f"init container {status.get('name')} has not ended"
        if waiting := state.get("waiting"):
            return f"container {status.get('name')} waits ({waiting.get('reason') or 'no reason given'})"
    return "its containers have not started"


def _unhealthy(pod: Obj, snap: Snapshot) -> Iterator[Draft]:
    ready, warned = condition(pod, "Ready"), snap.events.find("Pod", *key_of(pod), "Unhealthy", "ProbeWarning")
    turned = moment(ready.get("lastTransitionTime"))
    if ready.get("status") == "True":
        if warned and _keeps_failing(warned, turned, snap.now):
            message = sentence(f"a probe keeps failing ({warned.count} times)", warned.message)
            yield _draft(pod, snap, "Unhealthy", message, since=warned.first, severity="warning")
    elif not is_starting(pod, snap.now):
        unready = [str(s.get("name")) for s, is_init in statuses_of(pod) if not is_init and not s.get("ready")]
        who = f"container {', '.join(unready)} is not ready" if unready else str(ready.get("message") or "not ready")
        held = f"for {duration(since_s(turned, snap.now))}" if turned else ""
        message = sentence(f"{who} {held}", warned.message if warned else "")
        yield _draft(pod, snap, "Unhealthy", message, since=turned)


def _keeps_failing(warned: Warned, ready_since: datetime | None, now: datetime) -> bool:
    """Whether a probe of a ready pod fails again and again, not once under load and not only while it started."""
    if warned.count < PROBE_FAILURES or since_s(warned.last, now) > PROBE_RECENT_S:
        return False
    lasted_s = (warned.last - warned.first).total_seconds() if warned.last and warned.first else 0.0
    often = lasted_s / warned.count <= PROBE_RECENT_S / PROBE_FAILURES
    return often and since_s(warned.last, now) < since_s(ready_since, now)


def _failed(pod: Obj, snap: Snapshot, settled: frozenset[Key]) -> Iterator[Draft]:
    """A pod that ended in failure. Most are replaced by their owner, and then tell nothing."""
    above, status = controller_of(pod), status_of(pod)
    reason, ended = str(status.get("reason") or ""), _ended_at(pod)
    age = since_s(ended or created_at(pod), snap.now)
    message = sentence(reason, status.get("message"))
    if above and above[0] == "Job":
        if (namespace_of(pod), above[1]) not in settled:
            yield from _died(pod, snap)
    elif reason == "Evicted":
        if age <= EVICTED_KEPT_S or not above:
            yield _draft(pod, snap, "Evicted", message, since=ended, severity="warning")
    elif not above and age <= FAILED_KEPT_S:
        if reason in _MOVED:
            yield _draft(pod, snap, "Evicted", message, since=ended, severity="warning")
        elif reason:  # the kubelet refused it: OutOfcpu, UnexpectedAdmissionError
            yield _draft(pod, snap, "Unschedulable", message, since=ended)
        else:
            yield from _died(pod, snap)


def _died(pod: Obj, snap: Snapshot) -> Iterator[Draft]:
    """Containers that are not started again. That a job failed is the job's own finding; that memory ran out is not."""
    specs = {c.get("name"): c for c in containers_of(spec_of(pod))}
    for status, _ in statuses_of(pod):
        dead = death(status, specs.get(status.get("name"), {}))
        if dead and (dead.condition == "OOMKilled" or not controller_of(pod)):
            message = sentence(dead.message, "it is not started again")
            yield _draft(pod, snap, dead.condition, message, container=dead.container, since=_ended_at(pod))


def _ended_at(pod: Obj) -> datetime | None:
    """When the pod failed, as far as anything says so."""
    ends = [moment(((s.get("state") or {}).get("terminated") or {}).get("finishedAt")) for s, _ in statuses_of(pod)]
    disrupted = moment(condition(pod, "DisruptionTarget").get("lastTransitionTime"))
    return max((at for at in (*ends, disrupted) if at), default=None)


def _is_transient(message: str) -> bool:
    return any(words in message for words in _TRANSIENT)


def _draft(
    pod: Obj, snap: Snapshot, name: Condition, message: str, *, container: str | None = None,
    since: datetime | None = None, severity: Severity | None = None, add_event: bool = False,
) -> Draft:  # fmt: skip
    owner = snap.owner_of(pod)
    said = snap.events.telling("Pod", *key_of(pod)) if add_event else None
    return Draft(
        condition=name, severity=severity or severity_of(snap, namespace_of(pod), owner), kind="Pod",
        namespace=namespace_of(pod), name=name_of(pod), owner=owner, container=container,
        message=sentence(message, said.message if said else ""), since=since or _began(pod, snap),
        sources=(pod_source(snap, pod), *events_source(snap, "Pod", pod)),
    )  # fmt: skip


def _began(pod: Obj, snap: Snapshot) -> datetime | None:
    """When the trouble began: the first warning of the hour, or when the pod stopped being ready before that."""
    firsts = [warned.first for warned in snap.events.of("Pod", *key_of(pod))]
    times = [*firsts, moment(condition(pod, "Ready").get("lastTransitionTime"))]
    return min((at for at in times if at), default=created_at(pod))


def pod_source(snap: Snapshot, pod: Obj) -> Source:
    """The pod's status, with the image and resources of each container."""
    specs = {c.get("name"): c for c in containers_of(spec_of(pod))}

    def shown(status: Obj) -> Obj:
        spec = specs.get(status.get("name"), {})
        kept = {key: status.get(key) for key in ("name", "ready", "restartCount", "state", "lastState")}
        return {**kept, "image": spec.get("image"), "resources": spec.get("resources")}

    status = status_of(pod)
    return object_source(
        snap, "Pod", pod, phase=status.get("phase"), reason=status.get("reason"), message=status.get("message"),
        node=spec_of(pod).get("nodeName"), containers=[shown(each) for each, _ in statuses_of(pod)],
        conditions=[c for c in status.get("conditions") or () if c.get("status") != "True"],
    )  # fmt: skip
