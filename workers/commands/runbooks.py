"""`sre-bot runbooks`: what the memory holds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import click

from core.diagnosis import RunbookHit
from core.settings import load_settings

_AT_ONCE = 16  # questions a call, when as many are waiting


@click.group()
def runbooks() -> None:
    """Index and search runbooks; those that come with the bot are always there."""


@runbooks.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path))
def index(paths: tuple[Path, ...]) -> None:
    """Bring in markdown files and folders; only what changed is read again, and what is gone is removed."""
    from workers.memory import open_memory

    memory = open_memory(load_settings(os.environ))
    with _Progress() as progress:
        done = memory.index(paths, progress.show)
    for problem in done.problems:
        click.echo(problem, err=True)
    click.echo(
        f"{done.added} added, {done.changed} changed, {done.removed} removed, {done.unchanged} unchanged "
        f"({done.chunks} pieces written)."
    )


@runbooks.command()
@click.argument("text")
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="Runbooks an answer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
def search(text: str, limit: int, as_json: bool) -> None:
    """The runbooks nearest to TEXT, best first. With - every line of the input is a question, and is answered by one
    line with a JSON array, as soon as it is asked."""
    from workers.memory import open_memory

    memory = open_memory(load_settings(os.environ))
    if text == "-":
        for questions in _waiting(sys.stdin.buffer):
            for hits in memory.search_runbooks_batch(questions, limit):
                click.echo(json.dumps(_rows(hits)))
        return
    hits = memory.search_runbooks(text, limit)
    if as_json:
        click.echo(json.dumps(_rows(hits)))
        return
    for hit in hits:
        click.echo(f"{hit.score:.2f}  {hit.title}\n      {hit.id}  {hit.path}")
    if not hits:
        click.echo("Nothing to search for was given.")


def _rows(hits: Iterable[RunbookHit]) -> list[dict[str, Any]]:
    return [{"id": hit.id, "title": hit.title, "score": hit.score, "path": hit.path} for hit in hits]


def _waiting(source: IO[bytes]) -> Iterator[list[str]]:
    """The lines of the input in order, as many at once as have arrived; a lone question is not kept waiting."""
    rest = b""
    while read := os.read(source.fileno(), 65536):
        *lines, rest = (rest + read).split(b"\n")
        yield from _parts(lines)
    if rest:
        yield from _parts([rest])


def _parts(lines: list[bytes]) -> Iterator[list[str]]:
    texts = [line.decode("utf-8", errors="replace").strip() for line in lines]
    for start in range(0, len(texts), _AT_ONCE):
        yield texts[start : start + _AT_ONCE]


class _Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __enter__(self) -> _Progress:
        self._stack = ExitStack()
        self._bar: Any = None
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def show(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._stack.enter_context(
                click.progressbar(length=total, label="Indexing", file=sys.stderr, hidden=not sys.stderr.isatty())
            )
        self._bar.update(done - self._bar.pos)
