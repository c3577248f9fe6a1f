"""Each delivery is executed once, whatever is forged, replayed, retried or failing."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
import redis
import requests

import bot.app
from bot.http import LARGEST_BODY, parse_slack
from sandbox.slack.signing import signed_headers
from tests.flow.conftest import Face, Starter

COMMAND = {"command": "/sre", "text": "explain checkout", "user_id": "U1", "channel_id": "C1", "team_id": "T1"}


@pytest.fixture
def face(start: Starter) -> Face:
    return start("http")


def sent(face: Face, body: bytes, kind: str = "application/x-www-form-urlencoded", **over: Any) -> requests.Response:
    headers = signed_headers(face.slack.server.signing_secret, body, over.pop("timestamp", None))
    headers |= {"Content-Type": kind} | over
    return requests.post(f"{face.url}/slack/events", data=body, headers=headers, timeout=5)


def mention(event_id: str = "Ev1") -> bytes:
    event = {"type": "app_mention", "user": "U1", "text": "<@UBOT> why?", "channel": "C1", "ts": "1.2"}
    body = {"type": "event_callback", "event_id": event_id, "team_id": "T1", "event": event}
    return json.dumps(body | {"authorizations": [{"user_id": "UBOT", "is_bot": True}]}).encode()


def test_a_replayed_request_is_executed_once(face: Face) -> None:
    body = urlencode(COMMAND).encode()
    headers = signed_headers(face.slack.server.signing_secret, body)
    headers |= {"Content-Type": "application/x-www-form-urlencoded"}
    answers = [requests.post(f"{face.url}/slack/events", data=body, headers=headers, timeout=5) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 200]
    assert [bool(a.content) for a in answers] == [True, False, False]
    assert len(face.jobs()) == 1


def test_the_same_command_typed_twice_is_executed_twice(face: Face) -> None:
    now = int(time.time())
    for ago in (0, 1):
        assert sent(face, urlencode(COMMAND).encode(), timestamp=now - ago).status_code == 200
    assert len(face.jobs()) == 2


def test_a_retried_event_is_executed_once(face: Face) -> None:
    now = int(time.time())
    for ago in (0, 1):
        answer = sent(face, mention(), "application/json", timestamp=now - ago, **{"X-Slack-Retry-Num": "1"})
        assert answer.status_code == 200
    assert face.jobs() == [["answer", "Ev1"]]


def test_an_event_that_failed_is_executed_when_it_comes_again(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(bot.app, "on_mention", fails)
        assert sent(face, mention(), "application/json").status_code == 500
    assert sent(face, mention(), "application/json").status_code == 200
    assert face.jobs() == [["answer", "Ev1"]]


def test_an_event_that_another_process_is_at_comes_again(face: Face) -> None:
    assert face.records.requests.begin("Ev1") == "begun"
    assert sent(face, mention(), "application/json").status_code == 503
    face.records.requests.abandon("Ev1")
    assert sent(face, mention(), "application/json").status_code == 200
    assert len(face.jobs()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "vö".encode("latin-1")},
        {"X-Slack-Request-Timestamp": "now"},
        {"X-Slack-Request-Timestamp": "²"},
        {"X-Slack-Request-Timestamp": ""},
        {"timestamp": 1_000_000_000},
    ],
)
def test_what_slack_did_not_sign_now_is_refused(face: Face, change: dict[str, Any]) -> None:
    answer = sent(face, urlencode(COMMAND).encode(), **change)
    assert answer.status_code == 401
    assert answer.json() == {"error": "The signature is not Slack's, or it is older than five minutes."}
    assert face.jobs() == []


@pytest.mark.parametrize("body", [b"{", b"[]", b"payload=x", b'{"type":"event_callback","event":3}', b"\xff\xfe"])
def test_a_signed_body_that_is_no_delivery_starts_nothing(face: Face, body: bytes) -> None:
    kind = "application/x-www-form-urlencoded" if body.startswith(b"payload") else "application/json"
    assert sent(face, body, kind).status_code in (400, 404, 500)
    assert face.jobs() == []


def test_slack_can_verify_the_address(face: Face) -> None:
    assert face.slack.verify_request_url().acked
    assert sent(face, b"ssl_check=1&token=x").status_code == 200


def test_a_bug_gives_who_typed_a_command_a_reference(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(bot.app, "answer", fails)
    said = sent(face, urlencode(COMMAND).encode()).json()
    assert said["response_type"] == "ephemeral"
    assert said["text"].startswith("Something broke here, and nothing was started; the log has it under ")
    assert "secret" not in said["text"]


def test_without_records_a_command_is_told_so_and_an_event_comes_again(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise redis.ConnectionError("no route")

    monkeypatch.setattr(face.records.redis, "execute_command", down)
    answer = sent(face, urlencode(COMMAND).encode())
    assert (answer.status_code, answer.json()["text"]) == (200, "I cannot reach my records; try again in a minute.")
    assert sent(face, mention(), "application/json").status_code == 503


def test_slack_over_http_is_off_without_a_signing_secret(start: Starter) -> None:
    face = start("none")
    answer = requests.post(f"{face.url}/slack/events", data=b"x", timeout=5)
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("Slack over HTTP is not set up here: set SLACK_SIGNING_SECRET")


def test_forms_and_json_are_read_as_what_they_are() -> None:
    form = "application/x-www-form-urlencoded"
    assert parse_slack("command=%2Fsre&text=payload+size", form) == {"command": "/sre", "text": "payload size"}
    assert parse_slack("command=%2Fsre&text=a&payload=%7B%7D", form)["text"] == "a"
    assert parse_slack("payload=%7B%22type%22%3A%22block_actions%22%7D", form) == {"type": "block_actions"}
    assert parse_slack('{"type": "event_callback"}', "application/json") == {"type": "event_callback"}


def test_a_body_without_end_is_refused_early(face: Face) -> None:
    answer = requests.post(f"{face.url}/slack/events", data=b"x" * (LARGEST_BODY + 1), timeout=10)
    assert answer.status_code == 413
