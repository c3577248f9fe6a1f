"""The conversation as the API takes it, with the marks that let it reuse what it has read before."""

from __future__ import annotations

from typing import Any

Block = dict[str, Any]
EPHEMERAL = {"type": "ephemeral"}


class Transcript:
    """Messages that only grow: what was sent once stays as it was, byte for byte, or the cache would not know it.

    The API takes four cache marks. Tools and system have one each. The other two stand at the ends of the last two
    messages of ours: the newer writes what is new, the older is found again however many blocks lie between.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._marked: list[Block] = []

    def say(self, blocks: list[Block]) -> None:
        """Add a message of ours; not empty."""
        self.messages.append({"role": "user", "content": blocks})
        self._marked.append(blocks[-1])
        blocks[-1]["cache_control"] = EPHEMERAL
        if len(self._marked) > 2:
            del self._marked.pop(0)["cache_control"]

    def answered(self, blocks: list[Block]) -> None:
        """Add the model's answer as it came, thinking and all; an answer without content leaves no message."""
        kept = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
        if kept:
            self.messages.append({"role": "assistant", "content": kept})
