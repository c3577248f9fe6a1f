"""Which problem comes of which, so that the cause is named and not the loudest of its consequences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from core.observation import Condition
from workers.reasoners.details import CONNECTION, badness, exit_in, host_in
from workers.reasoners.scope import Place, bare, needs
from workers.reasoners.seen import CITED, Problem, Seen, cite
from workers.reasoners.words import quoted

# What a pod's own state says; it explains what the pod's owner and its service then lack.
_POD: frozenset[Condition] = frozenset({
    "CrashLoopBackOff", "OOMKilled", "ImagePullBackOff", "CreateContainerConfigError", "Unschedulable", "Evicted",
    "Unhealthy", "FailedMount", "FailedCreatePodSandBox",
})  # fmt: skip
_REFUSED: frozenset[Condition] = frozenset({"ReplicaFailure", "QuotaExceeded", "WebhookUnavailable"})
_NODE: frozenset[Condition] = frozenset({"NodeNotReady", "NodePressure"})
_LOST: frozenset[Condition] = frozenset({  # what losing or filling a node does to the pods on it
    "Unhealthy", "ReplicasMismatch", "ProgressDeadlineExceeded", "NoEndpoints", "HPALimited", "JobFailed", "Evicted",
    "FailedCreatePodSandBox", "Unschedulable", "FailedMount",
})  # fmt: skip
_STARTING = _POD - {"Unhealthy", "CrashLoopBackOff", "Evicted"}
_SHORT: frozenset[Condition] = frozenset({
    "ReplicaFailure", "ReplicasMismatch", "ProgressDeadlineExceeded", "JobFailed",
})  # fmt: skip
_SAME_OWNER: dict[Condition, frozenset[Condition]] = {
    "CrashLoopBackOff": frozenset({"OOMKilled", "CreateContainerConfigError", "FailedMount"}),
    "Unhealthy": _STARTING | {"CrashLoopBackOff"},
    "JobFailed": _POD | _REFUSED,
    "ReplicasMismatch": _POD | _REFUSED | {"ProgressDeadlineExceeded"},
    "ProgressDeadlineExceeded": _POD | _REFUSED,
    "ReplicaFailure": frozenset({"QuotaExceeded", "WebhookUnavailable"}),
    "HPALimited": _POD | _REFUSED,
    "NoEndpoints": _POD | _REFUSED | {"ReplicasMismatch", "ProgressDeadlineExceeded"},
    "Unschedulable": frozenset({"PVCPending"}),
    "FailedMount": frozenset({"PVCPending"}),
}
# What another service's fault can bring about; the rest says itself what is wrong.
_SOFT: frozenset[Condition] = frozenset({
    "CrashLoopBackOff", "Unhealthy", "JobFailed", "ReplicasMismatch", "ProgressDeadlineExceeded", "HPALimited",
})  # fmt: skip
_PROBE_KILL = re.compile(
    r"(?:liveness|startup) probe (?:failed|errored)|failed (?:liveness|startup) probe", re.IGNORECASE
)
_NODE_TAINT = re.compile(
    r"not-ready|unreachable|[a-z]+-pressure|unschedulable|had (?:untolerated )?taint", re.IGNORECASE
)
_NO_POD_SELECTED = re.compile(
    r"(?:no|0) pods? (?:match|are selected)|selects? no|matches no|no matching pods?", re.IGNORECASE
)
_TOKEN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LATER = timedelta(minutes=10)  # a cause may be noted a little after its first effect, not much


@dataclass(frozen=True)
class Link:
    """Why one problem is taken to come of another. `strength` is how sure that is, 0 to 1."""

    cause: Problem
    strength: float
    text: str
    evidence: tuple[str, ...]


def root_of(problem: Problem, seen: Seen) -> tuple[Problem, tuple[Link, ...]]:
    """The first cause that the observation shows, and the way there."""
    way: list[Link] = []
    met = {problem}
    while (link := explained(problem, seen)) and link.cause not in met:
        way.append(link)
        problem = link.cause
        met.add(problem)
    return problem, tuple(way)


def explained(effect: Problem, seen: Seen) -> Link | None:
    """The surest explanation among the other problems."""
    memo = seen.memo.setdefault("explained", {})
    if effect not in memo:
        memo[effect] = _explained(effect, seen)
    link: Link | None = memo[effect]
    return link


def _explained(effect: Problem, seen: Seen) -> Link | None:
    links = [
        link for cause in seen.problems if cause is not effect
        for rule in _RULES if (link := rule(effect, cause, seen))
    ]  # fmt: skip
    return max(links, key=lambda link: link.strength, default=None)


def blamed(place: Place, seen: Seen) -> Iterator[Link]:
    """Problems of others that would explain trouble of an owner that has no finding of its own."""
    for cause in seen.problems:
        if cause.place != place and cause.severity != "info" and (link := _by_name_or_need(place, cause, seen)):
            yield link


def _same_owner(effect: Problem, cause: Problem, seen: Seen) -> Link | None:
    if effect.place != cause.place:
        return None
    pair = effect.condition, cause.condition
    if pair == ("CrashLoopBackOff", "Unhealthy"):
        follows = _killed_by_probe(effect, cause, seen)
    elif pair == ("Unhealthy", "CrashLoopBackOff"):
        follows = not _killed_by_probe(cause, effect, seen)
    else:
        follows = cause.condition in _SAME_OWNER.get(effect.condition, ())
    return (
        _link(cause, 1.0 - _depth(cause) / 100, f"{effect.condition} of {effect.place[1]} follows from it", effect)
        if follows
        else None
    )


def _depth(cause: Problem) -> int:
    """What says most goes first: a pod's state before what its owner lacks because of it."""
    return 0 if cause.condition in _STARTING else 1 if cause.condition in _POD | _REFUSED else 2


def _killed_by_probe(crash: Problem, unhealthy: Problem, seen: Seen) -> bool:
    """Whether the kubelet ends a process that would have gone on: killed by a signal, and no fatal line in its log."""
    if not _PROBE_KILL.search(seen.said_about(unhealthy)):
        return False
    by_signal = exit_in(seen.said_about(crash)) in (None, "137", "143")
    return by_signal and not any(badness(line) == 2 for line, _ in seen.lines(crash.place))


def _volume(effect: Problem, cause: Problem, seen: Seen) -> Link | None:
    if effect.place[0] != cause.place[0] or "first consumer" in cause.message:
        return None
    if cause.condition == "PVCPending" and effect.condition in ("Unschedulable", "FailedMount"):
        said = seen.said_about(effect).lower()
        guessed = not cause.harms and "persistentvolumeclaim" in said
        if guessed or effect.place in cause.harms or bare(cause.place[1]) in said:
            return _link(cause, 0.97, f"{effect.place[1]} waits for the volume", effect)
    return None


def _node(effect: Problem, cause: Problem, seen: Seen) -> Link | None:
    if cause.condition not in _NODE or effect.condition not in _LOST:
        return None
    said, node = seen.said_about(effect), bare(cause.place[1])
    named = effect.place in cause.harms or re.search(rf"(?<![\w.-]){re.escape(node)}(?![\w-])", said) is not None
    if effect.condition == "Evicted" and cause.condition == "NodePressure":
        return _link(cause, 0.95 if named else 0.85, f"{effect.place[1]} was evicted under the pressure", effect)
    if effect.condition == "Unschedulable" and _NODE_TAINT.search(said):
        return _link(cause, 0.85, f"{effect.place[1]} finds no node because of it", effect)
    if named and cause.condition == "NodeNotReady":
        return _link(cause, 0.9, f"{effect.place[1]} runs on {node}", effect)
    return None


def _admission(effect: Problem, cause: Problem, seen: Seen) -> Link | None:
    """Quotas and webhooks keep the pods of others from being created."""
    guarding = cause.condition == "WebhookUnavailable" and "WebhookConfiguration/" in cause.place[1]
    if effect.condition not in _SHORT | ({"WebhookUnavailable"} if guarding else set()) or effect.place == cause.place:
        return None
    said = seen.said_about(effect)
    if cause.condition == "QuotaExceeded" and effect.place[0] == cause.place[0] and "exceeded quota" in said:
        return _link(cause, 0.95, f"{effect.place[1]} cannot create pods because of it", effect)
    if guarding and "calling webhook" in said:
        return _link(cause, 0.95, f"{effect.place[1]} cannot create pods because of it", effect)
    return None


def _behind(effect: Problem, cause: Problem, seen: Seen) -> Link | None:
    """A service without endpoints, and what relies on it, come of the workload behind it."""
    said = seen.said_about(effect)
    if effect.condition == "NoEndpoints" and cause.condition in _POD | _REFUSED | {"ReplicasMismatch"}:
        if effect.place[0] != cause.place[0] or _NO_POD_SELECTED.search(effect.message):
            return None
        strength = _alike(effect, cause, said, seen)
        return _link(cause, strength, f"{effect.place[1]} has no endpoint because of it", effect) if strength else None
    relies = effect.condition in ("IngressBackendMissing", "WebhookUnavailable")
    if (
        relies
        and cause.condition in _POD | {"NoEndpoints", "ReplicasMismatch"}
        and bare(cause.place[1]) in _tokens(said)
    ):
        return _link(cause, 0.9, f"{effect.place[1]} has no backend because of it", effect)
    return None


def _alike(effect: Problem, cause: Problem, said: str, seen: Seen) -> float:
    """How sure it is that a service selects this owner's pods, by their names."""
    service, owner = bare(effect.place[1]), bare(cause.place[1])
    if effect.harms and cause.place not in effect.harms:
        return 0.0
    if (
        cause.place in effect.harms
        or service in seen.names(cause.place)
        or owner in _tokens(said)
        or any(pod in said for pod in cause.pods)
    ):
        return 0.95
    return 0.85 if owner.startswith(service + "-") or service.startswith(owner + "-") else 0.0


def _dependency(effect: Problem, cause: Problem, seen: Seen) -> Link | None:
    if effect.condition not in _SOFT or effect.place == cause.place or cause.severity == "info":
        return None
    return _by_name_or_need(effect.place, cause, seen, effect)


def _by_name_or_need(place: Place, cause: Problem, seen: Seen, effect: Problem | None = None) -> Link | None:
    """A fault of what the owner relies on: its log names it, or the catalogue says so and nothing speaks against it."""
    own = seen.names(place)
    names = seen.names(cause.place) - own
    needed = cause.place in seen.called_by(place) or bool(names & needs(own, seen.config))
    complaints = seen.complaints(place)
    for line, log in complaints:
        if _names_it(line, names, cause, near=place[0] == cause.place[0] or needed):
            text = f"{place[1]} fails for want of {bare(cause.place[1])}: it logs {quoted(line)}"
            return Link(cause, 0.97, text, log.evidence[:CITED])
    if not needed or cause.condition == "HPALimited" or _began_later(cause, place, effect, seen):
        return None
    text = f"{place[1]} depends on {bare(cause.place[1])}"
    if complaints:
        line, log = complaints[-1]
        return Link(cause, 0.95, f"{text}: it logs {quoted(line)}", log.evidence[:CITED])
    if cause.severity != "critical" or (effect and _speaks_for_itself(effect, seen)):
        return None
    first = effect is not None and effect.since is not None and cause.since is not None and cause.since <= effect.since
    return Link(cause, 0.92 if first else 0.87, text, cite([cause.evidence, effect.evidence if effect else ()]))


def _names_it(line: str, names: frozenset[str], cause: Problem, near: bool) -> bool:
    said = _tokens(line)
    host = (host_in(line) or "").partition(":")[0].split(".")[0]
    named = bool(names & said) or (len(host) >= 4 and bare(cause.place[1]).startswith(host + "-"))
    return named and (near or cause.place[0] in said)


def _tokens(text: str) -> set[str]:
    return set(_TOKEN.findall(text.lower()))


def _speaks_for_itself(effect: Problem, seen: Seen) -> bool:
    """Whether the owner's own log or a rollout of its own explains it, so that no dependency need be blamed."""
    if any(badness(line) == 2 and not CONNECTION.search(line) for line, _ in seen.lines(effect.place)):
        return True
    began = effect.since or seen.now
    return any(-_LATER <= began - change.at <= timedelta(hours=1) for change in seen.changes(effect.place))


def _began_later(cause: Problem, place: Place, effect: Problem | None, seen: Seen) -> bool:
    began = seen.onset(place, effect)
    return bool(began and cause.since and cause.since - began > _LATER)


def _link(cause: Problem, strength: float, text: str, effect: Problem) -> Link:
    return Link(cause, strength, text, effect.evidence)


_RULES: tuple[Callable[[Problem, Problem, Seen], Link | None], ...] = (
    _same_owner, _volume, _node, _admission, _behind, _dependency,
)  # fmt: skip
