"""The collectors' threads: one that dies is started again, and the clock goes on whatever they do."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import redis

from core.records import Records, open_records
from core.settings import Settings
from sandbox.company import wait_until
from tests.flow.test_worker_killed import _kubeconfig
from workers import jobs
from workers.changes import keeper as keeping
from workers.changes.collector import Collector
from workers.changes.keeper import STOP_S, Keeper
from workers.schedule import _Clock


@pytest.fixture
def records(redis_data: Path, redis_client: redis.Redis, tmp_path: Path) -> Records:
    path = _kubeconfig(tmp_path / "kubeconfig", 9)  # nothing listens there
    return open_records(Settings(data_dir=redis_data, kubeconfig=path), redis_client)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "RESTART_S", 0.5)
    monkeypatch.setattr(keeping, "_LOOK_S", 0.05)
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)  # a thread's death is meant here


def test_a_thread_that_dies_is_started_again_and_the_clock_goes_on(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives: list[str] = []

    def run(self: Collector) -> None:
        lives.append(self.cluster)
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(Collector, "run", run)
    clock = _Clock(records)
    clock.register(jobs.settle, "notify", interval=1)
    keeper = Keeper(records)
    keeper.start()
    wait_until(lambda: len(lives) >= 3, 10)
    assert [job.func_name for job in clock.enqueue_jobs()] == ["workers.jobs.settle"]
    keeper.stop()
    assert not keeper.is_alive()


def test_a_cluster_that_there_is_no_way_to_yet_is_followed_once_there_is(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives: list[str] = []
    monkeypatch.setattr(Collector, "run", lambda self: lives.append(self.cluster))
    kept = (tmp_path / "kubeconfig").rename(tmp_path / "kept")
    keeper = Keeper(records)
    keeper.start()
    wait_until(lambda: keeper._told == {""}, 10)
    assert lives == []
    kept.rename(tmp_path / "kubeconfig")
    wait_until(lambda: lives, 10)
    keeper.stop()


def test_it_stops_though_a_thread_waits_for_a_cluster_that_does_not_answer(records: Records) -> None:
    keeper = Keeper(records)
    keeper.start()
    wait_until(lambda: "Kubernetes" in records.switches.unreachable(), 10)
    began = threading.Event()
    stopper = threading.Thread(target=lambda: (keeper.stop(), began.set()))
    stopper.start()
    assert began.wait(STOP_S + 5)
    assert not keeper.is_alive()
    wait_until(lambda: not any(thread.name.startswith("changes") for thread in threading.enumerate()), 10)
