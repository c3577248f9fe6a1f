"""A postmortem's draft, asked for in a pretend Slack: into its incident's thread, and never over what people wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from blocks.card import card_view
from blocks.parts import as_text
from bot.slash import Command, answer
from core.errors import Transient
from core.outbox import Message
from sandbox.company import wait_until
from sandbox.slack.model import Canvas
from sandbox.slack.state import LI, MARIA
from tests.flow.conftest import Face, Starter
from tests.unit.workers.postmortem.night import INC, happened, note, repaired, resolved
from workers import jobs
from workers.adapters.slack import SlackAdapter
from workers.notifier import deliver
from workers.world import Outside, World, use


@pytest.fixture
def face(start: Starter) -> Iterator[Face]:
    yield start("http")


def night(face: Face, **over: Any) -> str:
    """INC-42, over, with its card in #sre; the card's ts."""
    from slack_sdk import WebClient

    incident = happened(face.records, **over)
    repaired(face.records)
    if not incident.is_open:
        resolved(face.records)
    view = card_view(incident, face.records.now(), "https://sandbox.slack.com/archives/C0SRE/p1")
    client = WebClient(token=face.slack.server.bot_token, base_url=face.slack.server.url)
    ts = str(client.chat_postMessage(channel="C0SRE", text=view.text, blocks=list(view.blocks))["ts"])
    link = f"https://sandbox.slack.com/archives/C0SRE/p{ts.replace('.', '')}"
    face.records.outbox.put(Message(key=f"{INC}/card", channel="C0SRE", view=view, incident=INC))
    face.records.outbox.update(f"{INC}/card", lambda m: m.model_copy(update={"ts": ts, "permalink": link}))
    face.records.incidents.bind_thread("C0SRE", ts, INC)
    face.records.incidents.update(INC, lambda i: i.model_copy(update={"thread_ts": ts}))
    return ts


def outside(face: Face) -> Outside:
    settings = face.records.settings
    return Outside(settings=settings, cluster=_none, metrics=lambda _: None, alerts=None, memory=None, reasoner=None)  # type: ignore[arg-type]


def _none(_name: str | None) -> Any:
    raise AssertionError("a draft looks at no cluster")


def work(face: Face) -> list[str]:
    """Draft what was asked for, deliver what is to be said; what the thread says since."""
    slack = SlackAdapter(face.records.settings)
    use(World(face.records, lambda: outside(face), slack))
    before = {m.ts for m in face.slack.server.workspace.messages.get("C0SRE", {}).values()}
    held = Queue("investigate", connection=face.records.redis, serializer=JSONSerializer)
    for job in held.jobs:
        if job.func_name.endswith("draft_postmortem"):
            jobs.draft_postmortem(*job.args)
            held.remove(job)
    keys = [
        key.decode().removeprefix("sre:message:") for key in face.records.redis.keys(f"sre:message:{INC}/postmortem-*")
    ]
    for key in keys:
        wait_until(lambda key=key: deliver(key, face.records, slack) or face.records.outbox.get(key).ts)  # in its turn
    after = [m for m in face.slack.server.workspace.messages["C0SRE"].values() if m.ts not in before]
    return ["\n".join(as_text(block) for block in m.blocks) or f"file {m.files[0]['name']}" for m in after]


def canvases(face: Face) -> list[Canvas]:
    return list(face.slack.server.workspace.canvases.values())


def said(face: Face, text: str, channel: str = "C0SRE") -> str:
    return answer(Command(text, MARIA, None, channel), face.records, lambda *_: ()).text


def without(face: Face, *scopes: str) -> None:
    app = face.slack.server.app
    object.__setattr__(app, "scopes", app.scopes - set(scopes))


def test_a_command_puts_a_canvas_into_the_thread(face: Face) -> None:
    ts = night(face)
    assert said(face, "postmortem INC-42").startswith("I am drafting it for INC-42")
    (told,) = work(face)
    assert told.startswith("Post-mortem draft 1 of INC-42: open the canvas.\nNobody has confirmed it.")
    (canvas,) = canvases(face)
    assert (canvas.title, canvas.channels) == ("Postmortem of INC-42, draft 1", {"C0SRE": "write"})
    assert canvas.markdown.startswith(
        "# Postmortem of INC-42: checkout answers 5xx\n\n**Draft, nobody has confirmed this.**"
    )
    thread = [m for m in face.slack.server.workspace.messages["C0SRE"].values() if m.thread_ts == ts and m.is_reply]
    message = thread[-1]
    assert "/docs/" in str(message.blocks) and canvas.id in str(message.blocks)
    (entry,) = [e for e in face.records.ledger.entries() if e.event == "postmortem.drafted"]
    assert (entry.actor, entry.incident, entry.data["how"], entry.data["writer"]) == (MARIA, INC, "canvas", "assembled")
    assert face.slack.server.breaches == []


def test_the_card_s_button_asks_for_it(face: Face) -> None:
    ts = night(face)
    assert face.slack.click("li", ts, "order:postmortem", INC).acked
    face.slack.wait_for(lambda: face.slack.server.ephemerals("li"))
    assert len(work(face)) == 1
    assert [e.actor for e in face.records.ledger.entries() if e.event == "postmortem.drafted"] == [LI]


@pytest.mark.parametrize("words", ["postmortem", "post-mortem draft", "draft the postmortem"])
def test_so_does_a_word_in_the_thread(face: Face, words: str) -> None:
    ts = night(face)
    face.slack.mention("maria", "#sre", words, thread_ts=ts)
    face.slack.wait_for(lambda: face.slack.server.ephemerals("maria"))
    work(face)
    assert len(canvases(face)) == 1


def test_people_in_the_thread_are_quoted_and_the_bot_is_not(face: Face) -> None:
    ts = night(face)
    face.slack.say("li", "C0SRE", "TODO: parse the URL in CI", thread_ts=ts)
    said(face, "postmortem 42")
    work(face)
    (canvas,) = canvases(face)
    assert "@li wrote: “TODO: parse the URL in CI” [[M1](https://sandbox.slack.com/archives/C0SRE/p" in canvas.markdown
    assert canvas.markdown.count("- M") == 1


def test_a_second_draft_leaves_the_first_with_what_people_changed(face: Face) -> None:
    night(face)
    said(face, "postmortem INC-42")
    work(face)
    (first,) = canvases(face)
    first.markdown, first.edited_by = "Rewritten by Maria.", MARIA
    note(face.records, 14, "feedback.given", LI, investigation="INV-3", right=True)
    said(face, "postmortem INC-42")
    (told,) = work(face)
    one, two = canvases(face)
    assert (one.markdown, two.title) == ("Rewritten by Maria.", "Postmortem of INC-42, draft 2")
    assert "Draft 1 is left as it is, with whatever you changed." in told


def test_without_news_there_is_no_second_draft(face: Face) -> None:
    night(face)
    said(face, "postmortem INC-42")
    work(face)
    said(face, "postmortem INC-42")
    assert work(face) == []
    told = face.slack.server.ephemerals("maria")[-1].text
    assert told == "Nothing has come to INC-42 since draft 1, so there is no new one."
    assert len(canvases(face)) == 1


def test_the_same_request_twice_is_one_draft(face: Face) -> None:
    night(face)
    said(face, "postmortem INC-42")
    (job,) = [j for j in face.jobs("investigate") if j[0] == "draft_postmortem"]
    work(face)
    use(World(face.records, lambda: outside(face), SlackAdapter(face.records.settings)))
    jobs.draft_postmortem(job[1])
    assert len(canvases(face)) == 1
    assert len(face.records.postmortems.posted(INC)) == 1


def test_without_canvases_it_is_a_file(face: Face) -> None:
    night(face)
    face.slack.server.workspace.canvases_off = "free_teams_cannot_create_non_tabbed_canvases"
    said(face, "postmortem INC-42")
    file, told = work(face)
    assert file == "file INC-42-postmortem-1.md"
    assert "the file in this thread" in told
    assert "No canvas: canvases like this need a paid plan." in told
    (content,) = face.slack.server.workspace.uploads.values()
    assert content.decode().startswith("# Postmortem of INC-42")


def test_without_either_scope_the_command_is_said(face: Face) -> None:
    night(face)
    without(face, "canvases:write", "files:write")
    said(face, "postmortem INC-42")
    (told,) = work(face)
    assert "the app lacks the optional scope canvases:write" in told
    assert "sre-bot postmortem INC-42" in told
    assert face.records.postmortems.posted(INC)[0].how == "nowhere"


def test_without_the_right_to_read_the_thread_it_says_so(face: Face) -> None:
    night(face)
    without(face, "channels:history", "groups:history", "im:history", "mpim:history")
    said(face, "postmortem INC-42")
    (told,) = work(face)
    assert "Not read: the thread (the app lacks the scope channels:history or groups:history)" in told
    assert "Not read: the thread (the app lacks the scope" in canvases(face)[0].markdown


def test_an_open_incident_is_drafted_and_says_so(face: Face) -> None:
    night(face, state="watching", resolved_at=None)
    assert "It is still open, and the draft says so." in said(face, "postmortem INC-42")
    (told,) = work(face)
    assert "The incident is still open." in told


def test_a_merged_incident_is_that_of_its_holder(face: Face) -> None:
    night(face)
    other = face.records.incidents.get(INC)
    face.records.incidents.save(other.model_copy(update={"id": "INC-41", "version": 0, "state": "merged",
                                                         "merged_into": INC}))  # fmt: skip
    assert "I am drafting it for INC-42, into which INC-41 was merged" in said(face, "postmortem INC-41")
    work(face)
    assert canvases(face)[0].title == "Postmortem of INC-42, draft 1"


def test_what_cannot_be_drafted_is_told_in_one_sentence(face: Face) -> None:
    assert said(face, "postmortem INC-9") == "There is no INC-9."
    assert said(face, "postmortem") == "Say of which incident, as in /sre postmortem INC-7."
    assert said(face, "postmortem the big one") == "Say of which incident, as in /sre postmortem INC-7."


def test_while_slack_asks_to_wait_nothing_is_lost_and_nothing_doubled(face: Face) -> None:
    night(face)
    said(face, "postmortem INC-42")
    (job,) = [j for j in face.jobs("investigate") if j[0] == "draft_postmortem"]
    use(World(face.records, lambda: outside(face), SlackAdapter(face.records.settings)))
    face.slack.server.fail_next("canvases.access.set", "ratelimited", retry_after_s=1)
    with pytest.raises(Transient):
        jobs.draft_postmortem(job[1])
    work(face)
    assert len(canvases(face)) == 1
    assert canvases(face)[0].channels == {"C0SRE": "write"}
