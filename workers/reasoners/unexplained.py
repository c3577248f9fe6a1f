"""The two answers without a cause: nothing is wrong, and I do not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from core.diagnosis import Claim, Draft
from core.observation import Workload
from workers.reasoners.candidates import alerts_asked_about, asked_about, focus
from workers.reasoners.details import key_line
from workers.reasoners.scope import Scope, bare, needs
from workers.reasoners.seen import Seen, cite, deviates
from workers.reasoners.signals import problem_text
from workers.reasoners.words import clean, clock, count, figure, listed, quoted, span

_VITAL = re.compile(r"^(?:pods|deployments|statefulsets|daemonsets|namespace|the cluster)\b|Kubernetes API")
_ROLLING = timedelta(minutes=15)
_SURE = 0.9  # workloads and metrics say the same
_FAIRLY_SURE = 0.83  # workloads alone


def nothing_found(seen: Seen, scope: Scope) -> Draft:
    """ "Nothing is wrong", when what was read shows it; else "I do not know", with what was seen and where to look."""
    trouble = tuple(_trouble(seen, scope))
    workloads = _workloads(seen, scope)
    well = bool(workloads) or (not scope.names and bool(seen.observation.evidence))
    if trouble or scope.unseen or not well or _unread(seen):
        claims = trouble or tuple(_stand(seen, workloads))
        return Draft(root_cause=None, known=False, confidence=0.0, claims=claims, look_next=look_next(seen, scope),
                     reasoner="runbooks", note=_stranger(scope))  # fmt: skip
    claims = tuple(_healthy(seen, scope, workloads))
    measured = any(r.now is not None for w in workloads for r in seen.readings((w.namespace, w.owner)))
    return Draft(
        root_cause=None, known=True, confidence=_SURE if measured else _FAIRLY_SURE, claims=claims,
        ruled_out=tuple(_elsewhere(seen, scope)), look_next=look_next(seen, scope), reasoner="runbooks",
    )  # fmt: skip


def _stranger(scope: Scope) -> str | None:
    if not scope.unseen:
        return None
    return f"Nothing called {clean(scope.unseen)} was seen in {scope.label}; what is listed is about others."


def look_next(seen: Seen, scope: Scope) -> tuple[str, ...]:
    """The three places where a person should look first."""
    return tuple(dict.fromkeys(_places(seen, scope)))[:3]


def _places(seen: Seen, scope: Scope) -> Iterator[str]:
    namespace = scope.namespace or next((ns for ns, _ in focus(seen, scope)), None)
    flag = f"-n {namespace}" if namespace else "-A"
    owner = next((owner for _, owner in focus(seen, scope)), None)
    if scope.unseen:
        yield f"Whether {clean(scope.unseen)} exists, and where: `kubectl get all -A | grep {clean(scope.unseen)}`"
    if owner:
        target = owner.lower()
        yield f"The log of {bare(owner)} before its last restart: `kubectl logs {flag} {target} --previous --tail=50`"
    yield f"Events, newest last: `kubectl get events {flag} --sort-by=.lastTimestamp`"
    unread = (what for what in seen.observation.could_not_read if "(no " not in what)  # a setting nobody made
    for what in islice(unread, 1):
        yield f"What I could not read: {clean(what)}"
    needed = sorted(n for n in needs(scope.names, seen.config) if n in seen.config.services)
    if needed:
        yield f"What {scope.label} depends on: {listed(needed)}"
    hit = next(iter(seen.case.recall.runbooks), None)
    if hit:
        yield f"The nearest runbook: {clean(hit.title, 80)} ({hit.score:.2f} alike)"
    if owner:
        yield f"What changed last: `kubectl rollout history {flag} {owner.lower()}`"
    yield "Nodes under pressure: `kubectl describe nodes | grep -A6 Conditions`"


def _trouble(seen: Seen, scope: Scope) -> Iterator[Claim]:
    """What was seen to be wrong though no runbook explains it."""
    problems = [p for p in seen.problems if scope.holds(*p.place)] if scope.unseen else asked_about(seen, scope)
    for problem in problems[:4]:
        yield Claim(text=problem_text(problem, seen), evidence=problem.evidence)
    for alert in alerts_asked_about(seen, scope)[:3]:
        text = f"{clean(alert.name)} fires since {clock(alert.starts_at, seen.now)}: {quoted(alert.summary)}"
        yield Claim(text=text, evidence=seen.alert_evidence(alert))
    for place in focus(seen, scope):
        for reading in filter(deviates, seen.readings(place)):
            yield Claim(text=f"{clean(reading.service)}: {figure(reading)}", evidence=reading.evidence)
    for workload in _workloads(seen, scope):
        told = seen.problems_of((workload.namespace, workload.owner))
        if workload.ready < workload.desired and not told and not _rolling(seen, workload):
            yield Claim(text=f"{bare(workload.owner)}: {_standing(seen, workload)}", evidence=workload.evidence)


def _unread(seen: Seen) -> bool:
    """Whether pods or workloads themselves could not be read; without them nobody can say that all is well."""
    return any(_VITAL.search(what) for what in seen.observation.could_not_read)


def _healthy(seen: Seen, scope: Scope, workloads: list[Workload]) -> Iterator[Claim]:
    if not workloads:
        ids = cite([tuple(e.id for e in seen.observation.evidence if e.tool == "kubernetes")])
        yield Claim(text=f"{scope.label} looks healthy: none of the conditions I check for was found", evidence=ids)
        return
    yield from _stand(seen, workloads[:4], " looks healthy")
    for workload in workloads[:4]:
        lines = seen.lines((workload.namespace, workload.owner))
        said = key_line(line for line, _ in lines)
        for line, log in lines:
            if line == said:
                text = f"{bare(workload.owner)} logs {quoted(line)}, though nothing else shows trouble"
                yield Claim(text=text, evidence=log.evidence)
                break
    if len(workloads) > 4:
        rest = workloads[4:]
        ready, desired = sum(w.ready for w in rest), sum(w.desired for w in rest)
        yield Claim(text=f"{count(len(rest), 'other workload')}: {ready} of {desired} pods ready",
                    evidence=cite(w.evidence for w in rest))  # fmt: skip


def _stand(seen: Seen, workloads: list[Workload], verdict: str = "") -> Iterator[Claim]:
    """How each of them stands: its pods, and its metrics beside their normal."""
    for workload in workloads[:4]:
        place = workload.namespace, workload.owner
        readings = [r for r in seen.readings(place) if r.now is not None and r.name != "alert_expr"][:4]
        said = ", ".join((_standing(seen, workload), *map(figure, readings)))
        evidence = cite([workload.evidence, *(r.evidence for r in readings)])
        yield Claim(text=f"{bare(workload.owner)}{verdict}: {said}", evidence=evidence)


def _standing(seen: Seen, workload: Workload) -> str:
    since = f" for {span(seen.now - workload.ready_since)}" if workload.ready_since else ""
    restarts = f", {count(workload.restarts, 'restart')}" if workload.restarts else ""
    ready = f"{workload.ready} of {workload.desired} pods ready"
    rolling = ", a rollout is going on" if workload.ready < workload.desired and _rolling(seen, workload) else ""
    return f"{ready}{since if workload.ready >= workload.desired else ''}{restarts}{rolling}"


def _rolling(seen: Seen, workload: Workload) -> bool:
    return any(seen.now - c.at < _ROLLING for c in seen.changes((workload.namespace, workload.owner)))


def _workloads(seen: Seen, scope: Scope) -> list[Workload]:
    return [w for w in seen.observation.workloads if scope.holds(w.namespace, w.owner)]


def _elsewhere(seen: Seen, scope: Scope) -> Iterator[Claim]:
    """The worst fault of others, so that nobody thinks it was missed."""
    for problem in seen.problems:
        if not scope.holds(*problem.place) and problem.severity == "critical":
            text = f"{problem.place[1]} shows {problem.condition}, but nothing seen ties it to {scope.label}"
            yield Claim(text=text, evidence=problem.evidence)
            return
