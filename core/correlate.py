"""Which open incident a new group of alerts belongs to, and why. Rules only, in a fixed order; the same alerts always
find the same incident.

A wrong join hides an incident, so each rule wants more than "at the same time": the same service, a cause and its
effect on the service map, a node that is down and what runs on it, one rollout, or labels that the team named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from core.concern import Concern, Trace
from core.service_map import ServiceMap
from core.settings import Config

_INDIRECT_S = (
    300  # guessed: a deployment that merely has pods on a dead node fails soon after it, or for another reason
)


@dataclass(frozen=True)
class Match:
    """Where a new group belongs."""

    incident: str
    rule: str
    why: str  # "runs on the same node, node-3", for the thread
    gap_s: float
    is_cause: bool = False  # the new group is rather what the others follow from
    others_why: str = ""  # and why the others belong to it, where it is the cause; "" if that reads the same
    also: tuple[str, ...] = ()  # other open incidents that turn out to be the same trouble


@dataclass(frozen=True)
class Scene:
    """All that the rules may look at."""

    new: Concern
    key: str  # of the new group
    open: Mapping[str, Concern]  # by incident; those of its cluster that are young enough
    config: Config
    map: ServiceMap
    nodes: int  # of the cluster; 0 when nobody knows


def scene(
    new: Concern, key: str, concerns: Mapping[str, Concern], config: Config, known: ServiceMap, nodes: int, now: float
) -> Scene:  # fmt: skip
    """The scene, without what nothing may join: other clusters, old incidents, and what a person set apart."""
    near = {
        name: held
        for name, held in concerns.items()
        if (not held.cluster or not new.cluster or held.cluster == new.cluster)
        and now - held.opened_at <= config.grouping.oldest_s
        and key not in held.apart
    }
    return Scene(new, key, near, config, known, nodes)


def correlate(seen: Scene) -> Match | None:
    """The best match: by the surest rule, then the nearest in time; None when it stands alone."""
    for rule in (_same_service, _same_node, _same_deploy, _neighbours, _many_on_one_node, _shared_dependency, _labels):
        if found := sorted(rule(seen), key=lambda match: (match.gap_s, match.incident)):
            best = _together(found, seen)
            return _told_better(best, seen) if best.rule == "same_service" else best
    return None


def _told_better(best: Match, seen: Scene) -> Match:
    """In an incident about a node, that something runs there says more than that it alerted before."""
    return next((m for m in _same_node(seen) if m.incident == best.incident and not m.is_cause), best)


def _together(found: list[Match], seen: Scene) -> Match:
    """The nearest; and where the new group is the cause of several incidents, they are one."""
    first = found[0]
    causes = [m for m in found if m.is_cause]
    if not first.is_cause or len(causes) < 2:
        return first
    oldest = min(causes, key=lambda m: (seen.open[m.incident].opened_at, m.incident))
    apart = seen.open[oldest.incident].apart
    also = tuple(sorted({m.incident for m in causes} - {oldest.incident} - apart))
    return replace(oldest, also=also)


def _same_service(seen: Scene) -> Iterator[Match]:
    rule = seen.config.grouping.rules.same_service
    if not rule.enabled:
        return
    for incident, held in seen.open.items():
        for name in sorted(seen.new.traces.keys() & held.traces.keys()):
            gap = _gap(seen.new.traces[name], held.traces[name])
            if gap <= rule.within_s:
                yield Match(incident, "same_service", f"also about {name}{_apart(gap)}", gap)


def _same_node(seen: Scene) -> Iterator[Match]:
    rule = seen.config.grouping.rules.same_node
    if not rule.enabled:
        return
    for incident, held in seen.open.items():
        for node, at in held.nodes.items():
            if node in seen.new.nodes:
                gap = abs(at - seen.new.nodes[node])
                if gap <= rule.within_s:
                    yield Match(incident, "same_node", f"also about node {node}{_apart(gap)}", gap)
            elif said := _runs_on(seen.new, node, at, rule.within_s):
                yield Match(incident, "same_node", *said)
        for node, at in seen.new.nodes.items():
            gap = _to_span(at, held.first, held.last)
            if not held.nodes and held.traces and gap <= rule.within_s and _all_on(node, held, gap):
                why = f"{node} is the node of what fails here{_apart(gap)}"
                yield Match(incident, "same_node", why, gap, is_cause=True, others_why=f"on the same node, {node}")


def _all_on(node: str, held: Concern, gap: float) -> bool:
    """Whether everything that alerts runs on this node, as far as anybody knows where."""
    return all(
        trace.on == {node} or (gap <= _INDIRECT_S and (node in trace.needs or (not trace.on and node in trace.pods_on)))
        for trace in held.traces.values()
    )


def _runs_on(new: Concern, node: str, at: float, within_s: float) -> tuple[str, float] | None:
    """Why these alerts belong to a node that alerted at `at`, and how far they are from that."""
    for name, trace in sorted(new.traces.items()):
        gap = _to_span(at, trace.first, trace.last)
        if node in trace.on and gap <= within_s:
            return f"{_short(name)} runs on the same node, {node}{_apart(gap)}", gap
        if node in trace.pods_on and not trace.on and gap <= min(within_s, _INDIRECT_S):
            return f"{_short(name)} has pods on the same node, {node}{_apart(gap)}", gap
        if node in trace.needs and gap <= min(within_s, _INDIRECT_S):
            return f"{_short(name)} depends on {trace.needs[node]}, which runs on that node, {node}{_apart(gap)}", gap
    return None


def _same_deploy(seen: Scene) -> Iterator[Match]:
    rule = seen.config.grouping.rules.same_deploy
    if not rule.enabled:
        return
    for incident, held in seen.open.items():
        rolled_out = [(name, trace) for name, trace in sorted(held.traces.items()) if trace.release]
        for name, new in sorted(seen.new.traces.items()):
            for other, old in rolled_out if new.release else ():
                fresh = all(t.release and 0 <= t.first - t.rolled_out <= rule.within_s for t in (new, old))
                if fresh and new.release == old.release and abs(new.rolled_out - old.rolled_out) <= rule.together_s:
                    gap = _gap(new, old)
                    why = f"{_short(name)} was rolled out together with {_short(other)}, as {new.release}{_apart(gap)}"
                    yield Match(incident, "same_deploy", why, gap)


def _neighbours(seen: Scene) -> Iterator[Match]:
    """A caller of what is failing; or what the deepest failing service itself depends on. What a failing service calls
    besides its known cause is not taken for that trouble too."""
    rule = seen.config.grouping.rules.neighbours
    if not rule.enabled:
        return
    for incident, held in seen.open.items():
        known = [(name, trace) for name, trace in sorted(held.traces.items()) if name in seen.map.calls]
        for name, new in sorted(seen.new.traces.items()):
            for other, old in known if name in seen.map.calls else ():
                gap = _gap(new, old)
                if gap > rule.within_s or name == other:
                    continue
                if steps := seen.map.distance(name, other, rule.distance):
                    why = f"{name} depends on {other}{_through(steps, name, other, seen)}{_apart(gap)}"
                    yield Match(incident, "neighbours", why, gap)
                elif (steps := seen.map.distance(other, name, rule.distance)) and _is_unexplained(other, held, seen):
                    why = f"{other} depends on {name}{_through(steps, other, name, seen)}{_apart(gap)}"
                    yield Match(incident, "neighbours", why, gap, is_cause=True)


def _is_unexplained(name: str, held: Concern, seen: Scene) -> bool:
    """Whether no other alert of the incident says already why this service fails."""
    most = seen.config.grouping.rules.neighbours.distance
    return not held.nodes and not any(seen.map.distance(name, other, most) for other in held.traces if other != name)


def _many_on_one_node(seen: Scene) -> Iterator[Match]:
    """Many workloads that fail on one node alone: it is the node, whether or not anything says so of it."""
    rule = seen.config.grouping.rules.same_node
    node = _only_node(seen.new)
    if not rule.enabled or node is None or seen.nodes < 3:  # of two nodes every second alert is on the same
        return
    there = {
        i: c for i, c in seen.open.items() if _only_node(c) == node and _between(seen.new, c) <= _INDIRECT_S
    }  # fmt: skip
    names = set(seen.new.traces).union(*(c.traces for c in there.values()))
    if len(names) < rule.workloads:
        return
    why = f"{len(names)} workloads fail on one node, {node}, and nowhere else"
    for incident, held in there.items():
        yield Match(incident, "same_node", why, _between(seen.new, held), is_cause=True)


def _only_node(concern: Concern) -> str | None:
    places = {trace.on for trace in concern.traces.values()}
    node = next(iter(places), frozenset())
    return next(iter(node)) if len(places) == 1 and len(node) == 1 and not concern.nodes else None


def _shared_dependency(seen: Scene) -> Iterator[Match]:
    """Most of what depends on one thing fails at once, and that thing says nothing."""
    rule = seen.config.grouping.rules.shared_dependency
    if not rule.enabled:
        return
    needed = {thing for name in seen.new.traces for thing in seen.map.calls.get(name, ())}
    for thing in sorted(needed):
        dependents = seen.map.called_by[thing]
        if not seen.new.traces.keys() <= dependents:
            continue
        near = {
            i: c for i, c in seen.open.items()
            if c.traces and c.traces.keys() <= dependents and not c.nodes and _between(seen.new, c) <= rule.within_s
        }  # fmt: skip
        failing = set(seen.new.traces).union(*(c.traces for c in near.values()))
        if len(failing) >= rule.dependents and len(failing) >= rule.share * len(dependents):
            said = ", ".join(sorted(failing)[:4]) + (f" and {len(failing) - 4} more" if len(failing) > 4 else "")
            for incident, held in near.items():
                gap = _between(seen.new, held)
                why = f"{said} all depend on {thing}{_apart(gap)}"
                yield Match(incident, "shared_dependency", why, gap, is_cause=True)


def _labels(seen: Scene) -> Iterator[Match]:
    for name, rule in seen.config.grouping.labels.items():
        said = seen.new.labels.get(name)
        for incident, held in seen.open.items():
            gap = _between(seen.new, held)
            if said and held.labels.get(name) == said and gap <= rule.within_s:
                yield Match(incident, name, f"has the same {said}{_apart(gap)} (rule {name})", gap)


def _gap(one: Trace, other: Trace) -> float:
    """Seconds between the alerts of one and of the other; 0 when their times overlap."""
    return max(0.0, one.first - other.last, other.first - one.last)


def _between(one: Concern, other: Concern) -> float:
    return max(0.0, one.first - other.last, other.first - one.last)


def _to_span(at: float, first: float, last: float) -> float:
    return max(0.0, first - at, at - last)


def _apart(gap: float) -> str:
    if gap < 1:
        return ""
    return f", {gap:.0f} s apart" if gap < 120 else f", {gap / 60:.0f} min apart"


def _through(steps: int, caller: str, called: str, seen: Scene) -> str:
    """By what way one depends on the other, where that is not simply written in the catalogue."""
    if steps > 1:
        return f" through {steps - 1} other{'s' if steps > 2 else ''}"
    source = seen.map.seen_by.get((caller, called))
    return f" ({source} saw it call)" if source else ""


def _short(name: str) -> str:
    return name.rpartition("/")[2] or name
