"""Streamed messages, through slack_sdk's client and its chat_stream helper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.messages.chunk import MarkdownTextChunk, PlanUpdateChunk, TaskUpdateChunk

from sandbox.slack import SlackThread, run_in_thread

TO_MARIA = {"recipient_user_id": "U0MARIA", "recipient_team_id": "T0SANDBOX"}


@pytest.fixture
def slack() -> Iterator[SlackThread]:
    with run_in_thread() as running:
        yield running


@pytest.fixture
def client(slack: SlackThread) -> WebClient:
    return WebClient(token=slack.server.bot_token, base_url=slack.server.url, retry_handlers=[])


@pytest.fixture
def asked(slack: SlackThread) -> str:
    """A message by maria, in whose thread the bot answers."""
    return str(slack.say("maria", "sre", "why is checkout slow?").ts)


def error(call: Callable[[], Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def task(number: int, status: str, **more: Any) -> TaskUpdateChunk:
    return TaskUpdateChunk(id=str(number), title=f"Step {number}", status=status, **more)


def test_a_plan_grows_while_people_watch(slack: SlackThread, client: WebClient, asked: str) -> None:
    stream = client.chat_stream(channel="C0SRE", thread_ts=asked, task_display_mode="plan", **TO_MARIA)
    stream.append(chunks=[PlanUpdateChunk(title="Looking"), task(1, "in_progress", details="pods"), task(2, "pending")])
    message = slack.thread(asked)[1]
    assert message.as_json()["streaming_state"] == "in_progress"
    stream.append(chunks=[task(1, "complete", details=" and logs"), task(2, "in_progress")])
    stream.stop(
        chunks=[
            task(2, "complete", output="found"),
            PlanUpdateChunk(title="Found the cause"),
            MarkdownTextChunk(text="**Cause**"),
        ],
        blocks=[{"type": "divider"}],
        metadata={"event_type": "m", "event_payload": {"key": "INV-1"}},
    )
    plan, text, divider = message.blocks
    assert (plan["title"], text["text"], divider["type"]) == ("Found the cause", "**Cause**", "divider")
    assert [(t["title"], t["status"]) for t in plan["tasks"]] == [("Step 1", "complete"), ("Step 2", "complete")]
    assert plan["tasks"][0]["details"]["elements"][0]["elements"][0]["text"] == "pods and logs"
    assert message.as_json(with_metadata=True)["metadata"]["event_payload"] == {"key": "INV-1"}
    assert message.as_json()["streaming_state"] == "completed"
    assert slack.server.breaches == []
    assert "✓ Step 1\n" in slack.transcript("sre")


def test_without_a_plan_tasks_stand_one_by_one(slack: SlackThread, client: WebClient, asked: str) -> None:
    client.chat_startStream(channel="C0SRE", thread_ts=asked, chunks=[task(1, "in_progress")], **TO_MARIA)
    assert [block["type"] for block in slack.thread(asked)[1].blocks] == ["task_card"]


def test_text_is_added_to_text(slack: SlackThread, client: WebClient, asked: str) -> None:
    ts = client.chat_startStream(channel="C0SRE", thread_ts=asked, markdown_text="One, ", **TO_MARIA)["ts"]
    client.chat_appendStream(channel="C0SRE", ts=ts, markdown_text="two.")
    assert slack.thread(asked)[1].text == "One, two."
    assert (
        error(lambda: client.chat_appendStream(channel="C0SRE", ts=ts, chunks=[task(1, "complete")]))
        == "streaming_mode_mismatch"
    )


def test_a_channel_needs_a_recipient_and_a_thread(slack: SlackThread, client: WebClient, asked: str) -> None:
    assert error(lambda: client.chat_startStream(channel="C0SRE", thread_ts=asked)) == "missing_recipient_user_id"
    assert (
        error(lambda: client.chat_startStream(channel="C0SRE", thread_ts=asked, recipient_user_id="U0MARIA"))
        == "missing_recipient_team_id"
    )
    assert error(lambda: client.chat_startStream(channel="C0SRE", thread_ts="1.1", **TO_MARIA)) == "thread_not_found"
    assert error(lambda: client.chat_startStream(channel="C0SRE", thread_ts="", **TO_MARIA)) == "invalid_arguments"
    written = slack.say("maria", "@sre", "hello")
    channel = slack.server.workspace.im("U0MARIA", "U0SREBOT").id
    client.chat_startStream(channel=channel, thread_ts=str(written.ts), markdown_text="Hi")


def test_what_cannot_be_appended(client: WebClient, asked: str) -> None:
    ts = client.chat_startStream(channel="C0SRE", thread_ts=asked, task_display_mode="plan", **TO_MARIA)["ts"]

    def append(**more: Any) -> str:
        return error(lambda: client.chat_appendStream(channel="C0SRE", ts=ts, **more))

    assert append() == "no_text"
    assert append(markdown_text="x", chunks=[task(1, "complete")]) == "cannot_provide_both_markdown_text_and_chunks"
    assert append(markdown_text="x" * 12_001) == "msg_too_long"
    assert append(chunks=[{"type": "task_update", "id": "1", "title": "t", "status": "done"}]) == "invalid_chunks"
    assert append(chunks=[{"type": "confetti"}]) == "invalid_chunks"
    assert append(chunks=[{"type": "blocks", "blocks": [{"type": "wizard"}]}]) == "invalid_blocks"
    assert append(chunks=[task(n, "complete") for n in range(51)]) == "invalid_chunks"
    assert append(chunks=[task(1, "complete", output="x" * 13_001)]) == "msg_too_long"
    client.chat_appendStream(channel="C0SRE", ts=ts, chunks=[task(1, "complete")])


def test_a_stream_is_sealed_after_five_minutes_and_open_tasks_look_failed(
    slack: SlackThread, client: WebClient, asked: str
) -> None:
    chunks = [task(1, "complete"), task(2, "in_progress")]
    ts = client.chat_startStream(channel="C0SRE", thread_ts=asked, task_display_mode="plan", chunks=chunks, **TO_MARIA)[
        "ts"
    ]
    assert error(lambda: client.chat_update(channel="C0SRE", ts=ts, text="x")) == "streaming_state_conflict"
    slack.server.clock.advance(301)
    slack.wait_for(lambda: slack.server.thread(asked)[1].blocks[0]["tasks"][1]["status"] == "error")
    assert (
        error(lambda: client.chat_appendStream(channel="C0SRE", ts=ts, chunks=[task(2, "complete")]))
        == "message_not_in_streaming_state"
    )
    assert error(lambda: client.chat_stopStream(channel="C0SRE", ts=ts)) == "message_not_in_streaming_state"
    client.chat_update(channel="C0SRE", ts=ts, text="Went on by update")
    assert slack.thread(asked)[1].blocks == []


def test_a_task_left_open_at_the_end_looks_failed_and_is_noted(
    slack: SlackThread, client: WebClient, asked: str
) -> None:
    ts = client.chat_startStream(channel="C0SRE", thread_ts=asked, chunks=[task(1, "in_progress")], **TO_MARIA)["ts"]
    client.chat_stopStream(channel="C0SRE", ts=ts)
    assert slack.thread(asked)[1].blocks[0]["status"] == "error"
    assert [breach.rule for breach in slack.server.breaches] == ["task_left_open"]


def test_a_stopped_stream_takes_nothing_more(slack: SlackThread, client: WebClient, asked: str) -> None:
    ts = client.chat_startStream(channel="C0SRE", thread_ts=asked, markdown_text="x", **TO_MARIA)["ts"]
    slack.stop_stream("maria", ts)
    assert error(lambda: client.chat_appendStream(channel="C0SRE", ts=ts, markdown_text="y")) == "stopped_by_user"
    plain = client.chat_postMessage(channel="C0SRE", text="x")["ts"]
    assert (
        error(lambda: client.chat_appendStream(channel="C0SRE", ts=plain, markdown_text="y"))
        == "message_not_in_streaming_state"
    )


def test_a_hundred_appends_a_minute(slack: SlackThread, client: WebClient, asked: str) -> None:
    ts = client.chat_startStream(channel="C0SRE", thread_ts=asked, markdown_text="x", **TO_MARIA)["ts"]
    for _ in range(100):
        client.chat_appendStream(channel="C0SRE", ts=ts, markdown_text="y")
    assert error(lambda: client.chat_appendStream(channel="C0SRE", ts=ts, markdown_text="z")) == "ratelimited"
