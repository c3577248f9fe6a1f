"""Questions and pieces of documents as vectors whose cosine says how alike they are.

A vector is a weighted sum: what a document is called and how it opens count beside each of its pieces, and what a
question is about (an alert's name) beside all that it says. From both sides, what all runbooks have in common is then
taken away: without that, any two alerts of one system looked alike. docs/decisions/memory.md has the figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from workers.memory.embedding import Embedder
from workers.memory.text import ASKED_CHARS, headline, spelled, steady

if TYPE_CHECKING:
    from workers.memory.embedding import Vectors

SCHEME = 1  # raise it when vectors change: everything is then embedded again from its stored text

_TITLE, _OPENING, _PIECE = 0.2, 0.2, 0.6  # of a piece's vector
_ALIAS = 0.4  # of the vector of a further name; the rest is the document's opening
_HEADLINE = 0.5  # of a question's


class Text(NamedTuple):
    """What is embedded of a document: its title first, and at least one piece."""

    names: Sequence[str]
    pieces: Sequence[str]

    def points(self) -> list[tuple[str, str]]:
        """Each point as its words and the piece it shows: the pieces below the title, then each further name."""
        below = [(f"{self.names[0]}\n{piece}", piece) for piece in self.pieces]
        return below + [(name, self.pieces[0]) for name in self.names[1:]]


def document_vectors(embedder: Embedder, documents: Sequence[Text]) -> list[Vectors]:
    """One row a point, document by document."""
    return [_apart(rows) for rows in blended(embedder, documents)]


def blended(embedder: Embedder, documents: Sequence[Text]) -> list[Vectors]:
    """The unit vectors of documents before what all have in common is taken away."""
    import numpy as np

    texts = [embedded_texts(document) for document in documents]
    rows = embedder.embed([text for of_document in texts for text in of_document])
    found, start = [], 0
    for document, of_document in zip(documents, texts, strict=True):
        own = rows[start : start + len(of_document)]
        names, pieces = own[: len(document.names)], own[len(document.names) :]
        shown = _TITLE * names[:1] + _OPENING * pieces[:1] + _PIECE * pieces
        found.append(_unit(np.concatenate([shown, _ALIAS * names[1:] + (1 - _ALIAS) * pieces[:1]])))
        start += len(of_document)
    return found


def embedded_texts(document: Text) -> list[str]:
    """The texts of a document as the model is given them: its names, then its pieces."""
    return [spelled(text) for text in (*document.names, *(f"{document.names[0]}\n{p}" for p in document.pieces))]


def question_vectors(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """One vector a question."""
    asked = [text[:ASKED_CHARS] for text in texts]
    rows = embedder.embed([*(headline(text) for text in asked), *(spelled(steady(text)) for text in asked)])
    return _apart(_unit(_HEADLINE * rows[: len(asked)] + (1 - _HEADLINE) * rows[len(asked) :]))


def _apart(rows: Vectors) -> Vectors:
    """The rows as unit vectors without what all runbooks have in common."""
    return _unit(rows - _common())


def _unit(rows: Vectors) -> Vectors:
    import numpy as np

    result: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return result


@cache
def _common() -> Vectors:
    """The mean of `blended` over runbooks at large, as `bench/search.py --common` computes it."""
    import numpy as np

    content = resources.files("workers.memory").joinpath("common.json").read_text(encoding="utf-8")
    return np.asarray(json.loads(content), dtype=np.float32)
