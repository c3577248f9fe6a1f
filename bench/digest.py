"""A day's digest over a year of a busy team: time and memory, against the same over a month.

`python -m bench.digest [INCIDENTS A DAY] [ALERTS A DAY] [CHANGES A DAY]` fills an embedded Redis by the stores' own
writes, 50 incidents, 5,000 firings and 200 changes a day by default, for 30 days and for 365; then a process of its own
makes the digest of the last day, with its message, thread and picture. A digest reads its own day and four weeks of
firings, so the ratio of the two should be near 1. Nothing is trimmed: more is kept than by default (firings 100 days).
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.change_events import ChangeEvent
from core.firings import Firing
from core.incident import Alert, Incident
from core.observation import FieldChange
from core.records import Records, open_records
from core.redis import release
from core.settings import Settings

ROOT = Path(__file__).parents[1]
END = datetime(2026, 11, 26, 8, tzinfo=UTC)
MONTH, YEAR = 30, 365
RUNS = 3
SERVICES = tuple(f"service-{n:02}" for n in range(20))
RULES = tuple(f"Rule{n:02}" for n in range(120))


def fill(records: Records, days: int, incidents: int, alerts: int, changes: int) -> None:
    """So many days up to the end, the oldest first."""
    chance = random.Random(1)
    number = 0
    for day in range(days, 0, -1):
        midnight = END - timedelta(days=day)
        held = []
        for _ in range(incidents):
            number += 1
            held.append(_incident(f"INC-{number}", midnight + timedelta(minutes=chance.uniform(0, 1380)), chance))
        for incident in held:
            records.incidents.save(incident)
            for event in ("incident.opened", "loop.observe", "loop.reason", "incident.resolved"):
                records.ledger.append(event, actor="bot", at=incident.opened_at, incident=incident.id)
            if chance.random() < 0.3:
                records.ledger.append("command.taken", actor="U0MARIA", at=incident.opened_at, incident=incident.id)
        records.firings.note(_firings(midnight, held, alerts, chance))
        for event in _changes(midnight, changes, chance):
            records.changes.note(event)


def _incident(incident_id: str, at: datetime, chance: random.Random) -> Incident:
    service = chance.choice(SERVICES)
    labels = {"alertname": "HighErrorRate", "namespace": "shop", "service": service, "severity": "critical"}
    alerts = tuple(
        Alert(fingerprint=f"{incident_id}-{n}", name=chance.choice(RULES), status="resolved", labels=labels,
              annotations={"summary": f"{service} answers some of its requests with an error."}, starts_at=at)
        for n in range(8)
    )  # fmt: skip
    return Incident(
        id=incident_id, title=f"{service} answers 7 % of requests with 5xx", state="resolved", service=service,
        services=(service,), source="alertmanager", alerts=alerts, opened_at=at,
        resolved_at=at + timedelta(minutes=chance.uniform(2, 50)), headline="A release cannot start.",
    )  # fmt: skip


def _firings(midnight: datetime, held: list[Incident], count: int, chance: random.Random) -> Iterator[Firing]:
    for _ in range(count):
        began = (midnight + timedelta(minutes=chance.uniform(0, 1380))).timestamp()
        incident = chance.choice(held) if held else None
        yield Firing(
            chance.choice(RULES), incident.service or "" if incident else "", "SEV3", "",
            incident.id if incident else "", f"f{chance.randrange(4000)}", began, began + chance.expovariate(1 / 300),
        )  # fmt: skip


def _changes(midnight: datetime, count: int, chance: random.Random) -> Iterator[ChangeEvent]:
    for number in range(count):
        at = midnight + timedelta(minutes=chance.uniform(0, 1380))
        service = chance.choice(SERVICES)
        image = FieldChange(
            field="image", verb="changed", before=f"{service}:{number}", after=f"{service}:{number + 1}"
        )
        yield ChangeEvent(
            id=f"{at.timestamp()}-{number}", kind="deploy" if number % 4 else "config", at=at, namespace="shop",
            target=f"Deployment/{service}", service=service, title="image changed", fields=(image,), version="1",
        )  # fmt: skip


def make_one(folder: Path) -> None:
    """Make the digest and print its time and this process's greatest memory; matplotlib's own import is not counted in
    the time, and in the memory it is."""
    from blocks.digest import digest_view
    from blocks.digest_thread import thread_view
    from workers.digest.making import make
    from workers.digest.material import Period
    from workers.digest.picture import picture

    records = open_records(Settings(data_dir=folder), now=lambda: END)
    period = Period(END - timedelta(days=1), END, "Europe/Berlin")
    began = time.perf_counter()
    found = make(records, period)
    made = time.perf_counter() - began
    began = time.perf_counter()
    digest_view(found)
    thread_view(found)
    picture(found, folder)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    shown = time.perf_counter() - began
    print(json.dumps({"made_s": made, "shown_s": shown, "peak_mb": peak_mb, "alerts": found.alerts,
                      "incidents": len(found.broke), "deploys": len(found.deploys)}))  # fmt: skip


def measure(days: int, incidents: int, alerts: int, changes: int) -> dict[str, float]:
    """The quickest of three processes."""
    with tempfile.TemporaryDirectory(prefix="sre-bot-bench-") as name:
        settings = Settings(data_dir=Path(name))
        records = open_records(settings)
        try:
            records.redis.config_set("appendfsync", "no")  # filling only
            records.redis.config_set("appendonly", "no")
            began = time.perf_counter()
            fill(records, days, incidents, alerts, changes)
            filled_s = time.perf_counter() - began
            command = [sys.executable, "-m", "bench.digest", "--make", name]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            runs = [
                json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment).stdout)
                for _ in range(RUNS)
            ]
            best: dict[str, float] = min(runs, key=lambda run: run["made_s"])
            used_mb = int(records.redis.info("memory")["used_memory"]) / 2**20
            return {**best, "filled_s": filled_s, "redis_mb": used_mb}
        finally:
            release(settings, records.redis)


def main() -> None:
    if sys.argv[1:2] == ["--make"]:
        make_one(Path(sys.argv[2]))
        return
    sizes = [int(word) for word in sys.argv[1:4]] + [50, 5_000, 200][len(sys.argv) - 1 :]
    found = {}
    for days in (MONTH, YEAR):
        found[days] = one = measure(days, *sizes)
        print(
            f"{days} days: {one['made_s']:.2f} s to make, {one['shown_s']:.2f} s for its messages and picture, process "
            f"{one['peak_mb']:.0f} MB at most, Redis {one['redis_mb']:,.0f} MB; {one['alerts']:,.0f} alerts, "
            f"{one['incidents']:.0f} incidents, {one['deploys']:.0f} deploys (filled in {one['filled_s']:.0f} s)",
            flush=True,
        )
    ratio = found[YEAR]["made_s"] / found[MONTH]["made_s"]
    memory = found[YEAR]["peak_mb"] / found[MONTH]["peak_mb"]
    print(f"a year is {ratio:.2f} of a month in time, {memory:.2f} in memory of the process")


if __name__ == "__main__":
    main()
