"""Certificates that end: cert-manager's and those that exporters watch; each told once, and no more when renewed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from aiohttp import web

from core.change_events import ChangeEvent
from core.records import open_records
from core.settings import Settings
from sandbox.prometheus.api import PrometheusApi
from sandbox.prometheus.rules import RuleEngine
from sandbox.prometheus.tsdb import Tsdb
from tests.conftest import NOON
from tests.flow.test_worker_killed import _kubeconfig
from tests.unit.workers.adapters.faulty import Answer, Asked, served
from workers.changes.certificates import read_certificates
from workers.digest.watch import ENDS_SOON
from workers.wiring import open_world
from workers.world import World

DAY = timedelta(days=1)
CERTIFICATES = "/apis/cert-manager.io/v1/certificates"
PROBE = "probe_ssl_earliest_cert_expiry"


class Town:
    """An API server with cert-manager, a Prometheus, and a bot that reads both."""

    def __init__(self) -> None:
        self.now = NOON
        self.tsdb = Tsdb()
        self.certificates: dict[str, dict[str, Any]] = {}
        self.status = 200  # of the list of certificates
        self.world: World

    @property
    def time(self) -> float:
        return self.now.timestamp()

    def route(self, asked: Asked) -> Answer:
        if asked.path == "/apis/cert-manager.io/v1":
            return 200, {"kind": "APIResourceList", "resources": [{"name": "certificates"}]}, {}
        if asked.path == CERTIFICATES:
            return self.status, {"metadata": {}, "items": list(self.certificates.values())}, {}
        return 404, {}, {}

    def certificate(self, name: str, ends: datetime, *hosts: str, **status: Any) -> None:
        self.certificates[name] = {
            "kind": "Certificate", "metadata": {"name": name, "namespace": "shop", "uid": name},
            "spec": {"dnsNames": list(hosts), "secretName": f"{name}-secret"},
            "status": {"notAfter": f"{ends:%Y-%m-%dT%H:%M:%SZ}", **status},
        }  # fmt: skip

    def metric(self, name: str, ends: datetime, /, **labels: str) -> None:
        series = self.tsdb.series(name, tuple(sorted(labels.items())))
        series.times.append(self.time)
        series.values.append(ends.timestamp())

    def read(self, after: timedelta = timedelta(0)) -> list[tuple[str, datetime | None, str]]:
        """What is told of certificates once they were read: target, end and title."""
        self.now += after
        read_certificates(self.world)
        return [(e.target.partition("/")[2], e.due, e.title) for e in self.told()]

    def told(self) -> list[ChangeEvent]:
        found = self.world.records.changes.between(NOON - DAY, self.now + DAY)
        return [event for event in found if event.kind == "certificate"]


@pytest.fixture
def town(redis_data: Path, redis_client: redis.Redis, tmp_path: Path) -> Iterator[Town]:
    town = Town()
    loop = asyncio.new_event_loop()
    prometheus = PrometheusApi(town.tsdb, RuleEngine(town.tsdb, ()), lambda: town.time, {})
    runner = web.AppRunner(prometheus.app())
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with served() as api:
        api.route = town.route
        settings = Settings(
            data_dir=redis_data, prometheus_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
            kubeconfig=_kubeconfig(tmp_path / "kubeconfig", int(api.url.rpartition(":")[2])),
        )  # fmt: skip
        town.world = open_world(settings, open_records(settings, redis_client, now=lambda: town.now))
        yield town
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_one_that_everybody_tells_of_is_told_once_and_no_more_when_renewed(town: Town) -> None:
    ends = NOON + 9 * DAY
    failing = {"type": "Ready", "status": "False", "message": "the order failed: 403"}
    town.certificate("shop-tls", ends, "shop.example", "www.shop.example", conditions=[failing])
    town.metric(PROBE, ends, instance="https://shop.example/health", job="blackbox")
    town.metric(PROBE, ends, instance="www.shop.example:443", job="blackbox")
    town.metric("certmanager_certificate_expiration_timestamp_seconds", ends, name="shop-tls",
                exported_namespace="shop", instance="10.0.0.4:9402")  # fmt: skip
    title = "ends in 9 days, 11 Mar 12:00 UTC: the order failed: 403"
    assert town.read() == [("shop.example, www.shop.example", ends, title)]
    assert town.read(after=DAY) == [("shop.example, www.shop.example", ends, title)]

    renewed = ends + 90 * DAY
    town.certificate("shop-tls", renewed, "shop.example", "www.shop.example")
    for instance in ("https://shop.example/health", "www.shop.example:443"):
        town.metric(PROBE, renewed, instance=instance, job="blackbox")
    town.metric("certmanager_certificate_expiration_timestamp_seconds", renewed, name="shop-tls",
                exported_namespace="shop", instance="10.0.0.4:9402")  # fmt: skip
    assert town.read(after=DAY) == [("shop.example, www.shop.example", renewed, "renewed, ends on 09 Jun 2026")]
    assert not [event for event in town.told() if event.due and event.due - town.now <= ENDS_SOON]


def test_what_is_served_though_it_was_renewed_is_told_until_it_is_served_no_more(town: Town) -> None:
    old, new = NOON + 5 * DAY, NOON + 80 * DAY
    town.certificate("shop-tls", new, "shop.example")
    town.metric(PROBE, old, instance="https://shop.example", job="blackbox")
    assert town.read() == [("shop.example", old, "ends in 5 days, 07 Mar 12:00 UTC")]
    town.metric(PROBE, new, instance="https://shop.example", job="blackbox")
    assert town.read() == [("shop.example", new, "renewed, ends on 21 May 2026")]


def test_each_exporter_names_the_certificate_and_not_itself(town: Town) -> None:
    ends = NOON + 3 * DAY
    town.metric("x509_cert_not_after", ends, instance="10.0.0.7:9793", subject_CN="etcd", filename="etcd.crt")
    town.metric("x509_cert_not_after", ends, instance="10.0.0.7:9793", secret_name="api", secret_namespace="infra")
    town.metric("traefik_tls_certs_not_after", ends, instance="10.0.0.8:8080", cn="shop.example", sans="shop.example")
    town.metric("ssl_cert_not_after", ends, instance="pay.example:443", cn="*.example", serial_no="1")
    assert {name for name, _, _ in town.read()} == {"etcd", "api", "shop.example", "pay.example:443"}
    assert {event.namespace for event in town.told()} == {"", "infra"}


def test_one_that_lives_for_days_and_is_renewed_each_time_is_not_told(town: Town) -> None:
    renews = f"{NOON + 2 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    town.certificate("mesh", NOON + 6 * DAY, "mesh.example", renewalTime=renews)
    assert town.read() == []
    assert [name for name, _, _ in town.read(after=3 * DAY)] == ["mesh.example"]


def test_one_that_is_there_no_more_does_not_end(town: Town) -> None:
    town.certificate("shop-tls", NOON + 9 * DAY, "shop.example")
    town.read()
    town.certificates.clear()
    assert town.read() == [("shop.example", None, "there no more")]


@pytest.mark.parametrize("status", [500, 403])
def test_where_cert_manager_cannot_be_read_it_does_not_end_less(town: Town, status: int) -> None:
    ends = NOON + 9 * DAY
    town.certificate("shop-tls", ends, "shop.example")
    town.metric(PROBE, ends, instance="https://shop.example", job="blackbox")
    town.read()
    town.status = status
    assert [(name, due) for name, due, _ in town.read() if due] == [("shop.example", ends)]
