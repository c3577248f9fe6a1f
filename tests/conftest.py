"""Fixtures for everyone: a real Redis, emptied before each test, and records over it. Nothing outside is reachable."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.records import Records, open_records
from core.redis import start_embedded
from core.settings import Settings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday


@pytest.fixture(autouse=True)
def _no_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave this machine in no test, and no setting of the developer's reaches one."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("localhost", "::1") and not str(host).startswith("127."):
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def redis_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of one embedded Redis for the whole run."""
    folder = tmp_path_factory.mktemp("redis-data")
    path = start_embedded(folder)
    yield folder
    redis.Redis(unix_socket_path=str(path), retry=Retry(NoBackoff(), 0)).shutdown(nosave=True)


@pytest.fixture
def settings(redis_data: Path) -> Settings:
    return Settings(data_dir=redis_data)


@pytest.fixture
def redis_client(redis_data: Path) -> Iterator[redis.Redis]:
    client = redis.Redis(unix_socket_path=str(start_embedded(redis_data)))
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def records(settings: Settings, redis_client: redis.Redis) -> Records:
    """Records whose clock stands at noon."""
    return open_records(settings, redis_client, now=lambda: NOON)
