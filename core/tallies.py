"""Counters for Prometheus that outlive every process, and what questions cost by the day.

They are kept in one hash, "name|label|label" to a number, so that a scrape is one read however long the history is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import redis

from core.redis import as_text

TALLIES = "sre:tallies"
_CURSOR = "sre:tallies-cursor"  # the last entry of the ledger that was counted
_SPENT = "sre:spent:"  # by UTC day, as 20261129

_MINUTE, _HOUR = 60.0, 3600.0


class Family(NamedTuple):
    """A counter, or a histogram when it has buckets. Its name lacks Prometheus' suffixes."""

    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    begins: tuple[tuple[str, ...], ...] = ()  # series that are there from the start, at 0: what happens seldom


_SEVERITIES = (("SEV1",), ("SEV2",), ("SEV3",), ("SEV4",))

FAMILIES: dict[str, Family] = {
    "sre_incidents_opened": Family("Incidents opened.", ("severity", "service")),
    "sre_incidents_ended": Family("Incidents that ended, by who ended them.", ("severity", "service", "ended_by")),
    "sre_time_to_acknowledge_seconds": Family(
        "From an incident's beginning until a person had it.", ("severity",),
        (_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 4 * _HOUR), _SEVERITIES,
    ),
    "sre_time_to_diagnose_seconds": Family(
        "From an incident's beginning until its cause was named.", ("severity",),
        (5, 10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR), _SEVERITIES,
    ),
    "sre_time_to_repair_seconds": Family(
        "From an incident's beginning until its trouble was over.", ("severity",),
        (5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR, 12 * _HOUR, 24 * _HOUR), _SEVERITIES,
    ),
    "sre_approval_wait_seconds": Family(
        "From asking for an approval until somebody decided.", ("outcome",),
        (10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE), (("granted",), ("rejected",)),
    ),
    "sre_investigations": Family(
        "Investigations that ended.", ("outcome", "reasoner"),
        begins=(("diagnosed", "runbooks"), ("escalated", "runbooks")),
    ),
    "sre_llm_tokens": Family("Tokens that models were paid for.", ("direction", "model")),
    "sre_llm_cost_usd": Family("What models cost, in US dollars.", ("model",)),
    "sre_proposals": Family(
        "Actions proposed, by the policy's verdict.", ("verdict",), begins=(("allow",), ("ask",), ("deny",)),
    ),
    "sre_approvals": Family(
        "Approvals asked for, and what became of them.", ("outcome",),
        begins=(("asked",), ("granted",), ("rejected",), ("expired",), ("superseded",), ("escalated",)),
    ),
    "sre_approval_clicks_refused": Family("Clicks that did not count.", ("reason",)),
    "sre_actions_begun": Family(
        "Actions begun on a cluster, by who decided.", ("kind", "decided_by"),
        begins=(("restart_deployment", "bot"), ("restart_deployment", "person")),
    ),
    "sre_actions_ended": Family("Actions that ended, by how.", ("kind", "outcome", "decided_by")),
    "sre_feedback": Family("What people said of diagnoses.", ("verdict",), begins=(("right",), ("wrong",))),
    "sre_pages": Family("Times that PagerDuty called a person.", ("severity",), begins=_SEVERITIES),
    "sre_pagerduty_updates": Family(
        "Updates for PagerDuty, by what became of them.", ("outcome",), begins=(("told",), ("refused",)),
    ),
}  # fmt: skip


class Observed(NamedTuple):
    """An amount that one field grows by."""

    field: str
    amount: float


class Spent(NamedTuple):
    """What questions outside of incidents took."""

    questions: int = 0
    tokens: int = 0
    cost_usd: float = 0.0


def count(name: str, *labels: str, amount: float = 1) -> Observed:
    """One step of a counter."""
    return Observed("|".join((name, *(_label(each) for each in labels))), amount)


def observe(name: str, value: float, *labels: str) -> tuple[Observed, Observed]:
    """One observation of a histogram: the bucket that it falls in, and the sum."""
    bucket = next((str(float(at)) for at in FAMILIES[name].buckets if value <= at), "+Inf")
    return count(name, *labels, f"le={bucket}"), count(name, *labels, "sum", amount=value)


def _label(value: str) -> str:
    return value.replace("|", "/")[:80]


class Tallies:
    """Counters that only grow."""

    # Adds only to what was counted up to the same entry: of two processes that count the same ones, one does.
    _ADD = """
    if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2])
    for i = 3, #ARGV, 3 do redis.call('HINCRBYFLOAT', ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
    return 1
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._add = client.register_script(self._ADD)

    def counted_to(self) -> int:
        """The number of the last entry of the ledger that was counted; 0 before the first."""
        return int(as_text(self._redis.get(_CURSOR)) or 0)

    def add(
        self, since: int, until: int, observed: Iterable[Observed], spent: Iterable[tuple[datetime, Spent]]
    ) -> bool:
        """Count what the entries after `since` up to `until` say, unless somebody did."""
        args: list[str | float] = [since, until]
        for each in observed:
            args += [TALLIES, each.field, each.amount]
        for at, took in spent:
            for name, amount in took._asdict().items():
                args += [f"{_SPENT}{at.astimezone(UTC):%Y%m%d}", name, amount]
        return bool(self._add(keys=[_CURSOR], args=args))

    def all(self) -> dict[str, float]:
        """Every counter by its field."""
        return {as_text(name): float(value) for name, value in self._redis.hgetall(TALLIES).items()}

    def spent(self, start: datetime, end: datetime) -> Spent:
        """What questions took on the UTC days from that of `start` until before `end`."""
        pipe = self._redis.pipeline(transaction=False)
        for day in _days(start, end):
            pipe.hgetall(f"{_SPENT}{day:%Y%m%d}")
        total: dict[str, float] = {}
        for held in pipe.execute():
            for name, value in held.items():
                total[as_text(name)] = total.get(as_text(name), 0.0) + float(value)
        return Spent(int(total.get("questions", 0)), int(total.get("tokens", 0)), total.get("cost_usd", 0.0))


def series(name: str, held: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    """A family's fields by their labels, with those that are there from the start."""
    begun = {} if FAMILIES[name].buckets else dict.fromkeys(FAMILIES[name].begins, 0.0)
    prefix = f"{name}|"
    return begun | {tuple(f.split("|")[1:]): v for f, v in held.items() if f.startswith(prefix)}


def histogram(name: str, held: Mapping[str, float]) -> dict[tuple[str, ...], tuple[list[tuple[str, float]], float]]:
    """A histogram's cumulative buckets and sum, by labels."""
    family = FAMILIES[name]
    found: dict[tuple[str, ...], dict[str, float]] = {labels: {} for labels in family.begins}
    for (*labels, part), value in series(name, held).items():
        found.setdefault(tuple(labels), {})[part] = value
    shown = {}
    for key, parts in found.items():
        total, buckets = 0.0, []
        for bound in (*(str(float(at)) for at in family.buckets), "+Inf"):
            total += parts.get(f"le={bound}", 0.0)
            buckets.append((bound, total))
        shown[key] = (buckets, parts.get("sum", 0.0))
    return shown


def _days(start: datetime, end: datetime) -> Iterator[datetime]:
    day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield day
        day += timedelta(days=1)
