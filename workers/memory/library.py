"""The memory itself: runbooks and past incidents, in the process that holds them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from core.diagnosis import IncidentHit, RunbookHit
from core.errors import ConfigError
from core.log import get_logger
from workers.memory import indexing
from workers.memory.embedding import Embedder
from workers.memory.shelf import Entry, Shelf
from workers.memory.store import Store
from workers.memory.text import headline, same, spelled
from workers.ports import Indexed, PastIncident
from workers.runbook import Runbook, parse_runbook

log = get_logger(__name__)

_EXCERPT_CHARS = 300
_INCIDENT = "incident"
_STORED = ("path", "whole")


class Stored(TypedDict):
    """A runbook's file."""

    id: str
    path: str
    text: str


class Library:
    """`Memory` over two stores. Safe for threads; one indexing at a time."""

    def __init__(self, runbooks: Store, incidents: Store, embedder: Embedder) -> None:
        self._stores = (runbooks, incidents)
        self._runbooks = Shelf(runbooks, embedder)
        self._incidents = Shelf(incidents, embedder)
        self._indexing = threading.Lock()

    def search_runbooks(self, text: str, limit: int = 5) -> tuple[RunbookHit, ...]:
        return self.search_runbooks_batch([text], limit)[0]

    def search_runbooks_batch(self, texts: Sequence[str], limit: int = 5) -> tuple[tuple[RunbookHit, ...], ...]:
        asked = [text for text in texts if text.strip()]
        answers = iter(self._runbooks.ask(asked, limit, [*indexing.KEPT, "names"]) if asked else ())
        return tuple(
            tuple(
                RunbookHit(
                    id=match.id, title=match.kept["title"], score=round(match.score, 4), path=match.kept["path"],
                    excerpt=_excerpt(match.excerpt, text), named=same(headline(text)) in match.kept.get("names", ()),
                )
                for match in (next(answers) if text.strip() else ())
            )
            for text in texts
        )  # fmt: skip

    def search_incidents(self, text: str, limit: int = 5) -> tuple[IncidentHit, ...]:
        matches = self._incidents.ask([text], limit, [_INCIDENT])[0] if text.strip() else []
        stored = [(match.score, PastIncident.model_validate(match.kept[_INCIDENT])) for match in matches]
        return tuple(
            IncidentHit(id=was.id, title=was.title, score=round(score, 4), outcome=was.outcome, at=was.at)
            for score, was in stored
        )

    def runbook(self, runbook_id: str) -> Runbook | None:
        stored = self.stored(runbook_id)
        return parsed(stored) if stored else None

    def runbooks(self) -> tuple[Runbook, ...]:
        return tuple(runbook for stored in self.all_stored() if (runbook := parsed(stored)))

    def stored(self, runbook_id: str) -> Stored | None:
        """One runbook as it was read."""
        kept = self._runbooks.get(runbook_id, _STORED)
        return Stored(id=runbook_id, path=kept["path"], text=kept["whole"]) if kept else None

    def all_stored(self) -> list[Stored]:
        """All of them as they were read, by id."""
        known = sorted(self._runbooks.known(_STORED).items())
        return [Stored(id=doc, path=what.path, text=what.kept["whole"]) for doc, what in known if what.kept]

    def index(
        self, roots: Iterable[Path], on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Indexed:
        with self._indexing:
            done = indexing.index(self._runbooks, roots, on_progress)
            if done.added or done.changed or done.removed:
                self._stores[0].tidy()
            return done

    def remember(self, incident: PastIncident) -> None:
        self._incidents.put([_entry(incident)])

    def ensure_starters(self) -> Indexed:
        """Bring in the runbooks of this release; quick when they are there."""
        with self._indexing:
            return indexing.ensure_starters(self._runbooks)

    def refresh(self) -> None:
        """Embed again what an earlier release embedded otherwise; searches go on meanwhile."""
        with self._indexing:
            indexing.refresh(self._runbooks)
        for what in self._incidents.known([_INCIDENT]).values():
            if what.version != self._incidents.version:
                self.remember(PastIncident.model_validate(what.kept[_INCIDENT]))

    def close(self) -> None:
        for store in self._stores:
            store.close()


def _excerpt(piece: str, question: str) -> str:
    """The piece from the paragraph on that has most of the question's words."""
    wanted = set(spelled(question).casefold().split())
    paragraphs = piece.split("\n\n")
    shared = [len(wanted & set(spelled(paragraph).casefold().split())) for paragraph in paragraphs]
    return "\n\n".join(paragraphs[shared.index(max(shared)) :])[:_EXCERPT_CHARS]


def _entry(incident: PastIncident) -> Entry:
    content = incident.model_dump_json()
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    kept: dict[str, Any] = {_INCIDENT: incident.model_dump(mode="json")}
    return Entry(id=incident.id, names=(incident.title,), text=incident.text, digest=digest, kept=kept)


def parsed(stored: Stored) -> Runbook | None:
    """The runbook; None, logged, when its front matter is not valid for this release any more."""
    try:
        return parse_runbook(stored["id"], stored["path"], stored["text"])
    except ConfigError as error:
        log.warning("runbook_not_valid", why=str(error))
        return None
