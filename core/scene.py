"""What the rules of grouping look at, and what they answer with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from core.concern import Concern, Trace
from core.service_map import ServiceMap
from core.settings import Config


@dataclass(frozen=True)
class Match:
    """Where a new group belongs."""

    incident: str
    rule: str
    why: str  # "runs on the same node, node-3", for the thread
    gap_s: float
    is_cause: bool = False  # the new group is rather what the others follow from
    others_why: str = ""  # and why the others belong to it, where it is the cause; "" if that reads the same
    is_storm: bool = False  # the new group shows that all these are one trouble, and is not its cause
    also: tuple[str, ...] = ()  # other open incidents that turn out to be the same trouble

    @property
    def merges(self) -> bool:
        return self.is_cause or self.is_storm


@dataclass(frozen=True)
class Scene:
    """All that the rules may look at."""

    new: Concern
    key: str  # of the new group
    open: Mapping[str, Concern]  # by incident; those of its cluster that are young enough
    config: Config
    map: ServiceMap
    nodes: int  # of the cluster; 0 when nobody knows
    ongoing: Mapping[str, Concern] = field(default_factory=dict)  # older ones in which a service of the new one fires


def scene(
    new: Concern, key: str, concerns: Mapping[str, Concern], config: Config, known: ServiceMap, nodes: int, now: float,
    ongoing: Collection[str] = (),
) -> Scene:  # fmt: skip
    """The scene, without what nothing may join: other clusters, old incidents, and what a person set apart."""
    may = {
        name: held
        for name, held in concerns.items()
        if (not held.cluster or not new.cluster or held.cluster == new.cluster) and key not in held.apart
    }
    young = {name: held for name, held in may.items() if now - held.opened_at <= config.grouping.oldest_s}
    return Scene(new, key, young, config, known, nodes, {name: may[name] for name in ongoing if name in may})


def only_node(concern: Concern) -> str | None:
    """The node, where all that alerts runs on one, and nothing says so of the node."""
    places = {trace.on for trace in concern.traces.values()}
    node = next(iter(places), frozenset())
    return next(iter(node)) if len(places) == 1 and len(node) == 1 and not concern.nodes else None


def gap_of(one: Trace, other: Trace) -> float:
    """Seconds between the alerts of one and of the other; 0 when their times overlap."""
    return max(0.0, one.first - other.last, other.first - one.last)


def between(one: Concern, other: Concern) -> float:
    """The same of all that each is about."""
    return max(0.0, one.first - other.last, other.first - one.last)


def to_span(at: float, first: float, last: float) -> float:
    """Seconds from a moment to a time; 0 within it."""
    return max(0.0, first - at, at - last)


def apart(gap: float) -> str:
    """ ", 40 s apart"; "" when there is no gap to speak of."""
    if gap < 1:
        return ""
    return f", {gap:.0f} s apart" if gap < 120 else f", {gap / 60:.0f} min apart"


def short(name: str) -> str:
    """A service or workload without its namespace."""
    return name.rpartition("/")[2] or name
