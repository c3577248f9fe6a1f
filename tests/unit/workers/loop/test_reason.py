"""What becomes of a draft: claims struck, confidence capped, guesses called guesses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.diagnosis import Action, Case, Claim, Diagnosis, Draft, RootCause
from core.observation import Evidence
from tests.unit.workers.reasoners.scenes import NOON, Scene
from workers.loop.reason import Floors, most_likely, policy_floors, reason
from workers.ports import Step

FLOORS = Floors(confidence=0.82, similarity=0.65)
CAUSE = RootCause(
    condition="OOMKilled", target="Deployment/checkout", namespace="shop", statement="checkout needs memory."
)
READ = Evidence(id="t1", tool="kubernetes", query="GET /nodes", excerpt="node-1 is Ready", observed_at=NOON)


class Says:
    """A reasoner with one draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def explain(self, case: Case, on_step: Callable[[Step], None]) -> Draft:
        return self.draft


def scene() -> Scene:
    return Scene().out_of_memory("Deployment/checkout").short("Deployment/checkout")


def draft(*claims: tuple[str, str], **changes: Any) -> Draft:
    """Claims as (text, evidence ids with blanks between)."""
    made = tuple(Claim(text=text, evidence=tuple(ids.split())) for text, ids in claims)
    given = {"root_cause": CAUSE, "known": True, "confidence": 0.95, "claims": made, "reasoner": "claude", **changes}
    return Draft.model_validate(given)


def checked(made: Draft, case: Case | None = None, record: tuple[int, int] | None = None) -> Diagnosis:
    return reason(Says(made), case or scene().case(), lambda step: None, record, FLOORS)[0]


SUPPORTED = (("It is killed for memory", "e1"), ("It restarts", "e2 e3"), ("No pod is ready", "e5"))


def test_a_supported_cause_is_diagnosed_and_keeps_its_actions() -> None:
    action = Action(kind="restart_pod", namespace="shop", name="checkout-1")
    found = checked(draft(*SUPPORTED, actions=(action,)), record=(14, 17))
    assert (found.status, found.root_cause, found.confidence, found.evidence_coverage) == (
        "diagnosed",
        CAUSE,
        0.93,
        1.0,
    )
    assert found.confidence_why == (
        "Three of three claims cite evidence.",
        "14 of 17 like this were right here, so it is at most 0.93.",
    )
    assert found.actions == (action,)


def test_claims_without_evidence_that_exists_are_struck_and_lower_the_confidence() -> None:
    found = checked(draft(("It is killed", "e1"), ("It is haunted", "e99"), ("So they say", "")))
    assert [claim.text for claim in found.claims] == ["It is killed"]
    assert found.struck == ("It is haunted", "So they say")
    assert found.confidence == 0.33
    assert found.confidence_why[0] == "One of three claims cite evidence, so it is at most 0.33."
    assert found.status == "escalated"


def test_ids_that_do_not_exist_are_removed_from_a_claim_that_has_others() -> None:
    assert checked(draft(("It is killed", "e1 e99 e1"))).claims == (Claim(text="It is killed", evidence=("e1",)),)


def test_a_cause_whose_claims_are_all_struck_is_no_cause() -> None:
    found = checked(draft(("It is haunted", "e99")))
    assert (found.status, found.root_cause, found.confidence, found.confidence_why) == ("escalated", None, 0.0, ())


def test_a_cause_without_claims_is_no_cause() -> None:
    assert checked(draft()).root_cause is None


@pytest.mark.parametrize(
    "made_up",
    [
        CAUSE.model_copy(update={"target": "Deployment/ghost"}),
        CAUSE.model_copy(update={"target": "Deployment/check"}),
        CAUSE.model_copy(update={"namespace": "elsewhere"}),
        CAUSE.model_copy(update={"target": "Deployment/"}),
    ],
)
def test_a_target_that_occurs_nowhere_is_no_cause(made_up: RootCause) -> None:
    found = checked(draft(*SUPPORTED, root_cause=made_up), scene().case("what of Deployment/ghost?"))
    assert found.root_cause is None
    assert made_up.statement in found.struck


def test_a_claim_about_an_object_that_occurs_nowhere_is_struck() -> None:
    found = checked(draft(("Deployment/checkout needs Secret/ghost-key", "e1"), ("It is killed", "e1")))
    assert found.struck == ("Deployment/checkout needs Secret/ghost-key",)


def test_a_quotation_that_occurs_nowhere_is_struck() -> None:
    true, false = "It says `OOM-killed at its  memory … 64Mi`", "It says `cannot open the pod bay doors`"
    assert checked(draft((true, "e1"), (false, "e1"))).struck == (false,)


def test_a_quotation_is_not_judged_by_excerpts_that_were_cut() -> None:
    told = scene()
    told.seen("GET /log", "x" * 2000)
    assert checked(draft(("It says `cannot open the pod bay doors`", "e1")), told.case()).struck == ()


def test_what_the_reasoner_read_counts_and_is_handed_on() -> None:
    made = draft(("It is killed", "e1"), ("The node is well", "t1"), evidence=(READ,), could_not_read=("traces",))
    found, read, unread = reason(Says(made), scene().case(), lambda step: None, None, FLOORS)
    assert (found.evidence_coverage, read, unread) == (1.0, (READ,), ("traces",))


def test_an_id_of_the_observation_cannot_be_taken_over() -> None:
    made = draft(("It is killed", "e1"), evidence=(READ.model_copy(update={"id": "e1"}),))
    assert reason(Says(made), scene().case(), lambda step: None, None, FLOORS)[1] == ()


def test_below_the_confidence_floor_the_cause_is_a_guess_without_actions() -> None:
    action = Action(kind="restart_pod", namespace="shop", name="checkout-1")
    found = checked(draft(*SUPPORTED, confidence=0.7, actions=(action,)))
    assert (found.status, found.root_cause, found.actions) == ("escalated", CAUSE, ())
    assert "It is below 0.82, so nothing is done without a person." in found.confidence_why


def test_below_the_similarity_floor_too() -> None:
    found = checked(draft(*SUPPORTED), scene().case(similarity=0.51))
    assert (found.status, found.root_cause, found.confidence) == ("escalated", CAUSE, 0.95)
    assert "The nearest runbook is 0.51 alike, below 0.65, so nothing is done without a person." in found.confidence_why


def test_exactly_on_both_floors_is_enough() -> None:
    assert checked(draft(*SUPPORTED, confidence=0.82), scene().case(similarity=0.65)).status == "diagnosed"


def test_a_healthy_system_needs_no_runbook() -> None:
    well = draft(("All pods are ready", "e1"), root_cause=None, confidence=0.9)
    found = checked(well, scene().case(similarity=0.1))
    assert (found.status, found.root_cause, found.confidence) == ("diagnosed", None, 0.9)


def test_health_that_nothing_shows_is_not_health() -> None:
    assert checked(draft(("All is well", "e99"), root_cause=None)).status == "escalated"


def test_not_knowing_is_escalated() -> None:
    found = checked(draft(("5xx 20 %", "e1"), root_cause=None, known=False, look_next=("The log",)))
    assert (found.status, found.confidence, found.look_next) == ("escalated", 0.0, ("The log",))


@pytest.mark.parametrize(("own", "shown"), [(float("nan"), 0.0), (7.0, 1.0), (-1.0, 0.0), (float("inf"), 0.0)])
def test_a_figure_that_is_none_counts_as_one_in_range(own: float, shown: float) -> None:
    assert checked(draft(*SUPPORTED, confidence=own)).confidence == shown


@pytest.mark.parametrize(
    ("right", "total", "allowed"), [(14, 17, 0.94), (2, 9, 0.55), (0, 5, 0.43), (5, 5, 1.0), (90, 100, 0.94)]
)
def test_the_record_allows_what_it_does_not_contradict(right: int, total: int, allowed: float) -> None:
    assert most_likely(right, total) == pytest.approx(allowed, abs=0.005)


def test_a_bad_record_lowers_the_confidence() -> None:
    found = checked(draft(*SUPPORTED), record=(2, 9))
    assert (found.confidence, found.status) == (0.54, "escalated")
    assert "2 of 9 like this were right here, so it is at most 0.54." in found.confidence_why


def test_four_outcomes_are_no_record() -> None:
    found = checked(draft(*SUPPORTED), record=(0, 4))
    assert found.confidence == 0.95
    assert len(found.confidence_why) == 1


def test_the_floors_are_those_of_the_policy() -> None:
    assert policy_floors() == FLOORS
