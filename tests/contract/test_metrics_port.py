"""The Metrics port over a real Prometheus, where one is installed, and over the sandbox's."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from aiohttp import web

from core.errors import ToolError
from sandbox.prometheus.api import PrometheusApi
from sandbox.prometheus.rules import RuleEngine
from sandbox.prometheus.tsdb import Tsdb
from workers.adapters.prometheus import Prometheus
from workers.ports import Series

START = 1_700_000_000.0
END = START + 600
SAMPLES = {
    ("http_errors_ratio", "checkout"): [0.002, 0.002, 0.074],
    ("http_errors_ratio", "search"): [0.001, 0.001, 0.001],
    ("queue_depth", "search"): [3.0, 4.0, 5.0],
}


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("prometheus and promtool are not installed")
    folder: Path = tmp_path_factory.mktemp("metrics-port")
    lines = []
    for metric in ("http_errors_ratio", "queue_depth"):
        lines.append(f"# TYPE {metric} gauge")
        for (name, service), values in SAMPLES.items():
            pairs = enumerate(values) if name == metric else ()
            lines += [f'{name}{{service="{service}"}} {value} {START + 300 * i}' for i, value in pairs]
    (folder / "samples.om").write_text("\n".join([*lines, "# EOF\n"]))
    (folder / "prometheus.yml").write_text("global: {}\n")
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.om", folder / "data"]
    subprocess.run(blocks, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            "--storage.tsdb.retention.time=100y", f"--web.listen-address={address}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not _ready(address):
            assert process.poll() is None and time.monotonic() < deadline
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _ready(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/-/ready", timeout=1).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    tsdb = Tsdb()
    for (name, service), values in SAMPLES.items():
        series = tsdb.series(name, (("service", service),))
        series.times.extend(START + 300 * i for i in range(len(values)))
        series.values.extend(values)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(PrometheusApi(tsdb, RuleEngine(tsdb, ()), lambda: END, {}).app())
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize("behind", ["real", "sandbox"])
class TestMetrics:
    @pytest.fixture
    def metrics(self, behind: str, request: pytest.FixtureRequest) -> Prometheus:
        return Prometheus(request.getfixturevalue(behind))

    def test_an_instant_query_gives_one_point_a_series(self, metrics: Prometheus) -> None:
        found = metrics.instant('http_errors_ratio{service="checkout"}', _at(END))
        labels = {"__name__": "http_errors_ratio", "service": "checkout"}
        assert found == (Series(labels=labels, points=((END, 0.074),)),)

    def test_a_scalar_is_a_series_without_labels(self, metrics: Prometheus) -> None:
        assert metrics.instant("scalar(vector(7))", _at(END)) == (Series(labels={}, points=((END, 7.0),)),)

    def test_no_data_and_what_is_not_a_number_are_empty(self, metrics: Prometheus) -> None:
        assert metrics.instant("nothing_of_that_name", _at(END)) == ()
        assert metrics.instant("0 / vector(0)", _at(END)) == ()
        assert metrics.range("0 / vector(0)", _at(START), _at(END), 300) == ()

    def test_infinity_stays(self, metrics: Prometheus) -> None:
        assert metrics.instant("1 / vector(0)", _at(END))[0].points == ((END, float("inf")),)

    def test_a_range_query_gives_points_in_order(self, metrics: Prometheus) -> None:
        found = metrics.range("queue_depth", _at(START), _at(END), 300)
        assert [series.points for series in found] == [((START, 3.0), (START + 300, 4.0), (END, 5.0))]

    def test_names_match_the_whole_expression(self, metrics: Prometheus) -> None:
        assert metrics.names("http_.*") == ("http_errors_ratio",)
        assert metrics.names("errors") == ()
        assert metrics.names('quote"\\\\d') == ()

    @pytest.mark.parametrize("query", ["sum(", "queue_depth[5m", "rate(queue_depth)", ""])
    def test_a_bad_query_is_told_with_its_reason(self, metrics: Prometheus, query: str) -> None:
        with pytest.raises(ToolError, match=r"the query is not valid: \w"):
            metrics.instant(query)

    def test_a_text_is_refused(self, metrics: Prometheus) -> None:
        with pytest.raises(ToolError, match="it gives a text, not numbers"):
            metrics.instant('"text"')

    def test_a_bad_name_pattern_is_told(self, metrics: Prometheus) -> None:
        with pytest.raises(ToolError, match="not valid"):
            metrics.names("(")
