"""Deliveries by signed HTTP as Slack documents them, received by a server of our own."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from sandbox.slack import ApiError, App, SlackServer, SlackThread, run_in_thread
from sandbox.slack.signing import signed_headers

Json = dict[str, Any]


@dataclass
class Received:
    """A receiver of requests: what came, and what it answers."""

    url: str = ""
    requests: list[tuple[dict[str, str], str]] = field(default_factory=list)
    status: int = 200
    body: str | Callable[[str], str] = ""  # what to answer, or what to make of the request's body
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None

    def form(self, index: int = -1) -> Json:
        return {key: values[0] for key, values in parse_qs(self.requests[index][1], keep_blank_values=True).items()}

    def json(self, index: int = -1) -> Json:
        body: Json = json.loads(self.requests[index][1])
        return body


@contextmanager
def receiver() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.requests.append((dict(self.headers.items()), body))
            if received.hold:
                received.hold.wait(5)
            answer = (received.body if isinstance(received.body, str) else received.body(body)).encode()
            self.send_response(received.status)
            for name, value in received.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who was kept waiting has gone
                self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_port}/slack/events"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def bot() -> Iterator[Received]:
    with receiver() as received:
        yield received


@pytest.fixture
def slack(bot: Received) -> Iterator[SlackThread]:
    app = App(events=frozenset({"app_mention", "message.channels", "message.im", "reaction_added"}))
    with run_in_thread(SlackServer(app=app, request_url=bot.url, ack_timeout_s=0.3)) as running:
        yield running


def test_every_delivery_carries_a_signature_that_the_sdk_accepts(slack: SlackThread, bot: Received) -> None:
    slack.command("maria", "#sre", "/sre", "explain payload size & more")
    slack.say("maria", "#sre", "5xx über 7 %")
    verifier = SignatureVerifier(slack.server.signing_secret)
    for headers, body in bot.requests:
        assert verifier.is_valid_request(body, headers)
        assert not verifier.is_valid_request(body + " ", headers)
        assert abs(int(headers["X-Slack-Request-Timestamp"]) - time.time()) < 60
    assert len(bot.requests) == 2


def test_an_old_signature_is_not_accepted(slack: SlackThread) -> None:
    old = signed_headers(slack.server.signing_secret, b"{}", int(time.time()) - 301)
    assert not SignatureVerifier(slack.server.signing_secret).is_valid_request("{}", old)


def test_a_command_is_a_form(slack: SlackThread, bot: Received) -> None:
    bot.headers, bot.body = {"Content-Type": "application/json"}, '{"text": "done", "response_type": "in_channel"}'
    outcome = slack.command("maria", "#sre", "/sre", "explain payload size & more")
    assert (outcome.acked, outcome.via, outcome.status) == (True, "http", 200)
    form = bot.form(0)
    assert (form["command"], form["text"]) == ("/sre", "explain payload size & more")
    assert (form["user_id"], form["channel_id"], form["team_id"]) == ("U0MARIA", "C0SRE", "T0SANDBOX")
    assert form["response_url"].startswith(slack.server.origin)
    assert [m.text for m in slack.messages("sre")] == ["done"]


def test_plain_text_in_the_answer_to_a_command_is_shown_to_its_writer(slack: SlackThread, bot: Received) -> None:
    bot.headers, bot.body = {"Content-Type": "text/plain"}, "2 open"
    slack.command("maria", "#sre", "/sre", "status")
    assert [m.text for m in slack.ephemerals("maria")] == ["2 open"]


def test_an_answer_with_blocks_that_slack_refuses(slack: SlackThread, bot: Received) -> None:
    bot.headers, bot.body = {"Content-Type": "application/json"}, '{"text": "x", "blocks": [{"type": "wizard"}]}'
    outcome = slack.command("maria", "#sre", "/sre", "status")
    assert outcome.error == "invalid_command_response"
    assert [m.text for m in slack.ephemerals("maria")] == ['/sre failed with the error "invalid_command_response"']
    assert [breach.rule for breach in slack.server.breaches] == ["invalid_command_response"]


def test_a_bot_that_fails_or_is_slow_or_away(slack: SlackThread, bot: Received) -> None:
    bot.status = 500
    failed = slack.command("maria", "#sre", "/sre", "status")
    bot.status, bot.hold = 200, threading.Event()
    slow = slack.command("maria", "#sre", "/sre", "status")
    bot.hold.set()
    slack.server.request_url = "http://127.0.0.1:9/slack/events"
    away = slack.command("maria", "#sre", "/sre", "status")
    assert [(o.error, o.status) for o in (failed, slow, away)] == [
        ("dispatch_failed", 500),
        ("operation_timeout", None),
        ("dispatch_failed", None),
    ]


def test_an_event_is_json_with_its_envelope(slack: SlackThread, bot: Received) -> None:
    outcome = slack.mention("maria", "#sre", "why is <checkout> slow?")
    slack.wait_for(lambda: len(bot.requests) == 2)
    bodies = sorted((bot.json(0), bot.json(1)), key=lambda body: str(body["event"]["type"]))
    mention, message = (body["event"] for body in bodies)
    assert mention["text"] == message["text"] == "<@U0SREBOT> why is &lt;checkout&gt; slow?"
    assert (message["type"], message["channel_type"], message["ts"]) == ("message", "channel", outcome.ts)
    envelope = bodies[0]
    assert (envelope["type"], envelope["team_id"], envelope["api_app_id"]) == (
        "event_callback",
        "T0SANDBOX",
        "A0SANDBOX",
    )
    assert envelope["authorizations"][0]["user_id"] == "U0SREBOT"


def test_events_are_retried_with_number_and_reason(slack: SlackThread, bot: Received) -> None:
    bot.status = 503
    outcome = slack.say("maria", "#sre", "hello")
    assert (outcome.attempts, outcome.error) == (2, "dispatch_failed")
    bot.hold = threading.Event()
    slack.server.clock.advance(61)
    slack.wait_for(lambda: len(slack.server.breaches) == 3)
    bot.hold.set()
    bot.status = 200
    slack.server.clock.advance(301)
    slack.wait_for(lambda: len(bot.requests) == 4)
    retries = [(h.get("X-Slack-Retry-Num"), h.get("X-Slack-Retry-Reason")) for h, _ in bot.requests]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_timeout")]
    assert len({bot.json(index)["event_id"] for index in range(4)}) == 1


def test_an_answer_can_ask_for_no_retry(slack: SlackThread, bot: Received) -> None:
    bot.status, bot.headers = 500, {"X-Slack-No-Retry": "1"}
    assert slack.say("maria", "#sre", "hello").attempts == 1
    slack.server.clock.advance(3600)
    assert len(bot.requests) == 1


def test_interactions_come_in_a_field_called_payload(slack: SlackThread, bot: Received) -> None:
    ts = str(slack.say("maria", "#sre", "INC-1").ts)
    slack.shortcut("maria", "investigate", ts)
    payload = json.loads(bot.form()["payload"])
    assert (payload["type"], payload["callback_id"], payload["message"]["text"]) == (
        "message_action",
        "investigate",
        "INC-1",
    )
    slack.shortcut("maria", "new_incident")
    assert json.loads(bot.form()["payload"])["type"] == "shortcut"


def test_reactions_are_events(slack: SlackThread, bot: Received) -> None:
    ts = str(slack.say("maria", "#sre", "INC-1").ts)
    slack.react("jonas", ts, "eyes")
    event = bot.json()["event"]
    assert (event["type"], event["reaction"], event["user"], event["item"]["ts"]) == (
        "reaction_added",
        "eyes",
        "U0JONAS",
        ts,
    )


def test_a_reaction_taken_back_is_an_event(bot: Received) -> None:
    app = App(events=frozenset({"reaction_removed"}))
    with run_in_thread(SlackServer(app=app, request_url=bot.url)) as slack:
        ts = str(slack.say("maria", "#sre", "INC-1").ts)
        with pytest.raises(ApiError, match="no_reaction"):
            slack.unreact("jonas", ts, "eyes")
        slack.react("jonas", ts, "eyes")
        slack.unreact("jonas", ts, ":eyes:")
        assert slack.messages("sre")[0].reactions == {}
    event = bot.json()["event"]
    assert (event["type"], event["reaction"], event["user"]) == ("reaction_removed", "eyes", "U0JONAS")


def opened(slack: SlackThread, bot: Received, *elements: Json) -> str:
    """A modal with these inputs before maria; its id."""
    slack.command("maria", "#sre", "/sre", "reject")
    blocks = [
        {
            "type": "input",
            "block_id": f"b{n}",
            "optional": True,
            "element": e,
            "label": {"type": "plain_text", "text": "x"},
        }
        for n, e in enumerate(elements)
    ]
    title = {"type": "plain_text", "text": "Reject"}
    view = {"type": "modal", "title": title, "submit": title, "blocks": blocks}
    client = WebClient(token=slack.server.bot_token, base_url=slack.server.url)
    return str(client.views_open(trigger_id=bot.form()["trigger_id"], view=view)["view"]["id"])


def test_options_are_asked_for_while_one_types(slack: SlackThread, bot: Received) -> None:
    select = {"type": "external_select", "action_id": "alert"}
    view_id = opened(slack, bot, select, {"type": "plain_text_input", "action_id": "why"})
    option = {"text": {"type": "plain_text", "text": "Crash"}, "value": "crash"}
    bot.headers, bot.body = {"Content-Type": "application/json"}, json.dumps({"options": [option]})
    assert slack.suggest("maria", view_id, "alert", "cr").body == {"options": [option]}
    asked = json.loads(bot.form()["payload"])
    assert (asked["type"], asked["action_id"], asked["block_id"], asked["value"]) == (
        "block_suggestion",
        "alert",
        "b0",
        "cr",
    )
    assert (asked["container"], "trigger_id" in asked) == ({"type": "view", "view_id": view_id}, False)
    with pytest.raises(LookupError, match="no select 'why'"):
        slack.suggest("maria", view_id, "why", "x")


def test_a_click_in_a_modal_brings_what_was_typed_so_far(slack: SlackThread, bot: Received) -> None:
    date = {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-23"}
    view_id = opened(slack, bot, {"type": "plain_text_input", "action_id": "why"}, date)
    slack.click("maria", view_id, "day", "2026-12-01", values={"b0": "Not now", "b1": None})
    values = json.loads(bot.form()["payload"])["view"]["state"]["values"]
    assert (values["b0"]["why"]["value"], values["b1"]["day"]["selected_date"]) == ("Not now", None)


@pytest.mark.parametrize("plain", [True, False])
def test_a_request_url_is_verified_by_a_challenge(slack: SlackThread, bot: Received, plain: bool) -> None:
    assert slack.verify_request_url().error == "challenge_failed"
    bot.body = lambda body: (
        json.loads(body)["challenge"] if plain else json.dumps({"challenge": json.loads(body)["challenge"]})
    )
    bot.headers = {"Content-Type": "text/plain" if plain else "application/json"}
    assert slack.verify_request_url().acked
    assert bot.json()["type"] == "url_verification"
