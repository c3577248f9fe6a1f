"""Metrics over a year: `python -m bench.measures [--days 365] [--a-day 50]`.

Fills a Redis of its own with the rows of so many incidents, a year of counters and shifts, and a ledger whose tail is
not counted yet, then says how long `/sre metrics` and a scrape of `/metrics` take, each against a month's data.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import redis

from blocks.measures import measures_view
from bot.metrics import Metrics
from core.accounting import tallies_of
from core.facts import ApprovalFact, IncidentFacts, PageFact, ShadowFact
from core.measures import report
from core.page import OnCall, Person, Shift
from core.periods import last_days
from core.records import Records, open_records
from core.redis import release, start_embedded
from core.settings import Config, Service, Settings

SERVICES = tuple(f"service-{number}" for number in range(20))
PEOPLE = tuple(Person(id=f"P{n}", name=f"Person {n}", slack=f"U0PERSON{n}") for n in range(6))
NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
RUNS = 15
TAIL = 60  # entries of the ledger between two scrapes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--a-day", type=int, default=50)
    args = parser.parse_args()
    took = {}
    for days in (30, args.days):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            settings = Settings(data_dir=Path(folder), config=Config(services={name: Service() for name in SERVICES}))
            client = redis.Redis(unix_socket_path=str(start_embedded(Path(folder))))
            records = open_records(settings, client, now=lambda: NOW)
            filled_s = fill(records, days, args.a_day)
            took[days] = {
                "/sre metrics 30d": timed(lambda r=records: measures_view(report(r, last_days(30, NOW)), "")),
                f"/sre metrics {days}d": timed(
                    lambda r=records, d=days: measures_view(report(r, last_days(d, NOW)), "")
                ),
                "/metrics": timed(Metrics(records, lambda: 2).exposition, lambda r=records: tail(r)),
            }
            count = days * args.a_day
            print(f"{days} days, {count:,} incidents (filled in {filled_s:.1f} s, "
                  f"{client.info('memory')['used_memory'] / 2**20:.0f} MB in Redis)")  # fmt: skip
            for name, ms in took[days].items():
                print(f"  {name:<22}{ms:8.1f} ms")
            release(settings, client)
    scrape = took[args.days]["/metrics"] / took[30]["/metrics"]
    view = took[args.days]["/sre metrics 30d"] / took[30]["/sre metrics 30d"]
    print(f"a year's to a month's history: /metrics {scrape:.2f}, /sre metrics 30d {view:.2f}")


def timed(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Median milliseconds."""
    taken = []
    for _ in range(RUNS):
        before()
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return median(taken[1:])


def fill(records: Records, days: int, a_day: int) -> float:
    """Rows, counters by day, and shifts, as a year leaves them; how many seconds that took."""
    started = time.perf_counter()
    chance = random.Random(6)
    for number in range(days * a_day):
        facts = incident(number, NOW - timedelta(days=days) * chance.random(), chance)
        records.facts.put(facts, tallies_of(facts))
    for day in range(days):
        at = NOW - timedelta(days=day)
        records.book.count(at, {"new": 4000, "repeated": 90_000, "opened": a_day, "joined": 3900})
    for day in range(days, 0, -1):
        shift = Shift(who=PEOPLE[day % len(PEOPLE)])
        records.duty.note([OnCall(service="service-0", now=(shift,), read_at=NOW)], NOW - timedelta(days=day))
    for _ in range(200):
        tail(records)
    return time.perf_counter() - started


def tail(records: Records) -> None:
    """What the ledger gains between two scrapes."""
    for number in range(TAIL // 3):
        at = {"at": NOW, "incident": f"INC-{number}"}
        usage = {"model": "claude-sonnet-5-5", "input_tokens": 12_000, "output_tokens": 900, "cost_usd": 0.05}
        records.ledger.append("incident.opened", actor="alertmanager", data={"severity": "SEV3"}, **at)
        reasoned = {"status": "diagnosed", "reasoner": "claude", "usage": usage, "cause": "OOMKilled Deployment/x"}
        records.ledger.append("loop.reason", actor="bot", data=reasoned, **at)
        records.ledger.append("incident.resolved", actor="alertmanager", data={"lasted_s": 600}, **at)


def incident(number: int, opened: datetime, chance: random.Random) -> IncidentFacts:
    """One of a year, as they are: most end by themselves within the hour."""
    at = opened.timestamp()
    lasts = chance.lognormvariate(6.8, 0.9)
    ends = chance.choices(("bot", "approved", "people", "itself", ""), (1, 4, 5, 9, 1))[0]
    paged = tuple(PageFact(chance.choice(PEOPLE).slack or "", at + 5) for _ in range(chance.choice((0, 0, 1, 1, 2))))
    asked = (ApprovalFact("granted", chance.expovariate(1 / 140), "restart_deployment", "shop/Deployment/x"),)
    shadow = (ShadowFact(["KubePodCrashLooping"], "restart_deployment", [], chance.choice(("agreed", "unknown"))),)
    return IncidentFacts(
        id=f"INC-{number}", opened=at, ended=at + lasts + 300, repaired=at + lasts,
        service=chance.choice(SERVICES), severity=chance.choices(("SEV1", "SEV2", "SEV3", "SEV4"), (1, 4, 10, 5))[0],
        acknowledged=at + chance.lognormvariate(5, 0.8) if chance.random() < 0.8 else None,
        acknowledged_by=chance.choice(PEOPLE).slack or "",
        diagnosed=at + chance.uniform(3, 90) if chance.random() < 0.7 else None,
        ended_by=ends, alone=int(ends == "bot"), approved=int(ends == "approved"),
        alerts=chance.randint(1, 300), investigations=1, tokens=13_000, cost_usd=0.05,
        approvals=asked if ends == "approved" else (), pages=paged,
        shadow=shadow if chance.random() < 0.2 else (), alert_types=("KubePodCrashLooping",),
    )  # fmt: skip


if __name__ == "__main__":
    main()
