"""What people press in Slack is done in PagerDuty in their name, once, however PagerDuty answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.grouping import MORE
from blocks.paging import ACKNOWLEDGE, ESCALATE, POLICY_FIELD, RESOLVE, TEXT_FIELD, WHO_FIELD
from bot.slash import Command, answer
from core.diagnosis import Claim, Diagnosis, Investigation, RootCause, Subject
from core.incident import Incident
from core.intake import open_incident
from core.observation import Evidence
from core.settling import resolve
from core.status import read_status
from sandbox.company import wait_until
from sandbox.slack import App
from sandbox.slack.state import JONAS, LI, MARIA
from tests.conftest import NOON
from tests.flow.conftest import Starter
from tests.flow.paging_lab import Night, night
from tests.unit.blocks.worlds import rollback
from workers import jobs
from workers.paging.wanted import note_diagnosis
from workers.remediation import lapse
from workers.world import use


@pytest.fixture
def lab(start: Starter) -> Iterator[Night]:
    with night(start) as held:
        yield held
        assert held.face.slack.server.breaches == []


@pytest.fixture
def paged(lab: Night) -> Night:
    """An incident of PagerDuty that nobody has yet."""
    lab.pagerduty.open("nora", "checkout", "carts are lost")
    lab.heard(1)
    return lab


def test_acknowledge_is_done_in_the_name_of_who_pressed(paged: Night) -> None:
    ts = paged.posted()
    assert paged.face.slack.click("li", ts, ACKNOWLEDGE).acked
    paged.work()
    assert paged.page()["acknowledged_by"] == [paged.pagerduty.account.user("li").name]
    assert "acknowledged by U0LI" in paged.card()
    assert [change.kind for change in paged.changes()] == ["triggered", "acknowledged"]


def test_what_comes_back_of_it_changes_nothing_twice(paged: Night) -> None:
    paged.face.slack.click("li", paged.posted(), ACKNOWLEDGE)
    paged.work()
    paged.hear_all()
    assert [change.kind for change in paged.changes()] == ["triggered", "acknowledged"]
    assert len(paged.pagerduty.webhooks.deliveries) == 2  # nothing was told again
    assert len([e for e in paged.records.ledger.entries() if e.event == "pagerduty.acknowledged"]) == 1


def test_all_pages_of_an_incident_are_acknowledged_by_one_click(paged: Night) -> None:
    paged.pagerduty.open("nora", "checkout", "orders are lost")
    paged.hear_all()
    assert len(paged.incident.pages) == 2
    paged.face.slack.click("li", paged.posted(), ACKNOWLEDGE)
    paged.work()
    assert {held["status"] for held in paged.pagerduty.incidents()} == {"acknowledged"}


def through_more(paged: Night, user: str, name: str) -> str:
    """Press what is behind More… on the card; the modal's id."""
    server = paged.face.slack.server
    before = set(server.workspace.views)
    paged.face.slack.click(user, paged.posted(), MORE, f"more:{paged.incident.id}")
    (view,) = paged.face.slack.wait_for(lambda: set(server.workspace.views) - before)
    shown = server.workspace.views[view].hash
    assert paged.face.slack.click(user, view, f"order:{name}").acked
    paged.face.slack.wait_for(lambda: server.workspace.views[view].hash != shown)
    return view


def press(paged: Night, user: str, pressed: str) -> None:
    """Press it on the card; Resolve is behind More… while nobody has acknowledged, and asks what fixed it."""
    if pressed != RESOLVE:
        paged.face.slack.click(user, paged.posted(), pressed)
        return
    through_more(paged, user, "resolve")
    assert paged.face.slack.submit_view(user, {"fix": "unknown"}).acked


def test_resolve_ends_it_there_and_here(paged: Night) -> None:
    press(paged, "maria", RESOLVE)
    paged.work()
    assert paged.page()["status"] == "resolved"
    assert paged.incident.state == "resolved"
    paged.hear_all()
    assert [change.kind for change in paged.changes()] == ["triggered", "resolved"]


def test_escalate_calls_the_next_level(paged: Night) -> None:
    before = paged.page()["assigned"]
    paged.face.slack.click("maria", paged.posted(), ESCALATE)
    paged.work()
    assert paged.page()["level"] == 2
    assert paged.page()["assigned"] != before
    paged.hear_all()
    assert [change.kind for change in paged.changes()] == ["triggered", "escalated"]


def test_a_double_click_is_done_once(paged: Night) -> None:
    ts = paged.posted()
    outcome = paged.face.slack.click("maria", ts, ESCALATE)
    deliveries = paged.face.web._deliveries
    assert deliveries and outcome.payload
    assert deliveries.take(outcome.payload, "socket").status == 200
    paged.work()
    assert paged.page()["level"] == 2


def test_at_the_last_level_the_person_is_told(paged: Night) -> None:
    ts = paged.posted()
    paged.pagerduty.escalate("maria", paged.page()["id"], 3)
    paged.hear_all()
    paged.face.slack.click("maria", ts, ESCALATE)
    paged.work()
    assert paged.told(MARIA).startswith("It is at the last level of its escalation policy already")


def test_who_may_only_look_in_pagerduty_is_told(paged: Night) -> None:
    paged.face.slack.click("jonas", paged.posted(), ACKNOWLEDGE)
    paged.work()
    assert paged.told(JONAS) == "PagerDuty does not let you do that: your role there may only look."
    assert paged.page()["status"] == "triggered"
    assert paged.records.pages.waiting() == ()


def test_who_has_no_user_in_pagerduty_is_told(paged: Night) -> None:
    gone = paged.pagerduty.account.user("jonas").id
    del paged.pagerduty.account.users[gone]
    paged.face.slack.click("jonas", paged.posted(), ACKNOWLEDGE)
    paged.work()
    assert paged.told(JONAS).startswith("You have no user in PagerDuty under jonas@example.com")


def test_without_the_scope_for_addresses_the_person_is_told(paged: Night) -> None:
    app = paged.face.slack.server.app
    assert isinstance(app, App)
    object.__setattr__(app, "scopes", app.scopes - {"users:read.email"})
    paged.face.slack.click("li", paged.posted(), ACKNOWLEDGE)
    paged.work()
    assert "users:read.email" in paged.told(LI)


def test_a_click_on_what_is_over_is_answered(paged: Night) -> None:
    ts = paged.posted()
    paged.pagerduty.resolve("maria", paged.page()["id"])
    paged.hear_all()
    paged.face.slack.click("li", ts, ACKNOWLEDGE)
    assert paged.told(LI) == "INC-1 is over, so nothing was done."


def test_a_note_is_added_once_and_not_shown_again_when_it_comes_back(paged: Night) -> None:
    ts = paged.posted()
    paged.face.slack.click("li", ts, MORE, f"note:{paged.incident.id}")
    paged.modal()
    assert paged.face.slack.submit_view("li", {TEXT_FIELD: "We roll back <now> & wait."}).acked
    paged.work()
    (note,) = paged.page()["notes"]
    assert note["content"].startswith("We roll back <now> & wait.")
    assert note["user"]["summary"] == paged.pagerduty.account.user("li").name
    paged.hear_all()
    assert [change.kind for change in paged.changes()] == ["triggered"]


def test_a_note_whose_answer_was_lost_is_there_once(paged: Night) -> None:
    paged.face.slack.click("li", paged.posted(), MORE, f"note:{paged.incident.id}")
    paged.modal()
    paged.face.slack.submit_view("li", {TEXT_FIELD: "We roll back."})
    paged.pagerduty.lose_next("POST /incidents")
    paged.work()
    assert len(paged.records.pages.waiting()) == 1
    paged.hear_all()  # it comes back before we know that it arrived
    paged.retry()
    assert len(paged.page()["notes"]) == 1
    assert paged.records.pages.waiting() == ()
    assert [change.kind for change in paged.changes()] == ["triggered"]


@pytest.mark.parametrize("pressed", [ACKNOWLEDGE, ESCALATE, RESOLVE])
def test_what_was_done_though_the_answer_was_lost_is_not_done_again(paged: Night, pressed: str) -> None:
    press(paged, "maria", pressed)
    paged.pagerduty.lose_next("PUT /incidents")
    paged.work()
    assert len(paged.records.pages.waiting()) == 1
    paged.retry()
    assert paged.records.pages.waiting() == ()
    paged.hear_all()
    assert len(paged.pagerduty.webhooks.deliveries) == 2
    assert len(paged.changes()) == 2
    assert paged.page()["level"] == (2 if pressed == ESCALATE else 1) or pressed == RESOLVE


def test_a_responder_whose_request_was_lost_is_asked_once(paged: Night) -> None:
    paged.face.slack.click("maria", paged.posted(), MORE, f"page:{paged.incident.id}")
    paged.modal()
    assert paged.face.slack.submit_view("maria", {WHO_FIELD: LI, TEXT_FIELD: "Please look"}).acked
    paged.pagerduty.lose_next("responder_requests")
    paged.work()
    paged.retry()
    paged.hear_all()
    assert [change.kind for change in paged.changes()] == ["triggered", "responder.added"]
    assert "asked to help: Please look" in paged.thread()


def test_whom_to_page_must_be_chosen(paged: Night) -> None:
    use(paged.world)
    jobs.read_on_call()
    paged.face.slack.click("maria", paged.posted(), MORE, f"page:{paged.incident.id}")
    paged.modal()
    assert "whom to page" in str((paged.face.slack.submit_view("maria", {TEXT_FIELD: "x"}).body or {})["errors"])
    policy = paged.records.pages.choices()[0].id
    both = {WHO_FIELD: LI, POLICY_FIELD: policy, TEXT_FIELD: "x"}
    assert "not both" in str((paged.face.slack.submit_view("maria", both).body or {})["errors"])
    assert paged.face.slack.submit_view("maria", {POLICY_FIELD: policy, TEXT_FIELD: "x"}).acked
    paged.work()
    paged.hear_all()
    assert "responder.added" in [change.kind for change in paged.changes()]


@pytest.mark.parametrize("whom", ["nobody", "li", "policy"])
def test_paging_opens_it_in_pagerduty_and_what_comes_back_belongs_to_it(lab: Night, whom: str) -> None:
    use(lab.world)
    jobs.read_on_call()
    open_incident(lab.records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    lab.face.slack.click("maria", lab.posted(), MORE, f"page:{lab.incident.id}")
    lab.modal()
    policy = next(c.id for c in lab.records.pages.choices() if c.name == "Payments")
    chosen = {"li": {WHO_FIELD: LI}, "policy": {POLICY_FIELD: policy}}.get(whom, {})
    assert lab.face.slack.submit_view("maria", {TEXT_FIELD: "Look now", **chosen}).acked
    lab.work()
    wait_until(lab.pagerduty.incidents)
    lab.hear_all()
    assert lab.page()["title"] == "INC-1: Look now"
    assert lab.incident.pagerduty and lab.incident.pagerduty.number == 1
    if whom == "li":
        assert lab.page()["assigned"] == [lab.pagerduty.account.user("li").name]
    assert [change.kind for change in lab.changes()] == ["triggered"]


def test_opening_it_there_is_not_repeated_when_the_answer_was_lost(lab: Night) -> None:
    open_incident(lab.records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    lab.face.slack.click("maria", lab.posted(), MORE, f"page:{lab.incident.id}")
    lab.modal()
    lab.face.slack.submit_view("maria", {WHO_FIELD: LI, TEXT_FIELD: "Look now"})
    lab.pagerduty.lose_next("POST /incidents")
    lab.work()
    lab.retry()
    lab.hear_all()
    assert len(lab.pagerduty.incidents()) == 1
    assert lab.incident.pagerduty
    assert lab.records.pages.waiting() == ()


def test_a_service_that_pagerduty_does_not_have_is_said_in_the_form(lab: Night) -> None:
    open_incident(lab.records, "the office is dark", user=LI, channel="C0SHOP")
    lab.face.slack.click("maria", lab.posted(), MORE, f"page:{lab.incident.id}")
    lab.modal()
    answered = lab.face.slack.submit_view("maria", {WHO_FIELD: LI, TEXT_FIELD: "x"})
    assert "services.….pagerduty" in str((answered.body or {})["errors"])


def test_investigate_again_starts_one_however_often_it_is_pressed(paged: Night) -> None:
    views = [through_more(paged, "li", "again") for _ in range(2)]
    assert [ids for job, *ids in paged.face.jobs() if job == "investigate"] == [["INV-1"], ["INV-2"]]
    said = paged.face.slack.server.workspace.views[views[-1]].blocks
    assert "I am looking again already." in str(said)


def name(lab: Night, who: str) -> str:
    return str(lab.pagerduty.account.user(who).name)


def test_a_message_with_a_stopwatch_is_a_note_once(paged: Night) -> None:
    ts = paged.posted()
    paged.face.slack.say("li", "C0SHOP", "the cache is full & <slow>", thread_ts=ts)
    message = next(m for m in paged.face.slack.thread(ts) if "cache" in m.text)
    for who in ("maria", "li"):
        assert paged.face.slack.react(who, message.ts, "stopwatch").acked
        paged.work()
    (note,) = paged.page()["notes"]
    assert "Li Wei in Slack: the cache is full & <slow>".replace("Li Wei", name(paged, "li")) in note["content"]
    assert note["user"]["summary"] == paged.pagerduty.account.user("maria").name
    paged.hear_all()
    assert [change.kind for change in paged.changes()] == ["triggered"]


def test_other_reactions_and_messages_outside_of_threads_are_left_alone(paged: Night) -> None:
    ts = paged.posted()
    paged.face.slack.say("li", "C0SHOP", "lunch?")
    lunch = next(m for m in paged.face.slack.messages("C0SHOP") if m.text == "lunch?")
    paged.face.slack.react("maria", lunch.ts, "stopwatch")
    paged.face.slack.react("maria", ts, "eyes")
    paged.work()
    assert paged.page()["notes"] == []


def test_a_stopwatch_without_a_timeline_is_answered(lab: Night) -> None:
    open_incident(lab.records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    ts = lab.posted()
    lab.face.slack.say("li", "C0SHOP", "the cache is full", thread_ts=ts)
    message = next(m for m in lab.face.slack.thread(ts) if "cache" in m.text)
    lab.face.slack.react("maria", message.ts, "stopwatch")
    lab.work()
    assert lab.told(MARIA).startswith("INC-1 is not in PagerDuty, so there is no timeline")


def test_what_the_bot_opened_there_ends_with_the_incident(lab: Night) -> None:
    open_incident(lab.records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    lab.face.slack.click("maria", lab.posted(), MORE, f"page:{lab.incident.id}")
    lab.modal()
    lab.face.slack.submit_view("maria", {TEXT_FIELD: "Look now"})
    lab.work()
    wait_until(lab.pagerduty.incidents)
    lab.hear_all()
    resolve(lab.incident, lab.records, "alertmanager")
    use(lab.world)
    for _ in range(2):
        jobs.read_on_call()
        lab.work()
    assert lab.page()["status"] == "resolved"


# PagerDuty away


def test_an_hour_without_pagerduty_loses_nothing_and_is_shown(paged: Night) -> None:
    ts = paged.posted()
    paged.pagerduty.fail_next(503, times=10_000)
    paged.face.slack.click("maria", ts, ACKNOWLEDGE)
    paged.face.slack.click("maria", ts, MORE, f"note:{paged.incident.id}")
    paged.modal()
    paged.face.slack.submit_view("maria", {TEXT_FIELD: "We wait."})
    paged.work()
    assert paged.told(MARIA) == "PagerDuty does not answer; I keep it and go on trying."
    for _ in range(12):
        paged.later(minutes=5)
        paged.retry()
    status = read_status(paged.records)
    assert status.unreachable["PagerDuty"] == NOON
    assert status.queued["PagerDuty"] == 2
    said = answer(Command("status", MARIA, None, "C0SRE"), paged.records, lambda *_: ())
    assert "cannot reach PagerDuty since 12:00 UTC (2 updates queued)" in "".join(str(part) for part in _texts(said))
    assert "PagerDuty does not answer, 2 updates queued" in paged.card()
    paged.pagerduty.mend()
    paged.retry()
    assert paged.page()["status"] == "acknowledged"
    assert [note["content"].split("\n")[0] for note in paged.page()["notes"]] == ["We wait."]
    assert read_status(paged.records).unreachable == {}
    assert "does not answer" not in paged.card()


def _texts(view: Any) -> list[str]:
    from blocks.parts import as_text

    return [as_text(block) for block in view.blocks]


def test_a_day_later_it_is_given_up_and_said(paged: Night) -> None:
    paged.pagerduty.fail_next(503, times=10_000)
    paged.face.slack.click("maria", paged.posted(), ACKNOWLEDGE)
    paged.work()
    paged.later(hours=25)
    paged.retry()
    assert paged.records.pages.waiting() == ()
    refused = [e for e in paged.records.ledger.entries() if e.event == "pagerduty.refused"]
    assert "for a day" in refused[0].data["why"]


def test_a_rate_limit_puts_it_off_and_it_is_done_once_the_minute_is_over(paged: Night) -> None:
    paged.pagerduty.limit(per_minute=0)
    paged.face.slack.click("maria", paged.posted(), ACKNOWLEDGE)
    paged.work()
    (waiting,) = paged.records.pages.waiting()
    assert waiting.failures == 1
    paged.pagerduty.limit()
    paged.later(minutes=1)
    paged.retry()
    assert paged.page()["status"] == "acknowledged"


def test_what_nobody_is_about_to_send_is_taken_up_by_the_clock(paged: Night) -> None:
    ts = paged.posted()
    paged.face.slack.click("maria", ts, ACKNOWLEDGE)
    redis = paged.records.redis
    redis.delete("rq:queue:notify", *redis.keys("sre:wish-lease:*"))  # its job is lost
    use(paged.world)
    jobs.read_on_call()
    paged.work()
    assert paged.page()["status"] == "acknowledged"


# What the bot tells by itself


def diagnosed(lab: Night) -> Incident:
    root = RootCause(condition="CrashLoopBackOff", target="Deployment/checkout", statement="CART_URL has no port.")
    seen = Evidence(id="e1", tool="logs", query="q", excerpt="x", observed_at=NOON)
    done = Diagnosis(status="diagnosed", root_cause=root, confidence=0.93, reasoner="runbooks",
                     confidence_why=("all is cited",), evidence_coverage=1.0,
                     claims=(Claim(text="The crash names it", evidence=("e1",)),))  # fmt: skip
    records, incident = lab.records, lab.incident
    inv = records.investigations.get(str(incident.investigation))
    records.investigations.update(
        inv.id, lambda i: i.model_copy(update={"diagnosis": done, "evidence": (seen,), "reported": True})
    )
    return incident


def test_the_diagnosis_is_noted_once(paged: Night) -> None:
    incident = diagnosed(paged)
    for _ in range(3):
        note_diagnosis(incident, paged.records)
        paged.work()
    paged.hear_all()
    (note,) = paged.page()["notes"]
    assert note["content"].startswith("Cause: CART_URL has no port.\n- The crash names it (logs)")
    assert note["user"]["summary"] == "SRE bot"
    assert [change.kind for change in paged.changes()] == ["triggered"]


def test_a_page_that_comes_after_the_diagnosis_gets_it(lab: Night) -> None:
    open_incident(lab.records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    diagnosed(lab)
    lab.pagerduty.open("nora", "checkout", "carts are lost")
    lab.hear_all()
    lab.work()
    assert [note["content"].split("\n")[0] for note in lab.page()["notes"]] == ["Cause: CART_URL has no port."]


def unanswered(lab: Night) -> None:
    """An approval of the incident that nobody has answered in two thirds of its time."""
    records = lab.records
    records.investigations.save(
        Investigation(id="INV-3", subject=Subject(text="?"), incident="INC-1", channel="C0SHOP", started_at=NOON)
    )
    records.remediations.save(rollback(incident="INC-1", service="checkout"))
    records.incidents.update("INC-1", lambda i: i.model_copy(update={"state": "waiting"}))
    lab.later(minutes=11)
    for _ in range(2):
        lapse.lapse(lab.records)
    lab.work()


def test_an_approval_that_nobody_answers_escalates_the_page_with_a_link(paged: Night) -> None:
    paged.posted()
    unanswered(paged)
    assert paged.page()["level"] == 2
    (note,) = paged.page()["notes"]
    assert note["content"].startswith("Nobody has answered this in Slack: roll checkout back to revision 17")
    assert "https://shop.slack.test/archives/" in note["content"]
    lapse.close("ACT-7", paged.records)
    paged.later(minutes=10)
    lapse.lapse(paged.records)
    paged.work()
    assert paged.page()["level"] == 2  # once for each approval


def test_an_approval_that_nobody_answers_opens_an_incident_where_there_is_none(lab: Night) -> None:
    open_incident(lab.records, "customers cannot pay", user=LI, channel="C0SHOP", service="checkout")
    lab.posted()
    unanswered(lab)
    wait_until(lab.pagerduty.incidents)
    lab.hear_all()
    assert lab.page()["title"].startswith("INC-1: Nobody has answered this in Slack: roll checkout back")
    assert lab.incident.pagerduty and lab.incident.pagerduty.number == 1


def test_bringing_every_event_again_tells_pagerduty_nothing(paged: Night) -> None:
    """Nothing goes round in a circle: what comes from there is never told there again."""
    incident = diagnosed(paged)
    note_diagnosis(incident, paged.records)
    paged.face.slack.click("maria", paged.posted(), ACKNOWLEDGE)
    paged.work()
    paged.hear_all()
    told = len(paged.sent)
    lines = len(paged.changes())
    for held in list(paged.records.redis.keys("sre:pagerduty-event:*")):
        paged.records.redis.delete(held)  # even if it had been forgotten that they were taken
    for number in range(told):
        assert paged.again(number).json() == {"outcome": "received"}
    paged.work()
    paged.later(seconds=1)
    assert (len(paged.sent), len(paged.changes())) == (told, lines)
    assert paged.records.pages.waiting() == ()
