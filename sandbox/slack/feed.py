"""Everything that changed, in order, for a page to follow and for tests to wait on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sandbox.slack.clock import Clock
from sandbox.slack.model import Change, ChangeKind, Json

T = TypeVar("T")
_LOOK_AGAIN_S = 0.05


class Feed:
    """An ordered list of changes. Lives on the server's event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changes: list[Change] = []
        self._waiting: list[asyncio.Future[None]] = []

    def add(
        self,
        kind: ChangeKind,
        data: Json,
        *,
        channel: str | None = None,
        ts: str | None = None,
        thread_ts: str | None = None,
        user: str | None = None,
    ) -> None:
        change = Change(len(self._changes) + 1, self._clock.now(), kind, data, channel, ts, thread_ts, user)
        self._changes.append(change)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def since(self, seq: int = 0) -> list[Change]:
        """The changes after number `seq`, oldest first; all of them for 0."""
        return self._changes[seq:]

    async def wait_for(self, predicate: Callable[[], T | None], timeout_s: float) -> T:
        """What `predicate` answers once that is true.

        It is asked after each change, and every 50 ms in case it looks elsewhere.
        Raises: TimeoutError when it was not true within `timeout_s` seconds of real time.
        """
        async with asyncio.timeout(timeout_s):
            while not (answer := predicate()):
                future = asyncio.get_running_loop().create_future()
                self._waiting.append(future)
                await asyncio.wait([future], timeout=_LOOK_AGAIN_S)
            return answer
