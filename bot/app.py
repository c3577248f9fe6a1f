"""One set of listeners, for Socket Mode and HTTP alike.

A listener saves what was asked, queues it, and answers: Slack's acknowledgement goes out last, so that what was
acknowledged is never lost. What has to wait for Slack itself (a modal, a word to the author) runs after the
acknowledgement, on threads of its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis

from blocks.card import OPEN_THREAD
from blocks.diagnosis import FEEDBACK_RIGHT, FEEDBACK_WRONG
from blocks.evidence import SHOW_EVIDENCE, TURN_PAGE
from blocks.replies import reply
from bot.buttons import evidence_page, on_feedback
from bot.mentions import INVESTIGATE_THIS, on_investigate_this, on_mention, on_stop
from bot.slash import Command, answer
from core.errors import NotFound, SreError
from core.log import get_logger
from core.outbox import View
from core.records import Records

if TYPE_CHECKING:
    from slack_bolt import Ack, App
    from slack_bolt.response import BoltResponse
    from slack_sdk import WebClient

log = get_logger(__name__)

COMMAND = "/sre"
SLACK_TIMEOUT_S = 3  # a trigger lasts no longer
AFTER_THREADS = 8

_ANY = re.compile("")
Body = dict[str, Any]


def build_app(records: Records, after: ThreadPoolExecutor) -> App:
    """The Bolt app, which connects to nothing. Whoever hands it a request has checked where that came from.

    Args:
        after: Runs what waits for Slack; drained by whoever made it.
    """
    from slack_bolt import App
    from slack_bolt.authorization import AuthorizeResult

    token = records.settings.slack_bot_token
    secret = token.get_secret_value() if token else ""

    def authorize(enterprise_id: str | None, team_id: str | None, user_id: str | None) -> AuthorizeResult:
        # Slack's own lookup would cost a request to Slack before the first answer, and fail while Slack does.
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, user_id=user_id, bot_token=secret)

    bolt_log = logging.getLogger("slack_bolt.sre")
    bolt_log.setLevel(logging.ERROR)  # it warns of the token in its environment, which `authorize` replaces
    app = App(
        name="sre-bot", logger=bolt_log, signing_secret="", authorize=authorize,  # checked at the edge
        request_verification_enabled=False, process_before_response=True, listener_executor=after,
    )  # fmt: skip
    _listen(app, records, _client(records), after)
    return app


def _client(records: Records) -> WebClient:
    from slack_sdk import WebClient

    token = records.settings.slack_bot_token
    return WebClient(
        token=token.get_secret_value() if token else None, base_url=records.settings.slack_api_url,
        timeout=SLACK_TIMEOUT_S, retry_handlers=[],
    )  # fmt: skip


def _listen(app: App, records: Records, client: WebClient, after: ThreadPoolExecutor) -> None:
    def later(work: Callable[[], Any]) -> None:
        after.submit(_logged, work)

    def tell(view: View | None, body: Body, channel: str, thread_ts: str | None) -> None:
        """Say something that only the author sees, where they are."""
        if view:
            user = body["user"]["id"] if "user" in body else body["event"]["user"]
            later(lambda: _tell(client, view, body.get("response_url"), channel, user, thread_ts))

    @app.command(COMMAND)
    def on_command(ack: Ack, body: Body) -> None:
        command = Command(
            text=body.get("text", ""), user=body["user_id"], team=body.get("team_id"), channel=body["channel_id"],
            response_url=body.get("response_url"),
        )  # fmt: skip
        view = answer(command, records)
        ack(text=view.text, blocks=list(view.blocks) or None, response_type="ephemeral")

    def hear(body: Body) -> None:
        event = body["event"]
        tell(on_mention(body, records), body, event["channel"], event.get("thread_ts") or event.get("ts"))

    app.event("app_mention")(hear)
    app.event("message")(hear)
    app.event("agent_session_stopped")(lambda body: on_stop(body, records))
    app.event(_ANY)(lambda: None)  # whatever else somebody subscribed to; refused events make Slack give up on an app

    @app.shortcut(INVESTIGATE_THIS)
    def on_shortcut(ack: Ack, body: Body) -> None:
        view = on_investigate_this(body, records)
        ack()
        tell(view, body, body["channel"]["id"], body["message"].get("thread_ts"))

    def on_judgement(ack: Ack, body: Body) -> None:
        view = on_feedback(body, records)
        ack()
        tell(view, body, *_where(body))

    app.action(FEEDBACK_RIGHT)(on_judgement)
    app.action(FEEDBACK_WRONG)(on_judgement)
    app.action(OPEN_THREAD)(lambda ack: ack())  # a link: Slack wants an answer all the same

    @app.action(SHOW_EVIDENCE)
    def on_evidence(ack: Ack, body: Body) -> None:
        try:
            modal = evidence_page(body, records)
        except NotFound:
            ack()
            tell(reply("That investigation is gone, so there is no evidence to show."), body, *_where(body))
            return
        ack()
        later(lambda: client.views_open(trigger_id=body["trigger_id"], view=modal))

    @app.action(re.compile(rf"{TURN_PAGE}:"))
    def on_turn(ack: Ack, body: Body) -> None:
        modal = evidence_page(body, records)
        ack()
        later(lambda: client.views_update(view_id=body["view"]["id"], view=modal))

    @app.action(_ANY)
    def on_unknown(ack: Ack, body: Body) -> None:
        ack()
        tell(reply("That button is of another version of me, so I have done nothing."), body, *_where(body))

    app.error(_explain_failure)


def _tell(client: WebClient, view: View, url: str | None, channel: str, user: str, thread_ts: str | None) -> None:
    """To the response URL, which works where the bot is no member, else as a message."""
    from slack_sdk.webhook import WebhookClient

    blocks = list(view.blocks) or None
    if url is None:
        client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread_ts, text=view.text, blocks=blocks)
        return
    said = {"text": view.text, "blocks": blocks, "response_type": "ephemeral", "replace_original": False}
    answer = WebhookClient(url, timeout=SLACK_TIMEOUT_S, retry_handlers=[]).send_dict(said | {"thread_ts": thread_ts})
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


def _where(body: Body) -> tuple[str, str | None]:
    """Channel and thread of a click."""
    container = body.get("container") or {}
    message = body.get("message") or {}
    channel = container.get("channel_id") or (body.get("channel") or {}).get("id", "")
    return channel, message.get("thread_ts") or container.get("thread_ts")


def _explain_failure(error: Exception, body: Body) -> BoltResponse:
    """The edge's one handler: logs, and tells who typed a command; Slack sends an event again that got a 500."""
    from slack_bolt.response import BoltResponse

    if isinstance(error, redis.RedisError):
        log.error("records_unreachable", why=str(error))
        said = "I cannot reach my records, so I have taken nothing; try again in a minute."
    elif isinstance(error, SreError):
        log.warning("listener_refused", why=str(error))
        said = f"{error} Nothing was started."
    else:
        reference = uuid4().hex[:8]
        log.error("listener_failed", reference=reference, exc_info=error)
        said = f"Something broke here, and nothing was started; the log has it under {reference}."
    if "command" in body:
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": reply(said).text})
    return BoltResponse(status=500, body="")
