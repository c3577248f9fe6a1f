"""What Slack held back for long says so, once a thread."""

from __future__ import annotations

from datetime import timedelta

from blocks.held_back import late_line
from blocks.parts import MESSAGE_BLOCKS
from core.outbox import Message
from core.records import Records
from core.redis import as_text

LATE = timedelta(minutes=1)
HELD_BACK = "held-back/"  # keys of messages that tell of it themselves begin so
_TOLD_S = 600  # what comes later than that after the last late one is another time


def is_late(message: Message, records: Records) -> bool:
    return message.waiting_since is not None and records.now() - message.waiting_since > LATE


def say_if_late(message: Message, records: Records) -> Message:
    """The message, with since when it was held back if it is the first of its thread to come late."""
    if not is_late(message, records) or message.stream or message.key.startswith(HELD_BACK):
        return message
    if len(message.view.blocks) >= MESSAGE_BLOCKS - 1:  # one is for a picture
        return message
    assert message.waiting_since
    name = f"sre:told-late:{message.channel}:{message.thread}"
    if not records.redis.set(name, message.key, nx=True, ex=_TOLD_S):
        records.redis.expire(name, _TOLD_S)
        if as_text(records.redis.get(name)) != message.key:
            return message
    below = (late_line(message.waiting_since, records.now(), again=message.ts is not None),)
    return records.outbox.update(message.key, lambda m: m.model_copy(update={"below": below}))
