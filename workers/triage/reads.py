"""Reads run at once, each in its own thread, until a common deadline; what is late is named and left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from core.errors import SreError, ToolError

AT_ONCE = 12  # below the adapter's 16 connections, so that none waits for another

T = TypeVar("T")


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock after which nobody waits any longer."""

    at: float
    allowed_s: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds, seconds)

    def left_s(self) -> float:
        return max(self.at - time.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self.at

    @property
    def why(self) -> str:
        return f"no answer within {self.allowed_s:g} s"


@dataclass
class Listing(Generic[T]):
    """What a list read gave so far; complete unless it failed or was late."""

    items: list[T] = field(default_factory=list)
    error: SreError | None = None
    complete: bool = False


def read_lists(reads: Mapping[str, Callable[[], Iterable[T]]], deadline: Deadline) -> dict[str, Listing[T]]:
    """Every list by its name. A list that is late holds the items that came in time.

    Raises: whatever a read raises that is not a SreError, which is a bug.
    """
    listings: dict[str, Listing[T]] = {name: Listing() for name in reads}

    def fill(name: str) -> None:
        listing = listings[name]
        for item in reads[name]():
            listing.items.append(item)
            if deadline.passed:
                return
        listing.complete = True

    errors = _run({name: partial(fill, name) for name in reads}, deadline)
    taken = {}
    for name, listing in listings.items():
        error = errors.get(name)
        if error is None and not listing.complete:
            partly = f"only the first {len(listing.items):,} came: " if listing.items else ""
            error = ToolError(name, partly + deadline.why)
        taken[name] = Listing(list(listing.items), error, error is None)  # a copy: a late thread may still append
    return taken


def read_each(reads: Mapping[str, Callable[[], T]], deadline: Deadline) -> dict[str, T | SreError]:
    """Every result by its name, or why there is none.

    Raises: whatever a read raises that is not a SreError, which is a bug.
    """
    results: dict[str, T] = {}

    def put(name: str) -> None:
        results[name] = reads[name]()

    errors = _run({name: partial(put, name) for name in reads}, deadline)
    done = dict(results)  # a copy: a late thread may still put its result
    return {name: done[name] if name in done else errors.get(name) or ToolError(name, deadline.why) for name in reads}


def _run(tasks: Mapping[str, Callable[[], None]], deadline: Deadline) -> dict[str, SreError]:
    """Errors by name. Threads are daemons: a read that hangs holds up neither the answer nor the process's end."""
    todo: SimpleQueue[str] = SimpleQueue()
    for name in tasks:
        todo.put(name)
    errors: dict[str, SreError] = {}
    bugs: list[BaseException] = []

    def work() -> None:
        while not deadline.passed:
            try:
                name = todo.get_nowait()
            except Empty:
                return
            try:
                tasks[name]()
            except SreError as error:
                errors[name] = error
            except BaseException as error:  # noqa: BLE001  # a bug, raised again in the caller's thread
                bugs.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(tasks)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline.left_s())
    if bugs:
        raise bugs[0]
    return dict(errors)
