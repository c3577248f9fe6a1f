"""The process that holds the memory: `python -m workers.memory.process`, started by whoever needs it first.

It belongs to none of them, like the embedded Redis: workers fork and are killed, and an engine with threads survives
neither. It ends a minute after the last of them has gone. It is told where things are on standard input, and says on
standard output, once, that it is ready or why not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from core.errors import SreError, Unreachable
from core.log import configure_logging
from workers.memory import wire
from workers.memory.library import Library
from workers.ports import PastIncident

LEAVE_AFTER_S = 60.0
STEP_DOWN_S = 10.0  # for an owner that was asked to leave
_CHECK_S = 2.0


def main() -> None:
    told = orjson.loads(sys.stdin.buffer.read())
    if os.fork():
        os._exit(0)  # so that nobody has this process for a child: a child that ends must be waited for
    wire.build()
    configure_logging()
    folder = Path(told["folder"])
    try:
        with _held(folder):
            library = _open(folder, told)
            library.ensure_starters()
            server = _Server(wire.socket_path(folder), library)
            _say({"ready": os.getpid()})
            server.serve_until_left()
            os._exit(0)  # while the folder is still held; what was put is on disk, and calls in progress are repeated
    except SreError as error:
        _say({"error": type(error).__name__, "message": str(error)})


def _open(folder: Path, told: dict[str, Any]) -> Library:
    """Raises: ConfigError, Unreachable."""
    from workers.memory.embedding import Embedder, model_folder

    override = told["embedding_dir"]
    embedder = Embedder(model_folder(Path(told["data_dir"]), Path(override) if override else None))
    if url := told["qdrant_url"]:
        from workers.memory.server import ServerStore, connect

        client = connect(url)
        return Library(ServerStore(client, "runbooks"), ServerStore(client, "incidents"), embedder)
    from workers.memory.edge import EdgeStore

    return Library(EdgeStore(folder / "runbooks"), EdgeStore(folder / "incidents"), embedder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """This process as the only one that holds the folder; the kernel lets go of it whatever ends the process."""
    with (folder / wire.LOCK).open("a+") as file:
        deadline = time.monotonic() + STEP_DOWN_S
        while not _locked(file):
            if time.monotonic() > deadline:
                file.seek(0)
                holder = file.read().strip()
                raise Unreachable(f"The memory in {folder} is held by process {holder}, which does not answer; end it "
                                  f"with: kill -9 {holder}")  # fmt: skip
            time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _say(message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # who started this may be gone
        os.write(1, orjson.dumps(message) + b"\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class _Server(socketserver.ThreadingUnixStreamServer):
    """Answers calls until nobody has been there for a minute, or a newer build asks for the place."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path, library: Library) -> None:
        self.path = path
        self.library = library
        self.leaving = threading.Event()
        self._present = 0
        self._left_at = time.monotonic()
        self._counting = threading.Lock()
        path.unlink(missing_ok=True)
        mask = os.umask(0o077)
        try:
            super().__init__(str(path), _Call)
        finally:
            os.umask(mask)
        self._inode = path.stat().st_ino

    def serve_until_left(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.leaving.set())
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True).start()
        threading.Thread(target=self.library.refresh, daemon=True).start()
        while not self.leaving.wait(_CHECK_S):
            if self._is_deserted() or not self._is_reachable():
                break
        if self._is_reachable():
            self.path.unlink()
        self.shutdown()

    @contextmanager
    def presence(self) -> Iterator[None]:
        with self._counting:
            self._present += 1
        try:
            yield
        finally:
            with self._counting:
                self._present -= 1
                self._left_at = time.monotonic()

    def _is_deserted(self) -> bool:
        with self._counting:
            return not self._present and time.monotonic() - self._left_at > LEAVE_AFTER_S

    def _is_reachable(self) -> bool:
        """Whether the socket is still this one's: the folder may have been removed, or moved."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False


class _Call(socketserver.StreamRequestHandler):
    """One connection: one call and its answer."""

    server: _Server

    def handle(self) -> None:
        with self.server.presence(), contextlib.suppress(OSError):  # the other side may go at any time
            request = wire.receive(self.rfile)
            if request is None:
                return
            if request["build"] != wire.build():
                self.server.leaving.set()
                wire.send(self.wfile, {"stepped_down": True})
            elif request["call"] == "stay":
                self.rfile.read()
            else:
                wire.send(self.wfile, self._answer(request))

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        def progress(done: int, total: int) -> None:
            wire.send(self.wfile, {"progress": [done, total]})

        try:
            return {"result": CALLS[request["call"]](self.server.library, request, progress)}
        except SreError as error:
            return {"error": type(error).__name__, "message": str(error)}


Progress = Callable[[int, int], None]
CALLS: dict[str, Callable[[Library, dict[str, Any], Progress], Any]] = {
    "ping": lambda library, asked, _: None,
    "search_runbooks": lambda library, asked, _: [
        [hit.model_dump() for hit in hits] for hits in library.search_runbooks_batch(asked["texts"], asked["limit"])
    ],
    "search_incidents": lambda library, asked, _: [
        hit.model_dump(mode="json") for hit in library.search_incidents(asked["text"], asked["limit"])
    ],
    "runbook": lambda library, asked, _: library.stored(asked["id"]),
    "runbooks": lambda library, asked, _: library.all_stored(),
    "index": lambda library, asked, progress: library.index(map(Path, asked["roots"]), progress).model_dump(),
    "remember": lambda library, asked, _: library.remember(PastIncident.model_validate(asked["incident"])),
}


if __name__ == "__main__":
    main()
