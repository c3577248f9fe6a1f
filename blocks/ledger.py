"""The ledger's chain: the head that is posted daily, and whether the chain holds."""

from __future__ import annotations

from datetime import datetime

from blocks.parts import bold, code, message, rich, small, text
from core.ledger import Break
from core.outbox import View


def anchor_view(seq: int, digest: str, at: datetime) -> View:
    """The head as it stood, kept outside the records so that a ledger cut off at its end is found out."""
    head = f"{seq}:{digest}"
    return message(
        f"The ledger's head on {at:%d %b %Y %H:%M} UTC is {head}",
        [
            rich([text(f"Ledger on {at:%d %b %Y %H:%M} UTC: {seq:,} entries, head "), code(head)]),
            small("Kept here so that nobody can cut the ledger short unseen; sre-bot ledger verify --head checks it"),
        ],
    )


def chain_view(broken: Break | None, seq: int, digest: str) -> View:
    """Whether every entry is as it was written."""
    if broken:
        said = f"The ledger's chain breaks at entry {broken.seq:,}: {broken.why}"
        return message(said, [rich([bold(said), text(". Stop trusting it from there on, and ask who changed it.")])])
    said = f"The ledger's chain holds: {seq:,} entries"
    return message(
        said, [rich([bold(said), text("; head "), code(f"{seq}:{digest}")], [text("The heads of earlier days are in "
               "the fallback channel; sre-bot ledger verify --head checks against one of them.")])],
    )  # fmt: skip
