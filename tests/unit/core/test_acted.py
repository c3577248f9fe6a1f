"""On which incidents anybody acted: whoever looked away from one lets its alerts count as noise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.acted import acted_on
from core.command import Command, Fix, StatusUpdate
from core.diagnosis import Action, Decision, Proposal
from core.incident import Incident
from core.page import Acknowledgement, Page, Person
from core.records import Records
from core.remediation import Remediation
from tests.conftest import NOON

MARIA = Person(id="P1", name="Maria", slack="U0MARIA")
ACKED = Page(id="Q1", number=1, title="t", status="acknowledged", as_of=NOON,
             acknowledgements=(Acknowledgement(by=MARIA, at=NOON),))  # fmt: skip
CLOSED = Page(id="Q1", number=1, title="t", status="resolved", as_of=NOON, ended_by_person=True)
LEFT = Page(id="Q1", number=1, title="t", status="resolved", as_of=NOON)


def incident(records: Records, number: int = 1, **over: Any) -> str:
    known = {"id": f"INC-{number}", "title": "t", "source": "alertmanager", "opened_at": NOON, "state": "resolved",
             "resolved_at": NOON + timedelta(minutes=5)}  # fmt: skip
    return records.incidents.save(Incident.model_validate(known | over)).id


def proposed(records: Records, **over: Any) -> None:
    action = Action(kind="restart_deployment", namespace="shop", name="checkout", params={})
    proposal = Proposal(action=action, target="Deployment/checkout", reason="",
                        decision=Decision(verdict="ask", codes=(), policy_hash=""))  # fmt: skip
    known = {"id": "ACT-1", "investigation": "INV-1", "incident": "INC-1", "number": 1, "proposal": proposal,
             "created_at": NOON}  # fmt: skip
    records.remediations.save(Remediation.model_validate(known | over))


@pytest.mark.parametrize(
    ("over", "acted"),
    [
        ({}, False),
        ({"command": Command(commander="U0MARIA")}, True),
        ({"command": Command(severity_by="U0MARIA")}, True),
        ({"command": Command(update=StatusUpdate(number=1, by="U0MARIA", at=NOON, known="it burns"))}, True),
        ({"command": Command(fix=Fix(what="rebooted", by="U0MARIA", at=NOON))}, True),
        ({"opened_by": "U0MARIA"}, True),
        ({"pages": (ACKED,)}, True),
        ({"pages": (CLOSED,)}, True),
        ({"pages": (LEFT,)}, False),
    ],
)
def test_what_counts_in_the_incident_itself(records: Records, over: dict[str, Any], acted: bool) -> None:
    assert acted_on(records, [incident(records, **over)]) == ({"INC-1"} if acted else set())


@pytest.mark.parametrize(
    ("over", "acted"),
    [({"state": "denied"}, False), ({"state": "expired"}, False), ({"state": "worked", "begun_at": NOON}, True),
     ({"state": "rejected", "decided_by": "U0MARIA"}, True)],
)  # fmt: skip
def test_an_action_that_was_begun_or_judged_counts(records: Records, over: dict[str, Any], acted: bool) -> None:
    incident(records)
    proposed(records, **over)
    assert acted_on(records, ["INC-1"]) == ({"INC-1"} if acted else set())


@pytest.mark.parametrize(
    ("actor", "acted"), [("bot", False), ("alertmanager", False), ("U0MARIA", True), ("W1", False)]
)
def test_a_person_in_the_ledger_counts(records: Records, actor: str, acted: bool) -> None:
    incident(records)
    records.ledger.append("incident.opened", actor="alertmanager", at=NOON, incident="INC-2")
    records.ledger.append("incident.resolved", actor=actor, at=NOON, incident="INC-1")
    assert acted_on(records, ["INC-1"]) == ({"INC-1"} if acted else set())


def test_a_merged_one_counts_with_its_holder_and_one_that_is_gone_counts(records: Records) -> None:
    incident(records, 1, state="merged", merged_into="INC-2")
    incident(records, 2, state="merged", merged_into="INC-3")
    incident(records, 3, command=Command(commander="U0MARIA"))
    incident(records, 4)
    assert acted_on(records, ["INC-1", "INC-2", "INC-4", "INC-99"]) == {"INC-1", "INC-2", "INC-99"}
