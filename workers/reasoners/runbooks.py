"""The runbook reasoner: no model; it matches the signals of runbooks against the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from core import catalogue
from core.diagnosis import Action, ActionKind, Case, Claim, Draft, RootCause
from core.errors import SreError
from core.settings import Config
from workers.ports import Step
from workers.reasoners.candidates import Candidate, candidates, focus
from workers.reasoners.causes import root_of
from workers.reasoners.scope import Scope, bare, scope_of
from workers.reasoners.seen import Problem, Seen, cite
from workers.reasoners.signals import match, problem_text
from workers.reasoners.specifics import condition, params, specifics
from workers.reasoners.unexplained import look_next, nothing_found
from workers.reasoners.words import clean, listed
from workers.runbook import Runbook, fill, fill_params, starter_runbooks

FLOOR = 0.4  # guessed: below it a cause would mislead more often than help
_CLAIMS = 8


class RunbookReasoner:
    """Explains a case by the runbook whose signals fit it best.

    Args:
        config: For the service catalogue, which says who depends on whom.
        runbooks: The team's own, asked on each case. One with a starter runbook's id takes its place.
    """

    def __init__(self, config: Config, runbooks: Callable[[], tuple[Runbook, ...]]) -> None:
        self._config = config
        self._runbooks = runbooks

    def explain(self, case: Case, on_step: Callable[[Step], None]) -> Draft:
        """The best cause, or that nothing is wrong, or that it is not known. Raises nothing."""
        title = "Matching the evidence against runbooks"
        on_step(Step(title=title, status="running"))
        books, unread = self._books()
        seen, scope = Seen(case, self._config), scope_of(case, self._config)
        found = [c for c in candidates(seen, scope, books) if c.score >= FLOOR]
        draft = _draft(found[0], seen, scope) if found else nothing_found(seen, scope)
        on_step(Step(title=title, status="done"))
        return draft.model_copy(update={"could_not_read": unread})

    def _books(self) -> tuple[tuple[Runbook, ...], tuple[str, ...]]:
        books, unread = {book.id: book for book in starter_runbooks()}, ()
        try:
            books |= {book.id: book for book in self._runbooks()}
        except SreError as error:
            return tuple(books.values()), (f"your own runbooks ({error})",)
        return tuple(books.values()), unread


def _draft(best: Candidate, seen: Seen, scope: Scope) -> Draft:
    place = best.anchor.sight.place
    claims = tuple(_claims(best, seen, scope))[:_CLAIMS]
    return Draft(
        root_cause=RootCause(
            condition=condition(best), target=clean(place[1]), namespace=place[0], statement=_statement(best, seen)
        ),
        known=True,
        confidence=round(best.score, 2),
        claims=claims,
        ruled_out=tuple(ruled_out(best, seen, scope)),
        look_next=look_next(seen, scope),
        actions=tuple(_actions(best, seen)),
        runbook=best.runbook.id,
        reasoner="runbooks",
    )  # fmt: skip


def _statement(best: Candidate, seen: Seen) -> str:
    assert best.runbook.cause  # `candidates` takes no others
    values = specifics(best, seen)
    filled = (fill(template, values) for template in best.runbook.cause.statement)
    return next(text for text in filled if text)


def _claims(best: Candidate, seen: Seen, scope: Scope) -> Iterator[Claim]:
    """What matched, the way from it to what was asked about, and what follows from it; each with its evidence."""
    problem = best.anchor.sight.problem
    told: dict[str, tuple[str, ...]] = {}
    if problem:
        told[problem_text(problem, seen)] = problem.evidence
    told |= {found.text: found.evidence for found in best.matches}
    told |= {link.text: link.evidence for link in best.anchor.way}
    if effects := best.anchor.effects:
        told[f"Follows from it: {_named(effects)}"] = cite(effect.evidence[:1] for effect in effects)
    others = tuple(_unrelated(best, seen)) if not scope.names else ()
    if others:
        told[f"Also wrong, separately: {_named(others)}"] = cite(other.evidence[:1] for other in others)
    for text, evidence in told.items():
        if evidence:
            yield Claim(text=text, evidence=evidence)


def ruled_out(best: Candidate, seen: Seen, scope: Scope) -> Iterator[Claim]:
    """What might be suspected and is not it: services relied on that are well, and faults that nothing ties to it."""
    place = best.anchor.sight.place
    relied_on = {p for own in (place, *focus(seen, scope)) for p in seen.called_by(own)}
    for called in seen.places:
        workload = seen.workload(called)
        if called == place or called not in relied_on or seen.problems_of(called):
            continue
        if workload and 0 < workload.desired <= workload.ready:
            text = f"{bare(called[1])}: {workload.ready} of {workload.desired} pods are ready"
            yield Claim(text=text, evidence=cite([workload.evidence]))
    other = next(_unrelated(best, seen), None) if scope.names else None
    if other:
        text = f"{other.place[1]} shows {other.condition}, but nothing ties it to this"
        yield Claim(text=text, evidence=other.evidence)


def _unrelated(best: Candidate, seen: Seen) -> Iterator[Problem]:
    """First causes in the same namespace that have nothing to do with this one."""
    involved = set(_involved(best))
    for problem in seen.problems:
        near = problem.place[0] == best.anchor.sight.place[0] and problem.severity == "critical"
        if near and problem not in involved and root_of(problem, seen)[0] is problem:
            yield problem


def _named(problems: Sequence[Problem]) -> str:
    """ "ReplicasMismatch of Deployment/checkout and NoEndpoints of Service/checkout"."""
    return listed([f"{problem.condition} of {problem.place[1]}" for problem in problems], 4)


def _involved(best: Candidate) -> Iterator[Problem]:
    anchor = best.anchor
    if anchor.sight.problem:
        yield anchor.sight.problem
    yield from anchor.effects
    for way in anchor.ways:
        yield from (link.cause for link in way)


def _actions(best: Candidate, seen: Seen) -> Iterator[Action]:
    """The runbook's actions whose condition holds, as far as the catalogue accepts them of this target."""
    sight = best.anchor.sight
    values = params(best, seen)
    for rule in best.runbook.actions:
        if rule.when and not match(rule.when, sight):
            continue
        filled = fill_params(rule.params, values)
        aimed = _aim(rule.kind, best)
        if filled is None or aimed is None:
            continue
        namespace, name = aimed
        action = catalogue.read({"kind": rule.kind, "namespace": namespace, "name": name, "params": filled})
        if isinstance(action, Action):
            yield action


def _aim(kind: ActionKind, best: Candidate) -> tuple[str, str] | None:
    """Namespace and name of what the action would touch; None when the cause is not of that sort."""
    sight = best.anchor.sight
    namespace, owner = sight.place
    sort, _, name = owner.partition("/")
    aim = catalogue.CATALOGUE[kind].aim
    if aim == "Pod":
        pods = sorted(sight.problem.pods) if sight.problem else []
        return (namespace, pods[0]) if len(pods) == 1 else None
    if aim == "Workload":
        return (namespace, name) if sort in ("Deployment", "StatefulSet", "DaemonSet") else None
    if aim == "Node":
        return ("", name) if sort == "Node" else None
    return (namespace, name) if sort == aim else None
