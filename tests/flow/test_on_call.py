"""Who is on call: shown to everybody, and entitled at the very moment of a click."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from blocks.parts import as_text
from bot.membership import may_decide
from bot.slash import Command, answer
from core.diagnosis import Investigation, Subject
from core.intake import open_incident
from core.remediation import Click
from core.settings import Approvers
from sandbox.pagerduty.model import User
from sandbox.slack.state import LI, MARIA
from tests.conftest import NOON
from tests.flow.conftest import Starter
from tests.flow.paging_lab import Night, night
from tests.unit.blocks.worlds import rollback
from workers import jobs
from workers.paging.rota import is_on_call
from workers.remediation import clicks
from workers.world import use

ON_CALL_DECIDES = Approvers(on_call=True)


@pytest.fixture
def lab(start: Starter) -> Iterator[Night]:
    with night(start, approvers=ON_CALL_DECIDES) as held:
        yield held


def read(lab: Night) -> None:
    use(lab.world)
    jobs.read_on_call()


def who_is(lab: Night, service: str = "checkout") -> tuple[str, str]:
    """Slack's ids of who is on call, and of the other one."""
    (address,) = lab.pagerduty.on_call(service)
    return (MARIA, LI) if address.startswith("maria") else (LI, MARIA)


def status(lab: Night, service: str = "") -> str:
    said = answer(Command(f"status {service}".strip(), MARIA, None, "C0SRE"), lab.records, lambda *_: ())
    return "\n".join(as_text(block) for block in said.blocks)


def test_status_says_who_is_on_call_until_when_and_who_is_next(lab: Night) -> None:
    read(lab)
    now, then = who_is(lab)
    assert f"On call {now} until Fri 09:00 UTC, then {then}" in status(lab)
    assert f"On call {now} until Fri 09:00 UTC, then {then}" in status(lab, "payments")


def test_services_with_other_people_are_told_apart(lab: Night) -> None:
    policy = next(p for p in lab.pagerduty.account.policies.values() if p.name == "Payments")
    nora = lab.pagerduty.account.user("nora").id
    lab.pagerduty.account.policies[policy.id] = type(policy)(
        policy.id, policy.name, (type(policy.rules[0])("R1", (nora,), 15),), 1
    )
    read(lab)
    assert f"On call for checkout: {who_is(lab)[0]} until" in status(lab)
    assert "On call for payments: Nora Lind" in status(lab)


def test_what_was_read_long_ago_says_when(lab: Night) -> None:
    read(lab)
    lab.later(minutes=6)
    assert "(as of 12:00 UTC)" in status(lab)


def test_the_card_shows_who_is_on_call_also_before_anybody_was_paged(lab: Night) -> None:
    open_incident(lab.records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    read(lab)
    assert f"on call {who_is(lab)[0]}" in lab.card()


def test_whoever_is_on_call_now_counts_and_the_other_does_not(lab: Night) -> None:
    now, other = who_is(lab)
    assert is_on_call(now, ["checkout"], lab.world) is True
    assert is_on_call(other, ["checkout"], lab.world) is False
    assert is_on_call(now, ["search"], lab.world) is False  # a service that pages nobody
    assert is_on_call(now, [], lab.world) is False
    assert is_on_call(now, ["search", "payments"], lab.world) is True  # an incident of several


def test_it_is_read_anew_at_the_click(lab: Night) -> None:
    read(lab)
    now, other = who_is(lab)
    lab.later(days=7)
    assert (is_on_call(now, ["checkout"], lab.world), is_on_call(other, ["checkout"], lab.world)) == (False, True)


def test_while_pagerduty_is_away_what_was_read_counts_for_five_minutes(lab: Night) -> None:
    read(lab)
    now, other = who_is(lab)
    lab.pagerduty.fail_next(503, times=1000)
    lab.later(minutes=4)
    assert (is_on_call(now, ["checkout"], lab.world), is_on_call(other, ["checkout"], lab.world)) == (True, False)
    lab.later(minutes=2)
    assert is_on_call(now, ["checkout"], lab.world) is None


def test_somebody_on_call_whom_slack_does_not_know_leaves_it_open(lab: Night) -> None:
    now, other = who_is(lab)
    account = lab.pagerduty.account
    held = account.user("maria" if now == MARIA else "li")
    account.users[held.id] = User(held.id, held.name, "elsewhere@example.com", held.role)
    assert is_on_call(other, ["checkout"], lab.world) is None


def pressed(lab: Night, user: str, wants: Any = "reject") -> str:
    """What became of a click on an approval of checkout, as the ledger has it."""
    records = lab.records
    number = len(records.remediations.active()) + 1
    open_incident(records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    rem = records.remediations.save(
        rollback(id=f"ACT-{number}", number=number, incident="INC-1", service="checkout",
                 expires_at=records.now() + timedelta(minutes=9))
    )  # fmt: skip
    if number == 1:
        inv = Investigation(id=rem.investigation, subject=Subject(text="?"), incident="INC-1", started_at=NOON)
        records.investigations.save(inv)
    click = Click(id=f"c{number}", remediation=rem.id, wants=wants, user=user, at=records.now())
    clicks.answer(records.remediations.save_click(click), lab.world)
    (last, *_) = [e for e in reversed(list(records.ledger.entries())) if e.event.startswith("approval.")]
    return f"{last.event} {last.data.get('code', '')}".strip()


def test_who_is_on_call_decides_and_nobody_else(lab: Night) -> None:
    now, other = who_is(lab)
    assert pressed(lab, other) == "approval.refused not_entitled"
    assert pressed(lab, now) == "approval.rejected"


def test_a_click_that_cannot_be_checked_decides_nothing(lab: Night) -> None:
    lab.pagerduty.fail_next(503, times=1000)
    assert pressed(lab, who_is(lab)[0]) == "approval.refused unchecked"


def test_groups_that_cannot_be_read_do_not_keep_who_is_on_call_from_deciding(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with night(start, approvers=Approvers(groups=("S0ONCALL",), on_call=True)) as lab:
        app = lab.face.slack.server.app
        object.__setattr__(app, "scopes", app.scopes - {"usergroups:read"})
        monkeypatch.setattr(clicks, "_WAIT_FOR_SLACK_S", 0.0)
        now, other = who_is(lab)
        assert pressed(lab, other) == "approval.refused unchecked"
        assert pressed(lab, now) == "approval.rejected"


def test_mode_and_pause_are_for_who_is_on_call_for_any_service(lab: Night) -> None:
    now, other = who_is(lab)
    assert may_decide(now, lab.records, lambda *_: ()) is None  # not read yet
    read(lab)
    assert may_decide(now, lab.records, lambda *_: ()) is True
    assert may_decide(other, lab.records, lambda *_: ()) is False
    lab.later(minutes=6)
    assert may_decide(now, lab.records, lambda *_: ()) is None
