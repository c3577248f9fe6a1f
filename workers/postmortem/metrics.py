"""What Prometheus still knows of an incident: how many requests failed, and how bad it was at worst."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.diagnosis import Investigation
from core.errors import SreError
from core.incident import Incident
from core.settings import Config
from workers.ports import Metrics
from workers.triage import queries
from workers.triage.metricnames import WANTED, Asked, Requests, counters, find_requests, histograms, latest
from workers.verify.figures import Figures
from workers.verify.sentences import figure

_POINTS = 240
_LONGEST = timedelta(days=7)
_SLACK = timedelta(seconds=30)  # the trouble began somewhat before its first alert
_MOST_SERVICES = 3


@dataclass(frozen=True)
class Measured:
    """One query made for the draft, and what it showed in a sentence."""

    id: str  # "P1"
    text: str
    query: str
    link: str | None


def measured(
    incident: Incident, last: Investigation | None, config: Config, metrics: Metrics | None, start: datetime,
    end: datetime,
) -> tuple[tuple[Measured, ...], tuple[str, ...]]:  # fmt: skip
    """What could be measured from `start` to `end`, and what could not, a phrase each."""
    if metrics is None:
        return (), ("metrics of the whole incident (no Prometheus)",)
    if end - start > _LONGEST:
        start = end - _LONGEST
    found: list[Measured] = []
    try:
        names = frozenset(metrics.names(WANTED))
        for asked in _asked(incident, last, config):
            for text, query in _of(asked, metrics, names, start - _SLACK, end):
                found.append(Measured(f"P{len(found) + 1}", text, query, metrics.link(query)))
    except SreError as error:
        return tuple(found), (f"metrics of the whole incident (Prometheus: {str(error).rstrip('.')})",)
    return tuple(found), () if found else ("metrics of the whole incident (Prometheus has no requests of it)",)


def _asked(incident: Incident, last: Investigation | None, config: Config) -> Iterator[Asked]:
    """The services that alerted, as far as somebody said where they run, else the one that the cause names."""
    named = [name for name in dict.fromkeys((incident.service, *incident.services)) if name]
    for name in named[:_MOST_SERVICES]:
        known = config.services.get(name)
        namespace, _, workload = name.rpartition("/")
        namespace = (known.namespace if known else None) or namespace or incident.namespace or ""
        owner = known.workloads[0] if known and known.workloads else f"Deployment/{workload}"
        names = {name, workload, *((w.partition("/")[2] for w in known.workloads) if known else ())}
        yield Asked(name, namespace, owner, frozenset(names | {f"{namespace}/{each}" for each in names}))
    cause = last.diagnosis.root_cause if last and last.diagnosis else None
    if not named and cause:
        name = cause.target.partition("/")[2]
        yield Asked(name, cause.namespace, cause.target, frozenset({name, f"{cause.namespace}/{name}"}))


def _of(
    asked: Asked, metrics: Metrics, names: frozenset[str], start: datetime, end: datetime
) -> Iterator[tuple[str, str]]:
    figures = Figures(metrics, names, end, start)
    requests = figures.find(counters(names), asked)
    if requests and requests.errors:
        yield from _failures(asked, requests, figures, start, end)
    buckets = find_requests(metrics, histograms(names), asked, end)
    if buckets:
        query = queries.latency_p95(buckets, f"{figures.window_s(buckets)}s")
        if worst := _worst(metrics, query, start, end):
            value, when = worst
            yield (
                f"The slowest 5 % of requests to {asked.label} took {figure('p95', value)} or more at worst, at {when}",
                query,
            )


def _failures(
    asked: Asked, requests: Requests, figures: Figures, start: datetime, end: datetime
) -> Iterator[tuple[str, str]]:
    metrics, window_s = figures.metrics, max(round((end - start).total_seconds()), 1)
    failed_q = f"sum(increase({requests.select(requests.errors)}[{window_s}s]))"
    all_q = f"sum(increase({requests.select()}[{window_s}s]))"
    every = next(latest(metrics.instant(all_q, end)), None)
    failed = next(latest(metrics.instant(failed_q, end)), 0.0)
    if every and math.isfinite(every) and math.isfinite(failed):
        share = figure("5xx", failed / every)
        yield (f"Of about {_round(every)} requests to {asked.label} from {start:%H:%M:%S} to {end:%H:%M:%S} UTC, about "
               f"{_round(failed)} failed ({share})"), failed_q  # fmt: skip
    query = queries.error_ratio(requests, f"{figures.window_s(requests)}s")
    if worst := _worst(metrics, query, start, end):
        value, when = worst
        yield f"At worst {figure('5xx', value)} of the requests to {asked.label} failed, at {when}", query


def _worst(metrics: Metrics, query: str, start: datetime, end: datetime) -> tuple[float, str] | None:
    """The highest value, and when it was."""
    step_s = max(1, math.ceil((end - start).total_seconds() / _POINTS))
    points = [(v, at) for s in metrics.range(query, start, end, step_s) for at, v in s.points if math.isfinite(v)]
    if not points:
        return None
    value, moment = max(points)
    return value, f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def _round(number: float) -> str:
    """Two figures, since rates between scrapes are no more exact."""
    if number < 100:
        return f"{number:,.0f}"
    digits = len(str(int(number))) - 2
    return f"{round(number / 10**digits) * 10**digits:,}"
