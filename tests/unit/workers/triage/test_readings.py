"""Readings over a Prometheus that holds metrics as the commonest libraries name them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from aiohttp import web

from core.diagnosis import Subject
from core.errors import ToolError
from core.incident import Alert
from core.observation import Observation, Reading
from core.settings import Config
from sandbox.prometheus.api import PrometheusApi
from sandbox.prometheus.rules import RuleEngine
from sandbox.prometheus.tsdb import Tsdb
from tests.unit.workers.triage.scene import NOW, Scene, deployment, pod_of, running, service
from workers.adapters.prometheus import Prometheus
from workers.loop.observe import observe

STEP_S, HOURS = 30, 6
END = NOW.timestamp()
TURNED = END - 600  # when the trouble began
Rate = tuple[float, float]  # a second, before and after the trouble


@pytest.fixture
def prometheus() -> Iterator[tuple[Tsdb, str]]:
    tsdb = Tsdb()
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(PrometheusApi(tsdb, RuleEngine(tsdb, ()), lambda: END, {}).app())
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield tsdb, f"http://127.0.0.1:{runner.addresses[0][1]}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def counter(tsdb: Tsdb, name: str, rate: Rate, **labels: str) -> None:
    """A counter that grows by `rate` a second."""
    total = 0.0

    def grown(at: float) -> float:
        nonlocal total
        total += STEP_S * rate[at >= TURNED]
        return total

    _fill(tsdb, name, grown, labels)


def gauge(tsdb: Tsdb, name: str, value: Rate, **labels: str) -> None:
    _fill(tsdb, name, lambda at: value[at >= TURNED], labels)


def _fill(tsdb: Tsdb, name: str, value: Callable[[float], float], labels: dict[str, str]) -> None:
    series = tsdb.series(name, tuple(sorted(labels.items())))
    times = [END - HOURS * 3600 + STEP_S * n for n in range(HOURS * 3600 // STEP_S + 1)]
    series.times.extend(times)
    series.values.extend(value(at) for at in times)


def look(url: str, *alerts: Alert, name: str = "checkout") -> Observation:
    """What stage one reads of a healthy deployment with a service."""
    web_ = deployment(name, ready=1)
    scene = Scene(web_, pod_of(web_, running()), service(name))
    began = Alert(
        fingerprint="f0", name="Began", status="firing", labels={"deployment": name},
        starts_at=datetime.fromtimestamp(TURNED, UTC) + timedelta(seconds=60),
    )  # fmt: skip
    subject = Subject(text="", target=f"Deployment/{name}")
    return observe(subject, scene, Prometheus(url), None, NOW, Config(), (began, *alerts))


def readings(url: str, *alerts: Alert) -> dict[str, Reading]:
    return {reading.name: reading for reading in look(url, *alerts).readings}


FAMILIES = {
    "prometheus client": ("http_requests_total", {"service": "checkout", "namespace": "shop"}, "code", "200", "503"),
    "prometheus operator": ("http_requests_total", {"job": "shop/checkout"}, "status", "2xx", "5xx"),
    "own prefix": ("shop_http_requests_total", {"app": "checkout"}, "status_code", "200", "500"),
    "spring": ("http_server_requests_seconds_count", {"application": "checkout"}, "status", "200", "500"),
    "open telemetry": (
        "http_server_request_duration_seconds_count", {"service_name": "checkout"},
        "http_response_status_code", "200", "502",
    ),
    "mesh": (
        "istio_requests_total",
        {"destination_workload": "checkout", "destination_workload_namespace": "shop", "reporter": "destination"},
        "response_code", "200", "503",
    ),
    "ingress": ("nginx_ingress_controller_requests", {"exported_service": "checkout"}, "status", "200", "504"),
    "grpc": ("grpc_server_handled_total", {"service": "checkout"}, "grpc_code", "OK", "Unavailable"),
    "by pod alone": ("http_requests_total", {"pod": "checkout-7d7d7-abcde"}, "code", "200", "500"),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_errors_and_requests_are_found_by_whatever_name(prometheus: tuple[Tsdb, str], family: str) -> None:
    tsdb, url = prometheus
    name, labels, label, good, bad = FAMILIES[family]
    counter(tsdb, name, (99.0, 90.0), **labels, **{label: good})
    counter(tsdb, name, (1.0, 10.0), **labels, **{label: bad})
    counter(tsdb, name, (500.0, 500.0), service="another", app="another", **{label: good})

    found = readings(url)

    ratio = found["error_ratio"]
    assert (ratio.service, ratio.now, ratio.before) == ("checkout", pytest.approx(0.10), pytest.approx(0.01))
    assert ratio.summary == "10 % of requests fail, 1 % before 02:08 UTC"
    assert found["request_rate"].now == pytest.approx(100)


def test_a_service_that_never_failed_has_a_ratio_of_zero(prometheus: tuple[Tsdb, str]) -> None:
    tsdb, url = prometheus
    counter(tsdb, "http_requests_total", (50.0, 50.0), service="checkout", code="200")

    ratio = readings(url)["error_ratio"]

    assert (ratio.now, ratio.before, ratio.summary) == (0.0, 0.0, "no request fails")


def test_latency_is_read_from_buckets_in_their_own_unit(prometheus: tuple[Tsdb, str]) -> None:
    tsdb, url = prometheus
    for bound, before, after in (("100", 95.0, 50.0), ("400", 100.0, 95.0), ("+Inf", 100.0, 100.0)):
        counter(tsdb, "http_server_duration_milliseconds_bucket", (before, after), service_name="checkout", le=bound)

    latency = readings(url)["latency_p95_s"]

    assert (latency.now, latency.before) == (pytest.approx(0.4), pytest.approx(0.1))
    assert latency.summary == "400 ms for 95 % of requests, 100 ms before 02:08 UTC"


def test_saturation_is_use_of_the_limit_in_the_fullest_container(prometheus: tuple[Tsdb, str]) -> None:
    tsdb, url = prometheus
    for pod, cores in (("checkout-7d7d7-abcde", 0.9), ("checkout-7d7d7-fghij", 0.3), ("checkout-v2-7d7d7-abcde", 5.0)):
        where = {"namespace": "shop", "pod": pod, "container": "app"}
        counter(tsdb, "container_cpu_usage_seconds_total", (0.2, cores), **where)
        gauge(tsdb, "container_memory_working_set_bytes", (2e8, 4.5e8), **where)
        for resource, limit in (("cpu", 1.0), ("memory", 5e8)):
            gauge(tsdb, "kube_pod_container_resource_limits", (limit, limit), **where, resource=resource)

    found = readings(url)

    assert (found["cpu_saturation"].now, found["cpu_saturation"].before) == (pytest.approx(0.9), pytest.approx(0.2))
    assert (found["memory_saturation"].now, found["memory_saturation"].before) == (
        pytest.approx(0.9),
        pytest.approx(0.4),
    )


def test_an_alerts_own_expression_is_read_without_its_comparison(prometheus: tuple[Tsdb, str]) -> None:
    tsdb, url = prometheus
    gauge(tsdb, "queue_depth", (3.0, 900.0), service="checkout")
    gauge(tsdb, "queue_depth", (1.0, 1.0), service="another")
    address = f"http://prometheus/graph?g0.expr={quote('max by (service) (queue_depth) > 500')}&g0.tab=1"
    alert = Alert(
        fingerprint="f1", name="QueueFull", status="firing", labels={"service": "checkout"}, starts_at=NOW,
        generator_url=address,
    )  # fmt: skip

    observation = look(url, alert)

    [reading] = observation.readings
    assert (reading.name, reading.service, reading.now, reading.before) == ("alert_expr", "checkout", 900.0, 3.0)
    assert "is what QueueFull watches (fires > 500), 3 before" in reading.summary
    cited = {e.id: e for e in observation.evidence}[reading.evidence[0]]
    assert cited.query == "max by (service)(queue_depth{})"
    assert cited.link == Prometheus(url).link(cited.query)
    assert "rose from about 3 to 900" in cited.excerpt or "900" in cited.excerpt


def test_metrics_of_others_of_clients_and_of_prometheus_itself_are_not_taken(prometheus: tuple[Tsdb, str]) -> None:
    tsdb, url = prometheus
    for name in ("http_client_requests_total", "prometheus_http_requests_total", "rest_client_requests_total"):
        counter(tsdb, name, (5.0, 5.0), service="checkout", code="500")
    counter(tsdb, "http_requests_total", (5.0, 5.0), service="checkout", namespace="elsewhere", code="500")

    observation = look(url)

    assert observation.readings == ()
    assert not any("requests" in line for line in observation.could_not_read)


def test_a_series_that_ended_has_no_value_now(prometheus: tuple[Tsdb, str]) -> None:
    tsdb, url = prometheus
    counter(tsdb, "http_requests_total", (5.0, 5.0), service="checkout", code="200")
    [series] = list(tsdb)
    for values in (series.times, series.values):
        del values[-25:]

    rate = readings(url)["request_rate"]

    assert rate.now is None
    assert rate.summary.startswith("no data since 02:0")


def test_a_prometheus_that_is_down_is_named_and_the_rest_goes_on() -> None:
    observation = look("http://127.0.0.1:9")

    assert observation.workloads
    assert any(line.startswith("metrics (") for line in observation.could_not_read)


def test_queries_that_fail_are_named(prometheus: tuple[Tsdb, str], monkeypatch: pytest.MonkeyPatch) -> None:
    tsdb, url = prometheus
    counter(tsdb, "http_requests_total", (5.0, 5.0), service="checkout", code="200")

    def refuse(self: Prometheus, query: str, *_: object) -> None:
        raise ToolError(query, "Prometheus gave up because the query took too long; narrow it")

    monkeypatch.setattr(Prometheus, "range", refuse)
    observation = look(url)

    assert observation.readings == ()
    assert any("took too long" in line for line in observation.could_not_read)
