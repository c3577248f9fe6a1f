"""Which open incident a new group of alerts belongs to, and why. Rules only, in a fixed order; the same alerts always
find the same incident.

A wrong join hides an incident, so each rule wants more than "at the same time": the same service, a cause and its
effect on the service map, a node that is down and what runs on it, one rollout, or labels that the team named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.concern import Concern
from core.scene import Match, Scene, apart, between, gap_of, only_node, short, to_span
from core.storm import storm

_INDIRECT_S = (
    300  # guessed: a deployment that merely has pods on a dead node fails soon after it, or for another reason
)


def correlate(seen: Scene) -> Match | None:
    """The best match: by the surest rule, then the nearest in time; None when it stands alone."""
    crowd = _nearest(storm(seen))
    for rule in _RULES:
        if found := _nearest(rule(seen)):
            best = _together(found, seen)
            best = _told_better(best, seen) if best.rule == "same_service" else best
            return _in_a_storm(best, crowd, seen)
    return _together(crowd, seen) if crowd else None


def _nearest(found: Iterator[Match]) -> list[Match]:
    return sorted(found, key=lambda match: (match.gap_s, match.incident))


def _in_a_storm(best: Match, crowd: list[Match], seen: Scene) -> Match:
    """With the others of a storm that the incident turns out to be part of."""
    if best.incident not in {match.incident for match in crowd}:
        return best
    whole = _together([replace(match, is_storm=True) for match in crowd], seen)
    also = ({*whole.also, *best.also, whole.incident, best.incident}) - {whole.incident}
    return replace(best, incident=whole.incident, also=tuple(sorted(also)), others_why=best.others_why or whole.why)


def _told_better(best: Match, seen: Scene) -> Match:
    """In an incident about a node, that something runs there says more than that it alerted before."""
    return next((m for m in _same_node(seen) if m.incident == best.incident and not m.is_cause), best)


def _together(found: list[Match], seen: Scene) -> Match:
    """The nearest; and where the new group shows that several incidents are the same trouble, they are one."""
    first = found[0]
    causes = [m for m in found if m.merges]
    if not first.merges or len(causes) < 2:
        return first
    oldest = min(causes, key=lambda m: (seen.open[m.incident].opened_at, m.incident))
    apart = seen.open[oldest.incident].apart
    also = tuple(sorted({m.incident for m in causes} - {oldest.incident} - apart))
    return replace(oldest, also=also)


def _same_service(seen: Scene) -> Iterator[Match]:
    rule = seen.config.grouping.rules.same_service
    if not rule.enabled:
        return
    for incident, held in {**seen.open, **seen.ongoing}.items():
        for name in sorted(seen.new.traces.keys() & held.traces.keys()):
            gap = gap_of(seen.new.traces[name], held.traces[name])
            if incident in seen.open and gap <= rule.within_s:
                yield Match(incident, "same_service", f"also about {name}{apart(gap)}", gap)
            elif incident in seen.ongoing:
                yield Match(incident, "same_service", f"also about {name}, which is not over{apart(gap)}", gap)


def _same_node(seen: Scene) -> Iterator[Match]:
    rule = seen.config.grouping.rules.same_node
    if not rule.enabled:
        return
    for incident, held in seen.open.items():
        for node, at in held.nodes.items():
            if node in seen.new.nodes:
                gap = abs(at - seen.new.nodes[node])
                if gap <= rule.within_s:
                    yield Match(incident, "same_node", f"also about node {node}{apart(gap)}", gap)
            elif said := _runs_on(seen.new, node, at, rule.within_s, node in held.down):
                yield Match(incident, "same_node", *said)
        for node, at in seen.new.nodes.items():
            gap = to_span(at, held.first, held.last)
            if not held.nodes and held.traces and gap <= rule.within_s and _all_on(node, held, gap):
                why = f"{node} is the node of what fails here{apart(gap)}"
                yield Match(incident, "same_node", why, gap, is_cause=True, others_why=f"on the same node, {node}")


def _all_on(node: str, held: Concern, gap: float) -> bool:
    """Whether everything that alerts runs on this node, as far as anybody knows where."""
    return all(
        trace.on == {node} or (gap <= _INDIRECT_S and (node in trace.needs or (not trace.on and node in trace.pods_on)))
        for trace in held.traces.values()
    )


def _runs_on(new: Concern, node: str, at: float, within_s: float, is_down: bool) -> tuple[str, float] | None:
    """Why these alerts belong to a node that alerted at `at`, and how far they are from that."""
    for name, trace in sorted(new.traces.items()):
        gap = to_span(at, trace.first, trace.last)
        if node in trace.on and gap <= within_s:
            return f"{short(name)} runs on the same node, {node}{apart(gap)}", gap
        if node in trace.pods_on and not trace.on and gap <= min(within_s, _INDIRECT_S):
            return f"{short(name)} has pods on the same node, {node}{apart(gap)}", gap
        if is_down and trace.everywhere and not trace.on and not trace.pods_on and gap <= within_s:
            return f"{short(name)}: a DaemonSet has a pod on every node, so on {node} too{apart(gap)}", gap
        if node in trace.needs and gap <= min(within_s, _INDIRECT_S):
            return f"{short(name)} depends on {trace.needs[node]}, which runs on that node, {node}{apart(gap)}", gap
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
                    gap = gap_of(new, old)
                    why = f"{short(name)} was rolled out together with {short(other)}, as {new.release}{apart(gap)}"
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
                gap = gap_of(new, old)
                if gap > rule.within_s or name == other:
                    continue
                if steps := seen.map.distance(name, other, rule.distance):
                    why = f"{name} depends on {other}{_through(steps, name, other, seen)}{apart(gap)}"
                    yield Match(incident, "neighbours", why, gap)
                elif (steps := seen.map.distance(other, name, rule.distance)) and _is_unexplained(other, held, seen):
                    why = f"{other} depends on {name}{_through(steps, other, name, seen)}{apart(gap)}"
                    yield Match(incident, "neighbours", why, gap, is_cause=True)


def _is_unexplained(name: str, held: Concern, seen: Scene) -> bool:
    """Whether no other alert of the incident says already why this service fails."""
    most = seen.config.grouping.rules.neighbours.distance
    return not held.nodes and not any(seen.map.distance(name, other, most) for other in held.traces if other != name)


def _many_on_one_node(seen: Scene) -> Iterator[Match]:
    """Many workloads that fail on one node alone: it is the node, whether or not anything says so of it."""
    rule = seen.config.grouping.rules.same_node
    node = only_node(seen.new)
    if not rule.enabled or node is None or seen.nodes < 3:  # of two nodes every second alert is on the same
        return
    there = {
        i: c for i, c in seen.open.items() if only_node(c) == node and between(seen.new, c) <= _INDIRECT_S
    }  # fmt: skip
    names = set(seen.new.traces).union(*(c.traces for c in there.values()))
    if len(names) < rule.workloads:
        return
    why = f"{len(names)} workloads fail on one node, {node}, and nowhere else"
    for incident, held in there.items():
        yield Match(incident, "same_node", why, between(seen.new, held), is_cause=True)


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
            if c.traces and c.traces.keys() <= dependents and not c.nodes and between(seen.new, c) <= rule.within_s
        }  # fmt: skip
        failing = set(seen.new.traces).union(*(c.traces for c in near.values()))
        if len(failing) >= rule.dependents and len(failing) >= rule.share * len(dependents):
            said = ", ".join(sorted(failing)[:4]) + (f" and {len(failing) - 4} more" if len(failing) > 4 else "")
            for incident, held in near.items():
                gap = between(seen.new, held)
                why = f"{said} all depend on {thing}{apart(gap)}"
                yield Match(incident, "shared_dependency", why, gap, is_cause=True)


def _same_namespace(seen: Scene) -> Iterator[Match]:
    rule = seen.config.grouping.rules.same_namespace
    if not rule.enabled:
        return
    new = {name.partition("/")[0]: trace for name, trace in sorted(seen.new.traces.items()) if trace.whole}
    for incident, held in seen.open.items():
        for name, trace in sorted(held.traces.items()):
            namespace = name.partition("/")[0]
            if trace.whole and namespace in new and (gap := gap_of(new[namespace], trace)) <= rule.within_s:
                yield Match(incident, "same_namespace", f"also about the namespace {namespace}{apart(gap)}", gap)


def _labels(seen: Scene) -> Iterator[Match]:
    for name, rule in seen.config.grouping.labels.items():
        said = seen.new.labels.get(name)
        for incident, held in seen.open.items():
            gap = between(seen.new, held)
            if said and held.labels.get(name) == said and gap <= rule.within_s:
                yield Match(incident, name, f"has the same {said}{apart(gap)} (rule {name})", gap)


def _through(steps: int, caller: str, called: str, seen: Scene) -> str:
    """By what way one depends on the other, where that is not simply written in the catalogue."""
    if steps > 1:
        return f" through {steps - 1} other{'s' if steps > 2 else ''}"
    source = seen.map.seen_by.get((caller, called))
    return f" ({source} saw it call)" if source else ""


_RULES = (
    _same_service, _same_node, _same_deploy, _neighbours, _many_on_one_node, _shared_dependency, _same_namespace,
    _labels,
)  # fmt: skip
