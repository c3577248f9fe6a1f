"""Approvals that grow old: counted down quietly, escalated once, closed once, never over a click that came first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rq import SimpleWorker
from rq.serializers import JSONSerializer

import workers.remediation.lapse as lapse_module
from blocks.approval import APPROVE
from blocks.parts import as_text
from core.diagnosis import Investigation, Subject
from core.incident import Incident
from core.outbox import Message, View
from core.queues import DELIVER, LAPSE
from core.records import Records
from core.remediation import Remediation
from core.settings import Approvers, Config
from tests.conftest import NOON
from tests.unit.blocks.worlds import rollback
from workers.remediation.lapse import close, lapse, redraw, supersede
from workers.remediation.proposals import drawn, move, show
from workers.world import Outside, World, use

CARD = "INV-3/proposal-1"


@pytest.fixture
def records(records: Records) -> Records:
    who = Config(approvers=Approvers(groups=("S0ONCALL",), users=("U0LI",)))
    records = replace(records, settings=records.settings.model_copy(update={"config": who}))
    records.incidents.save(
        Incident(id="INC-42", title="t", source="slack", state="waiting", opened_at=NOON, channel="C0SRE")
    )
    asked(records)
    return records


def asked(records: Records, **changes: object) -> Remediation:
    """An asked remediation whose card is in the outbox, as the operator leaves it."""
    rem = rollback(asked_at=NOON, expires_at=NOON + timedelta(minutes=15), **changes)
    records.investigations.save(
        Investigation(
            id=rem.investigation, subject=Subject(text="?"), incident="INC-42", channel="C0SRE", started_at=NOON
        )
    )
    rem = records.remediations.save(rem)
    show(rem, records)
    return rem


def at(records: Records, minutes: float) -> Records:
    return replace(records, now=lambda: NOON + timedelta(minutes=minutes))


def queued(records: Records, job: str = DELIVER) -> list[str]:
    """The first ids of the queued jobs of that name."""
    held = records.queues._queue("notify").jobs
    return [j.args[0] for j in held if j.func_name == job and j.args]


def drain(records: Records) -> None:
    queue = records.queues._queue("notify")
    for job in queue.jobs:
        queue.remove(job)


def says(records: Records, key: str) -> str:
    return "\n".join(as_text(block) for block in records.outbox.get(key).view.blocks)


def events(records: Records) -> list[str]:
    return [entry.event for entry in records.ledger.entries()]


def test_the_card_is_drawn_again_when_the_minute_changes_and_only_then(records: Records) -> None:
    drain(records)
    lapse(at(records, 0.5))
    assert "14 min left" in says(records, CARD)
    assert queued(records) == [CARD]
    drain(records)
    lapse(at(records, 0.9))
    assert queued(records) == []
    lapse(at(records, 14.5))
    assert "less than a minute left" in says(records, CARD)


def test_at_two_thirds_of_its_life_those_who_were_not_asked_are_mentioned_once(records: Records) -> None:
    lapse(at(records, 9.9))
    assert records.outbox.find("INV-3/escalation-1") is None
    lapse(at(records, 10))
    lapse(at(records, 10.4))
    message = records.outbox.get("INV-3/escalation-1")
    assert says(records, message.key).startswith("<@U0LI> Somebody has to decide: roll checkout back to revision 17;")
    assert (message.channel, message.under, message.version) == ("C0SRE", "INC-42/card", 1)
    assert (message.urgent, records.outbox.get(CARD).urgent) == (True, True)
    assert records.remediations.get("ACT-7").escalated_at == NOON + timedelta(minutes=10)
    assert events(records) == ["approval.escalated"]
    assert "Needs one of S0ONCALL or U0LI" in says(records, CARD)


def expire(records: Records, minutes: float = 15) -> Records:
    """As the cron does it: the round queues a job of its own, which ends it."""
    later = at(records, minutes)
    lapse(later)
    assert queued(later, LAPSE) == ["ACT-7"]
    close("ACT-7", later)
    return later


def test_at_its_end_the_card_closes_and_the_thread_says_what_now(records: Records) -> None:
    later = expire(records)
    assert records.remediations.get("ACT-7").state == "expired"
    assert records.remediations.active() == ()
    view = records.outbox.get(CARD).view
    assert says(records, CARD).startswith("⚪ Expired: roll checkout back")
    assert not [block for block in view.blocks if block["type"] == "actions"]
    assert "Mention me here to look again" in says(records, "INV-3/expired-1")
    assert records.incidents.get("INC-42").state == "open"
    assert events(later) == ["approval.expired"]


def test_closing_is_safe_to_repeat_and_to_be_cut_short(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise SystemExit

    later = at(records, 15)
    for step in ("redraw", "note_once", "_say", "_reopen"):
        with monkeypatch.context() as patched, pytest.raises(SystemExit):
            patched.setattr(lapse_module, step, dies)
            close("ACT-7", later)
    for _ in range(2):
        close("ACT-7", later)
    assert events(records) == ["approval.expired"]
    assert records.outbox.get("INV-3/expired-1").version == 1
    assert records.incidents.get("INC-42").state == "open"


def test_a_click_that_came_first_wins(records: Records) -> None:
    later = at(records, 15)
    lapse(later)
    move(records.remediations.get("ACT-7"), records, "asked", state="approved", decided_by="U0LI")
    close("ACT-7", later)
    assert records.remediations.get("ACT-7").state == "approved"
    assert events(records) == []
    assert records.incidents.get("INC-42").state == "waiting"


def test_a_decision_that_comes_while_the_card_is_drawn_is_not_drawn_over(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    clicks = [1]

    def drawn_slowly(rem: Remediation, held: Records) -> View:
        view = drawn(rem, held)
        if clicks.pop() if clicks else None:  # the click lands between drawing and saving
            approved = move(rem, held, "asked", state="approved", decided_by="U0LI", decided_at=NOON)
            show(approved, held)
        return view

    monkeypatch.setattr(lapse_module, "drawn", drawn_slowly)
    redraw("ACT-7", at(records, 3))
    view = records.outbox.get(CARD).view
    assert "🟠 Approved" in says(records, CARD)
    assert not [e for block in view.blocks for e in block.get("elements", []) if e.get("action_id") == APPROVE]


def test_the_incident_stays_waiting_while_another_of_its_actions_is_asked(records: Records) -> None:
    records.remediations.save(
        rollback(id="ACT-8", number=2, version=0, asked_at=NOON, expires_at=NOON + timedelta(hours=1))
    )
    expire(records)
    assert records.incidents.get("INC-42").state == "waiting"


def test_an_asked_one_of_an_ended_incident_is_closed(records: Records) -> None:
    ended = {"state": "resolved", "resolved_at": NOON}
    records.incidents.update("INC-42", lambda i: i.model_copy(update=ended))
    expire(records, 3)
    rem = records.remediations.get("ACT-7")
    assert (rem.state, rem.outcome) == ("superseded", "The incident ended, so this is not done.")
    assert events(records) == ["approval.superseded"]
    assert records.incidents.get("INC-42").state == "resolved"


def test_a_proposal_that_nobody_takes_up_says_so_on_its_card(records: Records) -> None:
    move(records.remediations.get("ACT-7"), records, "asked", state="proposed", asked_at=None, expires_at=None)
    lapse(at(records, 9))
    assert "Nobody has taken it up for 11 min" in says(records, CARD)  # it was made 2 min before noon


def test_superseding_closes_what_waits_but_for_what_is_kept(records: Records) -> None:
    supersede("INC-42", records, "A newer plan stands.", keep="INV-3")
    assert records.remediations.get("ACT-7").state == "asked"
    supersede("INC-42", records, "A newer plan stands.")
    supersede("INC-42", records, "Again.")
    rem = records.remediations.get("ACT-7")
    assert (rem.state, rem.outcome) == ("superseded", "A newer plan stands.")
    assert says(records, CARD).startswith("⚪ Superseded: roll checkout back to revision 17\nA newer plan stands.")
    assert events(records) == ["approval.superseded"]


def test_superseding_leaves_alone_what_was_approved(records: Records) -> None:
    move(records.remediations.get("ACT-7"), records, "asked", state="approved")
    supersede("INC-42", records, "A newer plan stands.")
    assert records.remediations.get("ACT-7").state == "approved"


def test_a_question_that_shows_its_card_nowhere_is_left_in_peace(records: Records) -> None:
    records.remediations.save(rollback(id="ACT-9", investigation="INV-9", incident=None, version=0))
    drain(records)
    lapse(at(records, 0.1))
    close("ACT-9", at(records, 20))
    assert records.remediations.get("ACT-9").state == "expired"
    assert [key for key in queued(records) if key.startswith("INV-9")] == []
    assert records.outbox.find("INV-9/expired-1") is None


def test_an_escalation_goes_where_the_card_is(records: Records) -> None:
    records.outbox.put(Message(key=CARD, channel="C0OTHER", view=View(text="."), thread_ts="1.2"))
    lapse(at(records, 11))
    message = records.outbox.get("INV-3/escalation-1")
    assert (message.channel, message.thread_ts) == ("C0OTHER", "1.2")


def test_the_clocks_round_reaches_the_end_through_the_queue(records: Records) -> None:
    drain(records)
    later = at(records, 15)
    use(World(records=later, open_outside=unopened, slack=None))
    records.queues.enqueue("notify", LAPSE)
    worker = SimpleWorker(["notify"], connection=records.redis, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="ERROR")
    assert records.remediations.get("ACT-7").state == "expired"
    assert events(records) == ["approval.expired"]
    assert records.queues.waiting("notify") == 0


def unopened() -> Outside:
    raise AssertionError("nothing of this looks at a cluster")
