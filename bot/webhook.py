"""PagerDuty's webhook: whether a request is its own and new; then it is kept and queued."""

from __future__ import annotations

from typing import NamedTuple

from core.errors import Malformed
from core.intake import receive_unreadable
from core.log import get_logger
from core.page import Event
from core.paging import KNOWN, OLDEST, is_signed, read_event, secrets_of
from core.queues import TAKE_EVENT
from core.records import Records

log = get_logger(__name__)


class Taken(NamedTuple):
    """What became of a request: for the metrics, and for who sent it."""

    outcome: str  # received, repeated, too_old, unknown, malformed, refused or failed
    status: int = 202
    sentence: str = ""


def take_webhook(body: bytes, signature: str, records: Records) -> Taken:
    """Keep an event and queue it. Raises: Conflict, Transient, redis.RedisError; it is to be sent again then.

    What is too old or known is answered as taken: PagerDuty stops sending to who refuses often.
    """
    secret = records.settings.pagerduty_webhook_secret
    if secret is None or not is_signed(body, signature, secrets_of(secret.get_secret_value())):
        return Taken("refused", 401, "The signature is not PagerDuty's; check PAGERDUTY_WEBHOOK_SECRET.")
    try:
        event = read_event(body, records.settings.secrets())
    except Malformed as error:
        receive_unreadable(records, str(error), "PagerDuty", body)
        return Taken("malformed", 400, str(error))
    if abs(records.now() - event.occurred_at) > OLDEST:
        log.warning("event_too_old", id=event.id, type=event.type, occurred_at=event.occurred_at.isoformat())
        return Taken("too_old")
    return _kept(event, records)


def _kept(event: Event, records: Records) -> Taken:
    known = event.type in KNOWN
    held = records.pages.keep_event(event, records.now())
    if not known:
        records.pages.finish_event(event.id)
        log.info("event_of_unknown_type", type=event.type)
        return Taken("unknown" if held == "new" else "repeated")
    if held != "done":  # one that was kept and perhaps never queued is queued again
        records.queues.enqueue("notify", TAKE_EVENT, event.id, once=True)
    return Taken("received" if held == "new" else "repeated")
