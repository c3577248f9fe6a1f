"""The same server for code that is not asynchronous: it runs on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from sandbox.slack.server import SlackServer

P = ParamSpec("P")
T = TypeVar("T")


class SlackThread:
    """Everything that `SlackServer` offers, waited for. Its attributes have the signatures of the server's methods."""

    def __init__(self, server: SlackServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self._loop = loop
        self.command = self._waiting(server.command)
        self.say = self._waiting(server.say)
        self.mention = self._waiting(server.mention)
        self.click = self._waiting(server.click)
        self.suggest = self._waiting(server.suggest)
        self.shortcut = self._waiting(server.shortcut)
        self.submit_view = self._waiting(server.submit_view)
        self.close_view = self._waiting(server.close_view)
        self.react = self._waiting(server.react)
        self.unreact = self._waiting(server.unreact)
        self.open_home = self._waiting(server.open_home)
        self.stop_stream = self._waiting(server.stop_stream)
        self.disconnect = self._waiting(server.disconnect)
        self.verify_request_url = self._waiting(server.verify_request_url)
        self.messages = self._asking(server.messages)
        self.thread = self._asking(server.thread)
        self.ephemerals = self._asking(server.ephemerals)
        self.transcript = self._asking(server.transcript)

    def wait_for(self, predicate: Callable[[], T | None], timeout_s: float = 5.0) -> T:
        """As `SlackServer.wait_for`; `predicate` is called on the server's loop, so it asks `server`, not this."""
        return asyncio.run_coroutine_threadsafe(self.server.wait_for(predicate, timeout_s), self._loop).result()

    def _waiting(self, work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            return asyncio.run_coroutine_threadsafe(work(*args, **kwargs), self._loop).result()

        return run

    def _asking(self, question: Callable[P, T]) -> Callable[P, T]:
        async def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            return question(*args, **kwargs)

        return self._waiting(ask)


@contextmanager
def run_in_thread(server: SlackServer | None = None) -> Iterator[SlackThread]:
    """Run a server until the block ends."""
    server = server or SlackServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox-slack", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield SlackThread(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
