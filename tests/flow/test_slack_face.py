"""What people type, say and click, by Socket Mode and HTTP alike; no rule of Slack's is broken on the way."""

from __future__ import annotations

import pytest

from blocks.diagnosis import FEEDBACK_RIGHT, FEEDBACK_WRONG, diagnosis_view
from blocks.evidence import PAGE, SHOW_EVIDENCE, TURN_PAGE
from bot.mentions import INVESTIGATE_THIS
from core.incident import Incident
from sandbox.slack import Outcome
from sandbox.slack.model import TEAM_ID
from tests.conftest import NOON
from tests.flow.conftest import Face
from tests.unit.blocks.worlds import crash_loop


@pytest.fixture(autouse=True)
def _no_rule_is_broken(face: Face) -> object:
    yield
    assert face.slack.server.breaches == []


def text(outcome: Outcome) -> str:
    assert outcome.acked, outcome
    return str((outcome.body or {}).get("text"))


def sre(face: Face, words: str, channel: str = "#sre") -> Outcome:
    return face.slack.command("maria", channel, "/sre", words)


def told(face: Face, user: str = "maria") -> str:
    """The next word that only this person sees."""
    seen = face.slack.wait_for(lambda: face.slack.server.ephemerals(user))
    return seen[-1].text


def post_diagnosis(face: Face, reads: int = 3) -> str:
    """A diagnosis in a thread of #sre, as the notifier posts it; its ts."""
    from slack_sdk import WebClient

    case = crash_loop()
    case = case.model_copy(update={"evidence": (case.evidence * reads)[:reads]})
    face.records.investigations.save(case)
    server = face.slack.server
    client = WebClient(token=server.bot_token, base_url=server.url)
    card = client.chat_postMessage(channel="C0SRE", text="A card.")
    view = diagnosis_view(case)
    posted = client.chat_postMessage(channel="C0SRE", thread_ts=card["ts"], text=view.text, blocks=list(view.blocks))
    return str(posted["ts"])


def test_status_is_answered_at_once_from_stored_state(face: Face) -> None:
    face.records.incidents.save(
        Incident(
            id="INC-1", title="checkout answers 5xx", severity="SEV2", source="slack", opened_at=NOON, channel="C0SRE"
        )
    )
    assert text(sre(face, "status")) == "1 open: INC-1; 0 alerts firing; mode shadow."
    assert text(sre(face, "status checkout")).startswith("1 open for checkout: INC-1")
    assert text(sre(face, "STATUS chekout")) == "I know no service chekout. Did you mean /sre status checkout?"


def test_help_lists_the_commands_and_is_the_answer_to_nothing(face: Face) -> None:
    assert text(sre(face, "help")).startswith("You can ask me by /sre status, explain, incident")
    assert text(sre(face, "")) == text(sre(face, "help"))


def test_an_unknown_word_gets_the_nearest_command(face: Face) -> None:
    assert text(sre(face, "stauts")) == "There is no /sre stauts. Did you mean /sre status?"
    assert text(sre(face, "<!channel>")) == "There is no /sre channel. See /sre help."
    assert text(sre(face, "frobnicate &lt;now&gt;")) == "There is no /sre frobnicate. See /sre help."


def test_explain_saves_the_question_and_queues_it(face: Face) -> None:
    assert text(sre(face, "explain checkout why so slow?")).startswith("I am looking; the answer comes as a thread")
    ((job, request_id),) = face.jobs()
    request = face.records.requests.get(request_id)
    assert job == "answer"
    assert (request.kind, request.text, request.user, request.channel, request.thread_ts) == (
        "explain", "checkout why so slow?", "U0MARIA", "C0SRE", None,
    )  # fmt: skip


@pytest.mark.parametrize("words", ["explain payload size", "explain why does payload=1 fail", 'explain {"payload": 1}'])
def test_the_word_payload_is_a_word_like_any_other(face: Face, words: str) -> None:
    assert text(sre(face, words)).startswith("I am looking")
    assert face.records.requests.get(face.jobs()[0][1]).text == words.removeprefix("explain ")


def test_explain_of_an_incident_replays_the_ledger(face: Face) -> None:
    assert text(sre(face, "incident checkout customers cannot pay")).startswith("INC-1 is open")
    assert text(sre(face, "explain inc-1 why?")) == "INC-1 is open; the ledger has 1 line of it."
    assert text(sre(face, "explain INC-9")) == "There is no INC-9."
    assert [job for job, *_ in face.jobs()] == ["investigate"]


def test_incident_opens_one_in_its_services_channel(face: Face) -> None:
    assert text(sre(face, "incident checkout customers cannot pay &amp; more")).startswith("INC-1 is open")
    incident = face.records.incidents.get("INC-1")
    assert (incident.title, incident.service, incident.channel, incident.opened_by) == (
        "checkout: customers cannot pay & more", "checkout", "C0SHOP", "U0MARIA",
    )  # fmt: skip
    investigation = face.records.investigations.get(str(incident.investigation))
    assert (investigation.asked_by, investigation.team) == ("U0MARIA", TEAM_ID)
    assert face.jobs() == [["investigate", incident.investigation]]
    assert face.jobs("notify") == [["show_incident", "INC-1"]]


def test_incident_of_an_unknown_service_opens_where_it_was_typed_and_asks_what_was_meant(face: Face) -> None:
    said = text(sre(face, "incident chekout is down"))
    assert said == "INC-1 is open and I am looking. I know no service chekout; did you mean checkout?"
    incident = face.records.incidents.get("INC-1")
    assert (incident.title, incident.service, incident.channel) == ("chekout is down", None, "C0SRE")


def test_incident_typed_in_a_direct_message_is_shown_where_others_see_it(face: Face) -> None:
    sre(face, "incident everything is slow", channel="@sre")
    assert face.records.incidents.get("INC-1").channel == "C0SRE"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("incident", "Say which service and what is wrong, as in"),
        ("incident checkout", "Say which service and what is wrong, as in"),
        ("explain", "Say what to explain, as in"),
        ("explain " + "x" * 3000, "That is longer than 2,000 characters; say it shorter"),
    ],
)
def test_too_little_or_too_much_is_answered_in_one_sentence(face: Face, words: str, said: str) -> None:
    assert text(sre(face, words)).startswith(said)
    assert face.jobs() == []


def test_a_mention_in_a_channel_is_answered_in_its_thread(face: Face) -> None:
    outcome = face.slack.mention("jonas", "#sre", "why is checkout slow & <b>?")
    assert outcome.acked
    ((job, request_id),) = face.jobs()
    request = face.records.requests.get(request_id)
    assert (job, request.kind, request.text, request.thread_ts) == (
        "answer", "mention", "why is checkout slow & <b>?", outcome.ts,
    )  # fmt: skip


def test_a_mention_in_a_thread_stays_in_that_thread(face: Face) -> None:
    root = face.slack.say("maria", "#sre", "something is odd").ts
    face.slack.mention("jonas", "#sre", "look here", thread_ts=root)
    assert face.records.requests.get(face.jobs()[0][1]).thread_ts == root


def test_a_direct_message_is_a_question_too(face: Face) -> None:
    outcome = face.slack.say("li", "@sre", "is payments healthy?")
    request = face.records.requests.get(face.jobs()[0][1])
    assert (request.text, request.thread_ts) == ("is payments healthy?", outcome.ts)


def test_an_empty_mention_gets_the_help_and_starts_nothing(face: Face) -> None:
    face.slack.mention("maria", "#sre", "")
    assert told(face).startswith("You can ask me by /sre status")
    assert face.jobs() == []


def test_status_can_be_asked_in_a_thread_by_a_mention(face: Face) -> None:
    root = face.slack.say("maria", "#sre", "hm").ts
    face.slack.mention("maria", "#sre", "status", thread_ts=root)
    assert told(face) == "Nothing is open; 0 alerts firing; mode shadow."
    assert face.slack.ephemerals("maria")[-1].thread_ts == root


def test_an_overlong_mention_is_told_so(face: Face) -> None:
    face.slack.mention("maria", "#sre", "x" * 2500)
    assert told(face).startswith("That is longer than 2,000 characters")
    assert face.jobs() == []


def test_investigate_this_takes_the_whole_message(face: Face) -> None:
    said = face.slack.say("maria", "#sre", "checkout: 503 <nil> since 2:10").ts
    assert face.slack.shortcut("jonas", INVESTIGATE_THIS, said).acked
    request = face.records.requests.get(face.jobs()[0][1])
    assert (request.kind, request.text, request.user, request.thread_ts) == (
        "shortcut", "checkout: 503 <nil> since 2:10", "U0JONAS", said,
    )  # fmt: skip


def test_judging_a_diagnosis_goes_into_the_ledger_and_is_answered(face: Face) -> None:
    ts = post_diagnosis(face)
    assert face.slack.click("maria", ts, FEEDBACK_RIGHT).acked
    assert told(face) == "Noted: INV-3 was right. Thank you."
    face.slack.click("jonas", ts, FEEDBACK_WRONG)
    assert told(face, "jonas") == "Noted: INV-3 was wrong. Say in this thread what it was."
    assert [(e.event, e.actor, e.data) for e in face.records.ledger.of_incident("INC-42")] == [
        ("feedback.given", "U0MARIA", {"investigation": "INV-3", "right": True}),
        ("feedback.given", "U0JONAS", {"investigation": "INV-3", "right": False}),
    ]


def test_judging_twice_counts_once_and_is_answered(face: Face) -> None:
    ts = post_diagnosis(face)
    face.slack.click("maria", ts, FEEDBACK_RIGHT)
    face.slack.click("maria", ts, FEEDBACK_RIGHT)
    face.slack.wait_for(lambda: len(face.slack.server.ephemerals("maria")) == 2)
    assert told(face) == "You had said so: INV-3 was right."
    assert len(face.records.ledger.of_incident("INC-42")) == 1


def test_evidence_opens_in_a_modal_and_turns_its_pages(face: Face) -> None:
    ts = post_diagnosis(face, reads=2 * PAGE + 1)
    assert face.slack.click("maria", ts, SHOW_EVIDENCE).acked
    views, opened = face.slack.server.workspace.views, face.slack.server.workspace.open_views
    (view_id,) = face.slack.wait_for(lambda: opened.get("U0MARIA"))
    assert views[view_id].content["title"]["text"] == "Evidence of INC-42"
    assert face.slack.click("maria", view_id, f"{TURN_PAGE}:later").acked
    face.slack.wait_for(lambda: f"{TURN_PAGE}:earlier" in str(views[view_id].blocks))


def test_evidence_that_is_gone_is_said_to_be(face: Face) -> None:
    ts = post_diagnosis(face)
    face.records.redis.delete("sre:investigation:INV-3")
    face.slack.click("maria", ts, SHOW_EVIDENCE)
    assert told(face) == "That investigation is gone, so there is no evidence to show."


def test_a_button_of_another_version_is_answered(face: Face) -> None:
    from slack_sdk import WebClient

    from blocks.parts import button, buttons

    server = face.slack.server
    client = WebClient(token=server.bot_token, base_url=server.url)
    posted = client.chat_postMessage(channel="C0SRE", text="Old.", blocks=[buttons(button("Go", "go_back_in_time"))])
    assert face.slack.click("maria", str(posted["ts"]), "go_back_in_time").acked
    assert told(face) == "That button is of another version of me, so I have done nothing."


def test_other_events_are_taken_in_silence(face: Face) -> None:
    face.slack.say("maria", "#sre", "we talk about @jonas")
    assert face.slack.react("maria", str(face.slack.messages("#sre")[-1].ts), "eyes").error is None
    assert face.jobs() == []
