"""Alerts a second through the webhook until they are stored and grouped, and what recorded storms become.

`python -m bench.storm STREAMS` reads alerts from a file of JSON lines (each with `alerts`, which have `labels`),
starts the bot's web process over a Redis of its own, and posts

- a steady 1,000 alerts a minute, one a request, for the answer's p99 (Keep publishes as many in about 1.5 s each);
- storms of 200, 2,000 and 10,000 recorded alerts, one a request, as fast as eight connections can.

Of each storm it says how many incidents were opened, what share of the alerts was folded, and how many posts Slack got.
"""

from __future__ import annotations

import http.client
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import redis

from core.records import Records, open_records
from core.redis import as_text, release
from core.settings import load_settings
from sandbox.ports import free_port
from workers.loop.report import show_card

ROOT = Path(__file__).parents[1]
STORMS = (200, 2_000, 10_000)
CONNECTIONS = 8
A_MINUTE, STEADY_S = 1_000, 15
TOKEN = "bench"


def recorded(path: Path) -> list[dict[str, str]]:
    """The labels of every recorded alert once, but heartbeats, the largest streams first."""
    streams = [json.loads(line)["alerts"] for line in path.read_text("utf-8").splitlines() if line]
    streams.sort(key=len, reverse=True)
    labels = (a["labels"] for stream in streams for a in stream if a["labels"]["alertname"] != "Watchdog")
    return [dict(one) for one in dict.fromkeys(tuple(sorted(held.items())) for held in labels)]


def storm(labels: Sequence[dict[str, str]], size: int) -> Iterator[bytes]:
    """So many alerts, each a group of its own. The recording again, where it is too short, is of another cluster."""
    now = datetime.now(UTC).isoformat()
    for number, held in enumerate(itertools.islice(itertools.cycle(labels), size)):
        again = number // len(labels)
        own = {**held, **({"cluster": f"c{again}"} if again else {})}
        alert = {"status": "firing", "labels": own, "annotations": {"summary": f"{held['alertname']} fires."},
                 "startsAt": now, "endsAt": "0001-01-01T00:00:00Z"}  # fmt: skip
        yield json.dumps({
            "version": "4", "groupKey": f"{{}}:{{{number}}}", "truncatedAlerts": 0, "status": "firing",
            "receiver": "bench", "externalURL": "http://127.0.0.1", "alerts": [alert],
        }).encode()  # fmt: skip


class Sender:
    """One kept-alive connection to the webhook."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def connect(self) -> None:
        self._http.connect()

    def post(self, body: bytes) -> float:
        """Seconds until it was answered."""
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        self._http.request("POST", "/webhooks/alertmanager", body, headers)
        answer = self._http.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {said[:200]!r}")
        return time.perf_counter() - began


def flood(port: int, bodies: Sequence[bytes]) -> tuple[float, list[float]]:
    """Seconds in all, and of each answer."""

    def one(part: Sequence[bytes]) -> list[float]:
        sender = Sender(port)
        return [sender.post(body) for body in part]

    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        took = list(threads.map(one, [bodies[n::CONNECTIONS] for n in range(CONNECTIONS)]))
    return time.perf_counter() - began, [each for part in took for each in part]


def steadily(port: int, bodies: Sequence[bytes]) -> list[float]:
    """Seconds of each answer at a steady pace."""
    sender, took, began = Sender(port), [], time.perf_counter()
    for number, body in enumerate(bodies):
        time.sleep(max(0.0, began + number * 60 / A_MINUTE - time.perf_counter()))
        took.append(sender.post(body))
    return took


@contextmanager
def product(folder: Path) -> Iterator[tuple[int, Records]]:
    """The web process; its port and its records."""
    with ExitStack() as stack:
        port = free_port()
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(folder), "SRE_DATA_DIR": str(folder / "data"), "PORT": str(port),
            "SRE_CHANNEL": "C0SRE", "ALERTMANAGER_WEBHOOK_TOKEN": TOKEN,
        }  # fmt: skip
        child = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "web"], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(child.wait)
        stack.callback(child.terminate)
        settings = load_settings(environment)
        records = open_records(settings)
        stack.callback(release, settings, records.redis)
        for _ in range(400):
            try:
                Sender(port).connect()
                break
            except OSError:
                time.sleep(0.05)
        yield port, records


def posts(records: Records) -> int:
    """Messages that Slack is to hold of it, before anybody looks into an incident."""
    for incident in records.incidents.since(datetime.fromtimestamp(0, UTC)):
        show_card(incident, records)
    keys = (as_text(key).partition("message:")[2] for key in records.redis.scan_iter("sre:message:*", count=1000))
    return sum(not message.withdrawn for message in records.outbox.find_many(keys))


def figures(took: Sequence[float]) -> str:
    ordered = sorted(took)
    p99 = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    return f"median {statistics.median(ordered) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"


def main() -> None:
    labels = recorded(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as name, product(Path(name)) as (port, _):
        bodies = list(storm(labels, A_MINUTE * STEADY_S // 60))
        print(f"{A_MINUTE:,} alerts a minute: {figures(steadily(port, bodies))}")
    for size in STORMS:
        with tempfile.TemporaryDirectory() as name, product(Path(name)) as (port, records):
            took_s, took = flood(port, list(storm(labels, size)))
            counted = records.book.counted()
            left = records.incidents.open()
            held = sum(len(i.alerts) + i.truncated_alerts for i in left)
            if held != size:
                raise AssertionError(f"{size} alerts were sent and {held} are held")
            opened, folded = counted["opened"], 1 - len(left) / size
            print(
                f"storm of {size:,}: {size / took_s:,.0f} alerts a second, {figures(took)}; {opened} incidents opened, "
                f"{len(left)} left, {folded:.1%} folded; {posts(records)} posts to Slack"
            )  # fmt: skip


if __name__ == "__main__":
    try:
        main()
    except redis.RedisError as error:
        raise SystemExit(f"Redis went away: {error}") from error
