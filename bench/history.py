"""What people ask most, over a year of incidents and half a million ledger entries, against a month of both.

python -m bench.history
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from core.incident import Incident
from core.ledger import GENESIS, Entry
from core.records import Records, open_records
from core.redis import release
from core.retention import retain
from core.settings import Settings
from core.status import read_status

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MONTH, YEAR = 1_500, 18_000  # incidents, 50 a day
ENTRIES = 28  # of each in the ledger: half a million in a year
OPEN = 10
ROUNDS = 15


def fill(records: Records, incidents: int) -> None:
    """The last so many, one every 29 minutes."""
    prev, seq, pipe = GENESIS, 0, records.redis.pipeline(transaction=False)
    for number in range(1, incidents + 1):
        at = NOW - timedelta(minutes=29 * (incidents + 1 - number))
        over = number <= incidents - OPEN
        named = f"INC-{number}"
        records.incidents.save(
            Incident(id=named, title=f"checkout answers {number} with errors", source="alertmanager", opened_at=at,
                     state="resolved" if over else "open", resolved_at=at + timedelta(minutes=20) if over else None)
        )  # fmt: skip
        for _ in range(ENTRIES):
            seq += 1
            draft = Entry(seq=seq, at=at, event="loop.observe", actor="bot", incident=named, prev=prev, hash="",
                          data={"investigation": f"INV-{number}", "findings": ["CrashLoopBackOff Deployment/checkout"],
                                "evidence": ["e1", "e2", "e3"], "took_ms": 512})  # fmt: skip
            entry = draft.model_copy(update={"hash": draft.computed_hash()})
            prev = entry.hash
            pipe.rpush("sre:ledger", entry.model_dump_json())
            pipe.rpush(f"sre:ledger:{named}", seq)
        if number % 200 == 0:
            pipe.execute()
    pipe.execute()


def measured(incidents: int) -> dict[str, float]:
    """Milliseconds, by what was asked."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        records = open_records(settings, now=lambda: NOW)
        try:
            records.redis.config_set("appendfsync", "no")  # for the filling; all that is measured but one reads
            fill(records, incidents)
            late, middle = f"INC-{incidents - 3}", f"INC-{incidents // 2}"
            asked: dict[str, Callable[[], object]] = {
                "/sre status": lambda: read_status(records),
                "the ledger of a late incident": lambda: records.ledger.of_incident(late),
                "the ledger of one in the middle": lambda: records.ledger.of_incident(middle),
                "incidents since a week": lambda: records.incidents.since(NOW - timedelta(days=7)),
                "an entry more": lambda: records.ledger.append("x", actor="bot", at=NOW, incident=late),
                "what the clock forgets": lambda: retain(records),
            }
            return {name: _ms(ask) for name, ask in asked.items()}
        finally:
            release(settings, records.redis)


def _ms(ask: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


def main() -> None:
    month, year = measured(MONTH), measured(YEAR)
    print(f"{YEAR:,} incidents, {YEAR * ENTRIES:,} ledger entries; ratio to {MONTH:,} and {MONTH * ENTRIES:,}")
    for name, took in year.items():
        print(f"{name}: {took:.1f} ms, {took / month[name]:.1f}")


if __name__ == "__main__":
    main()
