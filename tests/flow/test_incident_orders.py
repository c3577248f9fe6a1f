"""People run an incident in a pretend Slack: every click and word is done once, in the ledger, and answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import redis

from blocks.card import card_view
from blocks.command import INCIDENT_MENU
from blocks.grouping import MORE
from blocks.parts import as_text
from core.diagnosis import Diagnosis, IncidentHit, RootCause
from core.errors import Transient
from core.incident import Alert, Incident
from core.outbox import Message
from core.settings import Config
from sandbox.slack import App, Outcome
from sandbox.slack.model import BOT_USER_ID
from sandbox.slack.state import JONAS, LI, MARIA
from tests.conftest import NOON
from tests.flow.conftest import CONFIG, MANIFEST, Face, Starter
from tests.unit.blocks.worlds import crash_loop, rollback
from workers import jobs
from workers.adapters.slack import SlackAdapter
from workers.incidents.remind import remind
from workers.verify.outcome import outcome_of
from workers.world import Outside, World, use

HOSTILE = "<!channel> & <@U0ADMIN> \u202eevil *bold* `x` " + "y" * 150


@pytest.fixture
def face(start: Starter) -> Iterator[Face]:
    face = start("http")
    yield face
    assert face.slack.server.breaches == []


def opened(face: Face, **over: Any) -> str:
    """INC-1 with its card in #sre, as the notifier leaves it; the card's ts."""
    firing = Alert(fingerprint="f1", name="Errors", status="firing", starts_at=NOON)
    values = {
        "id": "INC-1", "title": "checkout answers 5xx", "service": "checkout", "severity": "SEV3", "source": "slack",
        "opened_at": NOON, "channel": "C0SRE", "alerts": (firing,), "firing_alerts": 1,
    }  # fmt: skip
    face.records.incidents.save(Incident.model_validate(values | over))
    return shown(face)


def shown(face: Face) -> str:
    """The card as it stands now, in Slack."""
    from slack_sdk import WebClient

    incident, key = face.records.incidents.get("INC-1"), "INC-1/card"
    view = card_view(incident, face.records.now(), "https://x.slack.test/archives/C0SRE/p1")
    client = WebClient(token=face.slack.server.bot_token, base_url=face.slack.server.url)
    ts = str(client.chat_postMessage(channel="C0SRE", text=view.text, blocks=list(view.blocks))["ts"])
    link = f"https://sandbox.slack.com/archives/C0SRE/p{ts.replace('.', '')}"
    card = face.records.outbox.put(Message(key=key, channel="C0SRE", view=view, incident="INC-1"))
    face.records.outbox.update(card.key, lambda m: m.model_copy(update={"ts": ts, "permalink": link}))
    face.records.incidents.bind_thread("C0SRE", ts, "INC-1")
    face.records.incidents.update("INC-1", lambda i: i.model_copy(update={"thread_ts": ts}))
    return ts


def gone(face: Face, user: str) -> None:
    """They leave the workspace."""
    users = face.slack.server.workspace.users
    users[user] = replace(users[user], deleted=True)


def incident(face: Face) -> Incident:
    return face.records.incidents.get("INC-1")


def told(face: Face, user: str = "maria", begins: str = "") -> str:
    """The newest word that only this person sees, and how it reads, once one is there that begins so."""

    def newest() -> str | None:
        for message in face.slack.server.ephemerals(user)[-1:]:
            said = "\n".join(as_text(block) for block in message.blocks if block["type"] == "rich_text") or message.text
            return said if said.startswith(begins) else None
        return None

    return face.slack.wait_for(newest)


def modal(face: Face, user: str) -> str:
    """The id of the form that this person has open."""
    return str(face.slack.wait_for(lambda: face.slack.server.workspace.open_views.get(user))[-1])


def reads(face: Face, view: str) -> str:
    return "\n".join(as_text(block) for block in face.slack.server.workspace.views[view].blocks)


def behind_more(face: Face, user: str, user_id: str, ts: str, name: str) -> str:
    """Press what is behind More…; how its form reads then."""
    views = face.slack.server.workspace.views
    before = set(views)
    assert face.slack.click(user, ts, MORE, "more:INC-1").acked
    (view,) = face.slack.wait_for(lambda: set(views) - before)
    was = views[view].hash
    assert face.slack.click(user, view, f"order:{name}").acked
    face.slack.wait_for(lambda: views[view].hash != was)
    return reads(face, view)


def submitted(face: Face, user: str, user_id: str, values: dict[str, Any]) -> str:
    """Submit the open form; what it says then."""
    outcome: Outcome = face.slack.submit_view(user, values)
    assert outcome.acked, outcome
    return reads(face, modal(face, user_id))


def ledger(face: Face) -> list[tuple[str, str]]:
    return [(entry.event, entry.actor) for entry in face.records.ledger.of_incident("INC-1")]


def thread(face: Face) -> list[str]:
    """What is to be said in the thread."""
    keys = [f"INC-1/said-{entry.seq}" for entry in face.records.ledger.entries()]
    views = [m.view for m in face.records.outbox.find_many(keys)]
    return ["\n".join(as_text(block) for block in view.blocks) for view in views]


def say(face: Face, words: str, ts: str, user: str = "maria") -> Outcome:
    return face.slack.mention(user, "#sre", words, thread_ts=ts)


# Commander


def test_who_clicks_first_commands(face: Face) -> None:
    ts = opened(face)
    assert face.slack.click("maria", ts, "order:take").acked
    assert told(face, begins="You command: INC-1. The card says so.")
    assert (incident(face).command.commander, incident(face).command.since) == (MARIA, NOON)
    assert ledger(face) == [("command.taken", MARIA)]
    assert thread(face) == ["@maria commands INC-1"]
    assert face.jobs("notify").count(["show_incident", "INC-1"]) == 1
    shown_now = card_view(incident(face), NOON, "https://x.test/p1")
    assert [e["action_id"] for e in shown_now.blocks[-1]["elements"]] == [
        "open_thread",
        "order:update",
        "incident_more",
    ]
    assert as_text(shown_now.blocks[0]).split("\n")[1].endswith(f" · {MARIA} commands")


def test_of_two_who_take_command_at_once_one_does_and_the_other_is_told(face: Face) -> None:
    ts = opened(face)
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda who: face.slack.click(who, ts, "order:take"), ["maria", "li"]))
    (leads,) = [actor for event, actor in ledger(face) if event == "command.taken"]
    assert incident(face).command.commander == leads
    other = "li" if leads == MARIA else "maria"
    views = face.slack.server.workspace.open_views
    told_or_asked = face.slack.wait_for(
        lambda: face.slack.server.ephemerals(other) or views.get(LI if other == "li" else MARIA)
    )
    assert told_or_asked


def test_taking_over_asks_first_and_only_from_whom_was_shown(face: Face) -> None:
    ts = opened(face)
    face.slack.click("maria", ts, "order:take")
    assert behind_more(face, "li", LI, ts, "take").startswith(f"{MARIA} commands INC-1 since")
    assert incident(face).command.commander == MARIA
    say(face, "hand over to @jonas", ts)
    assert incident(face).command.commander == JONAS
    assert "was faster" in submitted(face, "li", LI, {})
    assert incident(face).command.commander == JONAS
    behind_more(face, "li", LI, ts, "take")
    assert submitted(face, "li", LI, {}) == "You command: INC-1. The card says so."
    assert thread(face)[-1] == f"@li commands INC-1, after {JONAS}"
    assert ledger(face) == [("command.taken", MARIA), ("command.handed_over", MARIA), ("command.taken", LI)]


def test_command_goes_to_nobody_who_left_and_to_no_app(face: Face) -> None:
    ts = opened(face)
    gone(face, JONAS)
    behind_more(face, "maria", MARIA, ts, "hand_over")
    refused = face.slack.submit_view("maria", {"who": JONAS})
    assert (refused.body or {})["errors"] == {"who": "They have left this workspace; choose somebody who is here."}
    refused = face.slack.submit_view("maria", {"who": BOT_USER_ID})
    assert "That is an app" in str((refused.body or {})["errors"])
    assert submitted(face, "maria", MARIA, {"who": LI}) == "Handed over: INC-1. The card says so."
    assert incident(face).command.commander == LI


# Severity


def test_severity_is_set_once_with_its_reason_and_stays_whatever_alerts_say(face: Face) -> None:
    ts = opened(face)
    behind_more(face, "maria", MARIA, ts, "severity")
    said = submitted(face, "maria", MARIA, {"severity": "SEV1", "reason": "nobody can pay <!channel>"})
    assert said == "INC-1 is SEV1 now: customers cannot do what they came for."
    assert (incident(face).severity, incident(face).command.severity_by) == ("SEV1", MARIA)
    assert thread(face) == [
        "SEV3 → SEV1 (customers cannot do what they came for), by @maria: nobody can pay ‹!channel>"
    ]
    say(face, "severity 4 it was a probe", ts, "li")
    assert incident(face).severity == "SEV4"
    say(face, "sev4", ts, "li")
    assert told(face, "li", "INC-1 is SEV4 already.")
    assert ledger(face) == [("severity.set", MARIA), ("severity.set", LI)]


@pytest.mark.parametrize("words", ["severity", "severity 5", "severity high"])
def test_a_severity_that_is_none_is_explained(face: Face, words: str) -> None:
    ts = opened(face)
    say(face, words, ts)
    assert told(face, begins="INC-1 is SEV3. Say @sre severity 2, from 1, the worst, to 4.")
    assert ledger(face) == []


# Responders


def test_join_and_leave(face: Face) -> None:
    ts = opened(face)
    assert behind_more(face, "li", LI, ts, "join").startswith("You are a responder of INC-1")
    say(face, "join", ts, "li")
    assert told(face, "li", "You are among the responders of INC-1 already.")
    say(face, "join", ts)
    assert incident(face).command.responders == (LI, MARIA)
    assert behind_more(face, "li", LI, ts, "leave") == "You left the responders of INC-1."
    say(face, "leave", ts, "li")
    assert told(face, "li", "You are not among the responders of INC-1.")
    assert ledger(face) == [("responder.joined", LI), ("responder.joined", MARIA), ("responder.left", LI)]


def test_responders_who_join_at_once_are_all_listed(face: Face) -> None:
    ts = opened(face)
    with ThreadPoolExecutor(3) as all_three:
        list(all_three.map(lambda who: say(face, "join", ts, who), ["maria", "li", "jonas"]))
    assert set(incident(face).command.responders) == {MARIA, LI, JONAS}


# Status updates and reminders


def test_an_update_stands_in_the_thread_and_on_the_card(face: Face) -> None:
    ts = opened(face)
    behind_more(face, "maria", MARIA, ts, "update")
    assert "Posted in the thread of INC-1" in submitted(
        face, "maria", MARIA, {"known": HOSTILE, "impact": "some cannot pay", "next": "60"}
    )
    update = incident(face).command.update
    assert update and (update.by, update.next_at, update.number) == (MARIA, NOON + timedelta(minutes=60), 1)
    assert incident(face).headline == update.headline
    (posted,) = thread(face)
    assert "‹!channel>" in posted
    assert posted.endswith("next update at 13:00 UTC")
    assert ledger(face) == [("status.updated", MARIA)]
    say(face, "update: rolled back, errors are falling", ts, "li")
    assert incident(face).headline == "rolled back, errors are falling"


def test_an_update_without_words_is_refused_at_the_field(face: Face) -> None:
    ts = opened(face)
    behind_more(face, "maria", MARIA, ts, "update")
    refused = face.slack.submit_view("maria", {"known": "   ", "next": "60"})
    assert (refused.body or {})["errors"] == {"known": "Say what is known, in a few words."}
    assert ledger(face) == []


def reminders(face: Face) -> list[str]:
    return [m.view.text for key in face.records.redis.keys("sre:message:INC-1/reminder-*")
            if (m := face.records.outbox.find(key.decode().partition("sre:message:")[2]))]  # fmt: skip


def later(face: Face, minutes: float) -> None:
    """Two schedulers at that time."""
    at = replace(face.records, now=lambda: NOON + timedelta(minutes=minutes))
    with ThreadPoolExecutor(2) as two:
        list(two.map(remind, [at, at]))
    remind(at)


def test_the_commander_is_reminded_seldom_and_a_few_times(face: Face) -> None:
    ts = opened(face)
    say(face, "update still looking", ts)
    say(face, "hand over to @li", ts)
    counted = []
    for minutes in (29, 30, 44, 45, 59, 60, 200):
        later(face, minutes)
        counted.append(len(reminders(face)))
    assert counted == [0, 1, 1, 2, 2, 3, 3]
    assert all(words.startswith(f"<@{LI}> The next update on INC-1 is due since") for words in reminders(face))
    assert [data for event, data in events(face) if event == "status.reminded"] == [
        {"to": LI, "number": number} for number in (1, 2, 3)
    ]


def events(face: Face) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.event, entry.data) for entry in face.records.ledger.of_incident("INC-1")]


@pytest.mark.parametrize(("severity", "at_night"), [("SEV4", 0), ("SEV2", 1)])
def test_nobody_is_woken_for_what_can_wait(face: Face, severity: str, at_night: int) -> None:
    ts = opened(face, severity=severity)
    say(face, "update still looking", ts)
    later(face, 11 * 60)  # 23:00
    assert len(reminders(face)) == at_night
    later(face, 20 * 60)  # 08:00
    assert len(reminders(face)) == at_night + 1


def test_a_new_update_and_the_end_stop_the_reminders(face: Face) -> None:
    ts = opened(face)
    say(face, "update still looking", ts)
    later(face, 31)
    say(face, "resolve it was the cache", ts)
    later(face, 120)
    assert len(reminders(face)) == 1


# Resolving


def diagnosed(face: Face) -> None:
    cause = RootCause(condition="CrashLoopBackOff", target="Deployment/checkout", statement="CART_URL has a bad port.")
    diagnosis = Diagnosis(status="diagnosed", root_cause=cause, confidence=0.9, confidence_why=(), claims=(),
                          evidence_coverage=1.0, reasoner="runbooks")  # fmt: skip
    face.records.investigations.save(
        crash_loop().model_copy(update={"id": "INV-3", "incident": "INC-1", "diagnosis": diagnosis})
    )
    face.records.incidents.update("INC-1", lambda i: i.model_copy(update={"investigation": "INV-3"}))


def test_resolving_asks_what_fixed_it_and_the_memory_and_the_track_record_hear(face: Face) -> None:
    ts = opened(face)
    diagnosed(face)
    face.records.remediations.save(rollback(incident="INC-1", state="worked"))
    asked = behind_more(face, "maria", MARIA, ts, "resolve")
    assert "Cause as I named it: CART_URL has a bad port." in asked
    assert "1 of its alerts still fire" in asked
    assert "is resolved, and remembered" in submitted(face, "maria", MARIA, {"fix": "ACT-7"})
    assert incident(face).state == "resolved"
    assert face.records.outcomes.record({"Errors"}) == (1, 1)
    assert ledger(face)[-2:] == [("incident.fixed", MARIA), ("incident.resolved", MARIA)]
    assert ["remember", "INC-1"] in face.jobs()


def test_something_else_needs_words_and_counts_against_the_cause_only_if_said(face: Face) -> None:
    ts = opened(face)
    diagnosed(face)
    behind_more(face, "maria", MARIA, ts, "resolve")
    refused = face.slack.submit_view("maria", {"fix": "other_wrong"})
    assert (refused.body or {})["errors"] == {"words": "Say what it was, in a few words."}
    assert incident(face).is_open
    submitted(face, "maria", MARIA, {"fix": "other_right", "words": "renewed the certificate"})
    assert face.records.outcomes.record({"Errors"}) == (1, 1)
    fix = incident(face).command.fix
    assert outcome_of([rollback(state="unproven")], fix) == (
        "fixed by: renewed the certificate; rolled back, made no difference"
    )
    ts = shown(face)
    assert face.slack.click("li", ts, "order:fixed").acked
    modal(face, LI)
    assert "Remembered for INC-1: a cable" in submitted(face, "li", LI, {"fix": "other_wrong", "words": "a cable"})
    assert face.records.outcomes.record({"Errors"}) == (0, 1)
    assert face.jobs().count(["remember", "INC-1"]) == 2


def test_of_two_who_resolve_at_once_the_first_counts(face: Face) -> None:
    ts = opened(face)
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda who: say(face, f"resolve {who} did it", ts, who), ["maria", "li"]))
    ended = [actor for event, actor in ledger(face) if event == "incident.resolved"]
    fix = incident(face).command.fix
    assert fix and len(ended) == 1
    assert fix.by == ended[0]


def test_resolve_by_word_asks_for_what_fixed_it_with_a_button_to_choose(face: Face) -> None:
    ts = opened(face)
    say(face, "resolve", ts)
    assert told(face, begins="What fixed it? Say @sre resolve and what it was")
    assert incident(face).is_open
    offered = face.slack.ephemerals("maria")[-1].ts
    assert face.slack.click("maria", offered, "order:resolve").acked
    assert "is resolved" in (modal(face, MARIA) and submitted(face, "maria", MARIA, {"fix": "by_itself"}))
    assert incident(face).state == "resolved"


def test_nothing_is_resolved_while_an_action_is_done(face: Face) -> None:
    ts = opened(face)
    face.records.remediations.save(rollback(incident="INC-1", state="begun"))
    say(face, "resolve it is fine", ts)
    assert told(face, begins="ACT-7 is being done at this moment; resolve it after that.")
    assert incident(face).is_open


def test_reopening_looks_anew_and_only_for_a_while(face: Face) -> None:
    ts = opened(face)
    say(face, "resolve all good", ts)
    say(face, "severity 1", ts)
    assert told(face, begins="INC-1 is over, so nothing was done; say @sre reopen first if it is not.")
    say(face, "reopen", ts, "li")
    assert incident(face).state == "open"
    assert incident(face).command.fix is None
    assert ["investigate", incident(face).investigation] in face.jobs()
    say(face, "resolve now really", ts)
    assert [event for event, _ in ledger(face)].count("incident.resolved") == 2
    old = NOON - timedelta(hours=25)
    face.records.incidents.update("INC-1", lambda i: i.model_copy(update={"resolved_at": old}))
    say(face, "reopen", ts, "li")
    assert told(face, "li", "Nothing was reopened. INC-1 ended more than 24 h ago")


# Catching up, and the timeline


def test_catching_up_is_for_one_person_and_begins_with_five_lines(face: Face) -> None:
    ts = opened(face)
    diagnosed(face)
    face.records.remediations.save(rollback(incident="INC-1", state="worked", decided_by=MARIA))
    face.slack.click("maria", ts, "order:take")
    say(face, "update rolled back", ts)
    say(face, "severity 2", ts)
    assert face.slack.click("jonas", ts, MORE, "catch_up:INC-1").acked
    lines = told(face, "jonas", "INC-1 ·").split("\n")
    assert lines[0] == "INC-1 · checkout answers 5xx · SEV2 · open, 0 s"
    assert lines[1] == "Cause CART_URL has a bad port. (confidence 0.90)"
    assert lines[2].startswith("Done roll") and lines[2].endswith(f"approved by {MARIA}: it held")
    assert lines[3] == "Open 1 of 1 alert firing"
    assert lines[4].startswith(f"People {MARIA} commands since 12:00 UTC · last status 12:00 UTC: rolled back")
    assert f"• 12:00 UTC severity SEV3 → SEV2 by {MARIA}" in lines
    assert face.slack.ephemerals("maria")[-1].text != face.slack.ephemerals("jonas")[-1].text
    say(face, "catch me up", ts, "li")
    assert told(face, "li", "INC-1 ·").split("\n") == lines


def mark(face: Face, said: str) -> str:
    """Note a message on the timeline, by the shortcut; what the form says then."""
    views = face.slack.server.workspace.views
    before = set(views)
    assert face.slack.shortcut("maria", INCIDENT_MENU, said).acked
    (view,) = face.slack.wait_for(lambda: set(views) - before)
    was = views[view].hash
    assert face.slack.click("maria", view, "order:mark").acked
    face.slack.wait_for(lambda: views[view].hash != was)
    return reads(face, view)


def test_a_message_is_noted_once_with_its_address(face: Face) -> None:
    ts = opened(face)
    said = face.slack.say("li", "#sre", f"restarted the cache {HOSTILE}", thread_ts=ts).ts
    assert said
    assert mark(face, said).startswith("Noted on the timeline of INC-1")
    assert mark(face, said) == "It stands on the timeline of INC-1 already."
    (noted,) = face.records.ledger.of_incident("INC-1")
    assert noted.event == "incident.noted"
    assert re.fullmatch(
        r"https://sandbox\.slack\.com/archives/C0SRE/p\d+\?thread_ts=[\d.]+&cid=C0SRE", noted.data["link"]
    )
    say(face, "catch me up", ts)
    assert "noted: restarted the cache" in told(face, begins="INC-1 ·")


def test_a_message_of_no_incident_has_no_menu(face: Face) -> None:
    said = face.slack.say("li", "#sre", "lunch?").ts
    assert face.slack.shortcut("maria", INCIDENT_MENU, said).acked
    assert told(face, begins="That message is in no incident's thread")


# Similar ones and a channel


class Remembers:
    def __init__(self, *hits: IncidentHit) -> None:
        self.hits = hits

    def search_incidents(self, text: str, limit: int = 5) -> tuple[IncidentHit, ...]:
        assert "checkout answers 5xx" in text
        return self.hits[:limit]


def run(face: Face, queue: str, memory: Any = None) -> None:
    """Do what waits for a worker, as far as it is ours."""
    outside = Outside(settings=face.records.settings, cluster=no, metrics=no, alerts=None, memory=memory, reasoner=no)  # type: ignore[arg-type]
    slack = SlackAdapter(face.records.settings)
    use(World(records=face.records, open_outside=lambda: outside, slack=slack))
    for name, *ids in face.jobs(queue):
        if name in ("similar", "make_room"):
            getattr(jobs, name)(*ids)


def no(*_: Any) -> Any:
    raise AssertionError("nothing of this looks there")


def test_similar_incidents_are_told_to_whoever_asked_alone(face: Face) -> None:
    ts = opened(face)
    assert behind_more(face, "li", LI, ts, "similar").startswith("I am looking for incidents like INC-1")
    own = IncidentHit(id="INC-1", title="itself", score=1.0, outcome="")
    other = IncidentHit(id="INC-0", title="checkout 5xx", score=0.81, outcome="rolled back, held", at=NOON)
    run(face, "investigate", Remembers(own, other))
    assert told(face, "li", "Like").split("\n")[:2] == [
        "Like INC-1", "INC-0 checkout 5xx · 0.81 alike · 12:00 UTC · rolled back, held",
    ]  # fmt: skip
    assert face.slack.ephemerals("maria") == []


def test_a_channel_is_made_once_and_whoever_left_keeps_nobody_out(face: Face) -> None:
    ts = opened(face)
    gone(face, JONAS)
    for who in ("jonas", "li"):
        say(face, "join", ts, who)
    assert "I am making #inc-1-checkout" in behind_more(face, "maria", MARIA, ts, "room")
    say(face, "channel", ts, "li")
    face.slack.server.lose_next("conversations.create")
    with pytest.raises(Transient, match="Slack did not answer"):
        run(face, "notify")
    run(face, "notify")
    run(face, "notify")
    made = [c for c in face.slack.server.workspace.channels.values() if c.name.startswith("inc-")]
    (room,) = made
    assert (room.name, room.topic) == ("inc-1-checkout", "INC-1 · SEV3 · checkout answers 5xx")
    assert set(room.members) == {BOT_USER_ID, MARIA, LI}
    assert ledger(face)[-1][0] == "room.made"
    assert [event for event, _ in ledger(face)].count("room.made") == 1
    welcome, there = (face.records.outbox.get(f"INC-1/{key}") for key in ("room-welcome", "room"))
    assert welcome.channel == room.id
    assert room.id in json.dumps(there.view.blocks)
    assert there.under == "INC-1/card"
    face.slack.mention("li", room.name, "severity 2")
    assert incident(face).severity == "SEV2"


def test_without_the_scope_it_says_so_and_the_thread_stays(start: Starter) -> None:
    face = start("http")
    ts = opened(face)
    scopes = App.from_manifest(MANIFEST).scopes - {"channels:manage"}
    face.slack.server.app = replace(face.slack.server.app, scopes=scopes)
    say(face, "channel", ts)
    run(face, "notify")
    said = "I may not make channels here: the app lacks the optional scope channels:manage."
    face.slack.wait_for(lambda: any(m.text.startswith(said) for m in face.slack.server.ephemerals("maria")))
    assert ledger(face) == [("room.asked", MARIA), ("room.refused", MARIA)]


# Words, and what breaks


@pytest.mark.parametrize(
    ("words", "meant"),
    [("severty 2", "severity 2"), ("resolv", "resolve"), ("tak comand", "take command"), ("cach me up", "catch me up")],
)
def test_an_order_gone_wrong_gets_the_nearest(face: Face, words: str, meant: str) -> None:
    ts = opened(face)
    say(face, words, ts)
    assert told(face, begins=f"Did you mean @sre {meant}? Nothing was changed on INC-1.")
    assert face.jobs() == []


@pytest.mark.parametrize("words", ["why is checkout slow?", "what changed since noon", "did the update help?"])
def test_questions_in_the_thread_are_still_questions(face: Face, words: str) -> None:
    ts = opened(face)
    say(face, words, ts)
    assert [job for job, *_ in face.jobs()] == ["answer"]
    assert ledger(face) == []


def test_orders_elsewhere_are_questions(face: Face) -> None:
    face.slack.mention("maria", "#sre", "update the status page")
    assert [job for job, *_ in face.jobs()] == ["answer"]


def test_an_incident_that_was_merged_is_ordered_where_it_went(face: Face) -> None:
    ts = opened(face)
    other = incident(face).model_copy(update={"id": "INC-2", "version": 0, "thread_ts": None})
    face.records.incidents.save(other)
    gone = {"state": "merged", "merged_into": "INC-2"}
    face.records.incidents.update("INC-1", lambda i: i.model_copy(update=gone))
    say(face, "severity 1", ts)
    assert face.records.incidents.get("INC-2").severity == "SEV1"


def test_without_records_the_form_says_so(
    start: Starter, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = start("http")
    ts = opened(face)
    behind_more(face, "maria", MARIA, ts, "severity")

    def down(*_: Any, **__: Any) -> Any:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(face.records.incidents, "holder", down)
    assert submitted(face, "maria", MARIA, {"severity": "SEV1"}) == "I cannot reach my records; try again in a minute."


def test_the_incidents_section_knows_its_keys() -> None:
    assert CONFIG.incidents.most_reminders == 3
    with pytest.raises(ValueError, match="extra_forbidden"):
        Config.model_validate({"incidents": {"remind_me": 1}})
    with pytest.raises(ValueError, match="no time zone"):
        Config.model_validate({"incidents": {"night": {"timezone": "Mars"}}})
