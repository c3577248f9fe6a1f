"""Ready pods and restarts of the workloads in question, from a few lists of the cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from core.remediation import Measure
from core.settings import Config
from workers.ports import Cluster
from workers.triage.draft import Place
from workers.triage.measured import measured
from workers.triage.metricnames import Asked
from workers.triage.objects import Obj, created_at, is_leaving, moment, namespace_of, statuses_of
from workers.triage.reads import Deadline, Listing, read_lists
from workers.triage.resources import BY_KIND, Lists
from workers.triage.snapshot import Snapshot
from workers.triage.workloads import count_of
from workers.verify.expressions import Live

_LISTS = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "Service")
_COUNTED = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


def take(cluster: Cluster, namespaces: Iterable[str], now: datetime, deadline: Deadline) -> Snapshot:
    """What verification needs of these namespaces; lists that could not be read are named in it. Never raises a
    SreError."""
    spaces, lists = tuple(namespaces), Lists(cluster)
    reads: dict[str, Callable[[], Iterable[Obj]]] = {
        f"{BY_KIND[kind].name} in {space}": partial(lists.items, BY_KIND[kind], space)
        for kind in _LISTS for space in spaces
    }  # fmt: skip
    listings = read_lists(reads, deadline)
    joined: dict[str, Listing[Obj]] = {}
    for kind in _LISTS:
        each = [listings[f"{BY_KIND[kind].name} in {space}"] for space in spaces]
        items = [item for listing in each for item in listing.items]
        joined[BY_KIND[kind].name] = Listing(items, None, all(listing.complete for listing in each))
    errors = [listing.error for listing in listings.values() if listing.error]
    return Snapshot(now, spaces, joined, lists, tuple(dict.fromkeys(str(error).rstrip(".") for error in errors)))


def live(snap: Snapshot) -> Live:
    """The names of all pods that exist, by namespace."""
    if not snap.complete("pods"):
        return {}
    found: dict[str, set[str]] = defaultdict(set, {space: set() for space in snap.namespaces})
    for pod in snap.all("pods"):
        if not is_leaving(pod):
            found[namespace_of(pod)].add(str(pod["metadata"].get("name", "")))
    return found


def asked_of(places: Iterable[Place], snap: Snapshot, config: Config) -> list[Asked]:
    """Those of the places that may serve requests."""
    return measured(sorted(places), frozenset(), snap, config)


def pod_measures(asked: Asked, snap: Snapshot, since: datetime, downstream: bool) -> Iterable[Measure]:
    """Ready pods, wanted pods and container restarts since then, as far as they were read."""
    kind, _, name = asked.owner.partition("/")
    place = {"unit": "count", "service": asked.label, "downstream": downstream}
    workload = snap.find(_COUNTED[kind], asked.namespace, name) if kind in _COUNTED else None
    if workload:
        count = count_of(kind, workload)
        yield Measure(name=f"ready pods of {asked.label}", value=count.ready, **place)
        yield Measure(name=f"wanted pods of {asked.label}", value=count.desired, **place)
    if snap.complete("pods") and not downstream:
        restarts = sum(_restarts(pod, since) for pod in snap.pods_of(asked.namespace, asked.owner))
        yield Measure(name=f"restarts of {asked.label}", value=restarts, **place)


def _restarts(pod: Obj, since: datetime) -> int:
    """Restarts of its containers since then. Of an older pod only the last one is dated, so that one counts."""
    young = (created_at(pod) or since) > since
    total = 0
    for status, _ in statuses_of(pod):
        count = int(status.get("restartCount") or 0)
        ended = moment(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
        total += count if young else int(count > 0 and ended is not None and ended >= since)
    return total
