"""A storm that two web processes receive, and a process or Redis is killed meanwhile: nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from rq import Queue
from rq.serializers import JSONSerializer

from core.records import Records, open_records
from core.redis import release
from core.settings import Settings
from sandbox.ports import free_port
from tests.flow.conftest import WEBHOOK_TOKEN

ROOT = Path(__file__).parents[2]
SIZE = 80
PATIENCE_S = 60


@dataclass
class Web:
    """A web process of its own, that can be killed and started again."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "SRE_DATA_DIR": str(self.folder),
            "PORT": str(self.port), "SRE_CHANNEL": "C0SRE", "ALERTMANAGER_WEBHOOK_TOKEN": WEBHOOK_TOKEN,
        }  # fmt: skip
        with (self.folder / f"{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "web"], env=environment, cwd=ROOT, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def post(self, body: bytes) -> None:
        """As Alertmanager does: again and again until it is taken."""
        deadline = time.monotonic() + PATIENCE_S
        headers = {"Authorization": f"Bearer {WEBHOOK_TOKEN}"}
        while time.monotonic() < deadline:
            try:
                answer = requests.post(
                    f"http://127.0.0.1:{self.port}/webhooks/alertmanager", body, headers=headers, timeout=30
                )
            except requests.ConnectionError:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                return
            assert answer.status_code == 503, answer.text
            assert answer.json()["error"].endswith(".")
            time.sleep(0.05)
        raise AssertionError("it was not taken")


@dataclass
class Pair:
    webs: tuple[Web, Web]
    records: Records

    def storm(self, in_the_middle: Callable[[], None]) -> None:
        """Both are sent every alert, each in a group of its own, and something happens when half of it is there."""
        now = datetime.now(UTC).isoformat()
        node = {"alertname": "KubeNodeNotReady", "node": "node-3", "severity": "critical"}
        pods = [
            {"alertname": "KubePodNotReady", "namespace": f"team-{n % 9}", "pod": f"app{n}-5d4f8c9b7-abcde",
             "node": "node-3"} for n in range(SIZE - 1)
        ]  # fmt: skip
        bodies = [
            json.dumps({"version": "4", "groupKey": f"g{n}", "status": "firing", "externalURL": "http://am.test",
                        "alerts": [{"status": "firing", "labels": labels, "startsAt": now}]}).encode()
            for n, labels in enumerate([node, *pods])
        ]  # fmt: skip
        with ThreadPoolExecutor(8) as threads:
            sent = [
                threads.submit(web.post, body)
                for half in (bodies[: SIZE // 2], bodies[SIZE // 2 :])
                for body in half
                for web in self.webs
            ]
            for future in sent[: SIZE // 2]:
                future.result()
            in_the_middle()
            for future in sent:
                future.result()

    def check(self) -> None:
        """One incident with every alert once, told of once."""
        (incident,) = self.records.incidents.open()
        prints = [alert.fingerprint for alert in self.records.book.all(incident.id)]
        assert (len(prints), len(set(prints)), incident.how_many_fire) == (SIZE, SIZE, SIZE)
        assert len(incident.alerts) + incident.truncated_alerts == SIZE
        opened = Counter(e.event for e in self.records.ledger.entries())
        assert opened["incident.opened"] == 1 + opened["incident.merged"]
        held = Queue("investigate", connection=self.records.redis, serializer=JSONSerializer)
        assert [job.args[0] for job in held.jobs].count(incident.investigation) == 1
        assert self.records.ledger.verify() is None  # no break


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    settings = Settings(data_dir=tmp_path)
    with ExitStack() as stack:
        records = open_records(settings)
        stack.callback(release, settings, records.redis)
        webs = (Web(tmp_path), Web(tmp_path))
        for web in webs:
            web.start()
            stack.callback(web.kill)
        yield Pair(webs, records)


def test_two_processes_that_receive_one_storm_make_one_incident(pair: Pair) -> None:
    pair.storm(lambda: None)
    pair.check()


def test_a_process_killed_in_the_middle_of_a_storm_loses_nothing(pair: Pair) -> None:
    def die() -> None:
        pair.webs[0].kill()
        pair.webs[0].start()

    pair.storm(die)
    pair.check()


def test_a_redis_killed_in_the_middle_of_a_storm_comes_back_with_all_of_it(pair: Pair) -> None:
    def die() -> None:
        os.kill(int(pair.records.redis.info("server")["process_id"]), signal.SIGKILL)

    pair.storm(die)
    pair.check()
