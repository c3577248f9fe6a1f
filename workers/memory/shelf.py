"""One collection of documents: put, found again by questions, removed. A document is several points of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.memory.chunks import chunks
from workers.memory.embedding import Embedder
from workers.memory.meaning import SCHEME, Text, document_vectors, question_vectors
from workers.memory.ranking import Ranked, rank
from workers.memory.store import Point, Question, Store, document_words, point_id, question_words
from workers.memory.text import ASKED_CHARS, steady


@dataclass(frozen=True)
class Entry:
    """A document to put: what it is called (first its title), its text, and what to keep with it."""

    id: str
    names: tuple[str, ...]
    text: str
    digest: str
    kept: Mapping[str, Any]
    starter: bool = False


@dataclass
class Known:
    """What the store has of a document."""

    digest: str
    version: str
    count: int
    starter: bool
    kept: dict[str, Any] = field(default_factory=dict)
    points: set[int] = field(default_factory=set)

    @property
    def path(self) -> str:
        return str(self.kept.get("path", ""))

    @property
    def is_whole(self) -> bool:
        """False when a kill came between its points."""
        return self.points == set(range(self.count))


@dataclass(frozen=True)
class Match:
    """A document that answers a question; `score` is the cosine of its best piece, `excerpt` that piece."""

    id: str
    score: float
    excerpt: str
    kept: dict[str, Any]


class Shelf:
    """Documents of one kind. Safe for threads that ask while one puts."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder

    @property
    def version(self) -> str:
        """Documents of another version were embedded otherwise and must be put again."""
        return f"{SCHEME}-{self._embedder.id}"

    def put(self, entries: Sequence[Entry]) -> int:
        """Write the documents in place of what was there under their ids; returns the number of points."""
        texts = [entry_text(entry) for entry in entries]
        points = [
            Point(point_id(entry.id, n), row.tolist(), document_words(words), {
                "doc": entry.id, "n": n, "count": len(rows), "digest": entry.digest, "version": self.version,
                "starter": entry.starter, "text": shown, **({"kept": dict(entry.kept)} if n == 0 else {}),
            })
            for entry, text, rows in zip(entries, texts, document_vectors(self._embedder, texts), strict=True)
            for n, ((words, shown), row) in enumerate(zip(text.points(), rows, strict=True))
        ]  # fmt: skip
        before = self._store.get([point_id(entry.id, 0) for entry in entries], ("doc", "count"))
        self._store.put(points)
        counts = {entry.id: len(text.points()) for entry, text in zip(entries, texts, strict=True)}
        self._store.delete([
            point_id(was.payload["doc"], n)
            for was in before
            for n in range(counts[was.payload["doc"]], was.payload["count"])
        ])  # fmt: skip
        return len(points)

    def remove(self, known: Mapping[str, Known]) -> None:
        self._store.delete([point_id(doc, n) for doc, what in known.items() for n in what.points])

    def known(self, fields: Sequence[str] = ()) -> dict[str, Known]:
        """Every document by id, with these fields of what is kept of it."""
        found: dict[str, Known] = {}
        for point in self._store.scan(["doc", "n", "count", "digest", "version", "starter", *_kept(fields)]):
            of = point.payload
            what = found.setdefault(of["doc"], Known(of["digest"], of["version"], of["count"], of["starter"]))
            what.points.add(of["n"])
            if of["n"] == 0:
                what.kept = of.get("kept", {})
            if (of["digest"], of["version"], of["count"]) != (what.digest, what.version, what.count):
                what.digest = ""  # half replaced
        return found

    def get(self, doc: str, fields: Sequence[str]) -> dict[str, Any] | None:
        """These fields of what is kept of one document."""
        found = self._store.get([point_id(doc, 0)], _kept(fields))
        return found[0].payload.get("kept", {}) if found else None

    def ask(self, texts: Sequence[str], limit: int, fields: Sequence[str]) -> list[list[Match]]:
        """For each text the documents that answer it best, best first."""
        asked = [text[:ASKED_CHARS] for text in texts]
        questions = [
            Question(row.tolist(), question_words(steady(text)))
            for text, row in zip(asked, question_vectors(self._embedder, asked), strict=True)
        ]
        return [list(self._matches(ranked, fields)) for ranked in rank(self._store, questions, limit)]

    def _matches(self, ranked: list[Ranked], fields: Sequence[str]) -> Iterator[Match]:
        ids = {point_id(entry.doc, 0) for entry in ranked} | {entry.best for entry in ranked}
        points = (
            {point.id: point.payload for point in self._store.get(list(ids), ["text", *_kept(fields)])} if ids else {}
        )
        for entry in ranked:
            first, best = points.get(point_id(entry.doc, 0)), points.get(entry.best)
            if first is not None and best is not None:  # else it was removed since it was found
                yield Match(entry.doc, entry.score, best["text"], first.get("kept", {}))


def entry_text(entry: Entry) -> Text:
    """What is embedded of it."""
    return Text(entry.names, chunks(entry.text, entry.names[0]))


def _kept(fields: Sequence[str]) -> list[str]:
    return [f"kept.{name}" for name in fields]
