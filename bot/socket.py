"""Socket Mode: several connections to Slack, watched, and closed without dropping what they brought."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bot.delivery import Deliveries
from core.errors import Unreachable
from core.log import get_logger
from core.settings import Settings

if TYPE_CHECKING:
    from slack_sdk.socket_mode.builtin import SocketModeClient
    from slack_sdk.socket_mode.client import BaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest

log = get_logger(__name__)

CONNECTIONS = 2  # one can be refreshed by Slack while the other takes requests; Slack allows ten
THREADS = 16  # of each connection
PING_S = 5.0  # a connection that is silent for four pings is replaced


class SocketMode:
    """The connections. Slack gives each delivery to one of them, at random."""

    def __init__(self, settings: Settings, deliveries: Deliveries) -> None:
        self._settings = settings
        self._deliveries = deliveries
        self._clients: list[SocketModeClient] = []

    def connect(self) -> None:
        """Raises: Unreachable with a sentence that says what to do."""
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            for _ in range(CONNECTIONS):
                client = self._new_client()
                self._clients.append(client)
                client.connect()
        except SlackApiError as error:
            self.close(0)
            code = error.response.get("error", "")
            raise Unreachable(
                f"Slack refused SLACK_APP_TOKEN ({code}); it needs the scope connections:write."
            ) from error
        except (SlackClientError, OSError) as error:
            self.close(0)
            raise Unreachable(f"Slack does not answer at {self._settings.slack_api_url}; check the network.") from error

    def connected(self) -> int:
        """How many connections are up."""
        return sum(client.is_connected() for client in self._clients)

    def close(self, drain_s: float) -> None:
        """Answer what has arrived, for at most `drain_s` seconds, then hang up. Slack brings what comes later to
        other connections."""
        deadline = time.monotonic() + drain_s
        for client in self._clients:
            client.auto_reconnect_enabled = client.default_auto_reconnect_enabled = False
        while any(not client.message_queue.empty() for client in self._clients) and time.monotonic() < deadline:
            time.sleep(0.005)
        self._deliveries.wait_until_idle(max(deadline - time.monotonic(), 0))
        if self._clients:
            with ThreadPoolExecutor(len(self._clients)) as closing:  # each waits for its receiver
                list(closing.map(lambda client: client.close(), self._clients))
        self._clients = []

    def _new_client(self) -> SocketModeClient:
        from slack_sdk import WebClient
        from slack_sdk.socket_mode.builtin import SocketModeClient

        token = self._settings.slack_app_token
        client = SocketModeClient(
            app_token=token.get_secret_value() if token else "",
            web_client=WebClient(base_url=self._settings.slack_api_url, timeout=10),
            concurrency=THREADS, ping_interval=PING_S, receive_buffer_size=65_536,
        )  # fmt: skip
        client.socket_mode_request_listeners.append(self._on_request)
        return client

    def _on_request(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        from slack_bolt.adapter.socket_mode.internals import send_response

        response = self._deliveries.take(dict(request.payload), "socket")
        send_response(client, request, response, time.time())
