"""What the memory needs of a vector database: points with two vectors, one for meaning and one for words."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from workers.memory.text import searched_words

if TYPE_CHECKING:
    from qdrant_edge import Bm25

MEANING, WORDS = "meaning", "words"
Collection = Literal["runbooks", "incidents"]


@dataclass(frozen=True)
class Sparse:
    """Weights of words, by the word's number."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True)
class Point:
    """One piece of a document."""

    id: str  # a UUID
    meaning: Sequence[float]
    words: Sparse
    payload: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A stored point; `score` is of the search that found it, `meaning` is there when it was asked for."""

    id: str
    payload: dict[str, Any]
    score: float = 0.0
    meaning: Sequence[float] = field(default=())


@dataclass(frozen=True)
class Question:
    """One question, ready to be searched for."""

    meaning: Sequence[float]
    words: Sparse


class Store(Protocol):
    """One collection. Raises Unreachable with a sentence when the database does not answer or is damaged."""

    def put(self, points: Sequence[Point]) -> None:
        """On disk when this returns; points with the same id are replaced."""
        ...

    def delete(self, ids: Sequence[str]) -> None: ...
    def scan(self, fields: Sequence[str]) -> Iterator[Found]:
        """Every point with these fields of its payload."""
        ...

    def get(self, ids: Sequence[str], fields: Sequence[str], meaning: bool = False) -> list[Found]:
        """Those of the ids that exist, in any order."""
        ...

    def search(
        self, questions: Sequence[Question], limit: int, fields: Sequence[str]
    ) -> list[tuple[list[Found], list[Found]]]:
        """For each question the nearest by cosine and the best by BM25, best first."""
        ...

    def tidy(self) -> None:
        """After many writes; searches go on meanwhile."""
        ...

    def close(self) -> None: ...


def point_id(*parts: str | int) -> str:
    """The same parts give the same id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(map(str, parts))))


def document_words(text: str) -> Sparse:
    """Word weights of a stored piece."""
    vector = _bm25().embed_document(searched_words(text))
    return Sparse(vector.indices, vector.values)


def question_words(text: str) -> Sparse:
    """Word weights of a question; the database multiplies in how rare each word is."""
    vector = _bm25().embed_query(searched_words(text))
    return Sparse(vector.indices, vector.values)


@cache
def _bm25() -> Bm25:
    """qdrant-edge's tokenizer and weights, for both databases: fastembed's would need a download."""
    from qdrant_edge import Bm25

    return Bm25()
