"""What tools give back: cleaned of invisible characters, cut to what a model should read at once, kept to read on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import BadQuestion
from core.visible import clean

__all__ = ["Result", "Shelf", "clean", "cut", "excerpt", "keepable"]

MAX_KEPT = 200_000  # characters of one result that are kept at all; a log of 2,000 long lines
MAX_EXCERPT = 2_000  # of `Evidence.excerpt`
MAX_PIECE = 15_000  # what `read_more` gives at once; below what is shown of any result, or it would be cut again


@dataclass(frozen=True)
class Result:
    """What a tool read, before it is cleaned and masked."""

    query: str  # the request as somebody could repeat it
    text: str
    link: str | None = None
    source: str | None = None  # None: the tool's own


@dataclass
class Shelf:
    """The whole texts of this investigation's results, clean and masked, by evidence id."""

    kept: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # source, query, text

    def put(self, evidence_id: str, source: str, query: str, text: str) -> None:
        self.kept[evidence_id] = (source, query, text)

    def get(self, evidence_id: str) -> tuple[str, str, str]:
        """Source, query and text. Raises: BadQuestion when there is no such result."""
        if evidence_id not in self.kept:
            raise BadQuestion("that result", "no result has this id; ids look like e7")
        return self.kept[evidence_id]


def keepable(text: str) -> str:
    """The text, or its beginning and end when it is larger than anybody will read."""
    return cut(text, MAX_KEPT, lambda _offset: "this much was never kept")


def cut(text: str, limit: int, note: Callable[[int], str]) -> str:
    """The text within about `limit` characters, its middle left out at line breaks; as it is when it fits.

    Args:
        note: How to read what is left out, for the line that marks the gap; told where the gap begins.
    """
    if len(text) <= limit:
        return text
    head = limit * 3 // 5
    head = text.rfind("\n", head // 2, head) + 1 or head
    tail = len(text) - (limit - head)
    at_line = text.find("\n", tail, tail + (limit - head) // 2) + 1
    tail = at_line or tail
    return f"{text[:head]}\n[… {tail - head:,} characters left out: {note(head)}]\n{text[tail:]}"


def excerpt(text: str) -> str:
    """What `Evidence` keeps of a result."""
    return cut(text.strip(), MAX_EXCERPT - 100, lambda _offset: "see the whole by its query")
