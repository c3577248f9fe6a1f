"""The notifier as its queue runs it, without the waiting."""

from __future__ import annotations

from core.records import Records
from sandbox.slack.clock import Clock
from workers import notifier
from workers.ports import Slack


def time_passes(records: Records) -> None:
    """All that Slack's pace asks for, and all that it put off."""
    held = [*records.redis.scan_iter("sre:pace:*"), *records.redis.scan_iter("sre:pace-of-edits:*")]
    gates = [name for name in held if not name.endswith(b":failures")]
    if gates:
        records.redis.delete(*gates)


def deliver(key: str, records: Records, slack: Slack) -> None:
    """Deliver one message, and what waits for a channel that it moved to."""
    here = records.outbox.get(key).channel
    time_passes(records)
    notifier.deliver(key, records, slack)
    for channel in {*records.outbox.lanes()} - {here}:
        serve_all(channel, records, slack)


def serve_all(channel: str, records: Records, slack: Slack, clock: Clock | None = None) -> None:
    """Show all that waits for a channel. Raises: AssertionError when something does not go.

    Args:
        clock: The pretend Slack's, which moves on as well.
    """
    for _ in range(500):
        if channel not in records.outbox.lanes():
            return
        time_passes(records)
        if clock:
            clock.advance(2)
        notifier.serve(channel, records, slack)
    raise AssertionError(records.outbox.waiting(channel))
