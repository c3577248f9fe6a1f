"""So much at once that chance is no explanation: a network, a zone, a control plane; or a node, seen from afar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from core.concern import Concern, Trace
from core.scene import Match, Scene, apart, between, to_span


def storm(seen: Scene) -> Iterator[Match]:
    """Many workloads, or nodes, that begin to fail within a minute; with fewer, the node that is down since then."""
    rule = seen.config.grouping.rules.storm
    if not rule.enabled:
        return
    may = {incident: held for incident, held in seen.open.items() if not _is_elsewhere(seen.new, held)}
    if seen.new.traces:
        yield from _workloads(seen, may)
    else:
        yield from _nodes(seen, may)


def _workloads(seen: Scene, may: dict[str, Concern]) -> Iterator[Match]:
    rule = seen.config.grouping.rules.storm
    at = seen.new.first
    near = {i: traces for i, held in may.items() if _tells(traces := _begun(held, at, rule.within_s))}
    failing = [(n, t) for traces in (seen.new.traces, *near.values()) for n, t in traces.items() if not t.minor]
    names, alerts = {name for name, _ in failing}, sum(trace.alerts for _, trace in failing)
    down = {i: gap for i, held in may.items() if (gap := _since_down(held, at)) <= rule.node_within_s}
    least = rule.workloads_of_node if down else rule.workloads
    if len(names) >= least and (
        down or _most_alike(failing) >= least
    ):  # said of all alike: how many it is by now the card says
        said = f"at least {least} workloads began to fail within {rule.within_s} s"
    elif len(names) > 1 and alerts >= rule.alerts:
        said = f"at least {rule.alerts} alerts began within {rule.within_s} s"
    else:
        return
    for incident, held in may.items():
        if incident in down:
            why = f"{said}, and {_node(held)} is down{apart(down[incident])}"
            yield Match(incident, "storm", why, down[incident], is_storm=True)
        elif incident in near:
            yield Match(incident, "storm", said, between(seen.new, held), is_storm=True)


def _most_alike(failing: list[tuple[str, Trace]]) -> int:
    """Of how many workloads the same alert fires: one trouble shows alike everywhere, several each in their own way."""
    by_alert: dict[str, set[str]] = defaultdict(set)
    for name, trace in failing:
        for alert in trace.says:
            by_alert[alert].add(name)
    return max((len(names) for names in by_alert.values()), default=0)


def _nodes(seen: Scene, may: dict[str, Concern]) -> Iterator[Match]:
    rule = seen.config.grouping.rules.storm
    at = seen.new.first
    if not seen.new.down:
        return
    down = {i: held for i, held in seen.open.items() if _since_down(held, at) <= rule.within_s}
    nodes = seen.new.down.union(*(held.down for held in down.values()))
    for incident, held in down.items() if len(nodes) >= rule.nodes else ():
        why = f"at least {rule.nodes} nodes went down within {rule.within_s} s"
        yield Match(incident, "storm", why, between(seen.new, held), is_storm=True)
    before = {
        i: c for i, c in may.items() if c.traces and not c.nodes and to_span(at, c.first, c.last) <= rule.node_within_s
    }  # fmt: skip
    for incident, held in before.items():
        begun = (_begun(other, held.first, rule.within_s) for other in before.values())
        names = {name for traces in begun for name, trace in traces.items() if not trace.minor}
        if len(names) >= rule.workloads_of_node:
            gap = to_span(at, held.first, held.last)
            said = f"{len(names)} workloads began to fail within {rule.within_s} s"
            why = f"{_node(seen.new)} went down when {said}{apart(gap)}"
            yield Match(incident, "storm", why, gap, is_cause=True, others_why=f"{said}, and {_node(seen.new)} is down")


def _begun(held: Concern, at: float, within_s: float) -> dict[str, Trace]:
    """What began to fail, or failed again, at about that time."""
    return {
        name: trace
        for name, trace in held.traces.items()
        if min(abs(trace.first - at), abs(trace.last - at)) <= within_s
    }


def _tells(traces: dict[str, Trace]) -> bool:
    """Whether more than information is among it: throttling somewhere is no part of an outage."""
    return any(not trace.minor for trace in traces.values())


def _since_down(held: Concern, at: float) -> float:
    """Seconds from when a node of it went down; without end where none did."""
    return min((abs(at - held.nodes[node]) for node in held.down), default=float("inf"))


def _is_elsewhere(new: Concern, held: Concern) -> bool:
    """Whether one is known to be of nodes that the other has nothing to do with."""
    ours, theirs = _places(new), _places(held)
    return bool(ours and theirs and not ours & theirs)


def _places(concern: Concern) -> set[str]:
    """The nodes that it is about, or runs on; none when that is not known of all of it."""
    on = [trace.on or trace.pods_on for trace in concern.traces.values()]
    return set(concern.nodes) or (set().union(*on) if all(on) else set())


def _node(concern: Concern) -> str:
    return sorted(concern.down)[0]
