"""The collector on a real control plane that goes away and comes back while it is followed."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import yaml

from core.change_events import ChangeEvent
from core.records import Records, open_records
from core.settings import load_settings
from tests.live.lab import Lab, altered, workload
from tests.live.stack import eventually
from tests.live.test_changes import WITHIN_S, template
from workers.adapters.kubernetes import open_cluster
from workers.changes.collector import Collector
from workers.changes.kinds import PATHS
from workers.changes.state import watching

pytestmark = pytest.mark.live


class Wire:
    """A piece of network before a server: it can be cut, and mended under the same address."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Tear every connection; whoever connects is refused."""
        assert self._listener
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            held, self._open = self._open, set()
        for each in held:
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                each.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._to)
                with self._lock:
                    self._open |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(65_536):
                other.sendall(piece)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(lab: Lab) -> Iterator[Wire]:
    clusters = yaml.safe_load(lab.kubeconfig.read_text())["clusters"]
    server = urlsplit(clusters[0]["cluster"]["server"])
    wire = Wire(str(server.hostname), server.port or 443)
    yield wire
    wire.cut()


@pytest.fixture
def records(lab: Lab, wire: Wire, redis_data: Path, redis_client: redis.Redis, tmp_path: Path) -> Records:
    def through(content: dict) -> None:  # type: ignore[type-arg]
        content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{wire.port}"

    kubeconfig = altered(lab.kubeconfig, tmp_path, through)
    environment = {"KUBECONFIG": str(kubeconfig), "SRE_DATA_DIR": str(redis_data), "HOME": "/nonexistent"}
    return open_records(load_settings(environment), redis_client)


@pytest.fixture
def collecting(records: Records) -> Iterator[None]:
    stop = threading.Event()
    collector = Collector(records, "", lambda: open_cluster(records.settings), stop)
    collector.start()
    eventually(lambda: any(w.held for w in watching(records.redis, [""])), WITHIN_S, "a start")
    held = "sre:changes-of:"
    eventually(lambda: all(records.redis.hexists(held, f"seen:{kind}") for kind in PATHS), WITHIN_S, "all kinds")
    yield
    stop.set()
    collector.join(10)
    assert not collector.is_alive()


def test_what_happened_while_the_api_was_away_is_told_once_and_at_its_time(
    lab: Lab, wire: Wire, records: Records, collecting: None
) -> None:
    def told(namespace: str) -> list[ChangeEvent]:
        now = records.now()
        found = records.changes.between(now - timedelta(hours=1), now + timedelta(minutes=1))
        return [e for e in found if e.namespace == namespace and e.target == "Deployment/web"]

    with lab.namespace("interrupted") as namespace:
        lab.apply(namespace, workload("web", replicas=1))
        eventually(lambda: len(told(namespace)) == 1, WITHIN_S, "the first rollout")
        assert records.switches.unreachable() == {}
        wire.cut()
        eventually(lambda: "Kubernetes" in records.switches.unreachable(), WITHIN_S, "the word that it is away")
        before = records.now().replace(microsecond=0)
        lab.patch("Deployment", namespace, "web", template("1.37", {}))
        after = records.now()
        # Longer than the clock's resolution, so that telling it late would show.
        eventually(lambda: records.now() - after > timedelta(seconds=4), WITHIN_S, "some seconds")
        assert len(told(namespace)) == 1
        wire.mend()
        eventually(lambda: len(told(namespace)) == 2, WITHIN_S, "the rollout that happened meanwhile")
        eventually(lambda: records.switches.unreachable() == {}, WITHIN_S, "the word that it is back")
        lab.patch("Deployment", namespace, "web", {"spec": {"replicas": 2}})
        eventually(lambda: len(told(namespace)) == 3, WITHIN_S, "what happens now")
        first, second, third = told(namespace)

    assert (first.to_revision, second.to_revision, third.kind) == ("1", "2", "scale")
    assert before <= second.at <= after + timedelta(seconds=2)
    assert second.title == "image 1.36 → 1.37"
    now = records.now()
    assert records.changes.gaps(now - timedelta(hours=1), now) == ()
