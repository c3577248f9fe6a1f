"""Stage three: a reasoner's draft, checked against the evidence and made a diagnosis whose confidence is capped.

A cause that is not sure enough to act on is still shown, as a best guess, with status "escalated" and no actions: a
person who was woken is better served by a guess called a guess than by silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from core.diagnosis import Case, Diagnosis, Draft, RootCause
from core.observation import Evidence
from core.settings import Approvers
from workers.loop.citations import Citations
from workers.ports import Reasoner, Step

FEWEST_OUTCOMES = 5  # guessed: fewer right and wrong answers say nothing of a kind of alert
_Z = 1.96  # of the 95 % interval
_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Floors:
    """Below one of these, nobody acts without a person."""

    confidence: float
    similarity: float


def reason(
    reasoner: Reasoner,
    case: Case,
    on_step: Callable[[Step], None],
    record: tuple[int, int] | None = None,
    floors: Floors | None = None,
) -> tuple[Diagnosis, tuple[Evidence, ...], tuple[str, ...]]:
    """The diagnosis, the evidence that the reasoner read besides the observation's, and what it could not read.

    Args:
        record: How often this kind of alert was diagnosed right here, and how often in all; None when not known.
        floors: Those of policies/limits.yaml when not given.

    Raises: Unreachable when the reasoner cannot be asked at all.
    """
    draft = reasoner.explain(case, on_step)
    held = {e.id: e for e in case.observation.evidence}
    read = {e.id: e for e in draft.evidence if e.id not in held}
    citations = Citations(case, held | read)
    diagnosis = _checked(draft, citations, case.recall.similarity, record, floors or policy_floors())
    return diagnosis, tuple(read.values()), draft.could_not_read


@lru_cache(maxsize=1)
def policy_floors() -> Floors:
    """The floors that the policy has as data, so that thread and policy never disagree.

    Raises: ConfigError.
    """
    from policies.files import load_rules

    limits = load_rules(Approvers()).data["limits"]
    return Floors(confidence=limits["confidence_floor"], similarity=limits["similarity_floor"])


def _checked(
    draft: Draft, citations: Citations, similarity: float, record: tuple[int, int] | None, floors: Floors
) -> Diagnosis:
    claims, struck = citations.checked(draft.claims)
    ruled_out, unfounded = citations.checked(draft.ruled_out)
    cause = draft.root_cause if claims else None
    if cause and not citations.names(cause):
        struck = (*struck, cause.statement)
        cause = None
    coverage = len(claims) / len(draft.claims) if draft.claims else 0.0
    confidence, why = _capped(draft.confidence, len(claims), len(draft.claims), record)
    why += _floors_say(cause, confidence, similarity, floors)
    well = draft.root_cause is None and draft.known and bool(claims)
    sure = cause is not None and confidence >= floors.confidence and similarity >= floors.similarity
    known = well or cause is not None
    return Diagnosis(
        status="diagnosed" if well or sure else "escalated",
        root_cause=cause,
        confidence=confidence if known else 0.0,
        confidence_why=why if known else (),
        evidence_coverage=round(coverage, 4),
        claims=claims,
        ruled_out=ruled_out,
        struck=(*struck, *unfounded),
        look_next=draft.look_next,
        actions=draft.actions if sure else (),
        runbook=draft.runbook,
        reasoner=draft.reasoner,
        note=draft.note,
        usage=draft.usage,
    )


def _capped(own: float, kept: int, made: int, record: tuple[int, int] | None) -> tuple[float, tuple[str, ...]]:
    """The lowest of the reasoner's own figure, the share of claims that stand, and what the record allows."""
    figure = min(max(own, 0.0), 1.0) if math.isfinite(own) else 0.0
    verb = "cites" if made == 1 else "cite"
    said = f"{_word(kept).capitalize()} of {_word(made)} {'claim' if made == 1 else 'claims'} {verb} evidence"
    share = kept / made if made else 0.0
    why = [f"{said}, so it is at most {share:.2f}." if share < figure else f"{said}."]
    figure = min(figure, share)
    if record and record[1] >= FEWEST_OUTCOMES:
        right, total = record
        allowed = _down(most_likely(right, total))
        said = f"{right} of {total} like this were right here"
        why.append(f"{said}, so it is at most {allowed:.2f}." if allowed < figure else f"{said}.")
        figure = min(figure, allowed)
    return _down(figure), tuple(why)


def _down(figure: float) -> float:
    """Two digits, never rounded up past a floor; a sum of tenths may lie a hair below what it means."""
    return math.floor(figure * 100 + 1e-9) / 100


def most_likely(right: int, total: int) -> float:
    """The highest rate of right answers that a record still allows: the upper end of Wilson's 95 % interval.

    14 of 17 allow 0.93, 2 of 9 allow 0.54. The plain ratio would punish a kind of alert for having been rare.
    """
    rate, z2 = right / total, _Z * _Z
    middle = rate + z2 / (2 * total)
    spread = _Z * math.sqrt(rate * (1 - rate) / total + z2 / (4 * total * total))
    return min((middle + spread) / (1 + z2 / total), 1.0)


def _floors_say(cause: RootCause | None, confidence: float, similarity: float, floors: Floors) -> tuple[str, ...]:
    if cause is None:
        return ()
    said = []
    if confidence < floors.confidence:
        said.append(f"It is below {floors.confidence:.2f}, so nothing is done without a person.")
    if similarity < floors.similarity:
        nearest = f"The nearest runbook is {similarity:.2f} alike" if similarity else "No runbook is alike"
        said.append(f"{nearest}, below {floors.similarity:.2f}, so nothing is done without a person.")
    return tuple(said)


def _word(number: int) -> str:
    return _WORDS[number] if number < len(_WORDS) else str(number)
