"""The Home tab in a pretend Slack: what is one person's, what they may change, and that it stays true."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk import WebClient

from blocks.home import FOLLOW, FOLLOW_SEARCH, PAUSE, RESUME, SET_MODE
from blocks.parts import as_text
from core.command import Command
from core.incident import Incident
from core.outbox import Message, View
from core.page import OnCall, Person, Shift
from core.pause import pause_of
from core.settings import Approvers, Autonomy, Config, Service
from sandbox.slack.state import JONAS, LI, MARIA, ON_CALL
from tests.conftest import NOON
from tests.flow.conftest import Face, Starter
from tests.unit.blocks.worlds import rollback
from workers.adapters.slack import SlackAdapter
from workers.homes import show_homes

HOSTILE = "<!channel> & <@U0ADMIN> \u202eevil " + "y" * 300
SERVICES = {
    "checkout": Service(pagerduty="PCHECK"), "search": Service(pagerduty="PSEARCH"), "batch": Service(),
}  # fmt: skip
APPROVERS = Approvers(groups=(ON_CALL,), on_call=True, four_eyes=("rollback_deployment",))
CONFIG = Config(services=SERVICES, approvers=APPROVERS, autonomy=Autonomy(mode="assist"))


@pytest.fixture
def face(start: Starter) -> Iterator[Face]:
    face = start("http", config=CONFIG)
    yield face
    assert face.slack.server.breaches == []


def opens(face: Face, user: str = MARIA, times: int | None = None) -> list[str]:
    """Open the tab; how it reads once Slack was asked who they are. The first time it is published before that and
    after."""
    before = published(face, user)
    if times is None:
        times = 2 if face.records.homes.groups(user) is None else 0
    assert face.slack.open_home(user).acked
    face.slack.wait_for(lambda: published(face, user) >= before + times and settled(face, user))
    return reads(face, user)


def published(face: Face, user: str) -> int:
    return sum(c.kind == "home_published" and c.user == user for c in face.slack.server.workspace.feed.since())


def settled(face: Face, user: str) -> bool:
    """Whether Slack was asked who this person is, and shows what came of it."""
    home = face.slack.server.workspace.homes[user]
    return face.records.homes.groups(user) is not None and face.records.homes.shown(user).hash == home.hash


def reads(face: Face, user: str = MARIA) -> list[str]:
    home = face.slack.server.workspace.homes[user]
    said = (as_text(block) if block["type"] != "actions" else str(labels(block)) for block in home.blocks)
    return [line for block in said for line in block.split("\n")]


def labels(block: dict[str, Any]) -> list[str]:
    return [as_text(e["text"]) if "text" in e else e["type"] for e in block["elements"]]


def part(lines: list[str], header: str) -> list[str]:
    """The lines under a header."""
    headers = ["My approvals", "My incidents", "Services I follow", "Mode", "Morning digests", "The last 30 days"]
    following = headers[headers.index(header) + 1 :]
    rest = lines[lines.index(header) + 1 :]
    return rest[: rest.index(following[0])] if following else rest


def press(face: Face, user: str, action_id: str, value: Any = None) -> None:
    """Use something on the tab; back once the tab shows what became of it."""
    home = face.slack.server.workspace.homes[user]
    before = home.hash
    assert face.slack.click(user, home.id, action_id, value).acked
    face.slack.wait_for(lambda: home.hash != before)


def modal(face: Face, user: str) -> str:
    workspace = face.slack.server.workspace
    (view,) = face.slack.wait_for(lambda: workspace.open_views.get(user))
    return "\n".join(as_text(block) for block in workspace.views[view].blocks)


def incident(face: Face, number: int, **over: Any) -> None:
    values = {
        "id": f"INC-{number}", "title": f"{number} answers 5xx", "severity": "SEV3", "source": "slack",
        "opened_at": NOON - timedelta(minutes=number), "channel": "C0SRE",
    }  # fmt: skip
    face.records.incidents.save(Incident.model_validate(values | over))


def card(face: Face, number: int) -> str:
    """Its card in Slack, as the notifier leaves it; the address."""
    client = WebClient(token=face.slack.server.bot_token, base_url=face.slack.server.url)
    ts = str(client.chat_postMessage(channel="C0SRE", text="A card.")["ts"])
    link = f"https://sandbox.slack.com/archives/C0SRE/p{ts.replace('.', '')}"
    key = f"INC-{number}/card"
    face.records.outbox.put(Message(key=key, channel="C0SRE", view=View(text="A card."), incident=f"INC-{number}"))
    face.records.outbox.update(key, lambda m: m.model_copy(update={"ts": ts, "permalink": link}))
    return link


def on_call(face: Face, service: str, user: str, minutes_ago: float = 0) -> None:
    person = Person(id=f"P{user}", name=user, slack=user)
    read = OnCall(service=service, now=(Shift(who=person),), read_at=NOON - timedelta(minutes=minutes_ago))
    face.records.pages.put_on_call([*(e for e in face.records.pages.on_call() if e.service != service), read])


def proposal(face: Face, **over: Any) -> None:
    """ACT-1 of INC-1, asked, with its message in the thread."""
    expires = NOON + timedelta(minutes=15)
    rem = rollback(
        id="ACT-1", investigation="INV-1", incident="INC-1", state="asked", expires_at=expires, version=0, **over
    )
    face.records.remediations.save(rem)
    message = Message(key=f"INV-1/proposal-{rem.number}", channel="C0SRE", view=View(text="Proposed."))
    face.records.outbox.put(message)
    place = {"ts": "1760000000.000200", "thread_ts": "1760000000.000100"}
    face.records.outbox.update(message.key, lambda m: m.model_copy(update=place))


def test_with_nothing_of_ones_own_each_part_is_one_line(face: Face) -> None:
    assert opens(face, JONAS) == [
        "Nothing is open · 0 alerts firing · mode assist",
        "My approvals",
        "Nothing waits for you.",
        "My incidents",
        "None is open that you command, respond to, opened, are on call for or follow.",
        "Services I follow",
        "Their incidents are among yours above. Nobody is sent anything for it.",
        "['multi_static_select']",
        "Mode",
        "assist: I act when somebody entitled approves.",
        f"Those who may change it: {ON_CALL} or whoever is on call.",
        "Morning digests",
        "No channel gets one.",
        "The last 30 days",
        "0 incidents in the last 30 days.",
        "No incident ended, so there are no times.",
        "0 pages.",
        "None repaired without a person; 0 approvals asked; $0.00 for the model.",
        "/sre metrics has more, and says what is counted",
    ]


def test_it_is_there_before_slack_was_asked_who_somebody_is(face: Face) -> None:
    face.slack.server.fail_next("usergroups.users.list", "internal_error")
    assert face.slack.open_home(MARIA).acked
    face.slack.wait_for(lambda: published(face, MARIA) == 1)
    mode = part(reads(face), "Mode")
    assert mode[1:] == ["['Pause']", "Slack has not said yet whether you may change it."]
    assert part(opens(face, times=1), "Mode")[1:] == ["['Set shadow', 'Set autonomous', 'Pause']"]
    assert published(face, MARIA) == 2


def test_the_messages_tab_and_an_unchanged_home_publish_nothing(face: Face) -> None:
    opens(face, MARIA)
    assert face.slack.open_home(MARIA, tab="messages").acked
    assert face.slack.open_home(MARIA).acked
    assert show(face) == 0
    assert published(face, MARIA) == 2


def show(face: Face) -> int:
    """What the clock does each minute; how many were published."""
    before = sum(c.kind == "home_published" for c in face.slack.server.workspace.feed.since())
    show_homes(face.records, SlackAdapter(face.records.settings))
    return sum(c.kind == "home_published" for c in face.slack.server.workspace.feed.since()) - before


def test_a_home_that_slack_does_not_have_any_more_is_published_again(face: Face) -> None:
    opens(face, JONAS)
    lines = reads(face, JONAS)
    del face.slack.server.workspace.homes[JONAS]
    assert opens(face, JONAS, times=1) == lines


def test_ones_incidents_are_there_with_why_and_where(face: Face) -> None:
    for number, over in enumerate(
        (
            {"command": Command(commander=MARIA), "severity": "SEV2", "headline": "Release 1.8.4 cannot start."},
            {"command": Command(responders=(LI, MARIA))},
            {"opened_by": MARIA, "state": "acting"},
            {"service": "search"},
            {"services": ("batch",), "severity": "SEV1", "title": HOSTILE},
            {"service": "checkout"},
            {"opened_by": MARIA, "state": "resolved", "resolved_at": NOON},
        ),
        start=1,
    ):
        incident(face, number, **over)
    link = card(face, 1)
    on_call(face, "search", MARIA)
    on_call(face, "checkout", MARIA, minutes_ago=6)  # too long ago to say so
    face.records.homes.follow(MARIA, ["batch", "gone-from-the-catalogue"])
    lines = part(opens(face, times=1), "My incidents")
    assert [line.partition(" · since")[0] for line in lines[1:]] == [
        "• 🔴 INC-1 1 answers 5xx · SEV2 · open", "• 🔴 INC-4 4 answers 5xx · SEV3 · open",
        "• 🟠 INC-3 3 answers 5xx · SEV3 · acting", "• 🔴 INC-2 2 answers 5xx · SEV3 · open",
    ]  # fmt: skip
    assert [line.rpartition(" · ")[2] for line in lines] == [
        "you follow it", "you command. Release 1.8.4 cannot start.", "you are on call", "you opened it",
        "you respond",
    ]  # fmt: skip
    assert lines[0].startswith("• 🔴 INC-5 ‹!channel> & ‹@U0ADMIN> evil yyy")
    assert "\u202e" not in lines[0]
    assert len(lines[0]) < 300
    assert link in str(face.slack.server.workspace.homes[MARIA].blocks)


def test_what_waits_is_shown_to_those_who_may_decide_and_leads_to_the_message(face: Face) -> None:
    incident(face, 1, service="checkout")
    card(face, 1)
    proposal(face, requested_by=LI)
    asked = "• Roll checkout back to revision 17 · INC-1 · until 12:15 UTC"
    assert part(opens(face, MARIA), "My approvals") == [
        asked, "Approve and Reject are on the message itself, beside what it touches and its dry run",
    ]  # fmt: skip
    home = str(face.slack.server.workspace.homes[MARIA].blocks)
    assert "https://sandbox.slack.com/archives/C0SRE/p1760000000000200?thread_ts=1760000000.000100&cid=C0SRE" in home
    other = ["Nothing waits for you.", f"1 proposal waits for {ON_CALL} or whoever is on call."]
    assert part(opens(face, LI), "My approvals") == other  # who asked for it cannot approve it: four eyes
    assert part(opens(face, JONAS), "My approvals") == other
    on_call(face, "search", JONAS)
    assert show(face) == 3  # everybody sees who is on call
    assert part(reads(face, JONAS), "My approvals") == other
    assert part(reads(face, JONAS), "Mode")[1] == "['Set shadow', 'Set autonomous', 'Pause']"
    on_call(face, "checkout", JONAS)
    assert show(face) == 1
    assert part(reads(face, JONAS), "My approvals")[0] == asked
    face.records.remediations.update("ACT-1", lambda r: r.model_copy(update={"state": "approved"}))
    assert show(face) == 3
    assert part(reads(face, JONAS), "My approvals") == ["Nothing waits for you."]


def test_nothing_can_be_approved_on_the_tab_itself(face: Face) -> None:
    incident(face, 1, service="checkout")
    proposal(face)
    opens(face, MARIA)
    home = face.slack.server.workspace.homes[MARIA]
    actions = {e["action_id"] for b in home.blocks for e in b.get("elements", ()) if "action_id" in e}
    assert actions == {FOLLOW, f"{SET_MODE}:shadow", f"{SET_MODE}:autonomous", PAUSE, "home:digest_add"}


def test_services_are_followed_and_left_in_place(face: Face) -> None:
    incident(face, 1, service="batch")
    opens(face, JONAS)
    press(face, JONAS, FOLLOW, ["batch", "search"])
    assert face.records.homes.follows(JONAS) == {"batch", "search"}
    assert part(reads(face, JONAS), "My incidents")[0].endswith("you follow it")
    select = next(
        b for b in face.slack.server.workspace.homes[JONAS].blocks if str(b.get("block_id")).startswith("follow")
    )
    assert [o["value"] for o in select["elements"][0]["initial_options"]] == ["batch", "search"]
    press(face, JONAS, FOLLOW, [])
    assert face.records.homes.follows(JONAS) == set()
    assert part(reads(face, JONAS), "My incidents")[0].startswith("None is open")
    assert face.records.homes.follows(MARIA) == set()
    assert face.slack.server.messages("sre") == []


def test_many_services_are_searched(start: Starter) -> None:
    names = [f"service-{n}" for n in range(150)] + ["payments", "old-payments"]
    face = start("socket", config=Config(services={name: Service() for name in names}))
    face.slack.open_home(JONAS)
    home = face.slack.wait_for(lambda: face.slack.server.workspace.homes.get(JONAS))
    found = face.slack.suggest(JONAS, home.id, FOLLOW_SEARCH, "Pay").body
    assert [o["value"] for o in found["options"]] == ["payments", "old-payments"]
    assert len(face.slack.suggest(JONAS, home.id, FOLLOW_SEARCH, "service").body["options"]) == 100
    assert face.slack.suggest(JONAS, home.id, FOLLOW_SEARCH, "nothing").body["options"] == []
    press(face, JONAS, FOLLOW_SEARCH, ["payments", "not-in-the-catalogue"])
    assert face.records.homes.follows(JONAS) == {"payments"}
    assert face.slack.server.breaches == []


def test_the_entitled_set_the_mode_pause_and_resume(face: Face) -> None:
    opens(face, MARIA)
    press(face, MARIA, f"{SET_MODE}:autonomous")
    assert part(reads(face), "Mode")[:2] == [
        "autonomous: I act alone inside the limits, for the alert types below; all else waits for a person.",
        "['Set shadow', 'Set assist', 'Pause']",
    ]
    press(face, MARIA, PAUSE)
    assert reads(face)[1] == f"Paused by {MARIA} since 12:00 UTC: nothing is done to any cluster."
    assert part(reads(face), "Mode")[1] == "['Set shadow', 'Set assist', 'Resume']"
    press(face, MARIA, RESUME)
    assert pause_of(face.records.switches) is None
    said = [(e.event, e.actor) for e in face.records.ledger.entries()]
    assert said == [("mode.changed", MARIA), ("bot.paused", MARIA), ("bot.resumed", MARIA)]


def test_a_refusal_is_shown_and_the_tab_follows(face: Face) -> None:
    """Jonas was in the group when he opened it, and is no more."""
    opens(face, JONAS)
    face.records.homes.note_groups(JONAS, [ON_CALL])
    on_call(face, "checkout", LI)
    on_call(face, "search", LI)
    assert show(face) == 1
    home = face.slack.server.workspace.homes[JONAS]
    assert face.slack.click(JONAS, home.id, f"{SET_MODE}:autonomous").acked
    assert modal(face, JONAS).startswith("You are not among those who may set the mode to autonomous")
    assert face.records.switches.find("mode") is None
    assert [e.event for e in face.records.ledger.entries()] == ["control.refused"]


def test_an_old_button_does_nothing_and_says_so(face: Face) -> None:
    opens(face, MARIA)
    face.records.switches.set("mode", "autonomous")
    home = face.slack.server.workspace.homes[MARIA]
    assert face.slack.click(MARIA, home.id, f"{SET_MODE}:autonomous").acked  # is so already
    face.slack.wait_for(lambda: "Set assist" in str(reads(face)))
    assert list(face.records.ledger.entries()) == []
    client = WebClient(token=face.slack.server.bot_token, base_url=face.slack.server.url)
    button = {"type": "button", "action_id": "home:of_last_year", "text": {"type": "plain_text", "text": "Old"}}
    client.views_publish(user_id=MARIA, view={"type": "home", "blocks": [{"type": "actions", "elements": [button]}]})
    assert face.slack.click(MARIA, home.id, "home:of_last_year").acked
    assert modal(face, MARIA).startswith("That button is of another version of me")
    assert len(opens(face, times=1)) > 10  # opening it brings the present one back


def test_of_two_who_publish_at_once_the_newer_state_stands(face: Face) -> None:
    opens(face, JONAS)
    for number in range(1, 9):
        incident(face, number, opened_by=JONAS)
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(show, face) for _ in range(4)]:
                done.result()
    assert len(part(reads(face, JONAS), "My incidents")) == 8
    assert face.records.homes.shown(JONAS).hash == face.slack.server.workspace.homes[JONAS].hash


def test_homes_are_kept_up_for_a_day_and_not_for_who_left(face: Face) -> None:
    opens(face, JONAS)
    opens(face, MARIA)
    face.records.homes.note_opened(LI, NOON - timedelta(hours=25))
    face.records.homes.note_opened("W0GONE", NOON)
    assert show(face) == 0
    assert face.records.homes.opened_since(NOON - timedelta(days=2)) == (JONAS, MARIA)
    incident(face, 1)
    assert show(face) == 2


def test_when_slack_asks_to_wait_the_rest_comes_in_the_next_minute(face: Face) -> None:
    opens(face, JONAS)
    opens(face, MARIA)
    incident(face, 1)
    face.slack.server.fail_next("views.publish", "ratelimited", retry_after_s=30)
    assert show(face) == 0
    assert show(face) == 2


def test_a_full_tab_is_within_slacks_limits(start: Starter) -> None:
    services = {f"{HOSTILE[:60]}-{n}": Service() for n in range(100)}
    face = start(
        "http", config=Config(services=services, approvers=Approvers(users=tuple(f"U{n:05}" for n in range(60))))
    )
    for number in range(1, 40):
        incident(face, number, opened_by=JONAS, title=HOSTILE, headline=HOSTILE * 3)
    for number in range(8):
        face.records.switches.mark_unreachable(f"{number} {HOSTILE}", NOON)
    face.records.homes.follow(JONAS, services)
    assert face.slack.open_home(JONAS).acked
    face.slack.wait_for(lambda: face.slack.server.workspace.homes.get(JONAS))
    assert part(reads(face, JONAS), "My incidents")[-1] == "and 29 more; /sre status has them"
    assert face.slack.server.breaches == []
