"""Rules about nodes. A cordoned node is somebody's decision, not a fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from core.observation import Condition
from workers.triage.draft import Draft, Place, events_source, object_source
from workers.triage.objects import (
    Obj,
    age_s,
    condition,
    is_leaving,
    moment,
    name_of,
    namespace_of,
    sentence,
    spec_of,
    status_of,
)
from workers.triage.snapshot import Snapshot

JOINING_S = 60  # a new node is not ready until its network is up
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


def node_findings(snap: Snapshot) -> Iterator[Draft]:
    """Nodes that are not ready or short of something. Of a namespace, only those that its pods are on or wait for."""
    on_node: dict[str, set[Place]] = defaultdict(set)
    pods_wait = False
    for pod in snap.all("pods"):
        node = spec_of(pod).get("nodeName")
        pods_wait = pods_wait or not node
        if node:
            on_node[node].add((namespace_of(pod), snap.owner_of(pod)))
    for node in snap.all("nodes"):
        name = name_of(node)
        if is_leaving(node) or (snap.namespaces and name not in on_node and not pods_wait):
            continue
        for kind, said in _troubles(node, snap):
            pressure = said.get("type") if kind == "NodePressure" else ""
            yield Draft(
                condition=kind, severity="critical" if kind == "NodeNotReady" else "warning", kind="Node",
                namespace="", name=name, owner=f"Node/{name}", touches=frozenset(on_node[name]),
                message=sentence(pressure, said.get("reason"), said.get("message")),
                since=moment(said.get("lastTransitionTime")),
                sources=(
                    object_source(snap, "Node", node, conditions=status_of(node).get("conditions"),
                                  taints=spec_of(node).get("taints")),
                    *events_source(snap, "Node", node),
                ),
            )  # fmt: skip


def _troubles(node: Obj, snap: Snapshot) -> Iterator[tuple[Condition, Obj]]:
    ready = condition(node, "Ready")
    joining = ready.get("status") == "False" and age_s(node, snap.now) <= JOINING_S
    if ready and ready.get("status") != "True" and not joining:
        yield "NodeNotReady", ready
    elif condition(node, "NetworkUnavailable").get("status") == "True" and age_s(node, snap.now) > JOINING_S:
        yield "NodeNotReady", condition(node, "NetworkUnavailable")
    for pressure in _PRESSURES:
        if (said := condition(node, pressure)).get("status") == "True":
            yield "NodePressure", said
