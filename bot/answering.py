"""How people are answered who typed or clicked, also when nothing could be taken."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis

from blocks.command import ORDER, reply_blocks, told_form
from blocks.forms import REASON_BLOCK, REJECT_MODAL
from blocks.parts import rich, text
from blocks.replies import reply
from blocks.toil import LOG_TOIL, MINUTES_BLOCK
from core.errors import SreError
from core.log import get_logger
from core.outbox import View
from core.settings import Settings

if TYPE_CHECKING:
    from slack_bolt.response import BoltResponse
    from slack_sdk import WebClient

log = get_logger(__name__)

SLACK_TIMEOUT_S = 3  # a trigger lasts no longer
NO_RECORDS = "I cannot reach my records; try again in a minute."
Body = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where something was typed or clicked, and by whom."""

    user: str
    channel: str
    thread_ts: str | None
    response_url: str | None


def place_of(body: Body) -> Place:
    """Of a click, a shortcut or a submission."""
    container, message = body.get("container") or {}, body.get("message") or {}
    return Place(
        user=body["user"]["id"],
        channel=container.get("channel_id") or (body.get("channel") or {}).get("id", ""),
        thread_ts=message.get("thread_ts") or container.get("thread_ts"),
        response_url=body.get("response_url"),
    )


def is_home(body: Body) -> bool:
    """Whether something was pressed on a Home tab, where no message can answer."""
    return bool(body.get("type") == "block_actions" and (body.get("view") or {}).get("type") == "home")


class Answering:
    """Says things to one person, and opens forms, after Slack was acknowledged.

    Args:
        after: Runs it; drained by whoever made it.
    """

    def __init__(self, settings: Settings, after: ThreadPoolExecutor) -> None:
        self.after = after
        self._settings = settings

    @cached_property
    def client(self) -> WebClient:
        """Slack's Web API, which is waited for no longer than a trigger lasts, and asked once."""
        from slack_sdk import WebClient

        token = self._settings.slack_bot_token
        return WebClient(
            token=token.get_secret_value() if token else None, base_url=self._settings.slack_api_url,
            timeout=SLACK_TIMEOUT_S, retry_handlers=[],
        )  # fmt: skip

    def later(self, work: Callable[[], Any]) -> None:
        """Run what waits for Slack."""
        self.after.submit(_logged, work)

    def say(self, view: View | None, place: Place) -> None:
        """Say something that only one person sees, where they are."""
        if view:
            self.later(lambda: _tell(self.client, view, place))

    def tell(self, view: View | None, body: Body) -> None:
        """Say something to whoever pressed a button: as a form of its own where no message can be, as on a Home tab."""
        if view and is_home(body):
            self.show(told_form("Nothing was done", reply_blocks(view)), body["trigger_id"], place_of(body))
        else:
            self.say(view, place_of(body))

    def show(self, found: View | Body, trigger_id: str, place: Place) -> None:
        """Open a form, or say the sentence that stands for it."""
        if isinstance(found, View):
            self.say(found, place)
        else:
            self.later(lambda: self._open(found, trigger_id, place))

    def apologise(self, error: Exception, body: Body) -> BoltResponse:
        """The edge's one handler: logs, and tells who typed or clicked. What is not acknowledged Slack marks as failed;
        an event it sends again."""
        return self.failed(_words_for(error), body)

    def failed(self, said: str, body: Body, status: int = 500) -> BoltResponse:
        """The answer to what could not be taken."""
        from slack_bolt.response import BoltResponse

        view = reply(said)
        if "command" in body:
            return BoltResponse(status=200, body={"response_type": "ephemeral", "text": view.text})
        if body.get("type") == "view_submission" and body["view"].get("callback_id") == REJECT_MODAL:
            return BoltResponse(status=200, body={"response_action": "errors", "errors": {REASON_BLOCK: view.text}})
        if body.get("type") == "view_submission" and body["view"].get("callback_id") == LOG_TOIL:
            return BoltResponse(status=200, body={"response_action": "errors", "errors": {MINUTES_BLOCK: view.text}})
        if body.get("view") and str(body["view"].get("callback_id")).startswith(ORDER):
            modal = told_form("Nothing was done", [rich([text(view.text)])])
            if body.get("type") == "view_submission":
                return BoltResponse(status=200, body={"response_action": "update", "view": modal})
            self.later(lambda: self.client.views_update(view_id=body["view"]["id"], view=modal))
        if body.get("response_url") or is_home(body):
            self.tell(view, body)
        return BoltResponse(status=status, body="")

    def _open(self, modal: Body, trigger_id: str, place: Place) -> None:
        from slack_sdk.errors import SlackApiError

        try:
            self.client.views_open(trigger_id=trigger_id, view=modal)
        except SlackApiError as error:
            log.warning("form_refused", code=error.response.get("error"))
            self.say(reply("Slack did not open the form in time, so nothing was done; click again."), place)


def _tell(client: WebClient, view: View, place: Place) -> None:
    """To the response URL, which works where the bot is no member, else as a message."""
    from slack_sdk.webhook import WebhookClient

    blocks = list(view.blocks) or None
    if place.response_url is None:
        client.chat_postEphemeral(
            channel=place.channel, user=place.user, thread_ts=place.thread_ts, text=view.text, blocks=blocks
        )
        return
    said = {"text": view.text, "blocks": blocks, "response_type": "ephemeral", "replace_original": False}
    webhook = WebhookClient(place.response_url, timeout=SLACK_TIMEOUT_S, retry_handlers=[])
    answer = webhook.send_dict(said | {"thread_ts": place.thread_ts})
    if answer.status_code != 200:
        log.warning("slack_refused", status=answer.status_code)


def _logged(work: Callable[[], Any]) -> None:
    """Work after the acknowledgement: what Slack refuses then is logged."""
    from slack_sdk.errors import SlackApiError, SlackClientError

    try:
        work()
    except SlackApiError as error:
        log.warning("slack_refused", code=error.response.get("error"))
    except (SlackClientError, OSError) as error:
        log.warning("slack_unreachable", why=type(error).__name__)


def _words_for(error: Exception) -> str:
    """Logs a listener's failure; what its author is told."""
    if isinstance(error, redis.RedisError):
        log.error("records_unreachable", why=str(error))
        return NO_RECORDS
    if isinstance(error, SreError):
        log.warning("listener_refused", why=str(error))
        return f"{error} Nothing was started."
    reference = uuid4().hex[:8]
    log.error("listener_failed", reference=reference, exc_info=error)
    return f"Something broke here, and nothing was started; the log has it under {reference}."
