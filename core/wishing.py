"""What should be so in PagerDuty, and is made so by a worker."""

from __future__ import annotations

from core.incident import Incident
from core.page import Wish
from core.paging import dedup_claim
from core.queues import TELL_PAGERDUTY
from core.records import Records

OWN_DEDUP = "sre-bot:"  # what the keys begin with under which the bot opens incidents
_LEASE_S = 60  # beyond the time that it waits; whoever is to send it may die


def wish(wanted: Wish, records: Records) -> bool:
    """Have it made so, once; whether this is new. Safe to repeat."""
    is_new = records.pages.wish(wanted)
    send_soon(wanted.key, records)
    return is_new


def send_soon(key: str, records: Records, delay_s: float = 0) -> None:
    """Have a wish looked at, now or later."""
    records.redis.set(_lease(key), 1, ex=int(delay_s) + _LEASE_S)
    records.queues.enqueue("notify", TELL_PAGERDUTY, key, delay_s=delay_s, front=True)  # somebody pages until then


def send_forgotten(records: Records) -> None:
    """Take up again what waits and nobody is about to send."""
    for held in records.pages.waiting():
        if not records.redis.exists(_lease(held.key)):
            send_soon(held.key, records)


def own_dedup(incident: Incident, records: Records) -> str:
    """The dedup key under which the bot opens an incident in PagerDuty; what comes back under it belongs to ours.

    Unlike an incident's number it is never used twice, even when the records were lost.
    """
    key = f"{OWN_DEDUP}{incident.id}:{int(incident.opened_at.timestamp())}"
    records.incidents.claim(dedup_claim(key), incident.id)
    return key


def _lease(key: str) -> str:
    return f"sre:wish-lease:{key}"
