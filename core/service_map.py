"""Who calls whom: what the catalogue says, completed by what was seen. One map for everybody.

What was seen only ever adds: nothing that is written is taken away by it, so whoever asks what depends on a service
never hears of less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.model import Model
from core.settings import Config, Service

Source = Literal["Istio", "Linkerd", "Kubernetes"]
INGRESS = "Ingress/"


class Edge(Model):
    """One workload that was seen to call another. Both are "namespace/name", without the kind, but for an ingress,
    which is "namespace/Ingress/name"."""

    caller: str
    called: str
    source: Source
    at: float  # Unix seconds, when it was last seen
    cluster: str = ""  # "" is the one that has no name


@dataclass(frozen=True)
class ServiceMap:
    """Who calls whom. Names are the catalogue's; what it does not list is called as `Edge` calls it."""

    calls: Mapping[str, frozenset[str]]
    called_by: Mapping[str, frozenset[str]]
    seen_by: Mapping[tuple[str, str], Source] = field(default_factory=dict)  # of what nobody wrote: caller and called

    def distance(self, caller: str, needed: str, most: int) -> int | None:
        """Calls from `caller` down to `needed`, at most `most`; None when there is no such way."""
        reached, front = {caller}, {caller}
        for steps in range(1, most + 1):
            front = {called for name in front for called in self.calls.get(name, ())} - reached
            if needed in front:
                return steps
            reached |= front
        return None

    def needed_by(self, name: str, most: int) -> list[str]:
        """What it calls, and what that calls, over at most so many calls; near ones first."""
        found: dict[str, None] = {}
        front = {name}
        for _ in range(most):
            front = {called for each in front for called in self.calls.get(each, ())} - found.keys() - {name}
            found |= dict.fromkeys(sorted(front))
        return list(found)

    def depending_on(self, names: Iterable[str]) -> tuple[str, ...]:
        """What depends on any of these, directly or through others, sorted; these themselves are left out."""
        given = set(names)
        found: set[str] = set()
        new = set(given)
        while new:
            new = {caller for name in new for caller in self.called_by.get(name, ())} - found - given
            found |= new
        return tuple(sorted(found))


def service_map(config: Config, edges: Iterable[Edge] = (), cluster: str | None = None) -> ServiceMap:
    """The one map: the catalogue's `depends_on`, and what was seen.

    Args:
        cluster: Whose workloads are called by their plain names, where the catalogue does not list them.
    """
    calls = {name: set(service.depends_on) for name, service in config.services.items()}
    names = _Names(config, cluster or "")
    seen_by: dict[tuple[str, str], Source] = {}
    for edge in edges:
        for caller in names.of(edge.caller, edge.cluster):
            for called in names.of(edge.called, edge.cluster):
                if caller != called and called not in calls.get(caller, ()):
                    calls.setdefault(caller, set()).add(called)
                    seen_by[caller, called] = edge.source
                calls.setdefault(called, set())
    called_by: dict[str, set[str]] = defaultdict(set)
    for caller, needed in calls.items():
        for name in needed:
            called_by[name].add(caller)
    return ServiceMap(_frozen(calls), _frozen(called_by), seen_by)


class _Names:
    """What workloads are called on the map."""

    def __init__(self, config: Config, cluster: str) -> None:
        self._cluster = cluster
        self._by_workload: dict[str, list[tuple[str, Service]]] = defaultdict(list)
        for name, service in config.services.items():
            for bare in {workload.partition("/")[2] for workload in service.workloads} or {name}:
                self._by_workload[bare].append((name, service))

    def of(self, place: str, cluster: str) -> list[str]:
        """The services that may run there, or the place itself; of another cluster with that cluster's name."""
        namespace, _, workload = place.partition("/")
        return list(self._listed(namespace, workload, cluster)) or [
            place if "" in (cluster, self._cluster) or cluster == self._cluster else f"{cluster}/{place}"
        ]

    def _listed(self, namespace: str, workload: str, cluster: str) -> Iterator[str]:
        for name, service in self._by_workload.get(workload, ()):
            if service.namespace in (None, namespace) and ("" in (cluster, service.cluster or "") or
                                                           service.cluster == cluster):  # fmt: skip
                yield name


def _frozen(links: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {name: frozenset(others) for name, others in links.items()}
