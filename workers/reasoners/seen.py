"""A case, indexed for matching: what was seen of each owner, grouped into problems."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from core.diagnosis import Case
from core.incident import Alert
from core.model import utc_now
from core.observation import Change, Condition, Finding, LogExcerpt, Reading, Workload
from core.settings import Config
from workers.reasoners.details import CONNECTION, badness, plain
from workers.reasoners.scope import Place, alert_names, needs, services_of

CITED = 4  # evidence ids a claim cites at most; a hundred pods that fail alike need no hundred citations
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_STALE = timedelta(hours=1)
_ALWAYS_FIRING = ("Watchdog", "InfoInhibitor", "DeadMansSwitch")


@dataclass(frozen=True, eq=False)
class Problem:
    """The findings of one condition on one owner."""

    findings: tuple[Finding, ...]

    @cached_property
    def condition(self) -> Condition:
        return self.findings[0].condition

    @cached_property
    def place(self) -> Place:
        return self.findings[0].namespace, self.findings[0].owner

    @cached_property
    def severity(self) -> str:
        return min((f.severity for f in self.findings), key=("critical", "warning", "info").index)

    @cached_property
    def message(self) -> str:
        """The longest of its messages' first 2,000 characters: pods of one owner fail alike, and one says most."""
        return max((f.message[:2000] for f in self.findings), key=len)

    @cached_property
    def since(self) -> datetime | None:
        return min((f.since for f in self.findings if f.since), default=None)

    @cached_property
    def pods(self) -> frozenset[str]:
        return frozenset(f.name for f in self.findings if f.kind == "Pod")

    @cached_property
    def harms(self) -> frozenset[Place]:
        """The other workloads that it is known to harm."""
        return frozenset(place_of(text) for f in self.findings for text in f.harms)

    @cached_property
    def evidence(self) -> tuple[str, ...]:
        return cite(f.evidence for f in self.findings)


def kept(method: Callable[[Seen, K], V]) -> Callable[[Seen, K], V]:
    """The method, asked once for each argument: a cluster that burns everywhere has thousands of pairs to compare."""

    def once(self: Seen, about: K) -> V:
        memo = self.memo.setdefault(method.__name__, {})
        if about not in memo:
            memo[about] = method(self, about)
        answer: V = memo[about]
        return answer

    return once


class Seen:
    """Lookups over one case. Order is the observation's own."""

    def __init__(self, case: Case, config: Config) -> None:
        self.case, self.config, self.observation = case, config, case.observation
        self.memo: dict[str, dict[Any, Any]] = {}
        self.excerpts = {e.id: e.excerpt for e in case.observation.evidence}

    @cached_property
    def now(self) -> datetime:
        """When the case was observed."""
        return max((e.observed_at for e in self.observation.evidence), default=None) or utc_now()

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong, grouped; without leftovers of what has long been replaced."""
        groups: dict[tuple[Place, Condition], list[Finding]] = {}
        for finding in self.observation.findings:
            if not self._leftover(finding):
                groups.setdefault(((finding.namespace, finding.owner), finding.condition), []).append(finding)
        return tuple(Problem(tuple(group)) for group in groups.values())

    def _leftover(self, finding: Finding) -> bool:
        """Evicted pods stay listed for days after others took their place."""
        workload = self.workload((finding.namespace, finding.owner))
        old = finding.since is not None and self.now - finding.since > _STALE
        return finding.condition == "Evicted" and old and workload is not None and workload.ready >= workload.desired

    @kept
    def problems_of(self, place: Place) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.place == place)

    @kept
    def workload(self, place: Place) -> Workload | None:
        return next((w for w in self.observation.workloads if (w.namespace, w.owner) == place), None)

    @kept
    def changes(self, place: Place) -> tuple[Change, ...]:
        return tuple(c for c in self.observation.changes if (c.namespace, c.owner) == place)

    @cached_property
    def _lines(self) -> dict[Place, list[tuple[str, LogExcerpt]]]:
        found: dict[Place, list[tuple[str, LogExcerpt]]] = {}
        for log in sorted(self.observation.logs, key=lambda log: not log.previous):
            found.setdefault((log.namespace, log.owner), []).extend((plain(line), log) for line in log.lines)
        return found

    def lines(self, place: Place) -> list[tuple[str, LogExcerpt]]:
        """Log lines without their time stamps, each with where it is from; those of the run that ended come first,
        since they say why it ended."""
        return self._lines.get(place, [])

    @cached_property
    def _complaints(self) -> dict[Place, list[tuple[str, LogExcerpt]]]:
        return {
            place: [(line, log) for line, log in lines if CONNECTION.search(line) and badness(line)]
            for place, lines in self._lines.items()
        }

    def complaints(self, place: Place) -> list[tuple[str, LogExcerpt]]:
        """The lines that say that somebody else could not be reached or did not answer."""
        return self._complaints.get(place, [])

    @kept
    def readings(self, place: Place) -> tuple[Reading, ...]:
        names = self.names(place)
        return tuple(r for r in self.observation.readings if r.service in names)

    @cached_property
    def firing(self) -> tuple[Alert, ...]:
        """Alerts that fire, but for those that always do."""
        return tuple(
            a for a in self.observation.alerts if a.status == "firing" and a.name not in _ALWAYS_FIRING
        )  # fmt: skip

    @kept
    def alerts(self, place: Place) -> tuple[Alert, ...]:
        names = self.names(place)
        return tuple(
            a for a in self.firing
            if a.labels.get("namespace", place[0]) == place[0] and (alert_names(a) | {a.name}) & names
        )  # fmt: skip

    def alert_evidence(self, alert: Alert) -> tuple[str, ...]:
        """Evidence from Alertmanager that names the alert."""
        ids = (e.id for e in self.observation.evidence if e.tool == "alertmanager" and alert.name in e.excerpt)
        return cite([tuple(ids)])

    def onset(self, place: Place, problem: Problem | None = None) -> datetime | None:
        """When the trouble began: by the problem, else by the first alert."""
        if problem and problem.since:
            return problem.since
        return min((a.starts_at for a in self.alerts(place)), default=None)

    @kept
    def said_about(self, problem: Problem) -> str:
        """Everything the cluster said: messages, and the excerpts that the findings cite."""
        ids = dict.fromkeys(i for f in problem.findings for i in f.evidence)
        parts = (*(f.message[:2000] for f in problem.findings), *(self.excerpts.get(i, "") for i in ids))
        return "\n".join(dict.fromkeys(parts))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every owner of which anything was seen."""
        seen = self.observation
        found = [(f.namespace, f.owner) for f in seen.findings] + [(w.namespace, w.owner) for w in seen.workloads]
        found += [(log.namespace, log.owner) for log in seen.logs] + [(c.namespace, c.owner) for c in seen.changes]
        return tuple(dict.fromkeys(found))

    @cached_property
    def calls(self) -> frozenset[tuple[Place, Place]]:
        """Who calls whom, as the cluster shows it."""
        return frozenset((place_of(caller), place_of(called)) for caller, called in self.observation.calls)

    @kept
    def called_by(self, place: Place) -> frozenset[Place]:
        """What this owner relies on, near and far, by the catalogue and by what the cluster shows."""
        named = needs(self.names(place), self.config)
        found = {other for other in self.places if self.names(other) & named}
        todo = [place]
        while todo:
            caller = todo.pop()
            more = {called for by, called in self.calls if by == caller} - found
            found |= more
            todo += more
        return frozenset(found - {place})

    @kept
    def names(self, place: Place) -> frozenset[str]:
        """What callers call this owner."""
        return services_of(place, self.config)


def deviates(reading: Reading) -> bool:
    """Whether a metric is far from its normal. The bounds are our guess of what a person would call bad."""
    now, before = reading.now, reading.before
    if now is None:
        return False
    if reading.name == "error_ratio":
        return now >= max(0.01, 3 * (before or 0))
    if reading.name == "cpu_throttled":
        return now >= max(0.25, 2 * (before or 0))
    if reading.name.endswith("saturation"):
        return now >= 0.9
    if reading.name.endswith("_s"):
        return before is not None and now >= max(2 * before, 0.05)
    if reading.name == "request_rate":
        return before is not None and before > 0 and (now >= 3 * before or now <= before / 3)
    return False


def place_of(text: str) -> Place:
    """ "shop/Deployment/checkout" as namespace and owner."""
    namespace, _, owner = text.partition("/")
    return namespace, owner


def cite(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The first few ids, once each."""
    return tuple(dict.fromkeys(i for group in groups for i in group))[:CITED]
