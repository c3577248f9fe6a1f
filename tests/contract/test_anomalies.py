"""Normals learned from three weeks of history, a fault noticed within two looks, and silence where nothing is wrong:
over a real Prometheus, where one is installed, and over the sandbox's."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
from aiohttp import web

from blocks.anomalies import coverage, in_words
from core.anomalies import SIGNALS
from core.anomaly_settings import AnomalyRules
from core.errors import ToolError
from core.records import Records, open_records
from core.settings import Config, Settings
from core.settling import settle
from sandbox.ports import free_port
from sandbox.prometheus.api import PrometheusApi
from sandbox.prometheus.rules import RuleEngine
from sandbox.prometheus.tsdb import Tsdb
from tests.anomaly_lab import CONFIG, NOW, history, openmetrics
from tests.live.stack import answers, eventually, process
from workers.adapters.prometheus import Prometheus
from workers.anomalies.learning import learn_normals, learned
from workers.anomalies.scan import follow, look_at, scan
from workers.anomalies.sources import Sources, catalogued
from workers.anomalies.streak import SCAN_EVERY_S
from workers.ports import Cluster, Series
from workers.triage.metricnames import WANTED
from workers.world import Outside, World

LOOK = timedelta(seconds=SCAN_EVERY_S)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("prometheus and promtool are not installed")
    folder: Path = tmp_path_factory.mktemp("anomalies")
    (folder / "samples.om").write_text("\n".join(openmetrics(history())) + "\n")
    (folder / "prometheus.yml").write_text("global: {}\n")
    blocks = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "--max-block-duration=504h",
        "openmetrics",
        folder / "samples.om",
        folder / "data",
    ]
    subprocess.run(blocks, check=True, capture_output=True)
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y", f"--web.listen-address={url.removeprefix('http://')}",
    )  # fmt: skip
    with process(*command, log=folder / "prometheus.log"):
        eventually(lambda: answers(f"{url}/-/ready"), 30, "Prometheus")
        yield url


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    tsdb = Tsdb()
    for metric, labels, times, values in history():
        series = tsdb.series(metric, tuple(sorted(labels.items())))
        series.times.extend(times.tolist())
        series.values.extend(values.tolist())
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(PrometheusApi(tsdb, RuleEngine(tsdb, ()), NOW.timestamp, {}).app())
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Before:
    """The same figures as two hours ago, when all was well."""

    def __init__(self, metrics: Prometheus) -> None:
        self.metrics, self.link = metrics, metrics.link

    def instant(self, query: str, at: datetime) -> tuple[Series, ...]:
        return self.metrics.instant(query, at - timedelta(hours=2))


class Silent:
    """A Prometheus that does not answer."""

    url = ""

    def __getattr__(self, _: str) -> Callable[..., object]:
        def asked(*_: object) -> object:
            raise ToolError("a query", "it does not answer")

        return asked


class Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(scope="module", params=["real", "sandbox"])
def metrics(request: pytest.FixtureRequest) -> Prometheus:
    return Prometheus(request.getfixturevalue(request.param), timeout_s=60)


@pytest.fixture(scope="module")
def normals(metrics: Prometheus) -> list[object]:
    return _learn(metrics, CONFIG, NOW)


def _learn(metrics: Prometheus, config: Config, now: datetime) -> list[object]:
    sources = Sources(metrics, now, frozenset(metrics.names(WANTED)))
    asked = [*(catalogued(config, "") if config.services else sources.workloads(10))]
    return [learned("", each, signal, sources, 3) for each in asked for signal in SIGNALS]


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def held(redis_data: Path, redis_client: redis.Redis, clock: Clock, normals: list[object]) -> Records:
    records = open_records(Settings(data_dir=redis_data, config=CONFIG), redis_client, now=clock)
    for baseline in normals:
        records.baselines.put(baseline)  # type: ignore[arg-type]
    return records


def _looks(records: Records, metrics: Prometheus, clock: Clock, until: datetime) -> Iterator[datetime]:
    while clock.at + LOOK <= until:
        clock.at += LOOK
        look_at("", metrics, records)
        follow(records)
        yield clock.at


def test_what_can_be_watched_is_and_the_rest_says_why(held: Records) -> None:
    off = {(b.service, b.signal): b.off for b in held.baselines.all() if b.off}
    no_cadvisor = {
        s: f"no metrics of its {called} and its limit" for s, called in (("cpu", "CPU"), ("memory", "memory"))
    }
    assert off == {(s, signal): why for s in ("checkout", "search") for signal, why in no_cadvisor.items()}
    assert coverage(held.baselines.all()) == "watches 2 services (6 signals)"
    (rate,) = [b for b in held.baselines.all() if b.key == ("checkout", "rate")]
    assert rate.days == pytest.approx(21, abs=0.1)
    assert rate.at(NOW).median == pytest.approx(20 * (1.2 + 0.97), rel=0.1)
    assert rate.at(NOW - timedelta(hours=11)).median < 10  # at night


def test_a_fault_is_noticed_within_two_looks_and_nothing_else_is(
    held: Records, metrics: Prometheus, clock: Clock
) -> None:
    clock.at = NOW - timedelta(hours=1)
    assert list(_looks(held, metrics, clock, NOW)) and held.anomalies.open() == ()
    seen = next(at for at in _looks(held, metrics, clock, NOW + timedelta(minutes=40)) if held.anomalies.open())
    # The window of five minutes fills first; from then on two looks.
    assert seen - NOW <= 2 * LOOK + LOOK
    list(_looks(held, metrics, clock, NOW + timedelta(minutes=12)))
    found = {(a.service, a.signal): a for a in held.anomalies.open()}
    assert set(found) == {("checkout", "errors"), ("checkout", "latency")}
    said = in_words(found["checkout", "latency"], clock.at)
    assert said.startswith("checkout p95 ") and "normal for a Wednesday 14:00 is " in said
    assert 0.06 < found["checkout", "errors"].worst < 0.1


def test_strong_and_lasting_it_opens_one_incident_in_shadow(held: Records, metrics: Prometheus, clock: Clock) -> None:
    opened = [at for at in _looks(held, metrics, clock, NOW + timedelta(minutes=39)) if held.incidents.open()]
    (incident,) = held.incidents.open()
    assert (incident.source, incident.service, incident.severity, incident.in_shadow) == (
        "anomaly", "checkout", "SEV4", True,
    )  # fmt: skip
    assert timedelta(minutes=15) <= opened[0] - NOW <= timedelta(minutes=30)
    about = held.anomalies.of_incident(incident.id, incident.opened_at)
    assert {a.signal for a in about} == {"errors", "latency"}
    assert [e.event for e in held.ledger.of_incident(incident.id)].count("anomaly.noticed") == 1
    assert held.queues.waiting("investigate") >= 1


def test_too_short_a_history_is_off_and_says_so(metrics: Prometheus) -> None:
    early = NOW - timedelta(weeks=2)
    baselines = _learn(metrics, CONFIG, early)
    assert {b.off for b in baselines if b.signal == "rate"} == {"history too short (7 of 14 days)"}  # type: ignore[attr-defined]


def test_without_a_catalogue_what_serves_requests_is_found(metrics: Prometheus) -> None:
    baselines = _learn(metrics, Config(), NOW)
    assert {b.service for b in baselines if not b.off} == {"shop/checkout", "shop/search"}  # type: ignore[attr-defined]


def test_a_look_that_fails_changes_nothing(held: Records, clock: Clock) -> None:
    with pytest.raises(ToolError):
        look_at("", Silent(), held)  # type: ignore[arg-type]
    assert held.anomalies.streaks("") == {}


def test_no_scrape_at_all_is_no_loss_of_traffic(held: Records, metrics: Prometheus, clock: Clock) -> None:
    clock.at = NOW + timedelta(hours=5)  # after all data
    for baseline in held.baselines.all():
        held.baselines.put(replace(baseline, learned_at=clock.at.timestamp()))
    assert list(_looks(held, metrics, clock, clock.at + timedelta(minutes=20)))
    assert held.anomalies.open() == ()


def test_it_ends_and_the_incident_calms_down(held: Records, metrics: Prometheus, clock: Clock) -> None:
    list(_looks(held, metrics, clock, NOW + timedelta(minutes=39)))
    (incident,) = held.incidents.open()
    for _ in range(3):
        clock.at += LOOK
        look_at("", Before(metrics), held)  # type: ignore[arg-type]
    follow(held)
    assert held.anomalies.open() == ()
    calm = held.incidents.get(incident.id)
    assert calm.is_open and calm.quiet_since is not None
    clock.at = NOW + timedelta(hours=2)
    settle(held)
    assert held.incidents.get(incident.id).state == "resolved"
    assert held.ledger.of_incident(incident.id)[-1].actor == "bot"


def _world(records: Records, metrics: object) -> World:
    def never(_: str | None) -> Cluster:
        raise AssertionError("the cluster is not asked")

    outside = Outside(
        settings=records.settings, cluster=never, metrics=lambda _: metrics, alerts=None,  # type: ignore[arg-type,return-value]
        memory=None, reasoner=None,  # type: ignore[arg-type]
    )  # fmt: skip
    return World(records=records, open_outside=lambda: outside, slack=None)


def test_learning_takes_turns_and_asks_nothing_more_once_all_is_learned(
    redis_data: Path, redis_client: redis.Redis, metrics: Prometheus, clock: Clock
) -> None:
    records = open_records(Settings(data_dir=redis_data, config=CONFIG), redis_client, now=clock)
    world, ticking = _world(records, metrics), itertools.count(0, 2)
    learn_normals(world, lambda: float(next(ticking)))  # every look at the clock finds two seconds gone
    assert [b.key for b in records.baselines.all()] == [("checkout", "rate")]
    for _ in range(10):
        learn_normals(world, lambda: float(next(ticking)))
    assert len(records.baselines.all()) == 10
    learn_normals(_world(records, Silent()))
    clock.at += timedelta(hours=25)
    learn_normals(_world(records, Silent()))  # what cannot be asked is left as it was
    assert len(records.baselines.all()) == 10


def test_services_that_are_gone_are_watched_no_more(held: Records, metrics: Prometheus) -> None:
    fewer = Config(services={"search": CONFIG.services["search"]})
    settings = held.settings.model_copy(update={"config": fewer})
    learn_normals(_world(replace(held, settings=settings), metrics))
    assert {b.service for b in held.baselines.all()} == {"search"}


def test_a_scan_that_two_schedulers_ask_for_is_one_look(held: Records, metrics: Prometheus, clock: Clock) -> None:
    clock.at = NOW + timedelta(minutes=10)
    for _ in range(2):
        scan(_world(held, metrics))
    assert {streak.odd for streak in held.anomalies.streaks("").values()} == {1}
    assert held.anomalies.open() == ()


def test_prometheus_away_is_nothing_unusual(held: Records) -> None:
    scan(_world(held, Silent()))
    assert held.anomalies.streaks("") == {}


def test_killed_after_an_anomaly_was_kept_it_is_kept_once(held: Records, metrics: Prometheus, clock: Clock) -> None:
    clock.at = NOW + timedelta(minutes=10)
    look_at("", metrics, held)
    before = held.anomalies.streaks("")
    clock.at += LOOK
    look_at("", metrics, held)
    assert len(held.anomalies.open()) == 2
    for (service, signal), streak in before.items():  # as if the streaks had not been kept
        held.anomalies.put_streak("", service, signal, streak)
    clock.at += timedelta(seconds=20)
    look_at("", metrics, held)
    assert len(held.anomalies.open()) == 2
    assert {s.anomaly for s in held.anomalies.streaks("").values()} == {a.id for a in held.anomalies.open()}


def test_switched_off_nothing_is_asked(held: Records) -> None:
    off = held.settings.config.model_copy(update={"anomalies": AnomalyRules(enabled=False)})
    world = _world(replace(held, settings=held.settings.model_copy(update={"config": off})), None)
    scan(world)
    learn_normals(world)
    assert held.redis.exists("sre:anomalies-scanned") == 0


def test_a_history_that_takes_too_long_is_given_up_until_later(metrics: Prometheus) -> None:
    ticking = itertools.count(0, 6)
    slow = Sources(metrics, NOW, frozenset(metrics.names(WANTED)), clock=lambda: float(next(ticking)))
    found = learned("", next(iter(catalogued(CONFIG, ""))), "rate", slow, 3)
    assert (found.off, found.cells) == ("Prometheus could not answer", ())
    assert NOW.timestamp() - found.learned_at == 23 * 3600
