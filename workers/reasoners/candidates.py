"""Causes that runbooks suggest: each problem or symptom of the case, with each runbook whose signals hold of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from core.incident import Alert
from workers.reasoners.causes import Link, blamed, root_of
from workers.reasoners.scope import Place, Scope
from workers.reasoners.seen import Problem, Seen, deviates
from workers.reasoners.signals import Match, Sight, match, strength
from workers.runbook import Runbook

# A symptom without a finding is explained only by a match this good; below it, "I do not know" serves better.
SYMPTOM_FLOOR = 0.65
_MOST = 100  # problems explained in one case, the worst; each is compared with all others
_ALERT_KINDS = (
    ("deployment", "Deployment"), ("statefulset", "StatefulSet"), ("daemonset", "DaemonSet"), ("cronjob", "CronJob"),
    ("job_name", "Job"), ("persistentvolumeclaim", "PersistentVolumeClaim"), ("node", "Node"), ("pod", "Pod"),
    ("service", "Service"), ("instance", "Instance"),
)  # fmt: skip


@dataclass(frozen=True)
class Anchor:
    """What needs explaining at the root: an owner's problem or a symptom of it, and what it brought about."""

    sight: Sight
    ways: tuple[tuple[Link, ...], ...] = ()  # from each thing asked about to this
    effects: tuple[Problem, ...] = ()

    @property
    def certainty(self) -> float:
        """How sure it is that this is what was asked about, over the surest way."""
        product = 1.0
        for link in self.way:
            product *= link.strength
        return product

    @property
    def way(self) -> tuple[Link, ...]:
        """The shortest way: it needs the fewest assumptions."""
        return min(self.ways, key=len, default=())


@dataclass(frozen=True)
class Candidate:
    """One runbook that fits one anchor."""

    anchor: Anchor
    runbook: Runbook
    matches: tuple[Match, ...]
    fit: float  # of the signals alone, 0 to 1

    @property
    def score(self) -> float:
        return self.fit * self.anchor.certainty

    @property
    def rank(self) -> float:
        """The score, and a little for what it explains, how bad it is, and how lately it began."""
        sight = self.anchor.sight
        problem = sight.problem
        critical = 0.05 if problem and problem.severity == "critical" else 0.0
        alerted = min((a.starts_at for a in sight.seen.firing), default=None)
        stale = bool(problem and problem.since and alerted and alerted - problem.since > timedelta(days=1))
        return self.score + critical + 0.02 * min(len(self.anchor.effects), 5) - (0.3 if stale else 0.0)


def candidates(seen: Seen, scope: Scope, runbooks: Iterable[Runbook]) -> list[Candidate]:
    """Every cause that fits, best first."""
    books = [book for book in runbooks if book.cause]
    found = [c for anchor in problem_anchors(seen, scope) for book in books if (c := consider(book, anchor))]
    if not any(c.score >= SYMPTOM_FLOOR for c in found):
        symptoms = [c for anchor in symptom_anchors(seen, scope) for book in books if (c := consider(book, anchor))]
        found += [c for c in symptoms if c.score >= SYMPTOM_FLOOR]
    return sorted(found, key=lambda c: (c.rank, len(c.matches)), reverse=True)


def consider(runbook: Runbook, anchor: Anchor) -> Candidate | None:
    """The runbook as a cause here; None when a required signal does not hold, or none that counts."""
    matches, weights = list[Match](), list[float]()
    for signal in runbook.signals:
        found = match(signal, replace(anchor.sight, leading=signal.required))
        if found is None:
            if signal.required:
                return None
            continue
        matches.append(found)
        weights.append(signal.weight)
    if not any(weights):
        return None
    return Candidate(anchor, runbook, tuple(m for m in matches if m.text), strength(iter(weights)))


def problem_anchors(seen: Seen, scope: Scope) -> list[Anchor]:
    """The first causes of the problems asked about; of what it relies on, when nothing is wrong with itself."""
    found: dict[Problem, Anchor] = {}

    def add(root: Problem, way: tuple[Link, ...], effect: Problem | None) -> None:
        anchor = found.get(root) or Anchor(_sight(seen, root.place, root))
        effects = anchor.effects if effect in (None, root, *anchor.effects) else (*anchor.effects, effect)
        found[root] = replace(anchor, ways=(*anchor.ways, way), effects=tuple(e for e in effects if e))

    effects = asked_about(seen, scope)
    for effect in effects:
        add(*root_of(effect, seen), effect)
    if not effects:
        for place in focus(seen, scope):
            for link in blamed(place, seen) if _in_doubt(seen, place) else ():
                if link.cause.severity == "critical" or _suffers(seen, place):
                    root, way = root_of(link.cause, seen)
                    add(root, (link, *way), None)
    return list(found.values())


def asked_about(seen: Seen, scope: Scope) -> list[Problem]:
    """The problems of those whom the case is about; of a name that nothing has, only what its alerts are about."""
    if scope.unseen:
        alerted = {alert_place(alert, seen) for alert in alerts_asked_about(seen, scope)}
        mine = [p for p in seen.problems if p.place in alerted]
    else:
        named = bool(scope.names)
        mine = [p for p in seen.problems if scope.holds(*p.place) or (named and any(scope.holds(*h) for h in p.harms))]
    urgent = [p for p in mine if p.severity != "info"]
    return (urgent or (mine if scope.names else []))[:_MOST]


def focus(seen: Seen, scope: Scope) -> list[Place]:
    """The owners that the case is about, as far as any of them was seen."""
    return [place for place in seen.places if scope.names and scope.holds(*place)]


def symptom_anchors(seen: Seen, scope: Scope) -> Iterator[Anchor]:
    """Owners whose metrics, alerts or logs say that something is wrong, those relied on before those that rely."""
    own = [place for place in seen.places if scope.holds(*place) and not scope.unseen]
    alerted = [alert_place(alert, seen) for alert in alerts_asked_about(seen, scope)]
    places = list(dict.fromkeys((*own, *alerted)))
    called = frozenset(p for place in own for p in seen.called_by(place))
    needed = [p for p in seen.places if p in called and p not in places]
    troubled = [place for place in needed if any(map(deviates, seen.readings(place)))]
    for place in troubled or [p for p in places if _in_doubt(seen, p) and not _has_problem(seen, p)]:
        yield Anchor(_sight(seen, place, None))


def alerts_asked_about(seen: Seen, scope: Scope) -> list[Alert]:
    """Firing alerts that the subject names, or that are about those whom it is about."""
    text, own = seen.case.subject.text, focus(seen, scope)
    mine = {id(alert) for place in own for alert in seen.alerts(place)}
    return [
        alert for alert in seen.firing
        if id(alert) in mine or alert.name in text
        or (not scope.names and not scope.unseen and scope.namespace in (None, alert.labels.get("namespace")))
    ]  # fmt: skip


def alert_place(alert: Alert, seen: Seen) -> Place:
    """The owner that an alert is about: a seen one, else the object its labels name, else the alert itself."""
    found = [place for place in seen.places if any(mine is alert for mine in seen.alerts(place))]
    if found:
        return next((place for place in found if not place[1].startswith("Service/")), found[0])
    namespace = alert.labels.get("namespace", "")
    named = next(
        (f"{kind}/{_host(alert.labels[label])}" for label, kind in _ALERT_KINDS if alert.labels.get(label)), None
    )
    return namespace, named or f"Alert/{alert.name}"


def _host(name: str) -> str:
    """An instance without the port that it is scraped at."""
    return name.rpartition(":")[0] or name


def _in_doubt(seen: Seen, place: Place) -> bool:
    """Whether it may be unwell: not when its metrics are known to be normal and no alert is about it."""
    readings = [r for r in seen.readings(place) if r.now is not None and r.name != "alert_expr"]
    return not readings or any(map(deviates, readings)) or bool(seen.alerts(place))


def _suffers(seen: Seen, place: Place) -> bool:
    """Whether it shows signs of trouble without a finding: an alert, a metric far from normal, a log that complains."""
    return bool(seen.alerts(place) or seen.complaints(place)) or any(map(deviates, seen.readings(place)))


def _has_problem(seen: Seen, place: Place) -> bool:
    """Whether findings already say what is wrong with it; their causes are looked for by themselves."""
    return any(problem.severity != "info" for problem in seen.problems_of(place))


def _sight(seen: Seen, place: Place, problem: Problem | None) -> Sight:
    return Sight(seen, place, problem, seen.called_by(place))
