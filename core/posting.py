"""Channels for which messages wait: whoever wishes for one has its channel served, by one job a channel."""

from __future__ import annotations

from core.queues import POST
from core.records import Records

AT_ONCE_S = 1.5  # RQ's scheduler looks once a second: a shorter wait is the job's own
_LEASE_S = 60  # beyond the time that it waits; whoever is to serve may die


def post_soon(channel: str, records: Records, delay_s: float = 0) -> None:
    """Have a channel served, now or later, unless a job that has not begun is about to."""
    if records.redis.set(_lease(channel), 1, nx=True, ex=int(delay_s) + _LEASE_S):
        records.queues.enqueue("notify", POST, channel, delay_s=delay_s if delay_s >= AT_ONCE_S else 0)


def begin_posting(channel: str, records: Records) -> None:
    """That job begins: what is wished for from now on may have missed it, and asks for another."""
    records.redis.delete(_lease(channel))


def post_forgotten(records: Records) -> None:
    """Take up what waits and nobody is about to post, since a process died or a job was lost. Safe to repeat."""
    for channel in records.outbox.lanes():
        post_soon(channel, records)


def _lease(channel: str) -> str:
    return f"sre:lane-lease:{channel}"
