"""A runbook: markdown that a person can follow, with front matter that the bot can match."""

from __future__ import annotations

from core.model import Model


class Runbook(Model):
    """One markdown file. Without front matter it is text alone: found, cited, never matched by signals."""

    id: str
    title: str
    path: str
    text: str
    alerts: tuple[str, ...] = ()  # alert names it is for
