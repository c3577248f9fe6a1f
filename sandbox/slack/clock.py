"""Time that tests can move, and what is to happen at a time."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Iterator


class Clock:
    """Seconds since the epoch: real time, and whatever `advance` added to it. Safe to use from any thread."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._listeners: list[Callable[[], object]] = []

    def now(self) -> float:
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once; what falls due runs."""
        self._ahead_s += seconds
        for listener in list(self._listeners):
            listener()

    @contextlib.contextmanager
    def heard_by(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call `listener` after each `advance` until the block ends."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)


class Timers:
    """Calls functions when the clock reaches their time. `run` is the background task that does it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._order), call))
        self._changed.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        with self._clock.heard_by(lambda: loop.call_soon_threadsafe(self._changed.set)):
            while True:
                self._changed.clear()
                while self._due and self._due[0][0] <= self._clock.now():
                    heapq.heappop(self._due)[2]()
                wait_s = self._due[0][0] - self._clock.now() if self._due else None
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), wait_s)
