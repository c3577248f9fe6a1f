"""Cards with buttons, clicked in a pretend Slack: every click is saved, in the ledger, and answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from blocks.approval import APPROVE, DETAILS, REJECT
from blocks.forms import REASON_FIELD
from blocks.parts import as_text
from bot.web import Web
from core.diagnosis import Investigation, Subject
from core.incident import Incident
from core.outbox import Message, View
from core.pause import Pause, set_pause
from core.settings import Approvers, Config
from sandbox.slack import Outcome
from sandbox.slack.state import LI, MARIA, ON_CALL
from tests.conftest import NOON
from tests.flow.conftest import CONFIG, Face, Starter
from tests.flow.posting import deliver
from tests.unit.blocks.worlds import rollback
from workers import jobs
from workers.adapters.slack import SlackAdapter
from workers.remediation import lapse
from workers.remediation.proposals import move, show
from workers.world import Outside, World, use

WHO = Approvers(groups=(ON_CALL,))


def company(approvers: Approvers) -> Config:
    return CONFIG.model_copy(update={"approvers": approvers})


@pytest.fixture(params=["socket", "http"])
def face(request: pytest.FixtureRequest, start: Starter) -> Iterator[Face]:
    face = start(request.param, config=company(WHO))
    yield face
    assert face.slack.server.breaches == []


@pytest.fixture
def one(start: Starter) -> Face:
    return start("http", config=company(WHO))


def no_outside() -> Outside:
    raise AssertionError("nothing of this looks at a cluster")


def asked(face: Face, **changes: Any) -> str:
    """A card that asks, in the thread of its incident, as operator and notifier leave it; its ts."""
    records = face.records
    rem = rollback(**changes)
    if records.incidents.find("INC-42") is None:
        waiting = {"source": "slack", "state": "waiting", "opened_at": NOON, "channel": "C0SRE"}
        records.incidents.save(Incident.model_validate({"id": "INC-42", "title": "checkout"} | waiting))
        records.investigations.save(
            Investigation(id="INV-3", subject=Subject(text="?"), incident="INC-42", channel="C0SRE", started_at=NOON)
        )
    records.outbox.put(Message(key="INC-42/card", channel="C0SRE", view=View(text="A card."), incident="INC-42"))
    show(records.remediations.save(rem), records)
    return posted(face, rem.number)


def posted(face: Face, number: int = 1) -> str:
    """Bring every message to Slack; the ts of the proposal's."""
    slack = SlackAdapter(face.records.settings)
    for key in ("INC-42/card", *(f"INV-3/{part}-{number}" for part in ("proposal", "escalation", "expired"))):
        if face.records.outbox.find(key):
            deliver(key, face.records, slack)
    return str(face.records.outbox.get(f"INV-3/proposal-{number}").ts)


def operate(face: Face, number: int = 1) -> None:
    """What the operator does with the clicks that wait for it."""
    use(World(records=face.records, open_outside=no_outside, slack=SlackAdapter(face.records.settings)))
    queue = Queue("remediate", connection=face.records.redis, serializer=JSONSerializer)
    for job in queue.jobs:
        queue.remove(job)
        getattr(jobs, str(job.func_name).rpartition(".")[2])(*job.args)
    posted(face, number)


def told(face: Face, user: str) -> str:
    """The newest word that only this person sees."""
    return face.slack.wait_for(lambda: face.slack.server.ephemerals(user))[-1].text


def events(face: Face) -> list[tuple[str, str]]:
    return [(entry.event, entry.actor) for entry in face.records.ledger.entries()]


def card(face: Face, ts: str) -> str:
    (message,) = [m for m in face.slack.thread(ts) if m.ts == ts]
    return "\n".join(as_text(block) for block in message.blocks)


def buttons(face: Face, ts: str) -> list[str]:
    (message,) = [m for m in face.slack.thread(ts) if m.ts == ts]
    return [e["action_id"] for block in message.blocks if block["type"] == "actions" for e in block["elements"]]


def modal(face: Face, user: str) -> dict[str, Any]:
    """The form that this person has open."""
    server = face.slack.server
    view = face.slack.wait_for(lambda: server.workspace.open_views.get(user))[-1]
    content: dict[str, Any] = server.workspace.views[view].content
    return content


def test_an_approval_is_saved_and_queued_at_the_front_with_nothing_but_its_id(face: Face) -> None:
    ts = asked(face)
    assert buttons(face, ts) == [APPROVE, REJECT, DETAILS]
    face.records.queues.enqueue("remediate", "workers.jobs.verify", "ACT-1")
    assert face.slack.click("maria", ts, APPROVE).acked
    (first, _) = face.jobs("remediate")
    click = face.records.remediations.click(first[1])
    assert first[0] == "decide"
    assert (click.remediation, click.wants, click.user, click.at) == ("ACT-7", "approve", MARIA, NOON)
    assert (click.channel, bool(click.thread_ts), bool(click.response_url)) == ("C0SRE", True, True)
    assert events(face) == [("approval.clicked", MARIA)]


def test_who_is_not_entitled_is_told_who_is_and_the_card_stays(face: Face) -> None:
    ts = asked(face)
    face.slack.click("jonas", ts, APPROVE)
    operate(face)
    assert told(face, "jonas") == (
        "You are not among those who may decide this, so nothing was done. Those who can: <!subteam^S0ONCALL>."
    )
    assert face.slack.ephemerals("jonas")[-1].thread_ts == face.records.outbox.get("INC-42/card").ts
    assert face.records.remediations.get("ACT-7").state == "asked"
    assert buttons(face, ts) == [APPROVE, REJECT, DETAILS]
    assert [event for event, _ in events(face)] == ["approval.clicked", "approval.refused"]


def test_a_rejection_asks_why_and_closes_the_card(face: Face) -> None:
    ts = asked(face)
    face.slack.click("li", ts, REJECT)
    assert modal(face, LI)["callback_id"] == "reject_remediation"
    assert events(face) == []  # so far nothing was decided
    assert face.slack.submit_view("li", {}).error == "missing_input"
    assert face.slack.submit_view("li", {REASON_FIELD: "We roll forward instead."}).acked
    operate(face)
    rem = face.records.remediations.get("ACT-7")
    assert (rem.state, rem.decided_by, rem.reason) == ("rejected", LI, "We roll forward instead.")
    assert "Rejected by U0LI" in card(face, ts)
    assert "We roll forward instead." in card(face, ts)
    assert buttons(face, ts) == []
    assert face.records.incidents.get("INC-42").state == "open"
    assert events(face) == [("approval.clicked", LI), ("approval.rejected", LI)]


def test_a_rejection_by_somebody_else_is_answered_though_a_form_has_no_response_url(face: Face) -> None:
    ts = asked(face)
    face.slack.click("jonas", ts, REJECT)
    modal(face, "U0JONAS")
    face.slack.submit_view("jonas", {REASON_FIELD: "no"})
    operate(face)
    assert told(face, "jonas").startswith("You are not among those who may decide this")
    assert face.records.remediations.get("ACT-7").state == "asked"


HARM = (  # Slack's pace makes each of them cost a second; the views are tested with all that there are
    "<!channel> ok",
    "<@U0ADMIN> <!subteam^S0ONCALL|@oncall> <#C0SECRET>",
    "&lt;!here&gt; ```x``` :fire:",
    "\u202eon\u202c " + "<" * 450,
)


def test_a_reason_that_means_harm_is_shown_as_text(one: Face) -> None:
    for number, reason in enumerate(HARM, start=1):
        ts = asked(one, id=f"ACT-{number}", number=number)
        one.slack.click("li", ts, REJECT)
        modal(one, LI)
        assert one.slack.submit_view("li", {REASON_FIELD: reason}).acked
        operate(one, number)
        assert one.records.remediations.get(f"ACT-{number}").state == "rejected"
        (message,) = [m for m in one.slack.thread(ts) if m.ts == ts]
        shown = json.dumps([message.text, message.blocks])
        assert not any(markup in shown for markup in ("<!channel>", "<!here", "<@U0ADMIN>", "<!subteam", "<#C0"))
    assert one.slack.server.breaches == []


def test_of_two_at_once_one_counts_and_the_other_is_told_by_whom(one: Face) -> None:
    ts = asked(one)
    for user in ("maria", "li"):
        one.slack.click(user, ts, REJECT)
        modal(one, f"U0{user.upper()}")
    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(one.slack.submit_view, user, {REASON_FIELD: f"so says {user}"}) for user in ("maria", "li")]
        assert all(outcome.result().acked for outcome in sent)
    use(World(records=one.records, open_outside=no_outside, slack=SlackAdapter(one.records.settings)))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: jobs.decide(job[1]), one.jobs("remediate")))
    rem = one.records.remediations.get("ACT-7")
    winner, loser = ("maria", "li") if rem.decided_by == MARIA else ("li", "maria")
    assert (rem.state, rem.reason) == ("rejected", f"so says {winner}")
    assert told(one, loser).startswith(f"Already decided: <@U0{winner.upper()}> rejected it at 12:00 UTC")
    assert [event for event, _ in events(one)].count("approval.rejected") == 1


def redelivered(face: Face, outcome: Outcome) -> int:
    """Slack brings the same again."""
    assert face.web._deliveries and outcome.payload
    return face.web._deliveries.take(outcome.payload, "socket").status


def test_a_click_that_is_brought_again_is_one_click(face: Face) -> None:
    ts = asked(face)
    outcome = face.slack.click("maria", ts, APPROVE)
    assert redelivered(face, outcome) == 200
    assert len(face.jobs("remediate")) == 1
    assert events(face) == [("approval.clicked", MARIA)]


def test_a_click_whose_process_died_before_it_was_queued_is_queued_when_it_comes_again(
    one: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    ts = asked(one)
    with monkeypatch.context() as patched:
        patched.setattr(type(one.records.queues), "enqueue", fails)
        outcome = one.slack.click("maria", ts, APPROVE)
    assert not outcome.acked
    assert one.jobs("remediate") == []
    assert redelivered(one, outcome) == 200
    assert len(one.jobs("remediate")) == 1
    assert events(one) == [("approval.clicked", MARIA)]


def fails(*_: object, **__: object) -> None:
    raise redis.ConnectionError("no route")


def test_a_click_after_a_restart_of_the_web_process_counts(one: Face) -> None:
    ts = asked(one)
    one.web.stop()
    assert one.slack.click("maria", ts, APPROVE).error == "dispatch_failed"  # Slack itself tells who clicked
    web = Web(one.records, host="127.0.0.1")
    try:
        web.start()
        one.slack.server.request_url = f"http://127.0.0.1:{web.port}/slack/events"
        assert one.slack.click("maria", ts, APPROVE).acked
    finally:
        web.stop()
    assert [job for job, _ in one.jobs("remediate")] == ["decide"]


def test_without_records_the_person_is_told_and_slack_marks_the_click(
    one: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    ts = asked(one)
    one.slack.click("li", ts, REJECT)
    modal(one, LI)
    with monkeypatch.context() as patched:
        patched.setattr(one.records.redis, "execute_command", fails)
        assert not one.slack.click("maria", ts, APPROVE).acked
        submitted = one.slack.submit_view("li", {REASON_FIELD: "no"})
    said = "I cannot reach my records; try again in a minute."
    one.slack.wait_for(lambda: said in [m.text for m in one.slack.server.ephemerals("maria")])
    assert (submitted.body or {})["errors"] == {"reason": said}
    assert modal(one, LI)["callback_id"] == "reject_remediation"  # still open, with what was typed
    assert one.jobs("remediate") == []


def test_while_paused_an_approval_does_not_count_and_says_so(face: Face) -> None:
    ts = asked(face)
    set_pause(face.records.switches, Pause(by=LI, at=NOON))
    face.slack.click("maria", ts, APPROVE)
    assert told(face, "maria").startswith("I am paused, so nothing was done.")
    assert face.jobs("remediate") == []
    assert face.records.remediations.get("ACT-7").state == "asked"
    assert events(face) == [("approval.clicked", MARIA), ("approval.refused", MARIA)]


def test_while_paused_a_rejection_counts(face: Face) -> None:
    ts = asked(face)
    set_pause(face.records.switches, Pause(by=LI, at=NOON))
    face.slack.click("maria", ts, REJECT)
    modal(face, MARIA)
    face.slack.submit_view("maria", {REASON_FIELD: "no"})
    operate(face)
    assert face.records.remediations.get("ACT-7").state == "rejected"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "begun", "decided_by": LI, "decided_at": NOON},
         "Already decided: <@U0LI> approved it at 12:00 UTC; it is running."),
        ({"state": "expired"}, "Too late: it expired at 12:13 UTC, and nothing was done."
         " Mention me in the thread to look again."),
        ({"state": "superseded", "outcome": "The incident ended."},
         "It no longer stands, so nothing was done. The incident ended."),
        ({"expires_at": NOON}, "Too late: it expired at 12:00 UTC, and nothing was done."
         " Mention me in the thread to look again."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pressed", [APPROVE, REJECT])
def test_a_stale_button_is_answered_at_once_from_stored_state(
    one: Face, change: dict[str, Any], said: str, pressed: str
) -> None:
    ts = asked(one)
    move(one.records.remediations.get("ACT-7"), one.records, "asked", **change)  # the card in Slack is behind
    assert one.slack.click("maria", ts, pressed).acked
    assert told(one, "maria") == said
    assert one.jobs("remediate") == []


def test_details_open_for_anybody(face: Face) -> None:
    ts = asked(face)
    face.slack.click("jonas", ts, DETAILS)
    said = "\n".join(as_text(block) for block in modal(face, "U0JONAS")["blocks"])
    assert "env CART_URL gone" in said
    assert "This is production, so a person approves." in said
    assert events(face) == []


def test_what_cannot_be_taken_back_is_confirmed_in_slack(one: Face) -> None:
    ts = asked(one, undo=None)
    (message,) = [m for m in one.slack.thread(ts) if m.ts == ts]
    (confirm,) = [e["confirm"] for b in message.blocks for e in b.get("elements", []) if "confirm" in e]
    assert confirm["title"]["text"] == "This cannot be taken back"
    assert one.slack.click("maria", ts, APPROVE).acked


def test_nobody_configured_nobody_approves(start: Starter) -> None:
    face = start("socket", config=company(Approvers()))
    ts = asked(face)
    assert buttons(face, ts) == [DETAILS]
    assert "Nothing can be approved: approvers in SRE_CONFIG names nobody." in card(face, ts)


def test_a_proposal_that_is_gone_is_answered(one: Face) -> None:
    ts = asked(one)
    one.records.redis.delete("sre:remediation:ACT-7")
    one.slack.click("maria", ts, APPROVE)
    assert told(one, "maria") == "That proposal is gone, so nothing was done."


def test_expiry_is_escalated_and_then_closes_the_card_with_a_sentence_in_the_thread(one: Face) -> None:
    ts = asked(one)
    lapse.lapse(replace(one.records, now=lambda: NOON + timedelta(minutes=9)))
    lapse.close("ACT-7", replace(one.records, now=lambda: NOON + timedelta(minutes=13)))
    posted(one)
    thread = one.slack.thread(str(one.records.outbox.get("INC-42/card").ts))
    said = [message.text for message in thread]
    assert any("Somebody has to decide" in text for text in said)
    assert said[-1].startswith("Nobody decided in time, so I have not done it: roll checkout back to revision 17.")
    assert buttons(one, ts) == []
    mentions = [json.dumps(m.blocks).count("<!subteam^S0ONCALL>") for m in thread]
    assert sum(mentions) == 1
