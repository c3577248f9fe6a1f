"""Calls onto a server's event loop from wherever one is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def call_on(loop: asyncio.AbstractEventLoop | None, call: Callable[[], Result]) -> Result:
    """Run something where the servers run, so that nothing changes under them; at once when nothing runs yet."""
    if loop is None or not loop.is_running() or _is_current(loop):
        return call()

    async def run() -> Result:
        return call()

    return asyncio.run_coroutine_threadsafe(run(), loop).result()


def _is_current(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
