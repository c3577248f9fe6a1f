"""How processes ask the one that holds the memory: lines of JSON on a Unix socket in the data folder.

One connection a call: `{"build", "call", …arguments}`, answered by any number of `{"progress": [done, total]}`, then
`{"result"}` or `{"error", "message"}`. A connection that calls `stay` is never answered: it only says that somebody is
there.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import time
from functools import cache
from importlib import resources
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any

import orjson

from core.errors import ConfigError

LOCK = "owner.lock"  # held while its process lives, whose id it holds
Stream = IO[bytes] | BufferedIOBase
_SOCKET_BYTES = 100  # the kernel allows some 108


def socket_path(folder: Path) -> Path:
    """Where the process that holds this folder listens: in it, or, when that path is too long, beside others."""
    path = folder / "memory.sock"
    if len(os.fsencode(path)) < _SOCKET_BYTES:
        return path
    private = Path(tempfile.gettempdir()) / f"sre-bot-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid() or private.stat().st_mode & 0o077:
        raise ConfigError(f"{private} is open to others; remove it, or set SRE_DATA_DIR to a shorter path.")
    return private / f"{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}.sock"


def connect(path: Path, timeout_s: float) -> socket.socket:
    """Raises: OSError when nobody listens there."""
    deadline = time.monotonic() + timeout_s
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            if not isinstance(error, BlockingIOError) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # many wait already
        else:
            return connection


def send(to: Stream, message: dict[str, Any]) -> None:
    to.write(orjson.dumps(message) + b"\n")
    to.flush()


def receive(source: Stream) -> dict[str, Any] | None:
    """The next message; None when the other side went away, also in the middle of one."""
    line = source.readline()
    if not line.endswith(b"\n"):
        return None
    message = orjson.loads(line)
    return message if isinstance(message, dict) else None


@cache
def build() -> str:
    """Names the code and the starters at hand: a process that runs older ones steps down when it is asked."""
    seen = hashlib.sha256()
    for package in ("workers.memory", "runbooks"):
        folder = Path(str(resources.files(package)))
        for file in sorted(folder.iterdir()):
            if file.is_file():
                status = file.stat()
                seen.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]
