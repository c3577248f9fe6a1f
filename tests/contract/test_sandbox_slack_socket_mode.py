"""Socket Mode as Slack documents it, through slack_sdk's built-in client and a bare WebSocket."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import websocket
from slack_sdk import WebClient
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from sandbox.slack import SlackServer, SlackThread, run_in_thread

Json = dict[str, Any]


@pytest.fixture
def slack() -> Iterator[SlackThread]:
    with run_in_thread(SlackServer(ack_timeout_s=0.3)) as running:
        yield running


def web(slack: SlackThread) -> WebClient:
    return WebClient(token=slack.server.bot_token, base_url=slack.server.url, retry_handlers=[])


@contextmanager
def bare(slack: SlackThread) -> Iterator[websocket.WebSocket]:
    """A connection on which nothing is answered by itself."""
    url = str(web(slack).apps_connections_open(app_token=slack.server.app_token)["url"])
    socket = websocket.create_connection(url, timeout=5)
    try:
        yield socket
    finally:
        socket.shutdown()  # `close` leaves the socket open when the other side has said goodbye


def receive(socket: websocket.WebSocket) -> Json:
    message: Json = json.loads(socket.recv())
    return message


@contextmanager
def answering(slack: SlackThread) -> Iterator[list[Json]]:
    """A connection that acknowledges everything; what came, in order."""
    came: list[Json] = []
    with bare(slack) as socket:
        receive(socket)

        def acknowledge() -> None:
            while message := socket.recv():
                came.append(json.loads(message))
                socket.send(json.dumps({"envelope_id": came[-1].get("envelope_id")}))

        thread = threading.Thread(target=acknowledge)
        thread.start()
        yield came
        socket.send_close()
        thread.join()


@contextmanager
def bot(slack: SlackThread, answer: Json) -> Iterator[tuple[SocketModeClient, list[SocketModeRequest]]]:
    """slack_sdk's client, acknowledging everything with this answer; and what came."""
    came: list[SocketModeRequest] = []

    def listen(client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        came.append(request)
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id, answer))

    client = SocketModeClient(app_token=slack.server.app_token, web_client=web(slack))
    client.socket_mode_request_listeners.append(listen)
    client.connect()
    slack.wait_for(lambda: slack.server.connections == 1)
    try:
        yield client, came
    finally:
        client.close()


def test_a_connection_is_greeted(slack: SlackThread) -> None:
    with bare(slack) as socket:
        hello = receive(socket)
    assert (hello["type"], hello["num_connections"], hello["connection_info"]) == ("hello", 1, {"app_id": "A0SANDBOX"})


def test_a_url_is_good_for_one_connection(slack: SlackThread) -> None:
    url = str(web(slack).apps_connections_open(app_token=slack.server.app_token)["url"])
    with closing(websocket.create_connection(url, timeout=5)):
        parts = urlsplit(url)
        with closing(http.client.HTTPConnection(parts.netloc)) as again:
            again.request("GET", f"{parts.path}?{parts.query}")
            assert again.getresponse().status == 403


def test_slack_sdks_client_answers_a_command_and_comes_back_after_a_refresh(slack: SlackThread) -> None:
    with bot(slack, {"text": "2 open", "response_type": "ephemeral"}) as (client, came):
        outcome = slack.command("maria", "#sre", "/sre", "status checkout")
        assert (outcome.acked, outcome.via, outcome.error) == (True, "socket", None)
        assert outcome.body == {"text": "2 open", "response_type": "ephemeral"}
        assert [m.text for m in slack.ephemerals("maria")] == ["2 open"]
        assert (came[0].type, came[0].accepts_response_payload) == ("slash_commands", True)
        assert (came[0].payload["command"], came[0].payload["text"]) == ("/sre", "status checkout")
        assert came[0].payload["user_id"] == "U0MARIA"
        first = client.session_id()
        slack.disconnect("refresh_requested")
        slack.wait_for(lambda: client.session_id() != first and slack.server.connections == 1)
        assert slack.command("maria", "#sre", "/sre", "status").acked


def test_a_command_not_acknowledged_in_time_fails_before_the_persons_eyes(slack: SlackThread) -> None:
    with bare(slack) as socket:
        receive(socket)
        outcome = slack.command("maria", "#sre", "/sre", "status")
    assert (outcome.acked, outcome.error) == (False, "operation_timeout")
    assert [m.text for m in slack.ephemerals("maria")] == ['/sre failed with the error "operation_timeout"']
    assert [breach.rule for breach in slack.server.breaches] == ["operation_timeout"]


def test_an_acknowledgement_that_comes_too_late_changes_nothing(slack: SlackThread) -> None:
    with bare(slack) as socket:
        receive(socket)
        slack.command("maria", "#sre", "/sre", "status")
        socket.send(json.dumps({"envelope_id": receive(socket)["envelope_id"], "payload": {"text": "late"}}))
        socket.send("not JSON")
        socket.ping()
    assert [m.text for m in slack.ephemerals("maria")] == ['/sre failed with the error "operation_timeout"']


def test_with_no_connection_and_no_url_a_command_cannot_be_dispatched(slack: SlackThread) -> None:
    outcome = slack.command("maria", "#sre", "/sre", "status")
    assert (outcome.acked, outcome.via, outcome.error) == (False, "none", "dispatch_failed")
    assert [m.text for m in slack.ephemerals("maria")] == ['/sre failed with the error "dispatch_failed"']
    assert slack.server.breaches == []


def test_a_command_in_a_thread_is_refused_without_asking_the_bot(slack: SlackThread) -> None:
    parent = slack.say("maria", "sre", "INC-1")
    with bare(slack) as socket:
        receive(socket)
        outcome = slack.command("maria", "#sre", "/sre", "status", parent.ts)
    assert outcome.error == "not_supported_in_threads"
    assert [(m.text, m.thread_ts) for m in slack.ephemerals("maria")] == [
        ("/sre is not supported in threads. Sorry!", parent.ts)
    ]


def test_an_event_is_retried_at_once_after_a_minute_and_after_five(slack: SlackThread) -> None:
    with bare(slack) as socket:
        receive(socket)
        outcome = slack.mention("maria", "#sre", "why?")
        first, again = receive(socket), receive(socket)
        assert (outcome.acked, outcome.error, outcome.attempts) == (False, "operation_timeout", 2)
        slack.server.clock.advance(59)
        slack.server.clock.advance(2)
        minute = receive(socket)
        slack.wait_for(lambda: len(slack.server.breaches) == 3)
        slack.server.clock.advance(301)
        five = receive(socket)
        slack.wait_for(lambda: len(slack.server.breaches) == 4)
        slack.server.clock.advance(3600)
    attempts = [first, again, minute, five]
    assert [(e["retry_attempt"], e["retry_reason"]) for e in attempts] == [
        (0, ""),
        (1, "timeout"),
        (2, "timeout"),
        (3, "timeout"),
    ]
    assert len({e["payload"]["event_id"] for e in attempts}) == 1
    assert len({e["envelope_id"] for e in attempts}) == 4
    assert first["payload"]["event"]["text"] == "<@U0SREBOT> why?"
    assert not first["accepts_response_payload"]


def test_an_acknowledged_event_is_not_retried(slack: SlackThread) -> None:
    with answering(slack) as came:
        assert slack.mention("maria", "#sre", "why?").acked
        slack.server.clock.advance(3600)
        assert slack.mention("maria", "#sre", "and now?").acked
    assert [e["payload"]["event"]["text"] for e in came] == ["<@U0SREBOT> why?", "<@U0SREBOT> and now?"]


def test_what_the_app_is_not_subscribed_to_is_not_sent(slack: SlackThread) -> None:
    with bare(slack) as socket:
        receive(socket)
        outcome = slack.say("maria", "#sre", "just talking")
    assert (outcome.acked, outcome.error, outcome.attempts) == (False, None, 0)


def test_payloads_are_spread_over_connections(slack: SlackThread) -> None:
    with answering(slack) as first, answering(slack) as second:
        for _ in range(40):
            assert slack.command("maria", "#sre", "/sre").acked
    assert len(first) + len(second) == 40
    assert min(len(first), len(second)) > 5


def test_an_eleventh_connection_is_sent_away(slack: SlackThread) -> None:
    with (
        bare(slack), bare(slack), bare(slack), bare(slack), bare(slack),
        bare(slack), bare(slack), bare(slack), bare(slack), bare(slack),
        bare(slack) as eleventh,
    ):  # fmt: skip
        assert receive(eleventh) == {
            "type": "disconnect",
            "reason": "too_many_websockets",
            "debug_info": {"host": "applink-1"},
        }
        assert slack.server.connections == 10


def test_a_warning_leaves_ten_seconds(slack: SlackThread) -> None:
    with bare(slack) as leaving:
        receive(leaving)
        slack.disconnect("warning")
        assert receive(leaving)["reason"] == "warning"
        slack.server.clock.advance(9)
        with answering(slack) as came:
            assert slack.server.connections == 2
            assert slack.command("maria", "#sre", "/sre", "status").acked
            slack.server.clock.advance(2)
            assert leaving.recv() == ""
            slack.wait_for(lambda: slack.server.connections == 1)
        assert len(came) == 1


def test_pings_are_answered(slack: SlackThread) -> None:
    with bare(slack) as socket:
        receive(socket)
        socket.ping("are you there?")
        opcode, frame = socket.recv_data_frame(control_frame=True)
    assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PONG, b"are you there?")


def test_connections_come_and_go_in_the_feed(slack: SlackThread) -> None:
    with bare(slack) as socket:
        receive(socket)
    slack.wait_for(lambda: slack.server.connections == 0)
    changes = slack.server.workspace.feed.since()
    assert [(c.kind, c.data["open"]) for c in changes] == [("socket_opened", 1), ("socket_closed", 0)]
