"""The company's time: real time from its start on, or faster."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """Unix seconds. At `speed` 1 it is the real time, which the bot's own clock agrees with."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start = time.time()
        self._began = time.monotonic()

    def now(self) -> float:
        return self._start + (time.monotonic() - self._began) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of the company's time pass."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)


def rfc3339(seconds: float) -> str:
    """Unix seconds as Go writes times: UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
