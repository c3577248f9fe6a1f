"""Addresses of messages, made of one that Slack gave: it makes all of one workspace alike."""

from __future__ import annotations

import re


def permalink(known: str | None, channel: str, ts: str, thread_ts: str | None = None) -> str | None:
    """The address of a message; None when no address of this workspace is known.

    Args:
        known: The address of any other message.
        thread_ts: The thread that it is in, unless it began it.
    """
    base, found, _ = (known or "").partition("/archives/")
    if not (found and re.fullmatch(r"[A-Z0-9]+", channel) and re.fullmatch(r"\d+\.\d+", ts)):
        return None
    thread = f"?thread_ts={thread_ts}&cid={channel}" if thread_ts and thread_ts != ts else ""
    return f"{base}/archives/{channel}/p{ts.replace('.', '')}{thread}"
