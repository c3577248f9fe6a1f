"""Which of a runbook's signals hold of one owner, and the evidence that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from core.observation import Finding, LogExcerpt
from workers.predicate import ChangeTest, FindingTest, Predicate, ReadingTest, compiled
from workers.reasoners.details import badness, host_in, key_line
from workers.reasoners.scope import Place
from workers.reasoners.seen import CITED, Problem, Seen, cite, deviates
from workers.reasoners.words import clean, clock, count, figure, quoted, rollout

_SLACK = timedelta(minutes=5)  # a fault's first sign may be noted a little before the rollout that brought it


@dataclass(frozen=True)
class Match:
    """What a predicate matched: a sentence, its evidence, and the specifics it gives to a statement."""

    text: str
    evidence: tuple[str, ...]
    specifics: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sight:
    """One owner as a predicate sees it: its leading problem if it has one, and the owners it depends on."""

    seen: Seen
    place: Place
    problem: Problem | None
    needed: frozenset[Place] = frozenset()
    leading: bool = False  # findings of the owner must be the leading problem's own

    @property
    def enough(self) -> int:
        """How many log lines must match: a service that is well by all else logs an error now and then."""
        seen, place = self.seen, self.place
        unwell = self.problem or seen.alerts(place) or any(map(deviates, seen.readings(place)))
        return 1 if unwell else 3

    def places(self, of: str) -> list[Place]:
        """The places that belong to `of`, the owner's own first."""
        inside = self.within(of)
        return [place for place in dict.fromkeys((self.place, *self.seen.places)) if inside(place)]

    def within(self, of: str) -> Callable[[Place], bool]:
        """Whether a place belongs to the `of` of a predicate."""
        return {
            "owner": lambda place: place == self.place,
            "dependency": lambda place: place in self.needed,
            "namespace": lambda place: place[0] == self.place[0],
            "cluster": lambda place: True,
        }[of]


def match(test: Predicate, sight: Sight) -> Match | None:
    """What shows that the predicate holds; None when nothing does."""
    if test.all:
        found = [match(part, sight) for part in test.all]
        return _joined([m for m in found if m]) if all(found) else None
    if test.any:
        return next((m for part in test.any if (m := match(part, sight))), None)
    if test.none:
        return None if any(match(part, replace(sight, leading=False)) for part in test.none) else Match("", ())
    return next(look(value, sight, test.of) for name, look in _LEAVES.items() if (value := getattr(test, name)))


def _finding(test: FindingTest, sight: Sight, of: str) -> Match | None:
    inside = sight.within(of)
    if sight.leading and of == "owner":
        problems: tuple[Problem, ...] = (sight.problem,) if sight.problem else ()
    else:
        problems = tuple(p for p in sight.seen.problems if inside(p.place))
    for problem in problems:
        if _is(test, problem, sight.seen):
            return Match(problem_text(problem, sight.seen), problem.evidence)
    return None


def _is(test: FindingTest, problem: Problem, seen: Seen) -> bool:
    def one(finding: Finding) -> bool:
        return (not test.kind or finding.kind in test.kind) and (
            test.container is None or bool(compiled(test.container).search(finding.container or ""))
        )

    return (
        problem.condition in test.condition
        and (not test.severity or problem.severity in test.severity)
        and any(one(finding) for finding in problem.findings)
        and (test.message is None or bool(compiled(test.message).search(seen.said_about(problem))))
    )


def problem_text(problem: Problem, seen: Seen) -> str:
    """ "2 pods of Deployment/checkout are in CrashLoopBackOff since 02:12 UTC: …"."""
    owner = problem.place[1]
    pods = len(problem.pods)
    who = f"{count(pods, 'pod')} of {owner}" if pods and problem.pods != {owner.rpartition("/")[2]} else owner
    since = f" since {clock(problem.since, seen.now)}" if problem.since else ""
    verb = "show" if pods > 1 else "shows"
    return f"{who} {verb} {problem.condition}{since}: {quoted(problem.message)}"


def _log(patterns: tuple[str, ...], sight: Sight, of: str) -> Match | None:
    """The first pattern's line before the second's: a runbook lists the most telling first."""
    for place in sight.places(of):
        lines = sight.seen.lines(place)
        for pattern in patterns:
            found = [(line, log) for line, log in lines if line and compiled(pattern).search(line)]
            if len(found) >= sight.enough:
                return _logged(place, *found[-1])
    return None


def _log_says(least: str, sight: Sight, of: str) -> Match | None:
    for place in sight.places(of):
        lines = sight.seen.lines(place)
        said = key_line(line for line, _ in lines)
        if said and badness(said) >= (2 if least == "fatal" else 1):
            return _logged(place, said, next(log for line, log in lines if line == said))
    return None


def _logged(place: Place, line: str, log: LogExcerpt) -> Match:
    said = quoted(line)
    return Match(f"{place[1]} logs {said}", log.evidence[:CITED], {"log": said, "host": clean(host_in(line) or "")})


def _event(patterns: tuple[str, ...], sight: Sight, of: str) -> Match | None:
    inside = sight.within(of)
    for problem in (p for p in sight.seen.problems if inside(p.place)):
        for line in sight.seen.said_about(problem).splitlines():
            if any(compiled(pattern).search(line[:2000]) for pattern in patterns):
                told = problem is sight.problem and line in problem.message  # its own claim quotes the message
                text = "" if told else f"The cluster says of {problem.place[1]}: {quoted(line)}"
                return Match(text, problem.evidence, {"reason": quoted(line)})
    return None


def _change(test: ChangeTest, sight: Sight, of: str) -> Match | None:
    inside, seen = sight.within(of), sight.seen
    began = seen.onset(sight.place, sight.problem) or seen.now
    for change in (c for c in seen.observation.changes if inside((c.namespace, c.owner))):
        in_time = -_SLACK <= began - change.at <= timedelta(minutes=test.within_minutes)
        if not in_time or (test.previous and change.from_revision is None):
            continue
        if test.field and not any(compiled(test.field).search(f.field) for f in change.fields):
            continue
        words = rollout(change, seen.now)
        return Match(f"The trouble began with {words} of {change.owner}", change.evidence[:CITED], {"change": words})
    return None


def _reading(test: ReadingTest, sight: Sight, of: str) -> Match | None:
    for reading in (r for place in sight.places(of) for r in sight.seen.readings(place)):
        if reading.name != test.name or reading.now is None:
            continue
        if test.above is not None and reading.now < test.above:
            continue
        if test.below is not None and reading.now > test.below:
            continue
        if test.times_normal is not None and not _far(reading.now, reading.before, test.times_normal):
            continue
        words = figure(reading)
        return Match(f"{clean(reading.service)}: {words}", reading.evidence[:CITED], {"reading": words})
    return None


def _far(now: float, before: float | None, times: float) -> bool:
    if before is None:
        return False
    return now >= before * times if times >= 1 else now <= before * times


def _alert(names: tuple[str, ...], sight: Sight, of: str) -> Match | None:
    seen = sight.seen
    alerts = seen.alerts(sight.place) if of == "owner" else seen.firing
    for alert in alerts:
        here = of != "namespace" or alert.labels.get("namespace") == sight.place[0]
        if here and any(fnmatchcase(alert.name, name) for name in names):
            since = clock(alert.starts_at, seen.now)
            text = f"{clean(alert.name)} fires since {since}: {quoted(alert.summary)}"
            return Match(text, seen.alert_evidence(alert), {"alert": clean(alert.name)})
    return None


_LEAVES: dict[str, Callable[[Any, Sight, str], Match | None]] = {
    "finding": _finding, "log": _log, "log_says": _log_says, "event": _event, "change": _change,
    "reading": _reading, "alert": _alert,
}  # fmt: skip


def _joined(matches: list[Match]) -> Match:
    told = [m for m in matches if m.text]
    specifics: dict[str, str] = {}
    for found in told:
        specifics |= {key: value for key, value in found.specifics.items() if value}
    return Match("; ".join(m.text for m in told), cite(m.evidence for m in told), specifics)


def strength(weights: Iterator[float]) -> float:
    """How sure independent signals make one together: 1 - (1 - a)(1 - b)…, at most 0.97."""
    doubt = 1.0
    for weight in weights:
        doubt *= 1 - weight
    return min(1 - doubt, 0.97)
