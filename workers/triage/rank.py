"""The order of findings: whom they concern, then causes before what follows from them, then the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from core.observation import Condition
from workers.triage.draft import Draft

# From what usually is the cause to what usually only follows from one.
CAUSALITY: tuple[Condition, ...] = (
    "NodeNotReady", "NodePressure", "QuotaExceeded", "WebhookUnavailable", "PVCPending", "Evicted", "OOMKilled",
    "ImagePullBackOff", "CreateContainerConfigError", "FailedMount", "FailedCreatePodSandBox", "Unschedulable",
    "CrashLoopBackOff", "CronJobInvalid", "JobFailed", "Unhealthy", "ReplicaFailure", "ProgressDeadlineExceeded",
    "HPALimited", "ReplicasMismatch", "NoEndpoints", "IngressBackendMissing",
)  # fmt: skip
_NOT_STARTED: frozenset[Condition] = frozenset({
    "ProgressDeadlineExceeded", "ReplicasMismatch", "NoEndpoints", "HPALimited", "JobFailed", "Unhealthy",
})  # fmt: skip
_LOST_PODS: frozenset[Condition] = _NOT_STARTED | {"Evicted", "FailedCreatePodSandBox", "Unschedulable"}
# What each may explain of the same workload. A pressed node does not explain a crash, so not everything is here.
EXPLAINS: dict[Condition, frozenset[Condition]] = {
    "NodeNotReady": _LOST_PODS,
    "NodePressure": frozenset({"Evicted", "Unschedulable"}),
    "QuotaExceeded": _NOT_STARTED | {"ReplicaFailure"},
    "WebhookUnavailable": _NOT_STARTED | {"ReplicaFailure"},
    "PVCPending": _NOT_STARTED | {"Unschedulable", "FailedMount"},
    "Evicted": _NOT_STARTED,
    "OOMKilled": _NOT_STARTED | {"CrashLoopBackOff"},
    "ImagePullBackOff": _NOT_STARTED,
    "CreateContainerConfigError": _NOT_STARTED,
    "FailedMount": _NOT_STARTED,
    "FailedCreatePodSandBox": _NOT_STARTED,
    "Unschedulable": _NOT_STARTED,
    "CrashLoopBackOff": _NOT_STARTED,
    "Unhealthy": frozenset({"ProgressDeadlineExceeded", "ReplicasMismatch", "NoEndpoints", "HPALimited"}),
    "ReplicaFailure": frozenset({"ProgressDeadlineExceeded", "ReplicasMismatch", "NoEndpoints", "HPALimited"}),
    "ProgressDeadlineExceeded": frozenset({"ReplicasMismatch", "NoEndpoints"}),
    "ReplicasMismatch": frozenset({"NoEndpoints"}),
}
_SEVERITIES = ("critical", "warning", "info")
ALIKE = 10  # findings of one condition of one workload that are listed; guessed to be more than anybody reads


def ranked(drafts: Iterable[Draft], relevance: Callable[[Draft], int]) -> list[Draft]:
    """The drafts in order, those alike cut to `ALIKE`.

    Args:
        relevance: 0 for what was asked about, higher for what is further away.
    """
    all_drafts = list(drafts)
    causes: dict[tuple[str, str], set[Condition]] = defaultdict(set)
    for draft in all_drafts:
        for place in draft.places:
            causes[place].add(draft.condition)

    def key(draft: Draft) -> tuple[object, ...]:
        follows = any(
            draft.condition in EXPLAINS.get(cause, ()) for place in draft.places for cause in causes[place]
        )  # fmt: skip
        return (
            relevance(draft), follows, _SEVERITIES.index(draft.severity), CAUSALITY.index(draft.condition),
            draft.namespace, draft.owner, draft.name, draft.container or "",
        )  # fmt: skip

    kept: list[Draft] = []
    alike: dict[tuple[str, str, str, str | None], int] = defaultdict(int)
    for draft in sorted(all_drafts, key=key):
        same = (draft.condition, draft.namespace, draft.owner, draft.container)
        alike[same] += 1
        if alike[same] <= ALIKE:
            kept.append(draft)
    return kept
