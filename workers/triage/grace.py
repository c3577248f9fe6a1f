"""How long a young pod may take before not being ready is a fault."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from workers.triage.containers import WAITING
from workers.triage.objects import (
    Obj,
    age_s,
    condition,
    is_leaving,
    is_true,
    moment,
    since_s,
    spec_of,
    status_of,
    statuses_of,
)

START_S = 300  # to be scheduled, pull images and mount volumes; guessed from large images on slow registries
SETTLE_S = 10  # for controllers to act on what was just created or changed
_PROBE_DEFAULTS = {"initialDelaySeconds": 0, "periodSeconds": 10, "failureThreshold": 3}  # of the API


def grace_s(pod: Obj) -> float:
    """Seconds after its containers start in which a pod need not be ready: what its own probes allow."""
    allowed = (
        sum(_allows(container.get(probe)) for probe in ("startupProbe", "readinessProbe"))
        for container in spec_of(pod).get("containers") or ()
    )
    return max([SETTLE_S, *allowed])


def _allows(probe: Obj | None) -> float:
    if not probe:
        return 0.0
    delay, period, failures = (probe.get(name) or default for name, default in _PROBE_DEFAULTS.items())
    return float(delay + period * failures)


def started_at(pod: Obj) -> datetime | None:
    """When the last of its running containers started; None when none runs."""
    starts = [moment(((s.get("state") or {}).get("running") or {}).get("startedAt")) for s, _ in statuses_of(pod)]
    return max((at for at in starts if at), default=None)


def is_starting(pod: Obj, now: datetime) -> bool:
    """Whether it is not ready only because it is young."""
    phase = status_of(pod).get("phase")
    if is_leaving(pod) or is_true(pod, "Ready") or phase not in ("Pending", "Running", None) or _is_held(pod):
        return False
    started = started_at(pod)
    if phase == "Running" and started:
        return since_s(started, now) <= grace_s(pod)
    return age_s(pod, now) <= START_S


def _is_held(pod: Obj) -> bool:
    """Whether the cluster already says what keeps it: no node, a failed container, or one that cannot start."""
    if condition(pod, "PodScheduled").get("reason") == "Unschedulable":
        return True
    states = [each.get("state") or {} for each, _ in statuses_of(pod)]
    return any(
        (state.get("waiting") or {}).get("reason") in WAITING or (state.get("terminated") or {}).get("exitCode")
        for state in states
    )


def any_moving(pods: Iterable[Obj], now: datetime) -> bool:
    """Whether some are still starting or on their way out, as in any rollout."""
    return any(is_leaving(pod) or is_starting(pod, now) for pod in pods)
