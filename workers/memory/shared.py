"""The memory as every process sees it: calls to the one that holds it, which is started when there is none."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from core import errors
from core.diagnosis import IncidentHit, RunbookHit
from core.errors import ConfigError, SreError, Unreachable
from core.settings import Settings
from workers.memory import wire
from workers.memory.library import parsed
from workers.memory.wire import LOCK
from workers.ports import Indexed, PastIncident
from workers.runbook import Runbook

START_TIMEOUT_S = 120.0  # with a model of one's own, the starters' first indexing takes 10 s on two busy cores
ANSWER_TIMEOUT_S = 60.0
_QUESTIONS = 16  # a call: more would keep it busy for long
_TRIES = 4  # of a call whose process was killed under it; every call may be repeated
# What the holding process may see of the environment: no tokens.
_PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
)  # fmt: skip


class SharedMemory:
    """`Memory` over the socket. Safe for threads and across forks: each call has a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.memory_path
        self._presence: socket.socket | None = None

    def search_runbooks(self, text: str, limit: int = 5) -> tuple[RunbookHit, ...]:
        return self.search_runbooks_batch([text], limit)[0]

    def search_runbooks_batch(self, texts: Sequence[str], limit: int = 5) -> tuple[tuple[RunbookHit, ...], ...]:
        parts = (texts[start : start + _QUESTIONS] for start in range(0, len(texts), _QUESTIONS))
        answers = (hits for part in parts for hits in self._call("search_runbooks", texts=list(part), limit=limit))
        return tuple(tuple(RunbookHit.model_validate(hit) for hit in hits) for hits in answers)

    def search_incidents(self, text: str, limit: int = 5) -> tuple[IncidentHit, ...]:
        answer = self._call("search_incidents", text=text, limit=limit)
        return tuple(IncidentHit.model_validate(hit) for hit in answer)

    def runbook(self, runbook_id: str) -> Runbook | None:
        stored = self._call("runbook", id=runbook_id)
        return parsed(stored) if stored else None

    def runbooks(self) -> tuple[Runbook, ...]:
        return tuple(runbook for stored in self._call("runbooks") if (runbook := parsed(stored)))

    def index(
        self, roots: Iterable[Path], on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Indexed:
        paths = [os.path.abspath(root) for root in roots]  # noqa: PTH100  # links keep their names
        return Indexed.model_validate(self._call("index", on_progress, roots=paths))

    def remember(self, incident: PastIncident) -> None:
        self._call("remember", incident=incident.model_dump(mode="json"))

    def warm(self) -> None:
        """Start the holding process now rather than at the first question. For a worker, before it forks: what a job
        opens ends with the job."""
        self._call("ping")

    def close(self) -> None:
        """Say that this one is gone; harmless to repeat."""
        if self._presence is not None:
            self._presence.close()
            self._presence = None

    __del__ = close

    def _call(self, call: str, on_progress: Callable[[int, int], None] | None = None, **arguments: Any) -> Any:
        """Raises: what the call raises there; Unreachable when nobody answers."""
        request = {"build": wire.build(), "call": call, **arguments}
        deadline = time.monotonic() + START_TIMEOUT_S
        for _ in range(_TRIES):
            with contextlib.closing(self._messages(request, deadline)) as messages:
                for message in messages:
                    if on_progress and "progress" in message:
                        on_progress(*message["progress"])
                    if "result" in message:
                        self._stay()
                        return message["result"]
                    if "error" in message:
                        raise _error(message)
        raise Unreachable(f"The process that holds the memory ends again and again; its log is {self._log}.")

    def _messages(self, request: dict[str, Any], deadline: float) -> Generator[dict[str, Any], None, None]:
        """What the holding process says to one request, until it is gone."""
        while True:
            with self._reached() as connection, connection.makefile("rwb") as stream:
                message = self._exchange(stream, request)
                while message and "stepped_down" not in message:
                    yield message
                    message = self._exchange(stream)
            if message is None or time.monotonic() > deadline:
                return
            time.sleep(0.05)  # an older build is making room

    def _exchange(self, stream: wire.Stream, request: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The next message, after sending a request if there is one; None when the other side is gone."""
        try:
            if request:
                wire.send(stream, request)
            return wire.receive(stream)
        except TimeoutError as error:
            raise _silent(self._folder) from error
        except OSError:
            return None

    def _reached(self) -> socket.socket:
        """A connection to the holding process, which is started when there is none."""
        for _ in range(_TRIES):
            path = wire.socket_path(self._folder)
            with contextlib.suppress(OSError):
                return wire.connect(path, ANSWER_TIMEOUT_S)
            self._make_folder()
            with _locked(self._folder / "start.lock"), contextlib.suppress(OSError):
                with contextlib.suppress(OSError):
                    return wire.connect(path, ANSWER_TIMEOUT_S)
                self._start()
                return wire.connect(path, ANSWER_TIMEOUT_S)
        raise Unreachable(f"The process that holds the memory ends as soon as it starts; its log is {self._log}.")

    def _start(self) -> None:
        """Start the holding process, and wait until it is ready. Raises: what keeps it from being so."""
        told = {
            "folder": str(self._folder.absolute()), "data_dir": str(self._settings.data_dir.absolute()),
            "embedding_dir": str(self._settings.embedding_dir.absolute()) if self._settings.embedding_dir else None,
            "qdrant_url": self._settings.qdrant_url,
        }  # fmt: skip
        here = str(Path(__file__).parents[2])
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        with self._log.open("ab") as log, subprocess.Popen(
            [sys.executable, "-P", "-m", "workers.memory.process"], cwd="/", start_new_session=True,
            env=environment | {"PYTHONPATH": here}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        ) as process:  # fmt: skip
            assert process.stdin and process.stdout
            process.stdin.write(orjson.dumps(told))
            process.stdin.close()
            heard = select.select([process.stdout], [], [], START_TIMEOUT_S)[0]
            message = wire.receive(process.stdout) if heard else None
        if message and "error" in message:
            raise _error(message)
        if not message:
            raise Unreachable(f"The process that holds the memory did not start; its log is {self._log}.")

    def _stay(self) -> None:
        """Keep one idle connection open, so that the holding process does not leave while this one is there."""
        if self._presence is not None:
            if _is_open(self._presence):
                return
            self._presence.close()
        with contextlib.suppress(OSError):
            presence = wire.connect(wire.socket_path(self._folder), ANSWER_TIMEOUT_S)
            with presence.makefile("wb") as stream:
                wire.send(stream, {"build": wire.build(), "call": "stay"})
            presence.setblocking(False)  # a socket with a timeout would wait it out in `_is_open`
            self._presence = presence
            weakref.finalize(self, presence.close)

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(f"{self._folder} cannot be made: {error.strerror}. Point QDRANT_PATH or SRE_DATA_DIR "
                              "elsewhere.") from error  # fmt: skip

    @property
    def _log(self) -> Path:
        return self._folder / "memory.log"


def stop(settings: Settings) -> None:
    """End the holding process if there is one, and wait until it is gone; harmless to repeat."""
    folder = settings.memory_path
    with contextlib.suppress(OSError):
        connection = wire.connect(wire.socket_path(folder), ANSWER_TIMEOUT_S)
        with connection, connection.makefile("rwb") as stream:
            wire.send(stream, {"build": "", "call": "leave"})
            wire.receive(stream)
        with _locked(folder / LOCK):
            pass


def _is_open(connection: socket.socket) -> bool:
    """Whether the other side is still there; it never sends anything."""
    try:
        return bool(connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
    except OSError:
        return False


def _error(message: dict[str, Any]) -> SreError:
    kind: type[SreError] = getattr(errors, message["error"])
    return kind(message["message"])


def _silent(folder: Path) -> Unreachable:
    holder = (folder / LOCK).read_text(encoding="utf-8").strip()
    return Unreachable(f"The memory in {folder} is held by process {holder}, which does not answer; end it with: "
                       f"kill -9 {holder}")  # fmt: skip


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
