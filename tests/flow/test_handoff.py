"""The handoff at a change of shift, between a pretend Slack and a pretend PagerDuty whose clock the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from blocks.handoff import MOST_LINES
from blocks.parts import as_text
from bot.slash import Command, answer
from core.change_events import ChangeEvent
from core.handoff import changes_between
from core.intake import open_incident
from core.outbox import Message, View
from core.page import OnCall
from core.silences import Silenced, note_silences
from sandbox.slack.state import LI, MARIA
from tests.conftest import NOON
from tests.flow.conftest import Starter
from tests.flow.paging_lab import Night, night
from tests.unit.blocks.worlds import rollback
from workers import jobs
from workers.paging.handing_off import hand_off
from workers.world import use

FRIDAY = timedelta(days=3, hours=21)  # from Monday noon to Friday 09:00, when PagerDuty's turns end


@pytest.fixture
def lab(start: Starter) -> Iterator[Night]:
    with night(start) as held:
        yield held


def read(lab: Night) -> None:
    use(lab.world)
    jobs.read_on_call()


def posted(lab: Night) -> list[Message]:
    keys = [key.decode().removeprefix("sre:message:") for key in lab.records.redis.keys("sre:message:handoff/*")]
    return list(lab.records.outbox.find_many(sorted(keys)))


def reads(view: View) -> str:
    return "\n".join(as_text(block) for block in view.blocks)


def who_is(lab: Night) -> tuple[str, str]:
    """Slack's ids of who is on call, and of the other one."""
    (address,) = lab.pagerduty.on_call("checkout")
    return (MARIA, LI) if address.startswith("maria") else (LI, MARIA)


def until_friday(lab: Night, **more: float) -> None:
    """Read a minute before nine on Friday, and let time pass beyond it."""
    read(lab)
    lab.later(seconds=FRIDAY.total_seconds() - 60)
    read(lab)
    lab.later(**(more or {"minutes": 2}))


def test_who_comes_is_told_once_for_all_services_together(lab: Night) -> None:
    now, then = who_is(lab)
    until_friday(lab)
    read(lab)
    read(lab)
    (message,) = posted(lab)
    names = {MARIA: "Maria Keller", LI: "Li Wei"}
    assert message.channel == "C0SRE"
    assert message.view.text.startswith(f"<@{then}> Handoff: nothing is open, nothing to watch.")
    assert reads(message.view).splitlines()[:2] == [
        f"{then}, you are on call now for checkout, payments, after {names[now]}, until Fri 09:00 UTC.",
        "Nothing is open, and there is nothing to watch.",
    ]
    (entry,) = [e for e in lab.records.ledger.entries() if e.event == "shift.handed_off"]
    assert entry.data == {"services": ["checkout", "payments"], "to": [then], "from": [now], "open": []}


def test_nothing_is_posted_while_the_same_people_are_on_call(lab: Night) -> None:
    read(lab)
    lab.later(hours=6)
    read(lab)
    assert posted(lab) == []


def test_two_schedulers_at_once_post_one(lab: Night) -> None:
    until_friday(lab)
    before = lab.records.pages.on_call()
    read(lab)
    found = lab.records.pages.on_call()
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda _: hand_off(before, found, lab.records), range(4)):
            pass
    assert len(posted(lab)) == 1
    assert len([e for e in lab.records.ledger.entries() if e.event == "shift.handed_off"]) == 1


def test_a_change_while_pagerduty_was_away_is_told_late_and_once(lab: Night) -> None:
    until_friday(lab)
    lab.pagerduty.fail_next(503, times=1000)
    read(lab)
    assert posted(lab) == []
    lab.pagerduty.mend()
    lab.later(minutes=90)
    read(lab)
    read(lab)
    assert len(posted(lab)) == 1


def test_what_is_more_than_two_hours_late_is_not_told(lab: Night) -> None:
    until_friday(lab, hours=3)
    read(lab)
    assert posted(lab) == []


def test_a_shift_that_is_ended_early_is_handed_over_too(lab: Night) -> None:
    read(lab)
    _, then = who_is(lab)
    lab.later(minutes=1)
    read(lab)
    lab.pagerduty.end_shift()
    lab.later(minutes=1)
    read(lab)
    (message,) = posted(lab)
    assert message.view.text.startswith(f"<@{then}>")


def test_what_is_open_waits_and_ends_is_in_ten_lines(lab: Night) -> None:
    now, then = who_is(lab)
    read(lab)
    lab.later(seconds=FRIDAY.total_seconds() - 60)
    read(lab)
    for n in range(12):
        open_incident(lab.records, f"customers cannot pay {n}", user=LI, channel="C0SHOP", service="checkout")
    at = lab.records.now()
    lab.records.remediations.save(rollback(incident="INC-1", asked_at=at))
    lab.records.remediations.save(rollback(id="ACT-8", number=2, incident="INC-2", state="unproven"))
    deploy = ChangeEvent(id="c1", kind="deploy", at=at, target="Deployment/checkout", service="checkout",
                         title="image 1.8.3 → 1.8.4", version="1.8.4")  # fmt: skip
    lab.records.changes.note(deploy)
    note_silences(lab.records.redis, [Silenced(id="s1", of="DiskFull, node-3", ends_at=at + timedelta(hours=5)),
                                      Silenced(id="s2", of="Later", ends_at=at + timedelta(days=9))])  # fmt: skip
    lab.records.switches.mark_unreachable("Loki", at)
    answer(Command("handoff note <!channel> the importer is slow", now, None, "C0SRE"), lab.records, lambda *_: ())
    lab.later(minutes=2)
    read(lab)
    (message,) = posted(lab)
    shown = reads(message.view)
    assert len(shown.splitlines()) <= MOST_LINES
    assert "Left for you “channel the importer is slow”" in shown
    assert "<!channel" not in message.view.text
    assert "Open INC-" in shown and " and 8 more" in shown and "nobody commands" in shown
    assert "Waits for approval INC-1: roll checkout back to revision 17" in shown
    assert "INC-2: roll checkout back to revision 17, and nothing shows that it helped" in shown
    assert "Too new to tell checkout image 1.8.3 → 1.8.4, rolled out 08:59 UTC" in shown
    assert "Silences that end DiskFull, node-3" in shown and "Later" not in shown
    assert "Cannot reach Loki since" in shown
    assert f"· {now}" in shown
    assert "note" not in str(lab.records.switches.find("handoff-note"))  # it was handed over
    assert then in message.view.text


def test_the_pages_of_the_shift_are_counted(lab: Night) -> None:
    read(lab)
    lab.pagerduty.open("maria", "checkout", "customers cannot pay")
    lab.hear_all()
    lab.later(seconds=FRIDAY.total_seconds() - 60)
    read(lab)
    lab.later(minutes=2)
    read(lab)
    (message,) = posted(lab)
    assert "The shift before 1 page, 0 at night, since Mon 12:00 UTC" in reads(message.view)


def test_the_command_tells_one_person_and_posts_once_when_told(lab: Night) -> None:
    read(lab)
    now, then = who_is(lab)
    names = {MARIA: "Maria Keller", LI: "Li Wei"}
    outcome = lab.face.slack.command("maria", "C0SRE", "/sre", "handoff")
    assert outcome.acked
    told = lab.face.slack.wait_for(lambda: lab.face.slack.server.ephemerals("maria"))[-1]
    said = "\n".join(as_text(block) for block in told.blocks)
    assert f"Handoff · on call {names[now]} until Fri 09:00 UTC, then {names[then]}" in said
    assert lab.face.slack.click("maria", told.ts, "handoff_post").acked
    lab.face.slack.wait_for(lambda: posted(lab))
    assert lab.face.slack.click("maria", told.ts, "handoff_post").acked
    lab.face.slack.wait_for(lambda: "not posted again" in lab.face.slack.server.ephemerals("maria")[-1].text)
    (message,) = posted(lab)
    assert "<@" not in message.view.text


def test_without_pagerduty_it_says_that_nobody_can_tell(start: Starter) -> None:
    face = start("http")
    said = reads(answer(Command("handoff", MARIA, None, "C0SRE"), face.records, lambda *_: ()))
    assert said.splitlines()[0] == "Handoff · who is on call is not known: no PagerDuty is configured."


def test_what_was_not_known_before_is_no_change() -> None:
    assert changes_between([], [OnCall(service="checkout", read_at=NOON)], NOON) == ()
