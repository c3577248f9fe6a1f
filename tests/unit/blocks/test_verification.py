"""What the thread says of an action that was done: within Slack's limits for anything, and readable for the usual."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.parts import as_text
from blocks.verification import verification_view
from core.outbox import View
from core.remediation import Look, Remediation, Trend
from tests.unit.blocks import worlds
from tests.unit.blocks.test_limits import anything, holds
from tests.unit.blocks.worlds import NOON, many, moments, texts, words

trends = st.builds(Trend, settled_since=st.none() | moments, good_since=st.none() | moments)
looks = st.builds(
    Look, at=moments, rolled_out=st.none() | st.booleans(), firing=st.none() | many(words), measures=st.just(()),
    could_not_read=many(texts), trend=trends,
)  # fmt: skip
SENTENCES = (
    "KubePodCrashLooping no longer holds",
    "5xx of checkout 7.4 % → 0.2 % (normal 0.2 %)",
    "4 of 4 pods ready, 2 before",
    "storefront unchanged (5xx 0.1 %, p95 210 ms)",
)


@given(
    worlds.remediations, st.none() | looks, many(texts), st.none() | moments, many(words),
    st.none() | moments, st.none() | texts,
)  # fmt: skip
@anything
def test_any_verification_is_within_limits(
    remediation: Remediation, after: Look | None, said: Any, until: Any, people: Any, begun: Any, outcome: Any
) -> None:
    seen = {"after": after, "begun_at": begun, "outcome": outcome}
    holds(verification_view(remediation.model_copy(update=seen), said, NOON, until, people))


def _rolled_back(**changes: object) -> Remediation:
    begun = NOON - timedelta(minutes=2)
    trend = Trend(settled_since=begun + timedelta(seconds=41))
    after = Look(at=NOON, rolled_out=True, firing=(), trend=trend)
    usual = {"state": "watching", "begun_at": begun, "after": after, "decided_by": "U0MARIA", "decided_at": begun}
    return worlds.rollback().model_copy(update=usual | changes)


def _shown(view: View) -> str:
    return "\n".join(as_text(block) for block in view.blocks)


def test_while_it_is_watched_the_head_says_how_long_it_took_and_until_when() -> None:
    view = verification_view(_rolled_back(), SENTENCES, NOON, NOON + timedelta(minutes=5))
    assert "Rolled checkout back to revision 17 in 41 s; watching until 12:05 UTC" in view.text
    assert view.text.startswith("🟠")
    shown = _shown(view)
    assert "Approved by U0MARIA" in shown
    assert "5xx of checkout 7.4 % → 0.2 % (normal 0.2 %)" in shown
    assert "If it gets worse: " in shown


def test_a_rollout_that_is_not_complete_says_so() -> None:
    after = Look(at=NOON, rolled_out=False)
    view = verification_view(_rolled_back(after=after), (), NOON, NOON + timedelta(minutes=5))
    assert "not complete yet since 2 min" in view.text


def test_the_end_of_one_that_worked() -> None:
    view = verification_view(_rolled_back(state="worked"), SENTENCES, NOON)
    assert view.text.startswith("✅ Rolled checkout back to revision 17 in 41 s, and it holds.")
    assert "a person" not in _shown(view).lower()


def test_one_that_made_it_worse_says_what_was_undone_and_who_has_it() -> None:
    worse = _rolled_back(state="undone", outcome="Rolled forward to revision 18 again.")
    shown = _shown(verification_view(worse, ("5xx of storefront 0.2 % → 9.0 %",), NOON, handed_to=["U0LI"]))
    assert "it made things worse, so it was taken back" in shown
    assert "Rolled forward to revision 18 again." in shown
    assert "U0LI has it now." in shown


def test_what_stands_in_the_list_is_not_said_twice() -> None:
    said = f"{'; '.join(SENTENCES)}. I could not take it back: it changed. A person has to look now."
    shown = _shown(verification_view(_rolled_back(state="unproven", outcome=said), SENTENCES, NOON))
    assert shown.count("4 of 4 pods ready") == 1
    assert shown.count("person") == 1
    assert "I could not take it back: it changed." in shown


@pytest.mark.parametrize("state", ["unproven", "failed", "interrupted"])
def test_what_did_not_work_needs_a_person(state: Any) -> None:
    view = verification_view(_rolled_back(state=state), SENTENCES, NOON)
    assert view.text.startswith("🔴")
    assert "A person has to look" in _shown(view)


def test_what_could_not_be_read_is_said() -> None:
    after = Look(at=NOON, rolled_out=True, could_not_read=("metrics (no PROMETHEUS_URL)",))
    shown = _shown(verification_view(_rolled_back(after=after), (), NOON))
    assert "Could not read: metrics (no PROMETHEUS_URL)" in shown
