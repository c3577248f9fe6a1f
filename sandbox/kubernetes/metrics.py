"""metrics.k8s.io: what pods and nodes use now, for `kubectl top`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.kubernetes.objects import stamp
from sandbox.kubernetes.resources import Json, Resource


@dataclass(frozen=True)
class Used:
    """What one container uses now."""

    namespace: str
    pod: str
    container: str
    node: str
    cores: float
    bytes: float


Usage = Callable[[], list[Used]]
WINDOW_S = 30


def metrics_objects(resource: Resource, namespace: str | None, used: list[Used], now: float) -> list[Json]:
    """PodMetrics or NodeMetrics, in the order of their names."""
    times = {"timestamp": stamp(now), "window": f"{WINDOW_S}s"}
    head = {"kind": resource.kind, "apiVersion": resource.group_version}
    if resource.kind == "NodeMetrics":
        nodes = sorted({u.node for u in used})
        sums = (
            (n, sum(u.cores for u in used if u.node == n), sum(u.bytes for u in used if u.node == n)) for n in nodes
        )
        return [{**head, "metadata": {"name": n}, **times, "usage": _usage(cores, size)} for n, cores, size in sums]
    pods: dict[tuple[str, str], list[Json]] = {}
    for item in sorted(used, key=lambda u: (u.namespace, u.pod)):
        if namespace in (None, item.namespace):
            container = {"name": item.container, "usage": _usage(item.cores, item.bytes)}
            pods.setdefault((item.namespace, item.pod), []).append(container)
    return [
        {**head, "metadata": {"name": pod, "namespace": where}, **times, "containers": containers}
        for (where, pod), containers in pods.items()
    ]


def _usage(cores: float, size: float) -> dict[str, str]:
    return {"cpu": f"{round(cores * 1e9)}n", "memory": f"{round(size / 1024)}Ki"}
