"""The documents nearest to a question, by meaning and by words together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.memory.store import Found, Question, Store, point_id

_POINTS = 60  # of each search; documents have three points on average
# Fusion: cosine, plus this much for the best match by words and in proportion for the others. Rank fusion found less
# (bench/search.py), because it forgets by how much the first was better.
_WORDS = 0.15
# A team's own runbook before a starter, unless that is much nearer.
_OWN = 0.3
FIELDS = ("doc", "n", "count", "starter")


@dataclass
class Ranked:
    """One document; `score` is the cosine of its best point, 0 to 1."""

    doc: str
    best: str = ""  # point id
    score: float = 0.0
    fused: float = 0.0
    payload: dict[str, Any] = field(default_factory=dict)


def rank(store: Store, questions: Sequence[Question], limit: int) -> list[list[Ranked]]:
    """For each question the best documents, best first."""
    found = store.search(questions, max(_POINTS, 4 * limit), FIELDS)
    return [
        _fuse(store, question, near, worded, limit) for question, (near, worded) in zip(questions, found, strict=True)
    ]


def _fuse(store: Store, question: Question, near: list[Found], worded: list[Found], limit: int) -> list[Ranked]:
    documents: dict[str, Ranked] = {}
    for point in near:  # best first, so a document's first point is its best
        doc = point.payload["doc"]
        documents.setdefault(doc, Ranked(doc, point.id, _unit(point.score), payload=point.payload))
    bonus: dict[str, float] = {}
    for point in worded:
        bonus.setdefault(point.payload["doc"], _WORDS * point.score / max(worded[0].score, 1e-9))
    floor = _unit(near[-1].score) if near else 0.0  # what the search by meaning left out is no nearer than this
    for ranked in documents.values():
        ranked.fused = ranked.score + bonus.get(ranked.doc, 0.0) + _own(ranked.payload)
    needed = sorted((ranked.fused for ranked in documents.values()), reverse=True)[limit - 1 : limit] or [0.0]
    missed = {
        point.payload["doc"]: point.payload
        for point in worded
        if (doc := point.payload["doc"]) not in documents and floor + bonus[doc] + _own(point.payload) > needed[0]
    }
    for ranked in _measured(store, question, missed):
        ranked.fused = ranked.score + bonus[ranked.doc] + _own(ranked.payload)
        documents[ranked.doc] = ranked
    best = sorted(documents.values(), key=lambda ranked: ranked.fused, reverse=True)
    nearest = max(best, key=lambda ranked: ranked.score, default=None)
    if (
        nearest and limit > 1 and nearest not in best[:limit]
    ):  # the gate goes by the nearest, so it is always among the answers
        return [*best[: limit - 1], nearest]
    return best[:limit]


def _measured(store: Store, question: Question, missed: dict[str, dict[str, Any]]) -> list[Ranked]:
    """Documents that only their words found, with the cosine of their best point."""
    import numpy as np

    ids = [point_id(doc, n) for doc, payload in missed.items() for n in range(payload["count"])]
    best: dict[str, Ranked] = {}
    for point in store.get(ids, FIELDS, meaning=True) if ids else ():
        doc, cosine = point.payload["doc"], _unit(float(np.dot(question.meaning, point.meaning)))
        if doc not in best or cosine > best[doc].score:
            best[doc] = Ranked(doc, point.id, cosine, payload=point.payload)
    return list(best.values())


def _own(payload: dict[str, Any]) -> float:
    return 0.0 if payload.get("starter") else _OWN


def _unit(cosine: float) -> float:
    return min(max(cosine, 0.0), 1.0)
