"""When channels get their digest, set on the Home tab of a pretend Slack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.digest_form import DIGEST_MODAL
from blocks.home import ADD_DIGEST, EDIT_DIGEST, REMOVE_DIGEST, ZONE
from core.digest_settings import DigestTime
from core.digest_times import digest_times, set_digest_time
from core.settings import Approvers, Channels, Config
from sandbox.slack import Outcome
from sandbox.slack.state import JONAS, LI, MARIA, ON_CALL
from tests.flow.conftest import Face, Starter
from tests.flow.test_home import modal, opens, part, reads, settled

NINE = DigestTime(at="09:00", timezone="Europe/Berlin", services=("checkout",))
CONFIG = Config(channels=Channels(digests={"C0SRE": NINE}), approvers=Approvers(groups=(ON_CALL,)))


@pytest.fixture(params=["socket", "http"])
def face(request: pytest.FixtureRequest, start: Starter) -> Iterator[Face]:
    face = start(request.param, config=CONFIG)
    opens(face, MARIA)
    yield face
    assert face.slack.server.breaches == []


def presses(face: Face, action_id: str, value: str | None = None, user: str = MARIA) -> dict[str, Any]:
    """Open the form; its content."""
    home = face.slack.server.workspace.homes[user]
    assert face.slack.click(user, home.id, action_id, value).acked
    workspace = face.slack.server.workspace
    (view,) = face.slack.wait_for(lambda: workspace.open_views.get(user))
    return dict(workspace.views[view].content)


def submits(face: Face, user: str = MARIA, **values: Any) -> Outcome:
    outcome: Outcome = face.slack.submit_view(user, {(ZONE if k == "zone" else k): v for k, v in values.items()})
    assert outcome.acked, outcome
    return outcome


def errors(outcome: Outcome) -> dict[str, str]:
    return dict((outcome.body or {}).get("errors") or {})


def digests(face: Face) -> list[str]:
    return part(reads(face), "Morning digests")


def test_a_digest_is_changed_in_place(face: Face) -> None:
    assert digests(face) == ["<#C0SRE> at 09:00, mon-fri, Europe/Berlin", "['Add a channel']"]
    form = presses(face, EDIT_DIGEST, "C0SRE")
    assert (form["callback_id"], form["private_metadata"]) == (DIGEST_MODAL, "C0SRE")
    shown = {b["block_id"]: b["element"] for b in form["blocks"] if b["type"] == "input"}
    assert shown["at"]["initial_time"] == "09:00"
    assert [o["value"] for o in shown["days"]["initial_options"]] == ["mon", "tue", "wed", "thu", "fri"]
    assert shown["zone"]["initial_option"]["value"] == "Europe/Berlin"
    submits(face, at="08:30", days=["mon", "wed"], zone="Asia/Tokyo")
    assert modal(face, MARIA) == (
        "C0SRE gets its digest at 08:30, mon,wed, Asia/Tokyo. The next one comes on Wednesday 04 March at 08:30 there."
    )
    after = DigestTime(at="08:30", days="mon,wed", timezone="Asia/Tokyo", services=("checkout",))
    assert digest_times(face.records) == {"C0SRE": after}
    face.slack.wait_for(lambda: settled(face, MARIA) and digests(face)[0] == "<#C0SRE> at 08:30, mon,wed, Asia/Tokyo")
    (entry,) = face.records.ledger.entries()
    assert (entry.event, entry.actor, entry.data["channel"]) == ("digest.time_set", MARIA, "C0SRE")
    assert (entry.data["before"]["at"], entry.data["after"]["at"]) == ("09:00", "08:30")
    assert face.slack.server.messages("sre") == []


def test_what_stays_as_it_was_is_not_in_the_ledger(face: Face) -> None:
    presses(face, EDIT_DIGEST, "C0SRE")
    submits(face)
    assert modal(face, MARIA).startswith("C0SRE gets its digest at 09:00, mon-fri, Europe/Berlin.")
    assert list(face.records.ledger.entries()) == []


def test_zones_are_searched_by_city(face: Face) -> None:
    presses(face, EDIT_DIGEST, "C0SRE")
    (view,) = face.slack.server.workspace.open_views[MARIA]

    def like(typed: str) -> list[str]:
        return [o["value"] for o in face.slack.suggest(MARIA, view, ZONE, typed).body["options"]]

    assert like("berl") == ["Europe/Berlin"]
    assert like("new y")[0] == "America/New_York"
    assert "Europe/London" in like("Lond")
    assert len(like("a")) == 100
    assert like("atlantis") == []


def test_a_channel_is_added_only_where_the_bot_is(face: Face) -> None:
    form = presses(face, ADD_DIGEST)
    assert form["private_metadata"] == ""
    values = {"at": "07:15", "days": ["sat", "sun"], "zone": "UTC"}
    assert errors(submits(face, channel="C0GENERAL", **values)) == {
        "channel": "I am not in that channel; /invite me there first."
    }
    assert errors(submits(face, channel="C0GONE", **values)) == {
        "channel": "I cannot see that channel; /invite me there first."
    }
    assert set(digest_times(face.records)) == {"C0SRE"}
    submits(face, channel="C0SHOP", **values)
    assert "C0SHOP gets its digest at 07:15, sat,sun, UTC." in modal(face, MARIA)
    face.slack.wait_for(lambda: "<#C0SHOP> at 07:15, sat,sun, UTC" in digests(face))


def test_what_makes_no_sense_is_said_at_its_field(face: Face) -> None:
    presses(face, EDIT_DIGEST, "C0SRE")
    assert errors(submits(face, zone="Europe/Atlantis")) == {"zone": "Choose a time zone from the list."}
    assert list(face.records.ledger.entries()) == []


def test_a_digest_is_removed_and_an_old_button_says_so(face: Face) -> None:
    presses(face, EDIT_DIGEST, "C0SRE")
    (view,) = face.slack.server.workspace.open_views[MARIA]
    form = face.slack.server.workspace.views[view]
    before = form.hash
    assert face.slack.click(MARIA, view, REMOVE_DIGEST, "C0SRE").acked
    face.slack.wait_for(lambda: form.hash != before)
    assert modal(face, MARIA) == "C0SRE gets no digest any more."
    assert digest_times(face.records) == {}
    (entry,) = face.records.ledger.entries()
    assert (entry.event, entry.data["after"]) == ("digest.time_set", None)
    face.slack.wait_for(lambda: digests(face)[0] == "No channel gets one.")


def test_a_button_of_a_digest_that_is_gone_says_so(face: Face) -> None:
    set_digest_time(face.records, "C0SRE", None)
    home = face.slack.server.workspace.homes[MARIA]
    assert face.slack.click(MARIA, home.id, EDIT_DIGEST, "C0SRE").acked
    assert modal(face, MARIA) == "There is no digest in that channel any more."
    face.slack.wait_for(lambda: digests(face)[0] == "No channel gets one.")


def test_others_see_them_and_change_nothing(face: Face) -> None:
    lines = part(opens(face, JONAS), "Morning digests")
    assert lines == ["<#C0SRE> at 09:00, mon-fri, Europe/Berlin", "Those who may set the mode may change these"]
    face.records.homes.note_groups(JONAS, [ON_CALL])  # an old tab, from when he was among them
    from tests.flow.test_home import show

    show(face)
    presses(face, EDIT_DIGEST, "C0SRE", JONAS)
    submits(face, JONAS, at="03:00")
    assert modal(face, JONAS).startswith("You are not among those who may change when digests come")
    assert digest_times(face.records)["C0SRE"].at == "09:00"
    assert [(e.event, e.actor) for e in face.records.ledger.entries()] == [("control.refused", JONAS)]


def test_while_slack_cannot_say_who_somebody_is_nothing_changes(face: Face) -> None:
    presses(face, EDIT_DIGEST, "C0SRE")
    face.slack.server.fail_next("usergroups.users.list", "internal_error")
    submits(face, at="03:00")
    assert modal(face, MARIA).startswith("I could not check whether you may change when digests come")
    assert digest_times(face.records)["C0SRE"].at == "09:00"


def test_while_slack_cannot_say_where_the_bot_is_it_is_taken(face: Face) -> None:
    presses(face, EDIT_DIGEST, "C0SRE")
    face.slack.server.fail_next("conversations.info", "internal_error")
    submits(face, at="03:00")
    assert digest_times(face.records)["C0SRE"].at == "03:00"


def test_somebody_of_the_group_sees_the_same_at_once(face: Face) -> None:
    opens(face, LI)
    presses(face, EDIT_DIGEST, "C0SRE", LI)
    submits(face, LI, days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
    assert digest_times(face.records)["C0SRE"].days == "daily"
