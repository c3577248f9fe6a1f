"""The process: ready when it is, reconnecting by itself, and gone within seconds without dropping anything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

import bot.app
import bot.socket
from blocks.replies import reply
from bot.web import REDIS_TIMEOUT_S, Web
from core.errors import ConfigError
from core.records import open_records
from core.redis import connect, release
from core.settings import Settings
from sandbox.slack import SlackServer, run_in_thread
from tests.flow.conftest import Starter


def test_readiness_says_how_slack_is_reached(start: Starter) -> None:
    socket = start("socket")
    assert socket.get("/readyz").text == "Redis answers.\n2 of 2 Socket Mode connections to Slack are up.\n"
    assert start("http").get("/readyz").text == "Redis answers.\nSlack is taken over HTTP at /slack/events.\n"
    alone = start("none").get("/readyz")
    assert alone.status_code == 200
    assert "Slack is not set up (SLACK_BOT_TOKEN is missing): only the webhooks" in alone.text


def test_metrics_tell_acks_queues_incidents_and_connections(start: Starter) -> None:
    face = start("socket")
    face.slack.command("maria", "#sre", "/sre", "explain checkout")
    assert face.metric('sre_ack_seconds_count{kind="command",status="200",transport="socket"}') == 1
    assert face.metric('sre_queue_waiting{queue="investigate"}') == 1
    assert face.metric("sre_incidents_open") == 0
    assert face.metric("sre_slack_connections") == 2


@pytest.mark.parametrize("path", ["/", "/nowhere", "/webhooks/alertmanager"])
def test_other_requests_get_a_plain_no(start: Starter, path: str) -> None:
    answer = start("none").get(path)
    assert (answer.status_code, answer.json()["error"]) in [(404, "Not Found."), (405, "Method Not Allowed.")]


def test_connections_that_slack_refreshes_are_replaced(start: Starter) -> None:
    face = start("socket")
    server = face.slack.server
    before = {c.id for c in server._sockets.connections}
    face.slack.disconnect("refresh_requested")
    face.slack.wait_for(lambda: server.connections == 2 and not before & {c.id for c in server._sockets.connections})
    assert face.slack.command("maria", "#sre", "/sre", "help").acked


def test_a_warned_connection_is_replaced_before_it_ends(start: Starter) -> None:
    face = start("socket")
    face.slack.disconnect("warning")
    face.slack.wait_for(lambda: face.slack.server.connections == 4)
    assert face.slack.command("maria", "#sre", "/sre", "help").acked
    face.slack.server.clock.advance(11)
    face.slack.wait_for(lambda: face.slack.server.connections == 2)
    assert face.web._connected() == 2


def test_a_slack_that_is_away_at_the_start_is_connected_to_when_it_comes(start: Starter) -> None:
    face = start("http")
    server = face.slack.server
    server.fail_next("apps.connections.open", "internal_error", times=2, retry_after_s=1)
    token = {"slack_bot_token": server.bot_token, "slack_app_token": server.app_token}
    settings = Settings.model_validate(face.records.settings.model_dump() | token)
    web = Web(open_records(settings, face.records.redis), host="127.0.0.1")
    try:
        web.start()
        assert requests.get(f"http://127.0.0.1:{web.port}/readyz", timeout=5).status_code == 503
        face.slack.wait_for(lambda: server.connections == 2)
    finally:
        web.stop()


def test_a_refused_token_is_said_at_the_start(start: Starter) -> None:
    with pytest.raises(ConfigError, match=r"Slack refuses SLACK_APP_TOKEN \(invalid_auth\); make an app-level token"):
        start("socket", slack_app_token="xapp-wrong")


def test_a_taken_port_is_said_at_the_start(start: Starter) -> None:
    with pytest.raises(ConfigError, match=r"Port \d+ cannot be listened on .*; set PORT\."):
        start("none", port=start("none").web.port)


def test_a_connection_that_goes_silent_is_replaced(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.socket, "PING_S", 0.05)
    monkeypatch.setattr(bot.socket, "SILENT_S", 0.3)
    real = bot.socket._Link._listen
    quiet = threading.Event()

    def deaf(link: Any) -> None:
        if not quiet.is_set():  # the first connection never hears anything again
            quiet.set()

            def silence(**_: object) -> None:
                from websocket import WebSocketTimeoutException

                time.sleep(0.05)
                raise WebSocketTimeoutException

            link._socket.recv_data = silence
        real(link)

    monkeypatch.setattr(bot.socket._Link, "_listen", deaf)
    face = start("socket")
    opened = face.slack.server.workspace.feed
    face.slack.wait_for(lambda: sum(change.kind == "socket_opened" for change in opened.since()) == 3)


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_a_stop_finishes_what_is_under_way_and_takes_nothing_new(
    start: Starter, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> Any:
        began.set()
        assert go_on.wait(5)
        return reply("Finished")

    monkeypatch.setattr(bot.app, "answer", slow)
    face = start(mode)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(face.slack.command, "maria", "#sre", "/sre", "help")
        assert began.wait(5)
        stopping = threads.submit(face.web.stop)
        while face.web._stopping is False:
            time.sleep(0.001)
        go_on.set()
        outcome = asked.result()
        stopping.result()
    assert outcome.acked
    assert (outcome.body or {})["text"] == "Finished."
    with pytest.raises(requests.ConnectionError):
        face.get("/healthz")
    assert face.slack.server.connections == 0


def test_a_stop_takes_no_longer_than_it_may(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on = threading.Event(), threading.Event()

    def stuck(*_: object) -> Any:
        began.set()
        go_on.wait(10)
        return reply("Too late")

    monkeypatch.setattr(bot.app, "answer", stuck)
    face = start("http")
    with ThreadPoolExecutor(1) as threads:
        threads.submit(face.slack.command, "maria", "#sre", "/sre", "help")
        assert began.wait(5)
        started = time.monotonic()
        face.web.stop(drain_s=0.2)
        assert time.monotonic() - started < 8  # 0.7 s on a quiet machine
        go_on.set()


def test_sigterm_ends_the_process_within_seconds(tmp_path: Path) -> None:
    with run_in_thread(SlackServer()) as slack:
        server = slack.server
        environment = {
            "PATH": os.environ["PATH"], "SRE_DATA_DIR": str(tmp_path), "PORT": "0", "SLACK_API_URL": server.url,
            "SLACK_BOT_TOKEN": server.bot_token, "SLACK_APP_TOKEN": server.app_token,
        }  # fmt: skip
        command = [sys.executable, "-m", "bot.cli", "web"]
        process = subprocess.Popen(
            command, env=environment, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True
        )
        try:
            slack.wait_for(lambda: server.connections == 2, timeout_s=20)
            assert slack.command("maria", "#sre", "/sre", "status").acked
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=10)
            assert process.returncode == 0, log
            assert time.monotonic() - started < 8  # 0.7 s on a quiet machine
            assert "web_stopped" in log
            assert "Traceback" not in log
        finally:
            process.kill()


def test_a_redis_that_hangs_is_told_of_before_slack_gives_up(start: Starter, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    client = connect(settings, REDIS_TIMEOUT_S, retries=1)
    face = start("socket", client=client)
    redis_pid = client.info("server")["process_id"]
    os.kill(redis_pid, signal.SIGSTOP)
    try:
        outcome = face.slack.command("maria", "#sre", "/sre", "explain checkout")
    finally:
        os.kill(redis_pid, signal.SIGCONT)
    assert (outcome.body or {})["text"] == "I cannot reach my records; try again in a minute."
    face.web.stop()
    release(settings, client)


def test_connections_that_idle_keep_nobody_waiting(start: Starter) -> None:
    face = start("none")
    with ExitStack() as stack:
        for _ in range(200):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", face.web.port), timeout=5))
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(100).startswith(b"HTTP/1.1 200")
        assert face.get("/healthz").status_code == 200
