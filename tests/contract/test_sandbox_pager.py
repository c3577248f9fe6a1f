"""What reaches PagerDuty's Events API from the sandbox's Alertmanager and, where it is installed, from the real one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from aiohttp import web

from sandbox.alertmanager.api import Alertmanager
from sandbox.alertmanager.dispatch import Route
from sandbox.alertmanager.pager import TOO_LARGE, Pager
from sandbox.clock import Clock
from sandbox.company import wait_until

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
ROUTE = Route(group_by=("alertname", "service"), group_wait_s=0.1, group_interval_s=0.3)
KEY = "0123456789abcdef0123456789abcdef"
SEVERITY = "{{ with .CommonLabels.severity }}{{ . }}{{ else }}error{{ end }}"
STARTED = (datetime.now(UTC) - timedelta(minutes=2)).replace(microsecond=0)


class Receiver:
    """Takes events; answers `statuses` in turn, then 202."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.url = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    held = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = held.statuses.pop(0) if held.statuses else 202
            if status == 202:
                held.headers.append(dict(self.headers.items()))
                held.got.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}/v2/enqueue"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield held
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def pretend(receiver: Receiver, webhook: str | None = None) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    held = Alertmanager(Clock(), "token", ROUTE)
    held.dispatcher.pager = Pager(receiver.url, KEY, {"search": "f" * 32})
    held.dispatcher.url = webhook
    runner = web.AppRunner(held.app())

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        held.dispatcher.external_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return held.dispatcher.external_url

    url = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(held.dispatcher.stop())
        loop.run_until_complete(runner.cleanup())
        loop.close()


@contextmanager
def real(receiver: Receiver, folder: Any) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("alertmanager is not installed")
    pagerduty = {"routing_key": KEY, "url": receiver.url, "severity": SEVERITY}
    config = {
        "route": {"receiver": "sre-bot", "group_by": ["alertname", "service"], "group_wait": "100ms",
                  "group_interval": "300ms", "repeat_interval": "4h"},
        "receivers": [{"name": "sre-bot", "pagerduty_configs": [pagerduty]}],
    }  # fmt: skip
    (folder / "alertmanager.yml").write_text(json.dumps(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    url = f"http://{address}"
    process = subprocess.Popen(
        [
            PROGRAM, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
            f"--web.listen-address={address}", "--cluster.listen-address=", f"--web.external-url={url}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: _ready(url), 20)
        yield url
    finally:
        process.terminate()
        process.wait()


def _ready(url: str) -> bool:
    try:
        return requests.get(url + "/-/ready", timeout=1).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(params=["pretend", "real"])
def url(request: pytest.FixtureRequest, receiver: Receiver, tmp_path: Any) -> Iterator[str]:
    with pretend(receiver) if request.param == "pretend" else real(receiver, tmp_path) as found:
        yield found


def alert(pod: str, ends_at: datetime | None = None, **labels: str) -> dict[str, Any]:
    named = {"alertname": "PodCrashes", "service": "checkout", "pod": pod, **labels}
    body: dict[str, Any] = {
        "labels": named, "annotations": {"summary": f"{pod} crashes", "runbook_url": "http://wiki/x"},
        "startsAt": STARTED.isoformat(), "generatorURL": "http://prometheus/graph",
    }  # fmt: skip
    return {**body, "endsAt": ends_at.isoformat()} if ends_at else body


def post(url: str, *alerts: dict[str, Any]) -> None:
    assert requests.post(f"{url}/api/v2/alerts", json=list(alerts), timeout=5).status_code == 200


def text(pod: str, *more: str) -> str:
    labels = sorted(["alertname = PodCrashes", f"pod = {pod}", "service = checkout", *more])
    annotations = ["runbook_url = http://wiki/x", f"summary = {pod} crashes"]
    labelled, annotated = ("".join(f" - {line}\n" for line in lines) for lines in (labels, annotations))
    return f"Labels:\n{labelled}Annotations:\n{annotated}Source: http://prometheus/graph\n"


def test_a_group_triggers_one_event_with_everything_in_it(url: str, receiver: Receiver) -> None:
    both = {"severity": "critical", "cluster": "eu"}
    post(url, alert("b", **both), alert("a", **both))
    wait_until(lambda: receiver.got)
    more = ("severity = critical", "cluster = eu")
    assert receiver.got == [
        {
            "routing_key": KEY,
            "dedup_key": hashlib.sha256(b'{}:{alertname="PodCrashes", service="checkout"}').hexdigest(),
            "event_action": "trigger",
            "payload": {
                "summary": "[FIRING:2] PodCrashes checkout (eu critical)",
                "source": "Alertmanager",
                "severity": "critical",
                "custom_details": {
                    "firing": text("a", *more) + text("b", *more), "resolved": "",
                    "num_firing": "2", "num_resolved": "0",
                },
            },
            "client": "Alertmanager",
            "client_url": f"{url}/#/alerts?receiver=sre-bot",
        }
    ]  # fmt: skip
    assert "Authorization" not in receiver.headers[0]


def test_what_is_left_triggers_again_and_the_end_resolves(url: str, receiver: Receiver) -> None:
    post(url, alert("a"), alert("b"))
    wait_until(lambda: len(receiver.got) == 1)
    assert receiver.got[0]["payload"]["summary"] == "[FIRING:2] PodCrashes checkout "
    assert receiver.got[0]["payload"]["severity"] == "error"
    post(url, alert("a", datetime.now(UTC)))
    wait_until(lambda: len(receiver.got) == 2)
    assert receiver.got[1]["event_action"] == "trigger"
    assert receiver.got[1]["payload"]["summary"] == "[FIRING:1] PodCrashes checkout "
    assert receiver.got[1]["payload"]["custom_details"] == {
        "firing": text("b"), "resolved": text("a"), "num_firing": "1", "num_resolved": "1",
    }  # fmt: skip
    post(url, alert("b", datetime.now(UTC)))
    wait_until(lambda: len(receiver.got) == 3)
    last = receiver.got[2]
    assert (last["event_action"], last["payload"]["summary"]) == ("resolve", "[RESOLVED] PodCrashes checkout (b)")
    assert last["dedup_key"] == receiver.got[0]["dedup_key"]


def test_what_is_too_long_is_cut(url: str, receiver: Receiver) -> None:
    post(url, alert("a", description="x" * 1100))
    wait_until(lambda: receiver.got)
    summary = receiver.got[0]["payload"]["summary"]
    assert len(summary) == 1024
    assert summary.endswith("x…")


def test_details_that_are_too_large_are_left_out(url: str, receiver: Receiver) -> None:
    post(url, alert("a", description="x" * 600_000))
    wait_until(lambda: receiver.got)
    assert receiver.got[0]["payload"]["custom_details"] == {"error": TOO_LARGE}


def test_it_is_sent_again_after_429_and_5xx_and_not_after_400(url: str, receiver: Receiver) -> None:
    receiver.statuses = [429, 503]
    post(url, alert("a"))
    wait_until(lambda: receiver.got)
    receiver.statuses = [400]
    post(url, alert("a"), alert("b"))
    wait_until(lambda: not receiver.statuses)
    assert len(receiver.got) == 1


def test_the_service_decides_the_key(receiver: Receiver) -> None:
    with pretend(receiver) as url:
        post(url, alert("a", service="search"))
        wait_until(lambda: receiver.got)
    assert receiver.got[0]["routing_key"] == "f" * 32


def test_a_webhook_that_is_down_does_not_keep_pagerduty_from_hearing(receiver: Receiver) -> None:
    with pretend(receiver, webhook="http://127.0.0.1:9/nobody") as url:
        post(url, alert("a"))
        wait_until(lambda: receiver.got)
