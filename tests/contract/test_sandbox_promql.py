"""The same queries on the same samples, answered by the sandbox and by a real Prometheus where one is installed."""

from __future__ import annotations

import asyncio
import math
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from aiohttp import web

from sandbox.prometheus.api import PrometheusApi
from sandbox.prometheus.rules import RuleEngine
from sandbox.prometheus.tsdb import Tsdb

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="prometheus and promtool are not installed"
)
START = 1_700_000_010.0
END = START + 3600

ANSWERED = r"""
up
up == 1
up{job=~'ch.*'}
up{job!~'ch.*'}
up{instance=""}
{__name__=~'requests_.*',code='500'}
rate(requests_total[1m])
rate(requests_total[5m] offset 7m)
irate(requests_total[2m])
increase(requests_total{job='checkout'}[10m])
delta(memory_bytes[5m])
idelta(memory_bytes[5m])
deriv(memory_bytes[10m])
predict_linear(memory_bytes[10m], 600)
resets(requests_total[30m])
changes(up[30m])
sum(rate(requests_total[5m]))
sum by (job) (rate(requests_total[5m]))
sum without (code, pod) (rate(requests_total[5m]))
avg by (code) (requests_total)
max(memory_bytes)
min by (job) (memory_bytes)
count by (job, code) (requests_total)
count_values('v', up)
group(up)
stddev(memory_bytes)
stdvar by (job) (memory_bytes)
quantile(0.3, memory_bytes)
quantile by (job) (0.9, requests_total)
topk(2, memory_bytes)
bottomk by (code) (1, requests_total)
sum by (job) (rate(requests_total{code=~'5..'}[1m])) / sum by (job) (rate(requests_total[1m]))
sum by (job) (rate(requests_total{code=~'5..'}[1m])) / sum by (job) (rate(requests_total[1m])) > 0.05
requests_total / on (job) group_left sum by (job) (requests_total)
requests_total * on (job, pod) group_left (tier) pod_info
pod_info * on (job, pod) group_right (tier) memory_bytes
memory_bytes / ignoring (tier) pod_info
memory_bytes > bool 100
memory_bytes > 150
100 < memory_bytes
up and on (job) memory_bytes > 120
up or pod_info
up unless on (job) memory_bytes > 150
memory_bytes and memory_bytes < 140
2 * memory_bytes + 1 - memory_bytes ^ 0.5
memory_bytes % 7
-memory_bytes
1 / 0
-1 / 0
0 / 0
1 + 2 * 3 ^ 2
3 > bool 2
memory_bytes / 0
histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[5m])))
histogram_quantile(0.5, sum by (le, job) (rate(latency_seconds_bucket[5m])))
histogram_quantile(0.99999, latency_seconds_bucket)
histogram_quantile(2, latency_seconds_bucket)
avg_over_time(memory_bytes[5m])
min_over_time(memory_bytes[5m])
max_over_time(memory_bytes[5m])
sum_over_time(up[5m])
count_over_time(up[5m])
last_over_time(up[5m])
present_over_time(up[5m])
stddev_over_time(memory_bytes[5m])
stdvar_over_time(memory_bytes[5m])
quantile_over_time(0.9, memory_bytes[5m])
max_over_time(rate(requests_total[1m])[10m:1m])
avg_over_time(memory_bytes[10m:])
sum(memory_bytes)[5m:1m]
absent(up)
absent(nothing{job='x',code=~'5'})
absent_over_time(nothing{a='b'}[5m])
absent(sum(nothing))
clamp(memory_bytes, 110, 130)
clamp_min(memory_bytes, 120)
clamp_max(memory_bytes, 120)
abs(-memory_bytes)
ceil(memory_bytes / 7)
floor(memory_bytes / 7)
round(memory_bytes / 7)
round(memory_bytes, 0.5)
sqrt(memory_bytes)
ln(memory_bytes)
log2(memory_bytes)
log10(memory_bytes)
exp(up)
sgn(memory_bytes - 120)
scalar(sum(up))
scalar(up)
vector(3)
time()
sort(memory_bytes)
sort_desc(memory_bytes)
label_replace(up, 'short', '$1-x', 'job', '(..).*')
label_replace(up, 'job', '', 'job', '.*')
label_join(up, 'both', '/', 'job', 'pod')
memory_bytes @ 1700001000
rate(requests_total[5m] @ end())
sum(memory_bytes offset 10m) - sum(memory_bytes)
gappy
rate(gappy_total[10m])
gappy[5m]
'text'
1e-9 * up
"""
REFUSED = r"""
up + on (job) requests_total
up{
rate(up)
sum(rate(requests_total[5m])
nofunc(up)
up offset
requests_total / on (job) memory_bytes
up[5m] offset
label_replace(up, 'pod', 'x', 'job', '.*') == 1 or up
sum by (job) (up) * on (code) group_left up
-{__name__=~'up|pod_info', job='search'}
"""
QUERIES = [*ANSWERED.strip().splitlines(), *REFUSED.strip().splitlines(), ""]


def company_samples() -> Tsdb:
    """Gauges, counters with resets, a histogram and series with gaps, every 15 seconds for an hour."""
    chance = random.Random(7)
    tsdb = Tsdb()

    def put(name: str, at: float, value: float, **labels: str) -> None:
        series = tsdb.series(name, tuple(sorted(labels.items())))
        series.times.append(at)
        series.values.append(round(value, 6))

    counters: dict[tuple[str, ...], float] = {}
    for step in range(241):
        at = START + 15 * step
        for job, base in (("checkout", 120.0), ("search", 140.0), ("payments", 100.0)):
            pod = f"{job}-0"
            put("up", at, float(chance.random() > 0.1), job=job, pod=pod)
            put("memory_bytes", at, base + 30 * math.sin(step / 20) + chance.random(), job=job, pod=pod)
            put("pod_info", at, 1, job=job, pod=pod, tier="front" if job == "search" else "back")
            for code, rate in (("200", 50.0), ("404", 1.0), ("500", 4.0 if job == "payments" else 0.1)):
                key = (job, code)
                counters[key] = 0.0 if chance.random() < 0.02 else counters.get(key, 0.0) + rate * chance.random()
                put("requests_total", at, counters[key], job=job, pod=pod, code=code)
            for bound, share in (("0.1", 0.4), ("0.5", 0.8), ("1", 0.95), ("+Inf", 1.0)):
                key = (job, "le", bound)
                counters[key] = counters.get(key, 0.0) + 10 * share
                put("latency_seconds_bucket", at, counters[key], job=job, le=bound)
        if step % 40 < 15:
            put("gappy", at, step, kind="gauge")
            put("gappy_total", at, step * 3.0)
    return tsdb


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    families: dict[str, list[str]] = {}
    for series in company_samples():
        name = series.labels["__name__"]
        labels = ",".join(f'{k}="{v}"' for k, v in series.labels.items() if k != "__name__")
        lines = families.setdefault(name, [])
        pairs = zip(series.times, series.values, strict=True)
        lines.extend(f"{name}{{{labels}}} {value!r} {at!r}" for at, value in pairs)
    text = "".join(f"# TYPE {name} unknown\n" + "\n".join(lines) + "\n" for name, lines in families.items())
    (folder / "samples.om").write_text(text + "# EOF\n")
    (folder / "prometheus.yml").write_text("global: {}\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.om", folder / "data"],
        check=True, capture_output=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{free_port()}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                "--storage.tsdb.retention.time=100y", f"--web.listen-address={url.removeprefix('http://')}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not _ready(url):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait()


def _ready(url: str) -> bool:
    try:
        return requests.get(url + "/-/ready", timeout=1).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    tsdb = company_samples()
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(PrometheusApi(tsdb, RuleEngine(tsdb, ()), lambda: END, {}).app())
    loop.run_until_complete(runner.setup())
    port = free_port()
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", port).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(runner.cleanup())
    loop.close()


def answer(url: str, path: str, **params: str) -> tuple[int, object]:
    """Status, and the data with its rows in a fixed order; of errors only their type."""
    response = requests.get(url + path, params=params, timeout=10)
    body = response.json()
    if body["status"] == "error":
        return response.status_code, body["errorType"]
    data = body["data"]
    if isinstance(data, dict) and data["resultType"] in ("vector", "matrix"):
        rows = [
            (sorted(row["metric"].items()), [(at, Close(float(v))) for at, v in row.get("values") or [row["value"]]])
            for row in data["result"]
        ]
        ordered = params["query"].startswith("sort")
        return response.status_code, (data["resultType"], rows if ordered else sorted(rows, key=lambda row: row[0]))
    return response.status_code, data


@dataclass(frozen=True, eq=False)
class Close:  # noqa: PLW1641 - never hashed
    """A number that equals what differs from it only by the order in which floats were added."""

    value: float

    def __eq__(self, other: object) -> bool:
        both_nan = isinstance(other, Close) and math.isnan(self.value) and math.isnan(other.value)
        return both_nan or (isinstance(other, Close) and math.isclose(self.value, other.value, rel_tol=1e-9))


@pytest.mark.parametrize("query", QUERIES)
def test_instant_queries_answer_alike(real: str, sandbox: str, query: str) -> None:
    for at in (START + 900, START + 1807.5, END):
        want = answer(real, "/api/v1/query", query=query, time=str(at))
        assert answer(sandbox, "/api/v1/query", query=query, time=str(at)) == want


@pytest.mark.parametrize("query", [q for q in QUERIES if not q.startswith("sort")])
def test_range_queries_answer_alike(real: str, sandbox: str, query: str) -> None:
    window = {"start": str(START + 600), "end": str(END), "step": "97"}
    want = answer(real, "/api/v1/query_range", query=query, **window)
    assert answer(sandbox, "/api/v1/query_range", query=query, **window) == want


@pytest.mark.parametrize(
    "params",
    [
        {"start": "1700000000", "end": "1700000000", "step": "0"},
        {"start": "1700003600", "end": "1700000000", "step": "15"},
        {"start": "1700000000", "end": "1700100000", "step": "1"},
        {"start": "yesterday", "end": "1700000000", "step": "15"},
        {"start": "2023-11-14T22:20:00Z", "end": "2023-11-14T22:30:00+00:00", "step": "1m30s"},
        {"end": "1", "step": "15"},
    ],
)
def test_bounds_and_steps_are_read_alike(real: str, sandbox: str, params: dict[str, str]) -> None:
    assert answer(sandbox, "/api/v1/query_range", query="up", **params) == answer(
        real, "/api/v1/query_range", query="up", **params
    )


@pytest.mark.parametrize(
    "path",
    [
        "labels", "labels?match[]=up", "label/job/values", "label/__name__/values", "label/nothing/values",
        "label/job/values?match[]=pod_info{tier='front'}", "series?match[]=up&match[]=pod_info", "series",
        "series?match[]=rate(up[5m])", "series?match[]=up{", "series?match[]=gappy&start=1700003600",
    ],
)  # fmt: skip
def test_series_and_labels_answer_alike(real: str, sandbox: str, path: str) -> None:
    def listed(url: str) -> object:
        status, data = answer(url, f"/api/v1/{path}")
        return (status, sorted(data, key=str)) if isinstance(data, list) else (status, data)

    assert listed(sandbox) == listed(real)
