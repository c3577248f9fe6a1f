"""Markdown files below files and folders, as documents; what cannot be read is named, never fatal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import ConfigError

MAX_BYTES = 1_000_000  # a long handbook has 200 kB; more than this is no runbook
_SUFFIXES = frozenset({".md", ".markdown"})


@dataclass(frozen=True)
class Document:
    """One file as read. `name` is its path below the root it was found under, without suffix."""

    path: str
    name: str
    text: str
    digest: str  # of the bytes


@dataclass
class Reading:
    """What was found: paths that exist (read or not), and what people should know about some of them."""

    roots: list[Path]
    documents: list[Document] = field(default_factory=list)
    exist: set[str] = field(default_factory=set)
    unread: list[Path] = field(default_factory=list)  # folders that could not be listed: nothing is known of them
    problems: list[str] = field(default_factory=list)

    def is_gone(self, path: str) -> bool:
        """Whether a document that was indexed from `path` is below these roots and no longer there."""
        below = Path(path)
        return (
            path not in self.exist
            and any(below.is_relative_to(root) for root in self.roots)
            and not any(below.is_relative_to(folder) for folder in self.unread)
        )


def read(roots: Iterable[Path]) -> Reading:
    """Every markdown file below these files and folders; a file that is named itself may have any suffix.

    Links are followed, each file and folder once; names that begin with a dot are left out.
    """
    reading = Reading([Path(os.path.abspath(root)) for root in roots])  # noqa: PTH100  # links keep their names
    seen: set[tuple[int, int]] = set()
    for root in reading.roots:
        for path in _files(root, reading, seen):
            name = path.relative_to(root if path != root else root.parent).with_suffix("").as_posix()
            reading.exist.add(str(path))
            try:
                str(path).encode()
                raw = _content(path, seen)
            except UnicodeEncodeError:
                reading.problems.append(f"{os.fsencode(path)!r} is left out: its name is not UTF-8; rename it.")
            except OSError as error:
                reading.problems.append(f"{path} cannot be read: {error.strerror}.")
            else:
                if raw is not None:
                    _add(reading, path, name, raw)
    return reading


def _add(reading: Reading, path: Path, name: str, raw: bytes) -> None:
    if len(raw) > MAX_BYTES:
        reading.problems.append(f"{path} is left out: it is larger than {MAX_BYTES // 1_000_000} MB; split it.")
        return
    if b"\0" in raw:
        reading.problems.append(f"{path} is left out: it is not a text in UTF-8.")
        return
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        reading.problems.append(f"{path} is not UTF-8 at line {line}: what cannot be read there is indexed as \ufffd.")
        text = raw.decode("utf-8-sig", errors="replace")
    reading.documents.append(Document(str(path), name, text, hashlib.sha256(raw).hexdigest()[:16]))


def _content(path: Path, seen: set[tuple[int, int]]) -> bytes | None:
    """The file's bytes, one more than allowed at most; None for one seen under another name, or not a file."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if (status.st_dev, status.st_ino) in seen:
            return None
        seen.add((status.st_dev, status.st_ino))
        return file.read(MAX_BYTES + 1)


def _files(root: Path, reading: Reading, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Regular files of interest below the root, in a stable order; pipes and devices are not opened."""
    if not root.is_dir():
        if root.is_file():
            yield root
        return

    def unlisted(error: OSError) -> None:
        reading.unread.append(Path(error.filename))
        reading.problems.append(f"{error.filename} cannot be listed: {error.strerror}.")

    for folder, folders, files in os.walk(root, followlinks=True, onerror=unlisted):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix.lower() in _SUFFIXES and not name.startswith(".") and _is_readable_kind(path):
                yield path


def _is_readable_kind(path: Path) -> bool:
    """False for pipes, devices and links to nowhere; what cannot be told is left to the reading, which names it."""
    try:
        return path.is_file()
    except OSError:
        return True


def require_known(reading: Reading, known: Iterable[str]) -> None:
    """Raise ConfigError for a root that neither exists nor held anything that was indexed."""
    paths = [Path(path) for path in known]
    for root in reading.roots:
        if not root.exists() and not any(path.is_relative_to(root) for path in paths):
            raise ConfigError(f"{root} does not exist; name a markdown file or a folder.")
