"""Scrapes the world into the samples that Prometheus serves, and evaluates the alert rules over them."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from sandbox.exporter import pairs, readings
from sandbox.kubernetes.deployments import revision
from sandbox.kubernetes.metrics import WINDOW_S, Used
from sandbox.kubernetes.objects import unstamp
from sandbox.kubernetes.resources import Json
from sandbox.prometheus.promql import instant
from sandbox.prometheus.rules import Rule, RuleEngine
from sandbox.prometheus.tsdb import STALE, LabelPairs, Series, Tsdb
from sandbox.prometheus.values import Point, Value
from sandbox.traffic import flows
from sandbox.world import World

HISTORY_S = 6 * 3600
HISTORY_STEP_S = 15.0  # a usual scrape interval, for the hours before the start and for what is older than an hour
SCRAPE_S = 1.0  # shorter than usual, so that a demonstration need not wait
KEEP_S, THIN_EVERY_S, FRESH_S = 24 * 3600.0, 900.0, 3600.0


class Monitoring:
    """Samples and alerts of one world."""

    def __init__(self, world: World, rules: tuple[Rule, ...], external_url: str = "") -> None:
        self._world = world
        self.tsdb = Tsdb()
        self.rules = RuleEngine(self.tsdb, rules, external_url)
        self._live: dict[tuple[str, LabelPairs], Series] = {}  # in the last scrape
        self._scraped_at = world.time
        self._thinned_at = world.time
        self._backfill(world.time)

    def advance_to(self, time: float) -> list[dict[str, Any]]:
        """Move the world on, scraping as it goes. Returns what Alertmanager is to be told, oldest first."""
        outgoing: list[dict[str, Any]] = []
        while self._scraped_at + SCRAPE_S <= time:
            self._world.advance_to(self._scraped_at + SCRAPE_S)
            self._scrape(self._scraped_at + SCRAPE_S)
            outgoing.extend(self.rules.evaluate(self._scraped_at))
        self._world.advance_to(time)
        return outgoing

    def usage(self) -> list[Used]:
        """What every container uses now, for `kubectl top`."""
        memory = _by_container(instant(self.tsdb, "container_memory_working_set_bytes", self._scraped_at))
        cores = _by_container(
            instant(self.tsdb, f"rate(container_cpu_usage_seconds_total[{WINDOW_S}s])", self._scraped_at)
        )
        return [Used(*key, cores.get(key, 0.0), size) for key, size in memory.items()]

    def _scrape(self, now: float) -> None:
        passed, self._scraped_at = now - self._scraped_at, now
        seen: dict[tuple[str, LabelPairs], Series] = {}
        for reading in readings(self._world, self._world.flows(), now):
            series = self.tsdb.series(reading.name, reading.labels)
            value = float(reading.number)
            if reading.kind == "counter":
                value = value * passed + (series.values[-1] if (reading.name, reading.labels) in self._live else 0.0)
            series.times.append(now)
            series.values.append(value)
            seen[reading.name, reading.labels] = series
        for key, series in self._live.items():
            if key not in seen:
                series.times.append(now)
                series.values.append(STALE)
        self._live = seen
        if now - self._thinned_at >= THIN_EVERY_S:
            self._thinned_at = now
            self.tsdb.thin(now - FRESH_S, HISTORY_STEP_S, now - KEEP_S)

    def _backfill(self, start: float) -> None:
        """The hours before the start, in which nothing was wrong; pods that a rollout replaced are there too."""
        times = np.arange(start - HISTORY_S, start + 0.001, HISTORY_STEP_S)
        past = flows(self._world.ready(), times)
        pods = {p["metadata"]["name"]: p for p in self._world.objects.list("pods")}
        for reading in readings(self._world, past, times):
            values = np.cumsum(reading.number * HISTORY_STEP_S) if reading.kind == "counter" else reading.number
            labels = dict(reading.labels)
            pod = pods.get(labels.get("pod", ""))
            since = unstamp(pod["metadata"]["creationTimestamp"]) if pod else 0.0
            known = times >= since
            series = self._fill(reading.name, reading.labels, times[known], values[known])
            self._live[reading.name, reading.labels] = series
            former = pod and since > times[0] and _predecessor(self._world, pod)
            if former:
                replaced = self._fill(reading.name, pairs(**{**labels, "pod": former}), times[~known], values[~known])
                replaced.times.append(since)
                replaced.values.append(STALE)

    def _fill(self, name: str, labels: LabelPairs, times: Any, values: Any) -> Series:
        series = self.tsdb.series(name, labels)
        series.times, series.values = array("d", times.tolist()), array("d", values.tolist())
        return series


def _by_container(value: Value) -> dict[tuple[str, str, str, str], float]:
    points = [p for p in value if isinstance(p, Point)] if isinstance(value, list) else []
    names = ("namespace", "pod", "container", "node")
    return {(p.labels[names[0]], p.labels[names[1]], p.labels[names[2]], p.labels[names[3]]): p.value for p in points}


def _predecessor(world: World, pod: Json) -> str | None:
    """The name of the pod of the revision before that did this one's work; None for the pods of Jobs."""
    meta = pod["metadata"]
    name, _, suffix = meta["name"].rpartition("-")
    own = world.objects.find("replicasets", meta["namespace"], name)
    others = [s for s in world.objects.list("replicasets", meta["namespace"]) if own and _same_owner(s, own)]
    older = [s for s in others if own and revision(s) == revision(own) - 1]
    return f"{older[0]['metadata']['name']}-{suffix}" if older else None


def _same_owner(one: Json, other: Json) -> bool:
    return bool(one["metadata"]["ownerReferences"][0]["uid"] == other["metadata"]["ownerReferences"][0]["uid"])
