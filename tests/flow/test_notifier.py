"""The notifier makes a real Slack server show what the outbox says: once, newest, in the right place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core.incident import Incident
from core.outbox import Message, Stream, Task, View
from core.records import Records, open_records
from core.settings import Settings
from sandbox.slack.threaded import SlackThread, run_in_thread
from tests.conftest import NOON
from tests.flow.posting import deliver
from workers.adapters.slack import SlackAdapter

CHANNEL = "C0SRE"


@pytest.fixture
def slack() -> Iterator[SlackThread]:
    with run_in_thread() as running:
        yield running


@pytest.fixture
def adapter(slack: SlackThread, settings: Settings) -> SlackAdapter:
    token = SecretStr(slack.server.bot_token)
    return SlackAdapter(settings.model_copy(update={"slack_bot_token": token, "slack_api_url": slack.server.url}))


def _wish(records: Records, key: str, text: str, **fields: object) -> None:
    blocks = ({"type": "section", "text": {"type": "plain_text", "text": text}},)
    records.outbox.put(Message(key=key, channel=CHANNEL, view=View(text=text, blocks=blocks)).model_copy(update=fields))


def _texts(slack: SlackThread) -> list[str]:
    return [message.text for message in slack.messages(CHANNEL)]


def _queued(records: Records) -> int:
    return records.queues.waiting("notify")


def test_a_message_is_posted_once_and_then_edited(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    _wish(records, "k", "One.")
    deliver("k", records, adapter)
    deliver("k", records, adapter)
    _wish(records, "k", "Two.")
    deliver("k", records, adapter)
    (message,) = slack.messages(CHANNEL)
    assert (message.text, message.edits) == ("Two.", 1)


def test_updates_that_came_meanwhile_fold_into_one(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    for number in range(5):
        _wish(records, "k", f"Version {number}.")
    deliver("k", records, adapter)
    (message,) = slack.messages(CHANNEL)
    assert (message.text, message.edits) == ("Version 4.", 0)


def test_a_post_whose_answer_was_lost_is_not_repeated(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    slack.server.lose_next("chat.postMessage")
    _wish(records, "k", "One.")
    deliver("k", records, adapter)  # the answer is lost; it comes back through the queue
    assert records.outbox.get("k").ts is None
    deliver("k", records, adapter)
    assert _texts(slack) == ["One."]
    assert records.outbox.get("k").ts == slack.messages(CHANNEL)[0].ts


def test_what_slack_puts_off_comes_back(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    slack.server.fail_next("chat.postMessage", "ratelimited", retry_after_s=7)
    _wish(records, "k", "One.")
    deliver("k", records, adapter)
    assert _texts(slack) == []
    assert "Slack" in records.switches.unreachable()
    deliver("k", records, adapter)
    assert _texts(slack) == ["One."]
    assert records.switches.unreachable() == {}
    assert records.outbox.get("k").failures == 0


def test_the_message_above_goes_first(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    _wish(records, "card", "Card.")
    _wish(records, "reply", "Reply.", under="card")
    deliver("reply", records, adapter)
    (card,) = slack.messages(CHANNEL)
    assert [message.text for message in slack.thread(card.ts)] == ["Card.", "Reply."]


def test_the_card_binds_its_thread_and_asks_for_its_link(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    incident = records.incidents.save(Incident(id="INC-1", title="checkout", source="cli", opened_at=NOON))
    _wish(records, "INC-1/card", "Card.", incident=incident.id)
    deliver("INC-1/card", records, adapter)
    (card,) = slack.messages(CHANNEL)
    held = records.incidents.get("INC-1")
    assert (held.channel, held.thread_ts) == (CHANNEL, card.ts)
    assert records.incidents.of_thread(CHANNEL, card.ts) == held
    assert str(records.outbox.get("INC-1/card").permalink).endswith(card.ts.replace(".", ""))
    assert _queued(records) == 1


def test_blocks_that_slack_refuses_are_posted_plain(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    slack.server.fail_next("chat.postMessage", "invalid_blocks")
    _wish(records, "k", "Read me.")
    deliver("k", records, adapter)
    (message,) = slack.messages(CHANNEL)
    assert message.text == "Read me."
    assert [block["type"] for block in message.blocks] == ["section"]


def test_an_archived_channel_falls_back(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    elsewhere = replace(records, settings=records.settings.model_copy(update={"channel": "C0SHOP"}))
    slack.server.fail_next("chat.postMessage", "is_archived")
    _wish(records, "k", "One.")
    deliver("k", elsewhere, adapter)
    assert _texts(slack) == []
    assert [message.text for message in slack.messages("C0SHOP")] == ["One."]


@pytest.mark.parametrize("code", ["is_archived", "channel_not_found", "not_in_channel"])
def test_an_incident_moves_to_the_fallback_when_its_channel_is_gone(
    records: Records, slack: SlackThread, adapter: SlackAdapter, code: str
) -> None:
    elsewhere = replace(records, settings=records.settings.model_copy(update={"channel": "C0SHOP"}))
    records.incidents.save(Incident(id="INC-1", title="x", source="slack", opened_at=NOON, channel=CHANNEL))
    _wish(records, "INC-1/card", "Card.", incident="INC-1")
    _wish(records, "INC-1/part", "Evidence.", under="INC-1/card")
    deliver("INC-1/card", elsewhere, adapter)
    deliver("INC-1/part", elsewhere, adapter)
    _wish(records, "INC-1/more", "Cause.", under="INC-1/card")
    slack.server.fail_next("chat.postMessage", code)
    deliver("INC-1/more", elsewhere, adapter)
    (card,) = slack.messages("C0SHOP")
    assert [message.text for message in slack.server.thread(card.ts)] == ["Card.", "Cause."]
    assert (elsewhere.incidents.get("INC-1").channel, elsewhere.incidents.get("INC-1").thread_ts) == ("C0SHOP", card.ts)
    assert elsewhere.incidents.of_thread("C0SHOP", card.ts)


def test_an_edit_in_a_channel_that_is_gone_is_posted_in_the_fallback(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    elsewhere = replace(records, settings=records.settings.model_copy(update={"channel": "C0SHOP"}))
    _wish(records, "k", "One.")
    deliver("k", elsewhere, adapter)
    _wish(records, "k", "Two.")
    slack.server.fail_next("chat.update", "is_archived")
    deliver("k", elsewhere, adapter)
    assert [message.text for message in slack.messages("C0SHOP")] == ["Two."]


def test_without_another_channel_the_status_says_which_is_gone(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    slack.server.fail_next("chat.postMessage", "is_archived")
    _wish(records, "k", "One.")
    deliver("k", records, adapter)
    assert list(records.switches.unreachable()) == [f"channel {CHANNEL}"]
    deliver("k", records, adapter)
    assert records.switches.unreachable() == {}


def test_what_was_withdrawn_before_its_post_is_never_seen(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    _wish(records, "k", "One.", withdrawn=True)
    deliver("k", records, adapter)
    assert _texts(slack) == []


def test_a_deleted_message_is_posted_again(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    _wish(records, "k", "One.")
    deliver("k", records, adapter)
    slack.server.fail_next("chat.update", "message_not_found")
    _wish(records, "k", "Two.")
    deliver("k", records, adapter)
    assert _texts(slack)[-1] == "Two."


def _progress(records: Records, ended: bool, *statuses: str) -> None:
    tasks = tuple(
        Task.model_validate({"id": f"t{n}", "title": f"Task {n}", "status": status})
        for n, status in enumerate(statuses)
    )
    stream = Stream(user="U0MARIA", team="T0SANDBOX", tasks=tasks, ended=ended)
    _wish(records, "progress", "Looking into it.", under="card", stream=stream)


def test_progress_is_streamed_to_who_asked(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    _wish(records, "card", "Card.")
    deliver("card", records, adapter)
    _progress(records, False, "in_progress", "pending")
    deliver("progress", records, adapter)
    streaming = slack.thread(slack.messages(CHANNEL)[0].ts)[-1]
    assert streaming.stream is not None
    _progress(records, False, "complete", "in_progress")
    deliver("progress", records, adapter)
    _progress(records, True, "complete", "complete")
    deliver("progress", records, adapter)
    held = records.outbox.get("progress")
    assert held.streaming_since is None
    assert {task.status for task in held.streamed} == {"complete"}
    assert slack.server.breaches == []


def test_a_workspace_without_streaming_gets_plain_updates(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    _wish(records, "card", "Card.")
    deliver("card", records, adapter)
    slack.server.fail_next("chat.startStream", "unknown_method")
    _progress(records, False, "in_progress")
    deliver("progress", records, adapter)
    assert slack.thread(slack.messages(CHANNEL)[0].ts)[-1].text == "Looking into it."
    assert records.switches.find("slack.no_streaming") == "unknown_method"


def test_a_stream_is_ended_before_slack_ends_it(
    records: Records, slack: SlackThread, adapter: SlackAdapter, redis_client: object
) -> None:
    _wish(records, "card", "Card.")
    deliver("card", records, adapter)
    _progress(records, False, "in_progress")
    deliver("progress", records, adapter)
    later = open_records(records.settings, records.redis, now=lambda: NOON.replace(minute=5))
    _progress(records, False, "complete")
    deliver("progress", later, adapter)
    held = records.outbox.get("progress")
    assert held.streaming_since is None
    assert held.posted is not None  # from here on, plain edits
