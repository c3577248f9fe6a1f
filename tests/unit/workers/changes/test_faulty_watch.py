"""A watch whose server is faulty: nothing crashes, nothing is told twice, nobody asks without rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis

from core.change_events import ChangeEvent
from core.records import Records, open_records
from core.settings import Settings
from sandbox.company import wait_until
from tests.flow.test_worker_killed import _kubeconfig
from tests.unit.workers.changes.watched import HOLD, RESET, Script, event, serving
from workers.adapters.kubernetes import open_cluster
from workers.changes import stream
from workers.changes.collector import Collector
from workers.changes.kinds import PATHS

Obj = dict[str, Any]
BIT_S = 0.05


def settings_map(version: int, text: str) -> Obj:
    meta = {"name": "settings", "namespace": "shop", "uid": "u1", "resourceVersion": str(version)}
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": meta, "data": {"text": text}}


@pytest.fixture
def script() -> Iterator[Script]:
    with serving() as made:
        made.items["ConfigMap"] = [settings_map(10, "before")]
        yield made


@pytest.fixture
def records(script: Script, redis_data: Path, redis_client: redis.Redis, tmp_path: Path) -> Records:
    port = int(script.url.rpartition(":")[2])
    kubeconfig = _kubeconfig(tmp_path / "kubeconfig", port)
    return open_records(Settings(data_dir=redis_data, kubeconfig=kubeconfig), redis_client)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST_WAIT_S", BIT_S)


@contextmanager
def collecting(records: Records) -> Iterator[Collector]:
    stop = threading.Event()
    collector = Collector(records, "", lambda: open_cluster(records.settings), stop)
    collector.start()
    try:
        yield collector
        assert collector.is_alive()
    finally:
        stop.set()
        collector.join(10)
        assert not collector.is_alive()


def told(records: Records) -> list[ChangeEvent]:
    now = records.now()
    return list(records.changes.between(now - timedelta(hours=1), now + timedelta(minutes=1)))


NEWS = event("MODIFIED", settings_map(11, "after"))
GONE = {"kind": "Status", "code": 410, "reason": "Expired"}


@pytest.mark.parametrize(
    ("name", "faulty"),
    [
        ("half a line, then the end", (NEWS[:40],)),
        ("half a line, then a reset", (NEWS[:40], RESET)),
        ("a reset at once", (RESET,)),
        ("garbage", (b"\x7fELF\x00\xff{{{\n",)),
        ("no object", (b"[1, 2]\n",)),
        ("no type", (b'{"object": {"metadata": {}}}\n',)),
        ("an unknown type", (event("EXPLODED", settings_map(11, "after")),)),
        ("an object that is a word", (b'{"type": "MODIFIED", "object": "settings"}\n',)),
        ("no name", (b'{"type": "MODIFIED", "object": {"metadata": {"resourceVersion": "11"}}}\n',)),
        ("an error without a word", (b'{"type": "ERROR", "object": null}\n',)),
        ("an error with an odd code", (event("ERROR", {"code": {"a": 1}}),)),
        ("an internal error", (event("ERROR", {"kind": "Status", "code": 500}),)),
        ("nothing, and the end", ()),
        ("500", (500,)),
        ("502 with a page", (502, {"Content-Type": "text/html"})),
    ],
)
def test_after_a_fault_it_goes_on_where_it_was(
    name: str, faulty: tuple[Any, ...], script: Script, records: Records, quick: None
) -> None:
    script.watches["ConfigMap"] = [faulty or (b"",), (NEWS, HOLD)]
    with collecting(records):
        [edited] = wait_until(lambda: told(records), 15)
    assert edited.title == "text changed"
    assert script.since("ConfigMap")[:2] == ["10", "10"]
    assert len(script.times("ConfigMap", "list")) == 1


def test_what_came_before_a_fault_is_not_told_again(script: Script, records: Records, quick: None) -> None:
    later = settings_map(12, "after")
    later["data"]["more"] = "1"
    script.watches["ConfigMap"] = [(NEWS, NEWS[:30]), (NEWS, event("MODIFIED", later), HOLD)]
    with collecting(records):
        wait_until(lambda: [e for e in told(records) if "more" in e.title], 15)
        assert len(told(records)) == 1
    assert script.since("ConfigMap")[:2] == ["10", "11"]


@pytest.mark.parametrize(
    "after",
    [(b"",), (event("ERROR", GONE),), (410,), (RESET,), (500,), (event("BOOKMARK", {"metadata": {}})[:9],)],
    ids=["ends at once", "410 told", "410", "reset", "500", "half a bookmark"],
)
def test_a_server_that_stays_faulty_is_asked_less_and_less(
    after: tuple[Any, ...], script: Script, records: Records, quick: None
) -> None:
    script.after["ConfigMap"] = after
    with collecting(records):
        asked = wait_until(lambda: (t := script.times("ConfigMap", "watch"))[5:] and t, 15)
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits[4] >= 0.7 * 16 * BIT_S
    assert len(script.times("ConfigMap", "list")) <= len(asked)


def test_who_says_when_to_come_again_is_left_alone_until_then(script: Script, records: Records, quick: None) -> None:
    script.watches["ConfigMap"] = [(429, {"Retry-After": "2"}), (NEWS, HOLD)]
    with collecting(records):
        wait_until(lambda: told(records), 15)
    first, second = script.times("ConfigMap", "watch")[:2]
    assert second - first >= 2
    assert len(told(records)) == 1


def test_a_reader_that_dies_by_a_mistake_is_started_again(
    script: Script, records: Records, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = threading.Event()
    whole = stream.Reader._listen

    def once_wrong(self: stream.Reader) -> Iterator[stream.Heard]:
        if self.kind == "ConfigMap" and not died.is_set():
            died.set()
            raise KeyError("a mistake of ours")
        return whole(self)

    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    monkeypatch.setattr(stream.Reader, "_listen", once_wrong)
    script.watches["ConfigMap"] = [(NEWS, HOLD)]
    with collecting(records):
        wait_until(lambda: told(records), 20)
    assert died.is_set() and len(told(records)) == 1


def test_a_cluster_that_answers_again_is_called_reachable_though_nothing_changes(
    script: Script, records: Records, quick: None
) -> None:
    with collecting(records):
        wait_until(lambda: all(script.times(kind, "watch") for kind in PATHS), 15)
        records.switches.mark_unreachable("Kubernetes", records.now())
    with collecting(records):
        wait_until(lambda: not records.switches.unreachable(), 15)
    assert told(records) == []


def test_a_kind_that_may_be_read_no_more_does_not_keep_a_cluster_unreachable(
    script: Script, records: Records, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Collector, "unreachable", lambda self: said.append("away"))
    monkeypatch.setattr(Collector, "reachable", lambda self: said.append("back"))
    script.watches["ConfigMap"] = [(401,), (403,)]
    with collecting(records):
        wait_until(lambda: said[-2:] == ["away", "back"], 15)
