"""The `web` process: HTTP and Socket Mode until told to stop, then out within seconds, losing nothing."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

from bot.answering import Answering
from bot.app import build_app
from bot.delivery import Deliveries
from bot.http import LARGEST_BODY, Readiness, build_http
from bot.metrics import Metrics
from bot.socket import CONNECTIONS, SocketMode
from core.errors import ConfigError
from core.log import get_logger
from core.records import Records
from core.redis import release

log = get_logger(__name__)

THREADS = 32  # of the HTTP server
AFTER_THREADS = 8  # for what waits for Slack
CONNECTION_LIMIT = 1000  # of waitress's 100, kept-alive ones that idle leave none: requests then waited for 34 s
DRAIN_S = 5.0  # Kubernetes kills 30 s after SIGTERM
REDIS_TIMEOUT_S = 0.8  # twice, with the retry: of a stuck Redis people are told within the 3 s that Slack gives
_POLL_S = 0.02


class Web:
    """The servers, for a process of their own or inside another."""

    def __init__(self, records: Records, host: str = "0.0.0.0") -> None:  # noqa: S104  # a container's only face
        self._records = records
        self._host = host
        self._stopping = False
        settings = records.settings
        self._after = ThreadPoolExecutor(AFTER_THREADS, thread_name_prefix="after")
        self._socket: SocketMode | None = None
        self._metrics = Metrics(records, self._connected)
        self._deliveries: Deliveries | None = None
        if settings.slack_bot_token:
            answering = Answering(settings, self._after)
            self._deliveries = Deliveries(build_app(records, answering), records, self._metrics, answering)
            if settings.slack_app_token:
                self._socket = SocketMode(settings, self._deliveries)
        self._sockets: dict[Any, Any] = {}
        self._server: Any = None
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    def start(self) -> None:
        """Listen, and connect to Slack where that is configured.

        Raises: ConfigError when the port is taken or Slack refuses the token.
        """
        import waitress

        port = self._records.settings.port
        try:
            listener = socket.create_server((self._host, port), backlog=1024)
        except OSError as error:
            raise ConfigError(f"Port {port} cannot be listened on ({error.strerror}); set PORT.") from error
        http = build_http(self._records, self._deliveries, self._metrics, self._readiness)
        self._server = waitress.create_server(
            http, map=self._sockets, sockets=[listener], threads=THREADS, ident=None,
            max_request_body_size=4 * LARGEST_BODY, channel_timeout=60, asyncore_use_poll=True,
            connection_limit=CONNECTION_LIMIT,
        )  # fmt: skip
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every short line
        self._records.queues.waiting("notify")  # loads the queue's library now, not in the first request
        self._thread.start()
        if self._socket:
            self._socket.connect()
        log.info("web_started", port=self.port, slack=self._slack_sentence())

    @property
    def port(self) -> int:
        """The port that it listens on; chosen by the system when PORT is 0."""
        return int(self._server.effective_port)

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Take nothing new, finish what is under way for at most `drain_s` seconds, hang up. Safe to repeat."""
        if self._stopping:
            return
        self._stopping = True
        deadline = time.monotonic() + drain_s
        if self._server:
            self._in_server(self._server.asyncore.dispatcher.close, self._server)
        if self._socket:
            self._socket.close(drain_s)
        while self._answering() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        late = time.monotonic() >= deadline
        self._after.shutdown(wait=not late, cancel_futures=late)
        if self._server:
            self._server.task_dispatcher.shutdown(timeout=1)
            self._in_server(self._hang_up)
            self._thread.join(2)
        log.info("web_stopped")

    def _serve(self) -> None:
        self._server.asyncore.loop(timeout=1, map=self._sockets, use_poll=True)
        self._server.trigger.close()

    def _hang_up(self) -> None:
        """Close what is open, in the server's thread, which ends when nothing is left."""
        for held in list(self._sockets.values()):
            if held is not self._server.trigger:
                held.close()
        self._sockets.clear()

    def _in_server(self, work: Any, *args: Any) -> None:
        """Run it in the server's own thread, which alone may touch its sockets."""
        with contextlib.suppress(OSError):  # it was awake, did it, and ended before it could be woken
            self._server.trigger.pull_trigger(lambda: work(*args))

    def _answering(self) -> bool:
        """Whether a request is being read or answered over HTTP."""
        channels = list(self._server.active_channels.values()) if self._server else []
        return any(channel.requests or channel.total_outbufs_len for channel in channels)

    def _connected(self) -> int:
        return self._socket.connected() if self._socket else 0

    def _readiness(self) -> Readiness:
        if self._stopping:
            return Readiness(False, ("This process is stopping.",))
        try:
            self._records.redis.ping()
        except redis.RedisError:
            return Readiness(False, ("Redis does not answer; start it or correct REDIS_URL.", self._slack_sentence()))
        connected = self._socket is None or self._connected() > 0
        return Readiness(connected, ("Redis answers.", self._slack_sentence()))

    def _slack_sentence(self) -> str:
        settings = self._records.settings
        if self._socket:
            return f"{self._connected()} of {CONNECTIONS} Socket Mode connections to Slack are up."
        if self._deliveries and settings.slack_signing_secret:
            return "Slack is taken over HTTP at /slack/events."
        missing = "SLACK_BOT_TOKEN" if settings.slack_bot_token is None else "SLACK_APP_TOKEN or SLACK_SIGNING_SECRET"
        return f"Slack is not set up ({missing} is missing): only the webhooks and the command line work."


def run(records: Records, host: str = "0.0.0.0") -> None:  # noqa: S104
    """Serve until SIGTERM or SIGINT.

    Raises: ConfigError at start.
    """
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    web = Web(records, host)
    try:
        web.start()
        told.wait()
    finally:
        web.stop()
        with contextlib.suppress(redis.RedisError):
            release(records.settings, records.redis)
