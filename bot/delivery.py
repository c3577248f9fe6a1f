"""Every delivery from Slack, by whichever way it came: executed once, however often it arrives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import redis

from bot.answering import NO_RECORDS, Answering
from bot.metrics import Metrics
from core.log import get_logger
from core.records import Records

if TYPE_CHECKING:
    from slack_bolt import App
    from slack_bolt.response import BoltResponse

log = get_logger(__name__)


class Deliveries:
    """Hands deliveries to the Bolt app, one execution each."""

    def __init__(self, app: App, records: Records, metrics: Metrics, answering: Answering) -> None:
        self._app = app
        self._answering = answering
        self._records = records
        self._metrics = metrics

    def take(self, body: dict[str, Any], transport: str, signature: str | None = None) -> BoltResponse:
        """What Slack is to be answered. 503 asks it to come again, which it does with events.

        Args:
            body: Parsed, and known to come from Slack.
            signature: Of the HTTP request. A replay has the same; Slack's own retries are signed anew.
        """
        started = time.perf_counter()
        try:
            response = self._once(body, signature)
        except redis.RedisError as error:
            log.error("records_unreachable", why=str(error))
            response = self._answering.failed(NO_RECORDS, body, status=503)
        self._metrics.acked(transport, _kind(body), response.status, time.perf_counter() - started)
        return response

    def _once(self, body: dict[str, Any], signature: str | None) -> BoltResponse:
        from slack_bolt.response import BoltResponse

        requests = self._records.requests
        event_id = body.get("event_id")
        if event_id is None:  # Slack brings it once; what comes again is a replay
            if signature and not requests.first_time(f"signed:{signature}"):
                return BoltResponse(status=200, body="")
            return self._dispatch(body)
        state = requests.begin(event_id)
        if state != "begun":
            return BoltResponse(status=200 if state == "done" else 503, body="")
        response = self._dispatch(body)
        if response.status < 500:
            requests.finish(event_id)
        else:
            requests.abandon(event_id)
        return response

    def _dispatch(self, body: dict[str, Any]) -> BoltResponse:
        from slack_bolt.request import BoltRequest

        # "socket_mode" means to Bolt: parsed and verified already. Its own parser takes any form that holds the word
        # "payload" for a click, so that `/sre explain payload size` would arrive empty.
        return self._app.dispatch(BoltRequest(body=body, mode="socket_mode"))


def _kind(body: dict[str, Any]) -> str:
    if "command" in body:
        return "command"
    kind = body.get("type")
    return (
        kind
        if kind in ("event_callback", "block_actions", "message_action", "view_submission", "url_verification")
        else "other"
    )
