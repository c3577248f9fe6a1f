"""The operator is killed at every step boundary of a repair and run again: done once or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from core.redis import start_embedded
from sandbox.company import wait_until
from tests.flow.repair_lab import Operator, broken, check, clicked, operating, thread


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory, redis_data: Path) -> Iterator[Operator]:
    client = redis.Redis(unix_socket_path=str(start_embedded(redis_data)))
    with operating(tmp_path_factory.mktemp("company"), redis_data, client, speed=10.0) as operator:
        yield operator
    client.close()


@pytest.fixture
def operator(operators: Operator) -> Operator:
    operators.records.redis.flushall()
    return operators


def test_an_approved_repair_killed_anywhere_is_done_once_or_not_at_all(operator: Operator) -> None:
    broken(operator)
    operator.run("prepare", "ACT-1")
    assert operator.records.remediations.get("ACT-1").state == "asked"
    clicked(operator)
    before = operator.changes
    boundaries = operator.run("decide", "click-1")["boundaries"]
    assert check(operator, before) == "watching"
    ends: dict[str, int] = {}
    for die_at in range(1, boundaries + 1):
        broken(operator)
        operator.run("prepare", "ACT-1")
        clicked(operator)
        before = operator.changes
        operator.kill("decide", "click-1", die_at)
        operator.run("decide", "click-1")  # as RQ does when it finds the job abandoned
        state = check(operator, before)
        assert state in ("watching", "interrupted"), f"boundary {die_at}: {state}"
        ends[state] = ends.get(state, 0) + 1
    assert ends["watching"] > ends.get("interrupted", 0)  # most deaths lose nothing


def test_a_repair_of_its_own_killed_anywhere_is_done_once_or_not_at_all(operator: Operator) -> None:
    state, boundaries = by_itself(operator, None)
    assert state == "watching"
    for die_at in (*range(1, 10), *range(10, boundaries + 1, 4)):  # what follows is as for an approved one
        assert by_itself(operator, die_at)[0] in ("watching", "interrupted"), f"boundary {die_at}"


def by_itself(operator: Operator, die_at: int | None) -> tuple[str, int]:
    """A repair without a person: how it stands, and the boundaries passed. On a machine that stalls, a rollout may
    have more pods at the time than one may touch alone, and then it is asked: it is tried on a fresh one."""
    for _ in range(5):
        broken(operator, "autonomous")
        before = operator.changes
        if die_at:
            operator.kill("prepare", "ACT-1", die_at)
        passed = operator.run("prepare", "ACT-1")["boundaries"]
        state = check(operator, before)
        codes = operator.records.remediations.get("ACT-1").proposal.decision.codes
        if not (state == "asked" and "blast_radius.pods" in codes):
            break
    return state, passed


def test_a_watch_killed_anywhere_comes_to_its_end(tmp_path: Path, redis_data: Path, redis_client: redis.Redis) -> None:
    with operating(tmp_path, redis_data, redis_client, speed=1.0) as operator:
        comes_to_its_end(operator)


def comes_to_its_end(operator: Operator) -> None:
    broken(operator)
    operator.run("prepare", "ACT-1")
    clicked(operator)
    before = operator.changes
    operator.run("decide", "click-1")

    def looked() -> dict[bytes, bytes] | None:
        """The records before the look that ended it."""
        records = {key: operator.records.redis.dump(key) for key in operator.records.redis.scan_iter()}
        operator.run("verify", "ACT-1")
        return records if check(operator, before) == "worked" else None

    last = wait_until(looked, timeout_s=90)
    assert last
    told = thread(operator)
    assert "✅" in told
    for die_at in range(1, 60):
        operator.records.redis.flushall()
        for key, held in last.items():
            operator.records.redis.restore(key, 0, held)
        died = operator.run("verify", "ACT-1", die_at)["died"]
        wait_until(lambda: operator.run("verify", "ACT-1") and check(operator, before) == "worked")
        assert "✅" in thread(operator), f"boundary {die_at}"
        assert operator.records.remediations.occupant("checkout") is None
        if not died:
            return
    raise AssertionError("it always died")


def test_two_clicks_at_the_same_moment_run_it_once(operator: Operator) -> None:
    twin = operator.twin
    assert twin
    for _ in range(3):
        broken(operator)
        operator.run("prepare", "ACT-1")
        clicked(operator), clicked(operator, ident="click-2")
        before = operator.changes
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda each: each[0].once("decide", each[1]), [(operator, "click-1"), (twin, "click-2")]))
        assert check(operator, before) == "watching"
        events = [(entry.event, entry.data.get("code")) for entry in operator.records.ledger.entries()]
        assert [event for event, _ in events].count("approval.granted") == 1
        assert [code for event, code in events if event == "approval.refused"] == ["decided"]


def test_redis_killed_anywhere_in_an_approved_repair_loses_nothing(operator: Operator, redis_data: Path) -> None:
    broken(operator)
    operator.run("prepare", "ACT-1")
    clicked(operator)
    boundaries = operator.run("decide", "click-1")["boundaries"]
    for die_at in range(2, boundaries + 1, 2):  # right after every second write; those between are of the same kinds
        broken(operator)
        operator.run("prepare", "ACT-1")
        clicked(operator)
        before = operator.changes
        server = int(operator.records.redis.info("server")["process_id"])
        operator.once("decide", "click-1", die_at, victim=server)
        start_embedded(redis_data)  # with what its append-only file holds
        operator.run("decide", "click-1")
        assert check(operator, before) in ("watching", "interrupted"), f"boundary {die_at}"
