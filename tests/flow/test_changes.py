"""The collector on the pretend company's cluster: what is told, and what a restart, a death or a lost thread costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from rq.cron import CronScheduler

from core.change_events import ChangeEvent, Gap
from core.records import Records, open_records
from core.settings import load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY, NODE_DOWN
from sandbox.kubernetes.managers import signed
from workers.adapters.kubernetes import open_cluster
from workers.changes import collector
from workers.changes.collector import Collector
from workers.changes.kinds import PATHS
from workers.changes.state import LEASE_S, RENEW_S, State, watching

CLUSTER = "shop-eu"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with running(tmp_path_factory.mktemp("company"), speed=1.0, channel="C0SRE") as company:
        yield company


class Post:
    """Where collectors are started, ended and looked at."""

    def __init__(self, company: Company, data: Path, client: redis.Redis) -> None:
        self.company = company
        environment = {**company.environment(), "SRE_DATA_DIR": str(data)}
        self.records: Records = open_records(load_settings(environment), client)
        self.began = self.records.now().replace(microsecond=0)

    @contextmanager
    def collecting(self, *, wait: bool = True) -> Iterator[threading.Event]:
        stop = threading.Event()
        thread = Collector(self.records, CLUSTER, lambda: open_cluster(self.records.settings, CLUSTER), stop)
        thread.start()
        try:
            if wait:
                wait_until(lambda: any(w.held for w in watching(self.records.redis, [CLUSTER])), 20)
            yield stop
        finally:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()

    def changes(self, **wanted: str) -> list[ChangeEvent]:
        """Those since the company was as it should be, oldest first."""
        found = self.records.changes.between(self.began, self.records.now() + timedelta(minutes=1))
        return [e for e in found if all(getattr(e, name) == value for name, value in wanted.items())]

    def once(self, **wanted: str) -> ChangeEvent:
        """The one change like that, once it is told."""
        [event] = wait_until(lambda: self.changes(**wanted), 20)
        return event

    def gaps(self) -> tuple[Gap, ...]:
        now = self.records.now()
        return self.records.changes.gaps(now - timedelta(days=30), now + timedelta(minutes=1))

    def change(self, plural: str, name: str, alter: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
        import copy

        objects, now = self.company.world.objects, self.company.world.time
        before = objects.find(plural, "shop", name)
        assert before is not None
        after = copy.deepcopy(before)
        alter(after)
        objects.put(plural, signed(before, after, "kubectl-edit", now), now)

    def forget_the_past(self) -> None:
        """As etcd does after minutes: what is older than now is answered with 410."""
        self.company.world.objects.changes.clear()
        self.company.world.objects.version += 5000
        self.change("configmaps", "old-banner", lambda c: c.setdefault("metadata", {}).update(labels={"n": str(id(c))}))


@pytest.fixture
def post(company: Company, redis_data: Path, redis_client: redis.Redis) -> Iterator[Post]:
    yield Post(company, redis_data, redis_client)
    company.heal()
    wait_until(lambda: company.world.ready()["checkout"] == 4, 30)
    healed = company.world.time
    wait_until(lambda: company.world.time > healed + 1.1)  # times in Kubernetes are whole seconds


def test_a_rollout_and_its_rollback_are_told_as_they_happen(post: Post) -> None:
    with post.collecting():
        post.company.inject(BAD_DEPLOY)
        deploy = post.once(kind="deploy", service="checkout", version="1.8.4")
        post.company.heal()
        rollback = post.once(kind="rollback", service="checkout")
    assert deploy.title == "image 1.8.3 → 1.8.4, env CART_URL added and env CART_ADDR removed"
    assert (deploy.by, deploy.cause) == ("deploy-pipeline", "release 1.8.4: carts by URL")
    assert rollback.title.startswith("back to 1.8.3: image 1.8.4 → 1.8.3")
    assert deploy.at <= rollback.at
    assert "redis://" not in deploy.model_dump_json() + rollback.model_dump_json()


def test_scaling_config_and_nodes_are_told(post: Post) -> None:
    with post.collecting():
        post.change("deployments", "catalog", lambda d: d["spec"].update(replicas=4))
        post.change("configmaps", "old-banner", lambda c: c.update(data={"text": "Winter sale"}))
        post.company.inject(NODE_DOWN)
        scaled = post.once(kind="scale")
        edited = post.once(kind="config")
        down = post.once(kind="node")
        post.company.heal()
        wait_until(lambda: "ready again" in post.once(kind="node").title, 20)
    post.change("deployments", "catalog", lambda d: d["spec"].update(replicas=3))
    assert (scaled.target, scaled.title, scaled.by) == ("Deployment/catalog", "replicas 3 → 4", "kubectl-edit")
    assert (edited.target, edited.title) == ("ConfigMap/old-banner", "text changed")
    assert down.title == "not ready: Kubelet stopped posting node status"


def test_what_happened_while_nobody_collected_is_heard_from_where_it_ended(post: Post) -> None:
    with post.collecting():
        pass
    post.company.inject(BAD_DEPLOY)
    wait_until(lambda: len(list(post.company.world.objects.list("replicasets", "shop"))) > 0)
    for replicas in (5, 6, 3):
        post.change("deployments", "catalog", lambda d, n=replicas: d["spec"].update(replicas=n))
    with post.collecting():
        assert post.once(kind="deploy", version="1.8.4").service == "checkout"
        wait_until(lambda: post.once(kind="scale").title.startswith("replicas 3 → 3 (3 times"), 20)
    assert post.gaps() == ()


def test_what_cannot_be_heard_any_more_is_compared_and_the_rest_declared(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "GAP", timedelta(0))
    with post.collecting():
        pass
    post.company.inject(BAD_DEPLOY)
    post.change("deployments", "catalog", lambda d: d["spec"].update(replicas=4))
    began = post.records.now()
    wait_until(lambda: post.company.world.ready()["checkout"] < 4, 10)
    post.forget_the_past()
    with post.collecting():
        deploy = post.once(kind="deploy", version="1.8.4")
        assert post.once(kind="scale").title == "replicas 3 → 4"
        [gap] = wait_until(post.gaps, 20)
    post.change("deployments", "catalog", lambda d: d["spec"].update(replicas=3))
    assert abs(deploy.at - began) < timedelta(seconds=10)
    assert (gap.cluster, gap.why) == (CLUSTER, collector.WHY)
    assert gap.start < began < gap.end


def test_of_two_collectors_one_works_and_the_other_follows_it(post: Post) -> None:
    with post.collecting():
        first = post.records.redis.get(f"sre:changes-lease:{CLUSTER}")
        with post.collecting(wait=False):
            post.company.inject(BAD_DEPLOY)
            post.once(kind="deploy", version="1.8.4")
            assert post.records.redis.get(f"sre:changes-lease:{CLUSTER}") == first


def test_a_collector_that_dies_is_followed_by_another_and_nothing_is_told_twice(post: Post) -> None:
    state = State(post.records.redis, CLUSTER)
    with post.collecting():
        post.company.inject(BAD_DEPLOY)
        post.once(kind="deploy", version="1.8.4")
    remembered = dict(post.records.redis.hgetall(f"sre:changes-of:{CLUSTER}"))
    with post.collecting():
        post.company.heal()
        post.once(kind="rollback")
    post.records.redis.delete(f"sre:changes-of:{CLUSTER}")  # as if it had died before it saved what it told last
    post.records.redis.hset(f"sre:changes-of:{CLUSTER}", mapping=remembered)
    assert state.hold("dead")
    post.records.redis.expire(f"sre:changes-lease:{CLUSTER}", 1)
    with post.collecting(wait=False):
        wait_until(lambda: post.records.redis.get(f"sre:changes-lease:{CLUSTER}") not in (None, b"dead"), 15)
        post.change("deployments", "search", lambda d: d["spec"].update(replicas=3))
        post.once(kind="scale", service="search")
    post.change("deployments", "search", lambda d: d["spec"].update(replicas=2))
    assert len(post.changes(kind="rollback")) == 1
    assert len(post.changes(kind="deploy", version="1.8.4")) == 1


@contextmanager
def clocks(post: Post, folder: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts `sre-bot cron` as a process, as often as it is called."""
    data = post.records.settings.data_dir
    environment = {**post.company.environment(), "PATH": os.environ["PATH"], "HOME": str(folder),
                   "SRE_DATA_DIR": str(data), "PYTHONPATH": str(Path(__file__).parents[2])}  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        log = (folder / f"cron-{len(started)}.log").open("wb")
        with log:
            child = subprocess.Popen([sys.executable, "-m", "bot.cli", "cron"], env=environment, stdout=log, stderr=log)
        started.append(child)
        return child

    try:
        yield start
    finally:
        for child in started:
            child.terminate()
        for child in started:
            child.wait(20)


def test_a_process_that_is_killed_is_followed_by_another_and_no_change_is_lost_or_doubled(
    post: Post, tmp_path: Path
) -> None:
    def holder() -> object:
        return post.records.redis.get(f"sre:changes-lease:{CLUSTER}")

    with clocks(post, tmp_path) as start:
        first = start()
        held = f"sre:changes-of:{CLUSTER}"
        wait_until(lambda: all(post.records.redis.hexists(held, f"seen:{kind}") for kind in PATHS), 40)
        killed_one = holder()
        start()
        wait_until(lambda: len(CronScheduler.all(post.records.redis)) == 2, 40)
        post.company.inject(BAD_DEPLOY)
        post.change("deployments", "catalog", lambda d: d["spec"].update(replicas=4))
        post.once(kind="deploy", version="1.8.4")
        post.once(kind="scale", service="catalog")
        assert holder() == killed_one
        first.send_signal(signal.SIGKILL)  # before it saved how far it was
        killed = time.monotonic()
        post.change("deployments", "search", lambda d: d["spec"].update(replicas=3))
        post.change("configmaps", "old-banner", lambda c: c.update(data={"text": "Spring sale"}))
        wait_until(lambda: holder() not in (None, killed_one), LEASE_S + RENEW_S + 5)
        taken_s = time.monotonic() - killed
        post.once(kind="scale", service="search")
        post.once(kind="config")
        post.company.heal()
        post.once(kind="rollback")
    post.change("deployments", "catalog", lambda d: d["spec"].update(replicas=3))
    post.change("deployments", "search", lambda d: d["spec"].update(replicas=2))
    assert taken_s < 30
    assert post.gaps() == ()
    assert sorted((e.kind, e.service) for e in post.changes() if e.kind != "config") == [
        ("deploy", "checkout"), ("rollback", "checkout"), ("scale", "catalog"), ("scale", "search"),
    ]  # fmt: skip
