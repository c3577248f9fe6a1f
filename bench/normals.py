"""What learning normals and looking at services costs a real Prometheus, by the number of services.

Needs the programs prometheus and promtool. The reference is one question to Prometheus that counts its series: what a
look costs should be a small multiple of that, not of the number of services.

    python -m bench.normals [services]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from core.anomalies import SIGNALS
from core.baselines import Baseline
from core.settings import Config, Service
from sandbox.ports import free_port
from tests.anomaly_lab import NOW, Series, history, openmetrics
from tests.live.stack import answers, eventually, process
from workers.adapters.prometheus import Prometheus
from workers.anomalies.learning import learned
from workers.anomalies.looking import look
from workers.anomalies.sources import Sources, catalogued
from workers.triage.metricnames import WANTED

ROUNDS = 7


class Counted(Prometheus):
    """Counts what is asked."""

    asked = 0

    def _data(self, path: str, params: object, what: str) -> object:
        Counted.asked += 1
        return super()._data(path, params, what)  # type: ignore[arg-type]


def many(services: int) -> Iterator[Series]:
    """The figures of the lab's checkout, under many names."""
    mine = [(m, labels, t, v) for m, labels, t, v in history() if labels["service"] == "checkout"]
    for metric in dict.fromkeys(m for m, *_ in mine):
        for number in range(services):
            for name, labels, times, values in mine:
                if name == metric:
                    yield name, {**labels, "service": f"svc-{number}", "job": f"shop/svc-{number}"}, times, values


@contextmanager
def prometheus(services: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with (folder / "samples.om").open("w") as file:
            file.writelines(f"{line}\n" for line in openmetrics(many(services)))
        (folder / "prometheus.yml").write_text("global: {}\n")
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=504h", "openmetrics",
             folder / "samples.om", folder / "data"], check=True, capture_output=True,
        )  # fmt: skip
        url = f"http://127.0.0.1:{free_port()}"
        command = (
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            "--storage.tsdb.retention.time=100y", f"--web.listen-address={url.removeprefix('http://')}",
        )  # fmt: skip
        with process(*command, log=folder / "log"):
            eventually(lambda: answers(f"{url}/-/ready"), 60, "Prometheus")
            yield url


def main() -> None:
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    config = Config(services={f"svc-{n}": Service(namespace="shop") for n in range(services)})
    with prometheus(services) as url:
        metrics = Counted(url, timeout_s=60)
        began, Counted.asked = time.perf_counter(), 0
        sources = Sources(metrics, NOW, frozenset(metrics.names(WANTED)))
        held: list[Baseline] = []
        took = []
        for asked in catalogued(config, ""):
            for signal in SIGNALS:
                start = time.perf_counter()
                held.append(learned("", asked, signal, sources, 3))
                if not held[-1].off:
                    took.append(time.perf_counter() - start)
        on = [b for b in held if not b.off]
        print(
            f"learning {len(on)} signals of {services} services: {time.perf_counter() - began:.1f} s, "
            f"{Counted.asked} questions; a signal median {median(took) * 1000:.0f} ms, worst {max(took) * 1000:.0f} ms"
        )
        looks, counts, Counted.asked = [], [], 0
        for _ in range(ROUNDS):
            start = time.perf_counter()
            found = look(on, metrics, NOW)
            looks.append(time.perf_counter() - start)
        questions = Counted.asked // ROUNDS
        for _ in range(ROUNDS):
            start = time.perf_counter()
            metrics.instant('count({__name__=~"http_request.*"})', NOW)
            counts.append(time.perf_counter() - start)
        print(
            f"a look at {len(found.values)} figures: median {median(looks) * 1000:.0f} ms, {questions} questions; "
            f"{median(looks) / median(counts):.1f} of counting the series ({median(counts) * 1000:.0f} ms)"
        )


if __name__ == "__main__":
    main()
