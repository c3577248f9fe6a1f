"""Markdown in pieces that the model can read whole, each under the headings it stands below."""

from __future__ import annotations

import re
from collections.abc import Iterator

CHUNK_CHARS = 1000  # 220 to 330 tokens; the model reads 256, and shorter pieces found less (bench/search.py)

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")


def chunks(text: str, title: str) -> list[str]:
    """The pieces of a document, in order; small sections share one. At least one, which may be empty."""
    found: list[str] = []
    current = ""
    for section in _sections(text, title):
        for piece in _pieces(section):
            if current and len(current) + len(piece) + 2 > CHUNK_CHARS:
                found.append(current)
                current = piece
            else:
                current = f"{current}\n\n{piece}" if current else piece
    return [*found, current] if current or not found else found


def _sections(text: str, title: str) -> Iterator[str]:
    """Each section with the headings above it, but for the document's own title."""
    above: list[tuple[int, str]] = []
    body: list[str] = []
    fence = ""
    for line in text.splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        heading = None if fence else _HEADING.match(line)
        if heading is None:
            body.append(line)
            continue
        yield from _section(above, body, title)
        body = []
        above = [*(entry for entry in above if entry[0] < len(heading[1])), (len(heading[1]), heading[2])]
    yield from _section(above, body, title)


def _section(above: list[tuple[int, str]], body: list[str], title: str) -> Iterator[str]:
    text = "\n".join(body).strip()
    if text:
        headings = " > ".join(name for _, name in above if name.casefold() != title.casefold())
        yield f"{headings}\n{text}" if headings else text


def _pieces(section: str) -> Iterator[str]:
    """The section at paragraph ends, else line ends, else blanks, so that no piece is longer than a chunk."""
    rest = section
    while len(rest) > CHUNK_CHARS:
        cut = next(
            (at for mark in ("\n\n", "\n", " ") if (at := rest.rfind(mark, 0, CHUNK_CHARS)) > CHUNK_CHARS // 2),
            CHUNK_CHARS,
        )
        yield rest[:cut].strip()
        rest = rest[cut:].strip()
    if rest:
        yield rest
