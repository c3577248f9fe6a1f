"""The card of a repair: what a tired person reads on a phone, in every state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from blocks.answers import clicked_view, past
from blocks.approval import APPROVE, DETAILS, REJECT, approval_view, escalation_view, time_left
from blocks.forms import details_modal, reject_modal
from blocks.parts import as_text
from core.diagnosis import Decision
from core.outbox import View
from core.remediation import DryRun, Remediation
from core.settings import Approvers
from tests.unit.blocks.test_views import actions, lines
from tests.unit.blocks.worlds import NOON, rollback

ON_CALL = Approvers(groups=("S0ONCALL",))
SENTENCES = {"environment.production": "This is production, so a person approves."}


def drawn(rem: Remediation, approvers: Approvers = ON_CALL) -> View:
    return approval_view(rem, NOON, sentences=SENTENCES, approvers=approvers)


def test_an_asked_card_says_it_all() -> None:
    view = drawn(rollback())
    assert lines(view)[:6] == [
        "Proposed: roll checkout back to revision 17 · 13 min left",
        "Touches 4 pods, 1 service; storefront depends on it · Deployment/checkout in shop"
        " · dry run passed: image 1.8.4 → 1.8.3",
        "Afterwards I check that its pods become ready, its 5xx and latency and storefront."
        " If it gets worse I roll forward to revision 18.",
        "Needs one of S0ONCALL",
        "Why: release 1.8.4 of checkout cannot start, because CART_URL has an invalid port e1 e3",
        "This is production, so a person approves. environment.production ",
    ]
    assert view.text == (
        "Proposed: roll checkout back to revision 17. It waits for somebody entitled to approve it, 13 min left."
    )
    assert [(b["action_id"], b["value"], "confirm" in b) for b in actions(view)] == [
        (APPROVE, "ACT-7", False), (REJECT, "ACT-7", False), (DETAILS, "ACT-7", False),
    ]  # fmt: skip


def test_what_cannot_be_taken_back_is_asked_twice() -> None:
    view = drawn(rollback(undo=None))
    assert lines(view)[2].endswith("It cannot be taken back.")
    confirm = actions(view)[0]["confirm"]
    assert confirm["text"]["text"] == "This cannot be taken back: roll checkout back to revision 17."


def test_with_nobody_configured_nothing_can_be_approved_and_the_card_names_the_setting() -> None:
    view = drawn(rollback(), Approvers())
    assert lines(view)[3] == "Nothing can be approved: approvers in SRE_CONFIG names nobody."
    assert [b["action_id"] for b in actions(view)] == [DETAILS]
    assert view.text.endswith("Nobody is configured who may approve it.")


def test_the_revision_that_it_goes_back_to_is_said_once_it_is_known() -> None:
    rem = rollback()
    default = rem.proposal.action.model_copy(update={"params": {}})
    rem = rem.model_copy(update={"proposal": rem.proposal.model_copy(update={"action": default})})
    assert lines(drawn(rem))[0].startswith("Proposed: roll checkout back to revision 17 ·")
    assert lines(drawn(rem.model_copy(update={"target": None})))[0].startswith(
        "Proposed: roll checkout back to the revision before ·"
    )


def test_others_are_named_once_they_were_asked() -> None:
    who = Approvers(groups=("S0ONCALL",), users=("U0LI", "U0JONAS"), on_call=True)
    assert (
        lines(drawn(rollback(), who))[3]
        == "Needs one of S0ONCALL or whoever is on call; 2 others who may are asked later"
    )
    assert (
        lines(drawn(rollback(escalated_at=NOON), who))[3]
        == "Needs one of S0ONCALL, U0LI, U0JONAS or whoever is on call"
    )


def test_who_asked_for_it_is_named_where_four_eyes_are_needed() -> None:
    who = Approvers(groups=("S0ONCALL",), four_eyes=("rollback_deployment",))
    said = lines(drawn(rollback(requested_by="U0JONAS"), who))[3]
    assert said == "Needs one of S0ONCALL, but not U0JONAS, who asked for it"
    assert lines(drawn(rollback(), who))[3] == "Needs one of S0ONCALL"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (15 * 60, "15 min left"), (15 * 60 - 1, "14 min left"), (60, "1 min left"),
        (59.9, "less than a minute left"), (0.1, "less than a minute left"), (0, "time is up"), (-99, "time is up"),
    ],
)  # fmt: skip
def test_time_left_is_told_in_whole_minutes_until_the_last(seconds: float, said: str) -> None:
    assert time_left(rollback(expires_at=NOON + timedelta(seconds=seconds)), NOON) == said


def test_the_countdown_changes_the_message_once_a_minute() -> None:
    rem = rollback()
    digests = [
        approval_view(rem, NOON + timedelta(seconds=s), sentences=SENTENCES, approvers=ON_CALL).digest()
        for s in (1, 20, 40, 60)
    ]
    assert len(set(digests)) == 1
    later = approval_view(rem, NOON + timedelta(seconds=61), sentences=SENTENCES, approvers=ON_CALL)
    assert later.digest() != digests[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"state": "proposed", "created_at": NOON},
            ["Proposed: {}", "Touches …", "Being prepared: dry run, then policy. Nothing has been changed."],
        ),
        (
            {"state": "proposed", "created_at": NOON - timedelta(minutes=12)},
            [
                "Proposed: {}",
                "Touches …",
                "Nobody has taken it up for 12 min: is sre-bot worker remediate running? Nothing has been changed.",
            ],
        ),
        (
            {"state": "approved", "decided_by": "U0MARIA", "decided_at": NOON},
            ["🟠 Approved: {}", "Approved by U0MARIA 12:00 UTC.", "It starts now."],
        ),
        (
            {"state": "begun", "alone": True, "decided_at": NOON},
            ["🟠 Running: {}", "Allowed by policy without a person 12:00 UTC.", "It is running."],
        ),
        (
            {"state": "watching", "decided_by": "U0MARIA", "decided_at": NOON, "outcome": "Rolled back."},
            [
                "🟠 Done, and watched: {}",
                "Approved by U0MARIA 12:00 UTC.",
                "Rolled back. I am watching what comes of it.",
            ],
        ),
        ({"state": "worked", "outcome": "5xx 7.4 % → 0.2 %."}, ["✅ Worked: {}", "5xx 7.4 % → 0.2 %."]),
        ({"state": "undone"}, ["🔴 Taken back: {}", "It made things worse, so it was taken back."]),
        ({"state": "unproven", "outcome": "Nothing got better."}, [
            "🔴 Done, but not seen to help: {}", "Nothing got better."]),
        ({"state": "failed", "outcome": "The server refused."}, ["🔴 Not done: {}", "The server refused."]),
        ({"state": "interrupted", "outcome": "Nobody knows."}, ["🔴 Interrupted: {}", "Nobody knows."]),
        (
            {"state": "rejected", "decided_by": "U0LI", "decided_at": NOON, "reason": "deploy freeze"},
            ["⚪ Rejected: {}", "Rejected by U0LI 12:00 UTC: deploy freeze", "Nothing has been changed."],
        ),
        ({"state": "expired"}, ["⚪ Expired: {}", "Nobody answered in time; nothing has been changed."]),
        ({"state": "superseded", "outcome": "The incident ended."}, ["⚪ Superseded: {}", "The incident ended."]),
    ],
)  # fmt: skip
def test_each_state_says_who_decided_and_what_became_of_it(changes: dict[str, Any], said: list[str]) -> None:
    view = drawn(rollback(**changes))
    shown = [line if not line.startswith("Touches") else "Touches …" for line in lines(view)]
    assert shown == [line.format("roll checkout back to revision 17") for line in said]
    assert actions(view) == []


def test_shadow_mode_says_so_and_what_else_would_have_stood_in_the_way() -> None:
    rem = rollback(state="denied")
    codes = ("environment.production", "mode.shadow")
    rem = rem.model_copy(
        update={"proposal": rem.proposal.model_copy(
            update={"decision": Decision(verdict="deny", codes=codes, policy_hash="x")})}
    )  # fmt: skip
    view = drawn(rem)
    assert lines(view)[2] == "In shadow mode I propose only; nothing has been changed."
    assert "environment.production" in lines(view)[3]
    assert actions(view) == []


def test_a_failed_dry_run_says_what_the_server_said() -> None:
    rem = rollback(state="denied", dry_run=DryRun(passed=False, says="The server refused it: no such revision."))
    assert "The server refused it: no such revision." in lines(drawn(rem))


def test_the_escalation_mentions_those_who_were_not_asked_yet() -> None:
    who = Approvers(groups=("S0ONCALL", "S0SHOP"), users=("U0LI", "not an id"))
    (section,) = escalation_view(rollback(), NOON, who).blocks
    assert section["text"]["text"] == (
        "<!subteam^S0SHOP> <@U0LI> Somebody has to decide: roll checkout back to revision 17; 13 min left."
        " The card is above."
    )
    (again,) = escalation_view(rollback(), NOON, ON_CALL).blocks
    assert again["text"]["text"].startswith("<!subteam^S0ONCALL> Somebody")


def test_the_details_hold_the_whole_dry_run_the_facts_and_what_an_approval_is_bound_to() -> None:
    said = "\n".join(as_text(block) for block in details_modal(rollback(), SENTENCES, ON_CALL)["blocks"])
    for part in (
        "env CART_URL gone", "revision: 18", "Policy 61b83d48a6ee", "d1935f00d193", "e1 e3", "May approve: S0ONCALL",
        "environment.production This is production, so a person approves.",
    ):  # fmt: skip
        assert part in said


def test_the_reject_form_asks_why_and_carries_where_to_answer() -> None:
    modal = reject_modal(rollback(), "there")
    assert (modal["private_metadata"], modal["blocks"][1].get("optional", False)) == ("there", False)


CLICKS = [
    ("not_entitled", {}, "You are not among those who may decide this, so nothing was done. Those who can: S0ONCALL."),
    ("expired", {}, "Too late: it expired at 12:13 UTC, and nothing was done. Mention me in the thread to look again."),
    ("decided", {"state": "rejected", "decided_by": "U0LI", "decided_at": NOON, "reason": "no"},
     "Already decided: U0LI rejected it at 12:00 UTC; nothing was done. no"),
    ("decided", {"state": "begun", "decided_by": "U0LI", "decided_at": NOON},
     "Already decided: U0LI approved it at 12:00 UTC; it is running."),
    ("decided", {"state": "worked", "alone": True}, "Already decided: policy allowed it without a person; it worked."),
    ("decided", {"state": "expired"}, "Too late: it expired at 12:13 UTC, and nothing was done."
     " Mention me in the thread to look again."),
    ("decided", {"state": "superseded", "outcome": "INC-42 ended."},
     "It no longer stands, so nothing was done. INC-42 ended."),
    ("changed", {}, "What it acts on changed since this was proposed, so nothing was done. I am looking again."),
]  # fmt: skip


@pytest.mark.parametrize(("code", "changes", "said"), CLICKS)
def test_a_click_that_cannot_count_is_told_why(code: Any, changes: dict[str, Any], said: str) -> None:
    view = clicked_view(code, rollback(**changes), NOON, ON_CALL)
    assert lines(view) == [said, "ACT-7: roll checkout back to revision 17"]


def test_people_are_named_in_the_fallback_of_an_answer_and_foreign_text_names_nobody() -> None:
    rem = rollback(state="rejected", decided_by="U0LI", reason="<!channel> <@U0ADMIN>")
    said = clicked_view("decided", rem, NOON, ON_CALL).text
    assert "<@U0LI> rejected it" in said
    assert "<!channel>" not in said and "<@U0ADMIN>" not in said


def test_only_an_asked_one_takes_clicks() -> None:
    assert past(rollback()) is None
    assert past(rollback(state="proposed")) == "not_ready"
    assert past(rollback(state="begun")) == "decided"
