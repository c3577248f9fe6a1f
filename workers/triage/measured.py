"""Whose metrics are read: the services in question, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterable

from core.settings import Config
from workers.triage.draft import Place
from workers.triage.metricnames import Asked
from workers.triage.networking import selected
from workers.triage.objects import name_of, namespace_of
from workers.triage.snapshot import Snapshot

MOST = 4  # each costs Prometheus some six queries
_KINDS = ("Deployment/", "StatefulSet/", "DaemonSet/", "Pod/", "Rollout/")


def measured(places: Iterable[Place], needed: frozenset[Place], snap: Snapshot, config: Config) -> list[Asked]:
    """The first `MOST` of these workloads that may serve requests, with every name that metrics may know them by.

    Args:
        needed: Those that the others merely depend on.
    """
    serving = [place for place in places if place[1].startswith(_KINDS)]
    return [_asked(place, place not in needed, snap, config) for place in serving[:MOST]]


def _asked(place: Place, is_meant: bool, snap: Snapshot, config: Config) -> Asked:
    namespace, owner = place
    name = owner.partition("/")[2]
    catalogued = [
        label for label, service in config.services.items()
        if service.namespace in (None, namespace)
        and (owner in service.workloads or (not service.workloads and label == name))
    ]  # fmt: skip
    behind = {
        name_of(service) for service in snap.all("services")
        if namespace_of(service) == namespace and any(snap.owner_of(pod) == owner for pod in selected(service, snap))
    }  # fmt: skip
    names = {name, *catalogued, *behind}
    names |= {f"{namespace}/{each}" for each in names}  # as a Prometheus operator names its jobs
    return Asked(catalogued[0] if catalogued else name, namespace, owner, frozenset(names), is_meant)
