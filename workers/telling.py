"""Answers to one person who asked by a command or a button, when a worker has them."""

from __future__ import annotations

from core.errors import Refused
from core.log import get_logger
from core.outbox import View
from core.request import Request
from workers.ports import Slack

log = get_logger(__name__)


def tell(request: Request, view: View, slack: Slack) -> None:
    """To where it was asked. An address that is used up or too old leaves the thread."""
    if request.response_url:
        try:
            slack.respond(request.response_url, view, request.thread_ts)
            return
        except Refused as error:
            log.info("response_url_refused", code=error.code)
    try:
        slack.whisper(request.channel, request.user, view, request.thread_ts)
    except Refused as error:  # they are not in that channel, or left: nobody else is to be told
        log.warning("whisper_refused", code=error.code)
