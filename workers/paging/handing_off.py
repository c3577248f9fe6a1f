"""Posts the handoff when somebody else is on call: once, to them, also when PagerDuty could say so only later."""

from __future__ import annotations

from collections.abc import Iterable

from blocks.handoff import handoff_view
from core.handoff import Change, changes_between, read_handoff, take_note
from core.outbox import Message
from core.page import OnCall
from core.records import Records
from workers.loop.shown import put


def hand_off(before: Iterable[OnCall], found: Iterable[OnCall], records: Records) -> None:
    """Post what is to be handed over to each who came. Safe to repeat, and from two schedulers: a message's key is the
    change itself."""
    for change in changes_between(before, found, records.now()):
        channel = _channel(change, records)
        if channel is None:
            continue
        key = f"handoff/{channel}/{change.key}"
        if records.outbox.find(key) is not None:
            continue
        handoff = read_handoff(records, change)
        put(Message(key=key, channel=channel, view=handoff_view(handoff, records.now())), records)
        if records.requests.first_time(f"handed-off:{key}", 86_400):
            take_note(records)
            data = {"services": list(change.services), "to": [p.slack or p.name for p in change.came],
                    "from": [p.slack or p.name for p in change.left], "open": [i.id for i in handoff.open]}  # fmt: skip
            records.ledger.append("shift.handed_off", actor="bot", at=records.now(), data=data)


def _channel(change: Change, records: Records) -> str | None:
    """The channel that these services share, else the one where everything goes that has no other."""
    settings = records.settings
    config = settings.config
    own = {config.services[name].channel for name in change.services if name in config.services}
    if len(own) == 1 and (only := next(iter(own))):
        return only
    return config.channels.fallback or settings.channel or next(iter(config.channels.digests), None)
