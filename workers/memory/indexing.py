"""Runbooks brought up to date: what changed by content is written, what is gone is removed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path, PurePath

from core.errors import ConfigError
from workers.memory.documents import Document, read, require_known
from workers.memory.meaning import embedded_texts
from workers.memory.shelf import Entry, Known, Shelf, entry_text
from workers.memory.text import is_identifier, same
from workers.ports import Indexed
from workers.runbook import Runbook, parse_runbook

Progress = Callable[[int, int], None]

KEPT = ("title", "path")  # of each runbook, beside "whole": the file's text
_BATCH_CHARS = 30_000  # some 30 points: progress about every second


def index(shelf: Shelf, roots: Iterable[Path], on_progress: Progress) -> Indexed:
    """Bring the runbooks below these files and folders up to date. Copies of starters are left out.

    Raises: ConfigError for a root that is not there and never was.
    """
    known = shelf.known(KEPT)
    reading = read(roots)
    require_known(reading, [what.path for what in known.values()])
    gone = {doc: what for doc, what in known.items() if reading.is_gone(what.path)}
    starters = {what.digest for what in known.values() if what.starter}
    documents = [document for document in reading.documents if document.digest not in starters]
    run = _Run(shelf, known, gone, reading.problems)
    return run.write(documents, on_progress)


def ensure_starters(shelf: Shelf) -> Indexed:
    """The product's own runbooks, as this release has them; quick when nothing changed."""
    documents = list(_starters())
    known = shelf.known(KEPT)
    paths = {document.path for document in documents}
    gone = {doc: what for doc, what in known.items() if what.starter and what.path not in paths}
    return _Run(shelf, known, gone, [], starter=True).write(documents, lambda done, total: None)


def starter_texts() -> set[str]:
    """Every text of the starters that is embedded when they are put."""
    entries = [_entry(document, document.name, starter=True) for document in _starters()]
    return {text for entry in entries for text in embedded_texts(entry_text(entry))}


def _starters() -> Iterator[Document]:
    for file in sorted(resources.files("runbooks").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".md"):
            raw = file.read_bytes()
            digest = hashlib.sha256(raw).hexdigest()[:16]
            yield Document(f"runbooks/{file.name}", file.name.removesuffix(".md"), raw.decode(), digest)


def refresh(shelf: Shelf) -> None:
    """Embed again, from its stored text, what another version of this product or of the model embedded."""
    stale = {doc: what for doc, what in shelf.known(KEPT).items() if what.version != shelf.version and not what.starter}
    for doc, what in stale.items():
        stored = shelf.get(doc, ["whole"])
        if stored:
            name = PurePath(what.path).with_suffix("").name
            shelf.put([_entry(Document(what.path, name, stored["whole"], what.digest), doc)])


class _Run:
    """One indexing: what was known before, and what it did."""

    def __init__(
        self, shelf: Shelf, known: dict[str, Known], gone: dict[str, Known], problems: list[str], starter: bool = False
    ) -> None:
        self._shelf = shelf
        self._known = {doc: what for doc, what in known.items() if doc not in gone}
        self._by_path = {what.path: doc for doc, what in self._known.items()}
        self._problems = problems
        self._starter = starter
        self._added = self._changed = self._unchanged = self._points = 0
        self._removed = len(gone)
        shelf.remove(gone)

    def write(self, documents: Sequence[Document], on_progress: Progress) -> Indexed:
        due = [document for document in documents if not self._is_current(document)]
        self._unchanged = len(documents) - len(due)
        done = self._unchanged
        on_progress(done, len(documents))
        for batch in _batches(due):
            entries = [entry for document in batch if (entry := self._placed(document))]
            if entries:
                self._points += self._shelf.put(entries)
            done += len(batch)
            on_progress(done, len(documents))
        return Indexed(
            added=self._added, changed=self._changed, unchanged=self._unchanged, removed=self._removed,
            chunks=self._points, problems=tuple(self._problems),
        )  # fmt: skip

    def _is_current(self, document: Document) -> bool:
        what = self._known.get(self._by_path.get(document.path, ""))
        return bool(what and what.is_whole and (what.digest, what.version) == (document.digest, self._shelf.version))

    def _placed(self, document: Document) -> Entry | None:
        """The document under an id that no other has; None, with a problem, when that cannot be."""
        before = self._by_path.get(document.path)
        try:
            entry = _entry(document, before or self._free_id(document), self._starter)
        except ConfigError as error:
            self._problems.append(f"{error} It is left out until then.")
            return None
        holder = self._known.get(entry.id)
        if holder and holder.path != document.path:
            self._problems.append(
                f"{document.path} is left out: {holder.path} has the id {entry.id} already; change one."
            )
            return None
        if before and before != entry.id:  # its front matter names another id now
            self._shelf.remove({before: self._known.pop(before)})
        self._changed, self._added = (self._changed + 1, self._added) if before else (self._changed, self._added + 1)
        self._by_path[document.path] = entry.id
        self._known[entry.id] = Known(entry.digest, self._shelf.version, 0, self._starter, {"path": document.path})
        return entry

    def _free_id(self, document: Document) -> str:
        """The path below the root; with more of the path before it where another document is called that."""
        above = PurePath(document.path).with_suffix("").parts
        name = document.name
        for part in reversed(above[: -len(PurePath(name).parts)]):
            if name not in self._known:
                return name
            name = f"{part.strip('/')}/{name}"
        return name


def _entry(document: Document, runbook_id: str, starter: bool = False) -> Entry:
    runbook = parse_runbook(runbook_id, document.path, document.text)
    names = _names(runbook, document)
    return Entry(
        id=runbook.id, names=names, text=runbook.text, digest=document.digest, starter=starter,
        kept={"title": runbook.title, "path": document.path, "names": list(map(same, names)), "whole": document.text},
    )  # fmt: skip


def _names(runbook: Runbook, document: Document) -> tuple[str, ...]:
    """Its title, the alerts and conditions it is for, and the file's name where it is written like an alert's."""
    stem = PurePath(document.name).name
    conditions = [name for s in runbook.signals if s.required and s.finding for name in s.finding.condition]
    names = [runbook.title, *runbook.alerts, *conditions, *([stem] if is_identifier(stem, humps=2) else [])]
    return tuple({same(name): name for name in reversed(names)}.values())[::-1]


def _batches(documents: Sequence[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if sum(len(entry.text) for entry in batch) >= _BATCH_CHARS:
            yield batch
            batch = []
    if batch:
        yield batch
