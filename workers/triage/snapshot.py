"""The cluster as it was read, and how the rules look things up in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from workers.ports import Cluster
from workers.triage.events import Events
from workers.triage.objects import Key, Obj, key_of, namespace_of
from workers.triage.owners import Owners
from workers.triage.reads import Listing
from workers.triage.resources import BY_KIND, Lists

_CONTROLLERS = ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
G = TypeVar("G")


@dataclass(frozen=True)
class Snapshot:
    """Lists by resource name, as "pods". One that was not read whole is not `complete`: its absences prove nothing."""

    now: datetime
    namespaces: tuple[str, ...]  # the ones that were read; () for all
    listings: Mapping[str, Listing[Obj]]
    lists: Lists
    could_not_read: tuple[str, ...] = ()

    def all(self, resource: str) -> list[Obj]:
        """Every object of that resource that was read."""
        listing = self.listings.get(resource)
        return listing.items if listing else []

    def complete(self, *resources: str) -> bool:
        """Whether all of these were read to their end."""
        return all(r in self.listings and self.listings[r].complete for r in resources)

    def covers(self, namespace: str) -> bool:
        """Whether that namespace was read."""
        return not self.namespaces or namespace in self.namespaces

    def find(self, resource: str, namespace: str, name: str) -> Obj | None:
        """One object of a list that was read."""
        return self._by_key.get(resource, {}).get((namespace, name))

    def path(self, kind: str, namespace: str, name: str) -> str:
        """Where the API has one object."""
        return self.lists.path(kind, namespace, name)

    def owner_of(self, pod: Obj) -> str:
        """The top of the chain above a pod, as "Deployment/checkout"."""
        return self.owners.top("Pod", pod)

    def pods_in(self, namespace: str) -> list[Obj]:
        return self._pods_by_namespace.get(namespace, [])

    def pods_of(self, namespace: str, owner: str) -> list[Obj]:
        """The pods of the workload at the top of their chain."""
        return self._pods_by_owner.get((namespace, owner), [])

    @cached_property
    def events(self) -> Events:
        """Warning events of the last hour."""
        return Events(self.all("events"), self.now)

    @cached_property
    def owners(self) -> Owners:
        return Owners({kind: self.all(BY_KIND[kind].name) for kind in _CONTROLLERS})

    @cached_property
    def _by_key(self) -> dict[str, dict[Key, Obj]]:
        return {name: {key_of(o): o for o in each.items} for name, each in self.listings.items() if name != "events"}

    @cached_property
    def _pods_by_namespace(self) -> dict[str, list[Obj]]:
        return _grouped(self.all("pods"), namespace_of)

    @cached_property
    def _pods_by_owner(self) -> dict[Key, list[Obj]]:
        return _grouped(self.all("pods"), lambda pod: (namespace_of(pod), self.owner_of(pod)))


def empty(cluster: Cluster, now: datetime, namespaces: tuple[str, ...], why: str) -> Snapshot:
    """Of a cluster that could not be read."""
    return Snapshot(now, namespaces, {}, Lists(cluster), (f"the cluster ({why})",))


def _grouped(items: Iterable[Obj], key: Callable[[Obj], G]) -> dict[G, list[Obj]]:
    groups: dict[G, list[Obj]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
