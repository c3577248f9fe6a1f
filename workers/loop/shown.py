"""An investigation's messages: each part of its thread is a wish under a key of its own."""

from __future__ import annotations

from core.diagnosis import Investigation
from core.outbox import Message, Picture, View
from core.queues import DELIVER
from core.records import Records
from core.remediation import Remediation


def root_key(inv: Investigation) -> str | None:
    """The key of the message in whose thread the investigation is shown; None when the thread is known."""
    if inv.incident:
        return card_key(inv.incident)
    return None if inv.thread_ts else f"{inv.id}/question"


def card_key(incident_id: str) -> str:
    return f"{incident_id}/card"


def show_part(
    inv: Investigation, part: str, view: View, records: Records, picture: Picture | None = None,
    remediation: Remediation | None = None,
) -> None:  # fmt: skip
    """Wish for one part of the thread; the same part again edits it.

    Args:
        remediation: The one that it tells of; while that asks for a click, it goes before other threads.
    """
    if not inv.channel:
        return
    message = Message(
        key=f"{inv.id}/{part}", channel=inv.channel, view=view, picture=picture, under=root_key(inv),
        thread_ts=None if inv.incident else inv.thread_ts, investigation=inv.id,
        remediation=remediation.id if remediation else None, urgent=_asks(remediation),
    )  # fmt: skip
    put(message, records)


def _asks(remediation: Remediation | None) -> bool:
    return remediation is not None and remediation.state == "asked"


def put(message: Message, records: Records) -> None:
    """Say how a message should read, and have it delivered."""
    records.outbox.put(message)
    records.queues.enqueue("notify", DELIVER, message.key)
