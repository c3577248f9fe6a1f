"""The ledger's head, posted daily outside the records, and the chain recomputed when somebody asks."""

from __future__ import annotations

from blocks.ledger import anchor_view, chain_view
from core.errors import SreError
from core.log import get_logger
from core.outbox import Message
from core.records import Records
from core.request import Request
from workers.loop.shown import put
from workers.ports import Slack

log = get_logger(__name__)


def anchor(records: Records) -> None:
    """Post today's head to the fallback channel, once. Safe to repeat, also by two schedulers."""
    settings, now = records.settings, records.now()
    channel = settings.config.channels.fallback or settings.channel
    key = f"ledger/{now:%Y-%m-%d}"
    seq, digest = records.ledger.head()
    if channel and seq and records.outbox.find(key) is None:
        put(Message(key=key, channel=channel, view=anchor_view(seq, digest, now)), records)


def check(request: Request, records: Records, slack: Slack | None) -> None:
    """Recompute the chain and tell who asked."""
    broken = records.ledger.verify(None)
    view = chain_view(broken, *records.ledger.head())
    if slack is None or request.response_url is None:
        return
    try:
        slack.respond(request.response_url, view)
    except SreError as error:
        log.warning("check_not_answered", request=request.id, why=str(error))
