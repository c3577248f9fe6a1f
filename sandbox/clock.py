"""The company's time: real time from its start on, or faster."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime


class Clock:
    """Unix seconds. At `speed` 1 it is the real time, which the bot's own clock agrees with."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start = time.time()
        self._began = time.monotonic()
        self._sleepers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def now(self) -> float:
        return self._start + (time.monotonic() - self._began) * self.speed

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once; who sleeps wakes when it is time. Safe from any thread."""
        self._start += seconds
        for loop, moved in tuple(self._sleepers):
            loop.call_soon_threadsafe(moved.set)

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of the company's time pass."""
        due = self.now() + seconds
        moved = asyncio.Event()
        sleeper = asyncio.get_running_loop(), moved
        self._sleepers.add(sleeper)
        try:
            while (left := due - self.now()) > 0:
                moved.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(moved.wait(), left / self.speed)
        finally:
            self._sleepers.discard(sleeper)


def rfc3339(seconds: float) -> str:
    """Unix seconds as Go writes times: UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
