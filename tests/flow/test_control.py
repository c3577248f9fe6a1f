"""The kill switch and the mode, typed in a pretend Slack by those who may and by others."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from core.pause import Pause, pause_of
from core.settings import Approvers, Autonomy
from sandbox.slack.state import LI, MARIA, ON_CALL
from tests.conftest import NOON
from tests.flow.conftest import CONFIG, Face, Starter
from tests.flow.test_slack_face import sre, text, told

AUTONOMY = Autonomy(mode="assist", alert_types=("KubePodCrashLooping",), namespaces=("shop",))
CHECKED_LATE = "I could not check whether you may; pausing is the safe side, so it is done."


def began(start: Starter, mode: str = "http", **approvers: object) -> Face:
    who = Approvers.model_validate(approvers)
    return start(mode, config=CONFIG.model_copy(update={"approvers": who, "autonomy": AUTONOMY}))


@pytest.fixture
def one(start: Starter) -> Iterator[Face]:
    face = began(start, groups=(ON_CALL,))
    yield face
    assert face.slack.server.breaches == []


def events(face: Face) -> list[tuple[str, str]]:
    return [(entry.event, entry.actor) for entry in face.records.ledger.entries()]


def announced(face: Face) -> list[str]:
    """What the team's channel is told."""
    keys = [key for job, key in face.jobs("notify") if job == "deliver"]
    return [face.records.outbox.get(key).view.text for key in keys]


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_pause_holds_at_once_and_is_told_to_everybody(start: Starter, mode: str) -> None:
    one = began(start, mode, groups=(ON_CALL,))
    said = text(sre(one, "pause the node pool is being replaced"))
    assert said.startswith("I am paused. Nothing more is done to the cluster until /sre resume")
    assert pause_of(one.records.switches) == Pause(by=MARIA, at=NOON, why="the node pool is being replaced")
    assert events(one) == [("bot.paused", MARIA)]
    assert announced(one) == [said]
    assert text(sre(one, "status")).endswith("mode assist, paused.")
    assert text(sre(one, "pause")).endswith("It was so already.")
    assert len(announced(one)) == 1


def test_resume_is_for_the_entitled(one: Face) -> None:
    sre(one, "pause")
    refused = text(one.slack.command("jonas", "#sre", "/sre", "resume"))
    assert refused == "You are not among those who may resume me, so nothing has changed."
    assert pause_of(one.records.switches) is not None
    assert text(sre(one, "resume")) == "I am resumed, in mode assist."
    assert pause_of(one.records.switches) is None
    assert events(one) == [("bot.paused", MARIA), ("control.refused", "U0JONAS"), ("bot.resumed", MARIA)]
    assert text(sre(one, "resume")) == "I am not paused. The mode is assist."


def test_who_is_known_not_to_be_entitled_cannot_even_pause(one: Face) -> None:
    assert text(one.slack.command("jonas", "#sre", "/sre", "pause")).startswith("You are not among those who may")
    assert pause_of(one.records.switches) is None
    assert events(one) == [("control.refused", "U0JONAS")]


def test_when_slack_cannot_say_who_is_entitled_pausing_is_done_and_the_rest_is_not(one: Face) -> None:
    one.slack.server.fail_next("usergroups.users.list", "internal_error", times=3)
    assert text(one.slack.command("jonas", "#sre", "/sre", "pause")).endswith(CHECKED_LATE)
    assert pause_of(one.records.switches) is not None
    for words in ("resume", "mode autonomous"):
        assert text(sre(one, words)).startswith("I could not check whether you may ")
    assert pause_of(one.records.switches) is not None
    assert one.records.switches.find("mode") is None


def test_a_slack_that_does_not_answer_is_not_waited_for_beyond_what_slack_gives(
    one: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slack_sdk import WebClient

    monkeypatch.setattr(WebClient, "usergroups_users_list", lambda *_, **__: time.sleep(2.4))
    outcome = one.slack.command("jonas", "#sre", "/sre", "pause")
    assert text(outcome).endswith(CHECKED_LATE)
    assert 1.9 < outcome.took_s < 2.9


def test_without_the_optional_scope_only_people_by_name_may(start: Starter) -> None:
    face = began(start, groups=(ON_CALL,), users=(LI,))
    face.slack.server.fail_next("usergroups.users.list", "missing_scope", times=2)
    assert text(sre(face, "mode shadow")).startswith("I could not check whether you may set the mode to shadow")
    assert text(face.slack.command("li", "#sre", "/sre", "mode shadow")).startswith("The mode is shadow")


def test_with_nobody_configured_pausing_is_done_and_the_rest_names_the_setting(start: Starter) -> None:
    face = began(start)
    assert text(sre(face, "pause")).endswith(
        "Nobody is configured who may (approvers in SRE_CONFIG); pausing is the safe side, so it is done."
    )
    assert text(sre(face, "resume")) == (
        "Nobody may resume me: approvers in SRE_CONFIG names nobody. Name somebody there and restart me."
    )
    assert pause_of(face.records.switches) is not None


def test_the_mode_is_shown_to_anybody_and_changed_by_the_entitled(one: Face) -> None:
    shown = "The mode is assist: I act when somebody entitled approves."
    assert text(one.slack.command("jonas", "#sre", "/sre", "mode")) == shown
    assert text(one.slack.command("jonas", "#sre", "/sre", "mode autonomous")) == (
        "You are not among those who may set the mode to autonomous, so nothing has changed."
    )
    outcome = sre(one, "mode Autonomous")
    assert text(outcome).startswith("The mode is autonomous")
    assert "KubePodCrashLooping" in str(outcome.body)
    assert one.records.switches.find("mode") == "autonomous"
    assert one.records.ledger.head()[0] == 2
    last = [*one.records.ledger.entries()][-1]
    assert (last.event, last.actor, last.data) == (
        "mode.changed", MARIA, {"before": "assist", "after": "autonomous"},
    )  # fmt: skip
    assert text(sre(one, "status")).endswith("mode autonomous.")
    assert text(sre(one, "mode yolo")) == "There is no mode yolo; there are shadow, assist, autonomous."


def test_in_a_thread_it_is_said_by_a_mention(one: Face) -> None:
    root = one.slack.say("maria", "#sre", "hm").ts
    one.slack.mention("maria", "#sre", "pause", thread_ts=root)
    assert told(one).startswith("I am paused.")
    assert one.slack.ephemerals("maria")[-1].thread_ts == root
    assert pause_of(one.records.switches) is not None


def test_a_question_that_begins_with_the_word_is_a_question(one: Face) -> None:
    one.slack.mention("maria", "#sre", "pause containers keep restarting, why?")
    assert pause_of(one.records.switches) is None
    assert [job for job, _ in one.jobs()] == ["answer"]


@pytest.mark.parametrize("held", ["U0LI", "{", ""])
def test_a_switch_set_by_hand_pauses_all_the_same(one: Face, held: str) -> None:
    one.records.switches.set("paused", held)
    assert text(sre(one, "status")).endswith(", paused.")
    assert "paused" in text(sre(one, "mode"))


def test_a_reason_that_means_harm_is_text(one: Face) -> None:
    outcome = sre(one, "pause <!channel> &lt;!here&gt; " + "x" * 900)
    assert outcome.acked
    shown = str(outcome.body) + str(announced(one))
    assert "<!channel>" not in shown
    assert "<!here>" not in shown
    held = pause_of(one.records.switches)
    assert held and len(held.why) <= 300
