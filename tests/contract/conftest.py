"""Fixtures for tests with the sandbox's PagerDuty."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sandbox.pagerduty.server import PagerDuty, running
from tests.contract.pagerduty_lab import Inbox, events_session, session


@pytest.fixture
def pagerduty() -> Iterator[PagerDuty]:
    with running() as held:
        yield held


@pytest.fixture
def inbox(pagerduty: PagerDuty) -> Iterator[Inbox]:
    held = Inbox()
    held.secret = pagerduty.environment()["PAGERDUTY_WEBHOOK_SECRET"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = held.take(self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers.items()))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = pagerduty.webhook_url = f"http://127.0.0.1:{server.server_port}/webhooks/pagerduty"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield held
    held.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(pagerduty: PagerDuty) -> Iterator[Any]:
    """The library's session with the account's key, for Maria."""
    with session(pagerduty) as made:
        yield made


@pytest.fixture
def events(pagerduty: PagerDuty) -> Iterator[Any]:
    """The library's session for events of checkout's monitoring."""
    with events_session(pagerduty) as made:
        yield made
