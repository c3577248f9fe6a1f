"""Socket Mode: several connections to Slack, kept up, and closed without dropping what they brought.

The SDK's own clients are not used: measured on 3.47, one whose peer half-closes spins a core for up to 20 s and still
calls itself connected, and takes 3 s to close; the other never notices a connection that went silent.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson

from bot.delivery import Deliveries
from core.errors import ConfigError, Refused, Transient
from core.log import get_logger
from core.settings import Settings

if TYPE_CHECKING:
    from slack_bolt.response import BoltResponse
    from websocket import WebSocket

log = get_logger(__name__)

CONNECTIONS = 2  # Slack refreshes one now and then while the other takes requests; ten are allowed
THREADS = 32
PING_S = 5.0
SILENT_S = 20.0  # four pings without any answer: the connection is gone, whatever TCP says
_LONGEST_PAUSE_S = 30.0
_TIMEOUT_S = 10.0


class SocketMode:
    """The connections. Slack gives each delivery to one of them, at random."""

    def __init__(self, settings: Settings, deliveries: Deliveries) -> None:
        self._settings = settings
        self._deliveries = deliveries
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="socket")
        self._changed = threading.Condition()
        self._links: set[_Link] = set()
        self._under_way = 0
        self._closing = False
        self._keeper = threading.Thread(target=self._keep, name="socket-keeper", daemon=True)

    def connect(self) -> None:
        """Connect, and stay connected until `close`. Without an answer from Slack it is tried until there is one.

        Raises: ConfigError when Slack refuses the token.
        """
        try:
            self._open()
        except Refused as error:
            raise ConfigError(
                f"Slack refuses SLACK_APP_TOKEN ({error.code}); make an app-level token with connections:write."
            ) from error
        except Transient as error:
            log.warning("slack_unreachable", why=str(error))
        self._keeper.start()

    def connected(self) -> int:
        """How many connections take deliveries."""
        return sum(link.is_up for link in list(self._links))

    def close(self, drain_s: float) -> None:
        """Answer what has arrived, for at most `drain_s` seconds, then hang up. What comes in the instant between is
        not executed, since it could not be acknowledged; Slack brings events again to another process."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._under_way == 0, drain_s)
        for link in list(self._links):
            link.hang_up()
        if self._keeper.is_alive():
            self._keeper.join(1)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self) -> None:
        """Open what is missing, again and again, at growing distances while Slack does not answer."""
        failures = 0
        while not self._closing:
            if self.connected() >= CONNECTIONS:
                failures = 0
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or self.connected() < CONNECTIONS)
                continue
            try:
                self._open()
            except (Refused, Transient) as error:
                failures += 1
                pause_s = min(_LONGEST_PAUSE_S, 2.0 ** min(failures, 5) / 4) * random.uniform(0.5, 1)
                log.warning("socket_mode_lost", why=str(error), up=self.connected(), again_in_s=round(pause_s, 1))
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, pause_s)

    def _open(self) -> None:
        link = _Link(_connect(self._settings), self._heard, self._ended)
        with self._changed:
            if not self._closing:
                self._links.add(link)
                link.start()
                return
        link.hang_up()

    def _ended(self, link: _Link) -> None:
        with self._changed:
            self._links.discard(link)
            self._changed.notify_all()

    def _heard(self, link: _Link, text: bytes) -> None:
        """One message of a connection, in its receiver's thread."""
        envelope = orjson.loads(text)
        if envelope.get("type") == "disconnect":
            log.info("socket_mode_refresh", reason=envelope.get("reason"))
            link.leaving = True  # it may bring more until Slack closes it; another is opened meanwhile
            with self._changed:
                self._changed.notify_all()
        elif "envelope_id" in envelope:
            with self._changed:
                if link.hung_up:
                    return
                self._under_way += 1
            self._pool.submit(self._answer, link, envelope).add_done_callback(_log_bug)

    def _answer(self, link: _Link, envelope: dict[str, Any]) -> None:
        try:
            response = self._deliveries.take(envelope["payload"], "socket")
            if response.status == 200:  # otherwise no acknowledgement: Slack brings an event again
                self._acknowledge(link, envelope["envelope_id"], response)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _acknowledge(self, link: _Link, envelope_id: str, response: BoltResponse) -> None:
        answer: dict[str, Any] = {"envelope_id": envelope_id}
        if response.body:
            kind = response.headers.get("content-type", [""])[0]
            is_json = kind.startswith("application/json")
            answer["payload"] = orjson.loads(response.body) if is_json else {"text": response.body}
        text = orjson.dumps(answer).decode()
        others = [other for other in list(self._links) if other is not link]
        if not any(candidate.send(text) for candidate in (link, *others)):
            log.error("not_acknowledged", envelope=envelope_id)


class _Link:
    """One open connection and the thread that listens to it."""

    def __init__(
        self, socket: WebSocket, heard: Callable[[_Link, bytes], None], ended: Callable[[_Link], None]
    ) -> None:
        self.leaving = False
        self.hung_up = False
        self._socket = socket
        self._heard = heard
        self._ended = ended
        self._thread = threading.Thread(target=self._listen, name="socket-link", daemon=True)

    @property
    def is_up(self) -> bool:
        return not self.leaving and not self.hung_up and bool(self._socket.connected)

    def start(self) -> None:
        self._thread.start()

    def send(self, text: str) -> bool:
        """Whether it went out."""
        from websocket import WebSocketException

        try:
            self._socket.send(text)
        except (WebSocketException, OSError):
            return False
        return True

    def hang_up(self) -> None:
        """Say goodbye; the listener ends when Slack has said it too, or at once when the connection is gone."""
        from websocket import WebSocketException

        self.hung_up = True
        with contextlib.suppress(WebSocketException, OSError):
            self._socket.send_close()
        if self._thread.is_alive():
            self._thread.join(1)
        self._cut()

    def _listen(self) -> None:
        from websocket import ABNF, WebSocketException, WebSocketTimeoutException

        heard_at = time.monotonic()
        try:
            while time.monotonic() - heard_at < SILENT_S:
                try:
                    opcode, data = self._socket.recv_data(control_frame=True)
                except WebSocketTimeoutException:
                    self._socket.ping()
                    continue
                heard_at = time.monotonic()
                if opcode == ABNF.OPCODE_CLOSE:
                    break
                if opcode == ABNF.OPCODE_TEXT:
                    self._heard(self, data)
        except (WebSocketException, OSError, ValueError) as error:
            log.info("socket_mode_closed", why=type(error).__name__)
        finally:
            self._cut()
            self._ended(self)

    def _cut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown()  # type: ignore[no-untyped-call]


def _log_bug(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()):
        log.error("delivery_failed", exc_info=error)


def _connect(settings: Settings) -> WebSocket:
    """A new connection. Raises: Refused with Slack's code; Transient when nothing answers."""
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError, SlackClientError
    from websocket import WebSocketException, create_connection

    token = settings.slack_app_token
    web = WebClient(base_url=settings.slack_api_url, timeout=int(_TIMEOUT_S), retry_handlers=[])
    try:
        url = str(web.apps_connections_open(app_token=token.get_secret_value() if token else "")["url"])
        socket: WebSocket = create_connection(url, timeout=_TIMEOUT_S, enable_multithread=True)
    except SlackApiError as error:
        code = str(error.response.get("error", ""))
        if error.response.status_code == 429 or error.response.status_code >= 500 or code == "ratelimited":
            raise Transient("Slack asked to wait") from error
        raise Refused("Slack refused a connection", code) from error
    except (SlackClientError, WebSocketException, OSError) as error:
        raise Transient(f"Slack does not answer at {settings.slack_api_url}") from error
    socket.settimeout(PING_S)
    return socket
