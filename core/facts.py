"""One row for every incident that ended: what metrics sum, so that a year of them is read in a moment.

The rows of the incidents that were opened on one day are one hash in Redis. An incident keeps its day, so whatever
becomes known of it later replaces its row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import orjson
import redis

from core.redis import as_text
from core.tallies import TALLIES, Observed

_PREFIX = "sre:facts:"  # the UTC day on which it was opened, as 20261129
_DAYS_AT_ONCE = 50

EndedBy = Literal["bot", "approved", "people", "itself", ""]
Agreed = Literal["agreed", "differed", "unknown"]


class ApprovalFact(NamedTuple):
    """One approval that was asked for."""

    outcome: str  # "granted", "rejected", "expired", "superseded"
    waited_s: float | None  # from asking to the click; None when nobody decided
    kind: str  # of the action
    target: str  # "shop/Deployment/checkout"


class PageFact(NamedTuple):
    """PagerDuty called somebody."""

    person: str  # Slack user id, else PagerDuty's name; foreign
    at: float  # Unix seconds


class ShadowFact(NamedTuple):
    """One proposal that shadow mode kept from being done, and whether people did the same."""

    alert_types: list[str]
    kind: str
    obstacles: list[str]  # codes of what else stood in the way
    agreed: Agreed


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """What an ended incident adds to the metrics. Times are Unix seconds; texts are foreign."""

    id: str
    opened: float
    ended: float
    repaired: float
    service: str = ""  # catalogue name
    severity: str = "SEV3"
    by_person: bool = False  # a person opened it
    hushed: bool = False  # in maintenance to its end: nobody was told
    acknowledged: float | None = None
    acknowledged_by: str = ""
    diagnosed: float | None = None
    ended_by: EndedBy = ""
    alone: int = 0  # actions begun without a person
    approved: int = 0  # begun on a click
    alerts: int = 0
    investigations: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    approvals: tuple[ApprovalFact, ...] = ()
    pages: tuple[PageFact, ...] = ()
    shadow: tuple[ShadowFact, ...] = ()
    alert_types: tuple[str, ...] = ()


class Facts:
    """Rows by the day on which their incident was opened."""

    # A first row is counted for Prometheus in the same step, so that none counts twice.
    _PUT = """
    local fresh = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    if fresh == 1 then
        for i = 3, #ARGV, 2 do redis.call('HINCRBYFLOAT', KEYS[2], ARGV[i], ARGV[i + 1]) end
    end
    return fresh
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._put = client.register_script(self._PUT)

    def put(self, facts: IncidentFacts, counted: Iterable[Observed] = ()) -> bool:
        """Keep a row, replacing what was known of its incident; whether it is the incident's first.

        Args:
            counted: What is added to the tallies if it is.
        """
        added = [part for observed in counted for part in (observed.field, observed.amount)]
        row = orjson.dumps([getattr(facts, name) for name in IncidentFacts.__slots__], default=list)
        return bool(self._put(keys=[_key(facts.opened), TALLIES], args=[facts.id, row, *added]))

    def known(self, opened: Mapping[str, float]) -> set[str]:
        """Those of these incidents, by id with when they were opened, that have a row."""
        pipe = self._redis.pipeline(transaction=False)
        for incident_id, at in opened.items():
            pipe.hexists(_key(at), incident_id)
        return {name for name, there in zip(opened, pipe.execute(), strict=True) if there}

    def between(self, start: datetime, end: datetime) -> Iterator[IncidentFacts]:
        """Those opened from `start` until before `end`, day by day."""
        since, until = start.timestamp(), end.timestamp()
        for raw in self._rows(start, end):
            row = orjson.loads(raw)
            if since <= row[1] < until:
                yield _facts(row)

    def forget(self, before: datetime) -> int:
        """Drop the days before; how many rows that were."""
        first = _key(before.timestamp())
        old = [key for raw in self._redis.scan_iter(f"{_PREFIX}*", count=1000) if (key := as_text(raw)) < first]
        dropped = sum(int(self._redis.hlen(key)) for key in old)
        if old:
            self._redis.delete(*old)
        return dropped

    def _rows(self, start: datetime, end: datetime) -> Iterator[bytes]:
        day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days: list[str] = []
        while day < end:
            days.append(_key(day.timestamp()))
            day += timedelta(days=1)
        for first in range(0, len(days), _DAYS_AT_ONCE):
            pipe = self._redis.pipeline(transaction=False)
            for key in days[first : first + _DAYS_AT_ONCE]:
                pipe.hvals(key)
            for rows in pipe.execute():
                yield from rows


def _key(at: float) -> str:
    return f"{_PREFIX}{datetime.fromtimestamp(at, UTC):%Y%m%d}"


def _facts(row: list[Any]) -> IncidentFacts:
    named = dict(zip(IncidentFacts.__slots__, row, strict=False))
    for name, kind in _NESTED.items():
        named[name] = tuple(kind(*each) for each in named.get(name, ()))
    named["alert_types"] = tuple(named.get("alert_types", ()))
    return IncidentFacts(**named)


_NESTED: dict[str, Callable[..., Any]] = {"approvals": ApprovalFact, "pages": PageFact, "shadow": ShadowFact}
