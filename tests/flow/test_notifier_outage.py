"""Slack away for an hour: nothing is lost, nothing floods, and what came late says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from blocks.parts import as_text
from blocks.status import status_view
from core.diagnosis import Investigation, Subject
from core.incident import Incident
from core.outbox import Message, View
from core.records import Records, open_records
from core.remediation import Remediation
from core.settings import Settings
from core.settling import resolve
from core.status import read_status
from sandbox.ports import free_port
from sandbox.slack.threaded import SlackThread, run_in_thread
from tests.conftest import NOON
from tests.flow.posting import serve_all, time_passes
from tests.unit.blocks.worlds import rollback
from workers import notifier
from workers.adapters.slack import SlackAdapter
from workers.loop.report import show_card, show_seen
from workers.loop.shown import card_key, put, show_part
from workers.remediation.lapse import close
from workers.remediation.proposals import show

SRE = "C0SRE"


class Night:
    """Records with a clock that can be moved, the Slack of that night, and an address where none answers."""

    def __init__(self, settings: Settings, records: Records, slack: SlackThread) -> None:
        self.now = NOON
        self.records = open_records(settings, records.redis, now=lambda: self.now)
        self.slack = slack
        held = settings.model_copy(update={"slack_bot_token": SecretStr(slack.server.bot_token)})
        self.there = SlackAdapter(held.model_copy(update={"slack_api_url": slack.server.url}))
        nowhere = f"http://127.0.0.1:{free_port()}/api/"
        self.away = SlackAdapter(held.model_copy(update={"slack_api_url": nowhere}))

    def pass_minutes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    def tries(self, slack: SlackAdapter) -> None:
        time_passes(self.records)
        notifier.serve(SRE, self.records, slack)

    def catches_up(self) -> None:
        serve_all(SRE, self.records, self.there, self.slack.server.clock)

    def posted(self) -> list[str]:
        """The text of every post, with its thread's incident, in order."""
        every = [reply for root in self.slack.messages(SRE) for reply in self.slack.thread(root.ts)]
        return [m.text for m in sorted(every, key=lambda m: m.ts)]

    def opened(self, number: int) -> Incident:
        incident = Incident(
            id=f"INC-{number}", title=f"service-{number} answers with 5xx", severity="SEV2", source="cli",
            opened_at=self.now, channel=SRE, investigation=f"INV-{number}",
        )  # fmt: skip
        self.records.incidents.save(incident)
        show_card(incident, self.records)
        return incident

    def looked(self, number: int, inv_id: str = "") -> Investigation:
        inv = Investigation(
            id=inv_id or f"INV-{number}", subject=Subject(text="?"), incident=f"INC-{number}", channel=SRE,
            started_at=self.now, reported=True,
        )  # fmt: skip
        inv = self.records.investigations.save(inv)
        for part in ("seen", "diagnosis"):
            show_part(inv, part, said(f"{inv.id} {part}"), self.records)
        return inv

    def asked(self, number: int) -> Remediation:
        rem = self.records.remediations.save(
            rollback(
                id=f"ACT-{number}", investigation=f"INV-{number}", incident=f"INC-{number}", created_at=self.now,
                asked_at=self.now, expires_at=self.now + timedelta(minutes=15),
            )
        )  # fmt: skip
        show(rem, self.records)
        return rem

    def resolved(self, number: int) -> None:
        incident = resolve(self.records.incidents.get(f"INC-{number}"), self.records, "alertmanager")
        show_card(incident, self.records)


def said(text: str) -> View:
    return View(text=text, blocks=({"type": "section", "text": {"type": "plain_text", "text": text}},))


def reads(night: Night, key: str) -> str:
    """A message as Slack shows it."""
    held = night.records.outbox.get(key)
    found = night.slack.server.workspace.find(str(held.ts))
    assert found
    return "\n".join(as_text(block) for block in found.blocks)


@pytest.fixture
def night(settings: Settings, records: Records) -> Iterator[Night]:
    with run_in_thread() as slack:
        yield Night(settings, records, slack)


def test_an_hour_without_slack_is_told_in_one_message_and_what_holds_is_posted(night: Night) -> None:
    records = night.records
    for number in range(1, 31):  # every other minute one is opened, looked into, and asks
        night.opened(number)
        night.looked(number)
        night.asked(number)
        for change in range(3):
            key = f"INC-{number}/note-{change}"
            put(Message(key=key, channel=SRE, view=said(key), under=card_key(f"INC-{number}")), records)
        night.pass_minutes(1)
        if number <= 24:
            night.resolved(number)
        night.pass_minutes(1)
        night.tries(night.away)
    assert night.posted() == []
    close("ACT-25", _expired(night, 25))
    close("ACT-26", _expired(night, 26))
    assert records.outbox.count_waiting() >= 6 * 7
    assert read_status(records).queued["Slack"] == records.outbox.count_waiting()
    assert list(read_status(records).unreachable) == ["Slack"]
    said_of_it = f"cannot reach Slack since 12:02 UTC ({records.outbox.count_waiting()} updates queued)"
    assert said_of_it in "\n".join(as_text(block) for block in status_view(read_status(records), night.now).blocks)
    night.catches_up()

    posts = night.posted()
    current = [f"INC-{number}" for number in range(25, 31)]
    (summary,) = [text for text in posts if text.startswith("While Slack")]
    assert summary.startswith(
        "While Slack could not be reached (12:00 UTC to 13:05 UTC): 24 incidents, 2 approvals expired unanswered"
    )
    shown = [m for m in night.slack.messages(SRE) if m.text == summary]
    told = "\n".join(as_text(block) for block in shown[0].blocks)
    for number in range(1, 25):
        assert f"INC-{number}" in told
    assert "INC-1 · service-1 answers with 5xx · opened and resolved (1 min) · 5 messages of its thread" in told
    assert "2 approvals expired unanswered" in told
    cards = [m.text[:6].rstrip(",:") for m in night.slack.messages(SRE) if m.text != summary]
    assert sorted(cards) == current
    for number in range(25, 31):
        thread = [m.text for m in night.slack.thread(str(records.outbox.get(f"INC-{number}/card").ts))][1:]
        parts = [f"INV-{number} seen", f"INV-{number} diagnosis"]
        notes = [f"INC-{number}/note-{change}" for change in range(3)]
        asks = [] if number < 27 else [text for text in thread if text.startswith("Proposed")]
        assert thread == [*parts, *asks, *notes]
        assert len(asks) == (number >= 27)
    assert len(posts) == 1 + 6 * 6 + 4
    assert posts[:5] == [posts[0], "INV-27 seen", "INV-27 diagnosis", posts[3], posts[4]]  # what asks, first
    assert posts[3].startswith("Proposed")
    assert records.outbox.lanes() == ()
    assert records.switches.unreachable() == {}
    assert night.slack.server.breaches == []
    for number in range(1, 25):  # nothing of them is lost
        assert records.outbox.get(f"INV-{number}/diagnosis").folded
    night.catches_up()
    assert night.posted() == posts


def _expired(night: Night, number: int) -> Records:
    """Records at a time when that approval is over."""
    rem = night.records.remediations.get(f"ACT-{number}")
    assert rem.expires_at
    night.now = max(night.now, rem.expires_at)
    return night.records


def test_what_came_late_says_so_once_a_thread_and_goes_on_saying_it(night: Night) -> None:
    night.opened(1)
    night.looked(1)
    night.tries(night.away)
    night.pass_minutes(3)
    night.catches_up()
    line = "Slack held this back for 3 min, from 12:00 UTC to 12:03 UTC."
    assert reads(night, "INC-1/card").endswith(line)
    assert "held" not in reads(night, "INV-1/seen")
    assert "held" not in reads(night, "INV-1/diagnosis")
    night.resolved(1)
    night.catches_up()
    assert "resolved" in reads(night, "INC-1/card")
    assert reads(night, "INC-1/card").endswith(line)


def test_what_is_less_than_a_minute_late_says_nothing(night: Night) -> None:
    night.opened(1)
    night.pass_minutes(0.9)
    night.catches_up()
    assert "held" not in reads(night, "INC-1/card")


def test_a_late_edit_says_so_too(night: Night) -> None:
    night.opened(1)
    night.catches_up()
    night.pass_minutes(10)
    night.resolved(1)
    night.tries(night.away)
    night.pass_minutes(30)
    night.catches_up()
    said = "Slack held an update of this back for 30 min, from 12:10 UTC to 12:40 UTC."
    assert reads(night, "INC-1/card").endswith(said)
    assert len(night.posted()) == 1


def test_an_older_look_is_folded_once_a_newer_one_is_told(night: Night) -> None:
    night.opened(1)
    night.catches_up()
    night.looked(1)
    night.tries(night.away)
    night.pass_minutes(20)
    night.records.incidents.update("INC-1", lambda i: i.model_copy(update={"investigation": "INV-2"}))
    night.looked(1, "INV-2")
    night.tries(night.away)
    night.pass_minutes(20)
    night.catches_up()
    posts = night.posted()
    assert posts[2:] == ["INV-2 seen", "INV-2 diagnosis"]
    assert posts[1].startswith("While Slack could not be reached (12:00 UTC to 12:40 UTC): 1 incident")


def test_an_incident_that_opens_again_is_shown(night: Night) -> None:
    night.opened(1)
    night.looked(1)
    night.pass_minutes(5)
    night.resolved(1)
    night.tries(night.away)
    night.pass_minutes(5)
    night.catches_up()
    assert len(night.posted()) == 1
    again = {"state": "open", "resolved_at": None}
    incident = night.records.incidents.update("INC-1", lambda i: i.model_copy(update=again))
    show_card(incident, night.records)
    notifier.deliver("INC-1/card", night.records, night.there)
    put(Message(key="x", channel=SRE, view=said("Again."), under="INC-1/card"), night.records)
    night.catches_up()
    assert night.posted()[1].startswith("INC-1")
    assert night.posted()[2:] == ["Again."]


def test_what_follows_a_card_that_was_folded_is_folded_with_it(night: Night) -> None:
    night.opened(1)
    night.pass_minutes(5)
    night.resolved(1)
    night.tries(night.away)
    night.catches_up()
    put(Message(key="x", channel=SRE, view=said("Resolved in PagerDuty."), under="INC-1/card"), night.records)
    for _ in range(3):
        night.tries(night.there)
    assert len(night.posted()) == 1
    assert night.records.outbox.lanes() == ()


def test_a_rush_that_slack_limits_is_told_as_such(night: Night) -> None:
    for number in (1, 2):
        night.opened(number)
        night.looked(number)
    night.pass_minutes(2)
    night.resolved(2)
    night.catches_up()
    assert night.posted()[0].startswith("While Slack took messages late (12:00 UTC to 12:02 UTC): 1 incident: INC-2.")
    assert len(night.posted()) == 4


def test_show_seen_is_part_of_its_investigation(night: Night) -> None:
    inv = night.looked(1)
    show_seen(inv, said("More."), night.records)
    assert night.records.outbox.get("INV-1/seen").investigation == "INV-1"
