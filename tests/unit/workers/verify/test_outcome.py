from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from core.diagnosis import Action, ActionKind, Decision, Proposal
from core.remediation import Remediation, State
from workers.verify.outcome import outcome_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def done(kind: str, state: str, number: int = 1, **more: object) -> Remediation:
    params = more.pop("params", {})
    action = Action.model_validate({"kind": kind, "namespace": "shop", "name": "checkout", "params": params})
    decision = Decision(verdict="ask", codes=(), policy_hash="")
    proposal = Proposal(action=action, target="Deployment/checkout", reason="", decision=decision)
    values = {"id": f"ACT-{number}", "investigation": "INV-1", "number": number, "created_at": NOON, "state": state}
    return Remediation.model_validate({**values, "proposal": proposal, **more})


@pytest.mark.parametrize(
    ("remediations", "words"),
    [
        ([], ""),
        ([done("rollback_deployment", "worked")], "rolled back, held"),
        ([done("restart_deployment", "unproven")], "restarted, made no difference"),
        ([done("rollback_deployment", "rejected", reason="payment  window\n")], "rejected: payment window"),
        ([done("rollback_deployment", "rejected")], "rejected"),
        ([done("scale_deployment", "undone", params={"replicas": 8})], "scaled to 8, made it worse, taken back"),
        ([done("rollback_deployment", "denied"), done("restart_pod", "expired", 2)], ""),
        (
            [done("rollback_deployment", "worked", 2), done("restart_deployment", "unproven", 1)],
            "restarted, made no difference; rolled back, held",
        ),
    ],
)
def test_what_was_done_is_told_with_how_it_went(remediations: list[Remediation], words: str) -> None:
    assert outcome_of(remediations) == words


@pytest.mark.parametrize("kind", get_args(ActionKind))
@pytest.mark.parametrize("state", get_args(State))
def test_every_kind_and_state_has_words_or_none(kind: str, state: str) -> None:
    said = outcome_of([done(kind, state)])
    assert "{" not in said


def test_a_reason_with_a_secret_is_masked() -> None:
    said = outcome_of([done("restart_pod", "rejected", reason="use password=hunter2secret instead")])
    assert "hunter2secret" not in said
