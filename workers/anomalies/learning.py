"""Learns what is normal from Prometheus' own history: each signal of each service at most once a day, a little at a
time, so that neither Prometheus nor an investigation waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import orjson

from core.anomalies import SIGNALS, Anomaly, Signal
from core.baselines import Baseline
from core.errors import BadQuestion, SreError, ToolError
from core.log import get_logger
from core.records import Records
from workers.anomalies.baseline import DAY_S, LEAST_DAYS, STEP_S, history_days, learn
from workers.anomalies.sources import Found, Sources, catalogued
from workers.ports import Metrics
from workers.triage.metricnames import WANTED, Asked
from workers.world import World

log = get_logger(__name__)

AT_ONCE_S = 2.0  # of one job; an alert that comes waits so long at most, and one question to Prometheus
_CHUNKS = (timedelta(days=7), timedelta(days=1))  # of history, a question each; the second where the first is too much
_LONGEST_S = 10.0  # for the history of one signal, of what an alert may have to wait for
_AGAIN_S = 3600  # after Prometheus could not answer
_LASTS_S = 13 * 3600  # what is unusual for so long has shaped most of a day: the level is learned anew
_LIST_S = 3600  # which workloads there are without a catalogue


def learn_normals(world: World, clock: Callable[[], float] = time.monotonic) -> None:
    """Learn what is due, for at most two seconds. Safe to repeat. What does not answer is left out."""
    records, rules = world.records, world.records.settings.config.anomalies
    began = clock()
    for cluster in clusters_of(records) if rules.enabled else ():
        try:
            metrics = world.outside.metrics(cluster or None)
            if metrics is not None:
                _learn_cluster(cluster, metrics, records, lambda: clock() - began >= AT_ONCE_S)
        except SreError as error:
            log.warning("normals_not_learned", cluster=cluster, why=str(error))


def clusters_of(records: Records) -> tuple[str, ...]:
    """Names of the clusters; "" is the one that has no name."""
    return tuple(records.settings.config.clusters) or ("",)


def _learn_cluster(cluster: str, metrics: Metrics, records: Records, enough: Callable[[], bool]) -> None:
    now = records.now()
    held = {b.key: b for b in records.baselines.of(cluster)}
    lasting = {(a.service, a.signal): a for a in records.anomalies.open() if a.cluster == cluster}
    sources: Sources | None = None
    services = _watched(cluster, metrics, records)
    if services:  # none at all is a Prometheus that has just begun, not a company without services
        records.baselines.keep_only(cluster, (asked.label for asked in services))
    for asked in services:
        for signal in SIGNALS:
            key = (asked.label, signal)
            if not _is_due(held.get(key), lasting.get(key), now):
                continue
            sources = sources or Sources(metrics, now, frozenset(metrics.names(WANTED)))
            records.baselines.put(learned(cluster, asked, signal, sources, records.settings.config.anomalies.weeks))
            if enough():
                return


def _watched(cluster: str, metrics: Metrics, records: Records) -> list[Asked]:
    config, now = records.settings.config, records.now()
    if config.services:
        return list(catalogued(config, cluster))
    name = f"anomalies-watched:{cluster}"
    if raw := records.switches.find(name):
        return [Asked(label, ns, owner, frozenset(names)) for label, ns, owner, names in orjson.loads(raw)]
    found = list(Sources(metrics, now, frozenset(metrics.names(WANTED))).workloads(config.anomalies.services))
    rows = [[asked.label, asked.namespace, asked.owner, sorted(asked.names)] for asked in found]
    records.switches.set(name, orjson.dumps(rows).decode(), for_s=_LIST_S)
    return found


def _is_due(held: Baseline | None, lasting: Anomaly | None, now: datetime) -> bool:
    if held is None or now.timestamp() - held.learned_at >= DAY_S:
        return True
    return lasting is not None and held.learned_at < lasting.began.timestamp() + _LASTS_S <= now.timestamp()


def learned(cluster: str, asked: Asked, signal: Signal, sources: Sources, weeks: int) -> Baseline:
    """One baseline, or one that says why there is none. Raises: Unreachable."""
    at = sources.now.timestamp()
    try:
        found = sources.find(asked, signal)
        points = _history(found, sources, weeks) if not found.off else []
    except ToolError as error:
        log.warning("normal_not_learned", service=asked.label, signal=signal, why=str(error))
        off = "Prometheus could not answer"
        return Baseline(cluster, asked.label, signal, at - DAY_S + _AGAIN_S, off=off)
    days = history_days(points)
    cells, level = learn(points, at)
    off = found.off or _unusable(points, days, at)
    return Baseline(
        cluster, asked.label, signal, at, off=off, days=days, query=found.query,
        metric=found.requests.metric if found.requests else "",
        matchers=found.requests.matchers if found.requests else "",
        errors=found.requests.errors if found.requests else "", pods=asked.pods, namespace=asked.namespace,
        level=level if not off else 1.0, cells=cells if not off else (),
    )  # fmt: skip


def _unusable(points: list[tuple[float, float]], days: float, now: float) -> str:
    if not points:
        return "no data"
    if now - points[-1][0] > DAY_S:
        return "no data for a day"
    return f"history too short ({days:.0f} of {LEAST_DAYS} days)" if days < LEAST_DAYS - 0.1 else ""


def _history(found: Found, sources: Sources, weeks: int) -> list[tuple[float, float]]:
    """What the figure was, oldest first. Raises: ToolError, Unreachable."""
    whole, small = _CHUNKS
    try:
        return _in_chunks(found, sources, weeks, whole)
    except BadQuestion:  # too many samples at once; what took too long is not asked again now
        return _in_chunks(found, sources, weeks, small)


def _in_chunks(found: Found, sources: Sources, weeks: int, span: timedelta) -> list[tuple[float, float]]:
    points: dict[float, float] = {}
    start, began = sources.now - timedelta(weeks=weeks), sources.clock()
    while start < sources.now:
        if sources.clock() - began > _LONGEST_S:
            raise ToolError(found.query, f"its history takes more than {_LONGEST_S:.0f} s")
        end = min(start + span, sources.now)
        for series in sources.metrics.range(found.query, start, end, STEP_S)[:1]:
            points |= dict(series.points)
        start += span
    return sorted(points.items())
