"""The runbook reasoner: no model; it matches the signals of runbooks against the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
from workers.reasoners.words import clean
from workers.runbook import Runbook, fill, fill_params, starter_runbooks

FLOOR = 0.4  # guessed: below it a cause would mislead more often than help
_STRANGER = 0.75  # a cause found for a name that was not seen may be about something else
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
    claims = tuple(_claims(best, seen))[:_CLAIMS]
    return Draft(
        root_cause=RootCause(
            condition=condition(best), target=clean(place[1]), namespace=place[0], statement=_statement(best, seen)
        ),
        known=True,
        confidence=round(best.score * (_STRANGER if scope.unseen else 1.0), 2),
        claims=claims,
        ruled_out=tuple(ruled_out(best, seen, scope)),
        look_next=look_next(seen, scope),
        actions=tuple(_actions(best, seen)),
        runbook=best.runbook.id,
        reasoner="runbooks",
        note=_stranger(scope, place[1]),
    )  # fmt: skip


def _stranger(scope: Scope, owner: str) -> str | None:
    return f"Nothing called {clean(scope.unseen)} was seen; this is about {clean(owner)}." if scope.unseen else None


def _statement(best: Candidate, seen: Seen) -> str:
    assert best.runbook.cause  # `candidates` takes no others
    values = specifics(best, seen)
    filled = (fill(template, values) for template in best.runbook.cause.statement)
    return next(text for text in filled if text)


def _claims(best: Candidate, seen: Seen) -> Iterator[Claim]:
    """What matched, the way from it to what was asked about, and what follows from it; each with its evidence."""
    problem = best.anchor.sight.problem
    told: dict[str, tuple[str, ...]] = {}
    if problem:
        told[problem_text(problem, seen)] = problem.evidence
    told |= {found.text: found.evidence for found in best.matches}
    told |= {link.text: link.evidence for link in best.anchor.way}
    for effect in best.anchor.effects[:3]:
        told.setdefault(f"Follows from it: {problem_text(effect, seen)}", effect.evidence)
    for text, evidence in told.items():
        if evidence:
            yield Claim(text=text, evidence=evidence)


def ruled_out(best: Candidate, seen: Seen, scope: Scope) -> Iterator[Claim]:
    """What might be suspected and is not it: services relied on that are well, and faults that nothing ties to it."""
    place = best.anchor.sight.place
    relied_on = {p for own in (place, *focus(seen, scope)) for p in seen.called_by(own)}
    for other in seen.places:
        workload = seen.workload(other)
        if other == place or other not in relied_on or seen.problems_of(other):
            continue
        if workload and 0 < workload.desired <= workload.ready:
            text = f"{bare(other[1])}: {workload.ready} of {workload.desired} pods are ready"
            yield Claim(text=text, evidence=cite([workload.evidence]))
    involved = set(_involved(best))
    for problem in seen.problems:
        near = problem.place[0] == place[0] and problem.severity == "critical"
        if near and not involved & {problem, root_of(problem, seen)[0]}:
            yield Claim(text=f"{problem.place[1]} shows {problem.condition}, but nothing ties it to this",
                        evidence=problem.evidence)  # fmt: skip
            return


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
