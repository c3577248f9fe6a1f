"""A picture below a message: uploaded once, shown by its file, and done without where Slack says no."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from pydantic import SecretStr

from core.errors import Refused
from core.outbox import Message, Picture, View
from core.records import Records
from core.settings import Settings
from sandbox.slack import App, SlackServer, SlackThread, run_in_thread
from sandbox.slack.app import EVERY_SCOPE
from tests.flow.posting import deliver
from workers.adapters.slack import SlackAdapter
from workers.showing import NO_PICTURES

CHANNEL = "C0SRE"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50
PICTURE = Picture(key="ACT-1/worked", alt_text="Graph of 5xx of checkout: now 0.2 %.", title="5xx of checkout")


class Crashed(BaseException):
    """The process is killed here."""


class Fragile(SlackAdapter):
    """Dies when it is to post."""

    def post(self, message: Message) -> str:
        raise Crashed


def _settings(settings: Settings, slack: SlackThread) -> Settings:
    token = SecretStr(slack.server.bot_token)
    return settings.model_copy(update={"slack_bot_token": token, "slack_api_url": slack.server.url})


@pytest.fixture
def slack() -> Iterator[SlackThread]:
    with run_in_thread() as running:
        yield running


@pytest.fixture
def adapter(slack: SlackThread, settings: Settings) -> SlackAdapter:
    return SlackAdapter(_settings(settings, slack))


def _wish(records: Records, text: str = "It held.", picture: Picture | None = PICTURE) -> None:
    blocks = ({"type": "section", "text": {"type": "plain_text", "text": text}},)
    records.outbox.keep_picture(PICTURE.key, PNG)
    records.outbox.put(Message(key="k", channel=CHANNEL, view=View(text=text, blocks=blocks), picture=picture))


def _kinds(slack: SlackThread) -> list[list[str]]:
    return [[block["type"] for block in message.blocks] for message in slack.messages(CHANNEL)]


def test_the_picture_stands_below_the_message(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    _wish(records)
    deliver("k", records, adapter)
    (message,) = slack.messages(CHANNEL)
    image = message.blocks[-1]
    assert (image["type"], image["alt_text"], image["title"]["text"]) == ("image", PICTURE.alt_text, PICTURE.title)
    served = requests.get(f"{slack.server.origin}/files/{image['slack_file']['id']}", timeout=5)
    assert (served.content, served.headers["Content-Type"]) == (PNG, "image/png")
    assert PICTURE.alt_text.split(":")[0] in slack.transcript(CHANNEL)
    assert slack.server.breaches == []


def test_an_edit_keeps_the_picture_and_uploads_no_other(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    _wish(records)
    deliver("k", records, adapter)
    _wish(records, "It held for an hour.")
    deliver("k", records, adapter)
    deliver("k", records, adapter)
    (message,) = slack.messages(CHANNEL)
    assert (message.text, message.edits, len(slack.server.workspace.uploads)) == ("It held for an hour.", 1, 1)
    assert _kinds(slack) == [["section", "image"]]


def test_a_picture_comes_to_a_message_that_is_there_already(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    _wish(records, "Watching.", None)
    deliver("k", records, adapter)
    assert _kinds(slack) == [["section"]]
    _wish(records)
    deliver("k", records, adapter)
    assert _kinds(slack) == [["section", "image"]]


def test_a_kill_between_upload_and_post_uploads_nothing_twice(
    records: Records, slack: SlackThread, adapter: SlackAdapter, settings: Settings
) -> None:
    _wish(records)
    with pytest.raises(Crashed):
        deliver("k", records, Fragile(_settings(settings, slack)))
    held = records.outbox.get("k").uploaded
    assert held is not None
    assert slack.messages(CHANNEL) == []
    deliver("k", records, adapter)
    assert _kinds(slack) == [["section", "image"]]
    assert list(slack.server.workspace.uploads) == [held[1]]


def test_without_the_scope_the_message_comes_without_and_it_is_not_tried_again(
    records: Records, settings: Settings
) -> None:
    server = SlackServer(app=App(scopes=EVERY_SCOPE - {"files:write"}))
    with run_in_thread(server) as slack:
        adapter = SlackAdapter(_settings(settings, slack))
        _wish(records)
        deliver("k", records, adapter)
        assert _kinds(slack) == [["section"]]
        assert records.switches.find(NO_PICTURES) == "missing_scope"
        assert 3000 < records.redis.ttl("sre:switch:" + NO_PICTURES) <= 3600
        _wish(records, "Another.")
        deliver("k", records, adapter)
        assert slack.messages(CHANNEL)[0].text == "Another."
        assert slack.server.workspace.files == {}


def test_an_upload_that_slack_puts_off_comes_back(records: Records, slack: SlackThread, adapter: SlackAdapter) -> None:
    slack.server.fail_next("files.getUploadURLExternal", "ratelimited", retry_after_s=3)
    _wish(records)
    deliver("k", records, adapter)
    assert slack.messages(CHANNEL) == []
    deliver("k", records, adapter)
    assert _kinds(slack) == [["section", "image"]]


def test_a_picture_that_slack_does_not_show_yet_is_waited_for(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    slack.server.fail_next("chat.postMessage", "invalid_blocks", times=2)
    _wish(records)
    for _ in range(2):
        deliver("k", records, adapter)
        assert slack.messages(CHANNEL) == []
    deliver("k", records, adapter)
    assert _kinds(slack) == [["section", "image"]]


def test_a_picture_that_slack_never_shows_is_left_out(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    _wish(records)
    slack.server.fail_next("chat.postMessage", "invalid_blocks", times=4)
    for _ in range(4):
        deliver("k", records, adapter)
    assert _kinds(slack) == [["section"]]


def test_a_picture_that_is_no_longer_kept_is_left_out(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    _wish(records)
    records.redis.delete("sre:picture:" + PICTURE.key)
    deliver("k", records, adapter)
    assert _kinds(slack) == [["section"]]


def test_slack_refuses_a_picture_that_nobody_uploaded(
    records: Records, slack: SlackThread, adapter: SlackAdapter
) -> None:
    message = Message(key="k", channel=CHANNEL, view=View(text="x"), picture=PICTURE, uploaded=(PICTURE.key, "F0NONE"))
    with pytest.raises(Refused, match="invalid slack file"):
        adapter.post(message)
