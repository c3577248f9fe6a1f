"""What a person asked for, saved before it is answered."""

from __future__ import annotations

from typing import Literal

from core.model import Model, Moment


def stop_switch(channel: str, thread_ts: str) -> str:
    """The switch that says that somebody stopped what goes on in a thread."""
    return f"stopped:{channel}:{thread_ts}"


class Request(Model):
    """A command, a mention or a shortcut. `text` is foreign."""

    id: str
    kind: Literal["explain", "mention", "shortcut", "verify", "similar", "runbooks", "export", "digest", "postmortem"]
    text: str
    user: str
    team: str | None = None
    channel: str
    thread_ts: str | None = None  # the thread to answer in; None: start one
    response_url: str | None = None
    asked_at: Moment
