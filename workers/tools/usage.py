"""How much of CPU and memory is used, next to what was requested and allowed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field

from core.errors import SreError, ToolError
from workers.ports import Cluster
from workers.tools.kinds import MOST_OBJECTS, TIMEOUT_S, Space, answer
from workers.tools.registry import Amount, ToolContext, need_cluster, tool
from workers.tools.results import Result
from workers.triage.objects import key_of, name_of, spec_of, status_of

Obj = dict[str, Any]
_METRICS = "metrics.k8s.io/v1beta1"
_UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1), "k": Decimal(10**3),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "Ki": Decimal(2**10), "Mi": Decimal(2**20),
    "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip


@tool(source="kubernetes", doing="Reading resource usage in {namespace}", timeout_s=TIMEOUT_S)
def kubernetes_top(
    ctx: ToolContext,
    of: Literal["pods", "nodes"],
    namespace: Space = "",
    limit: Annotated[int, Amount(), Field(ge=1, le=200)] = 30,
) -> Result:
    """CPU and memory used now, each against its limit (nodes: against what is allocatable), the fullest first.

    Args:
        of: "pods" or "nodes".
        namespace: One namespace, for pods; empty for all.
        limit: How many lines at most.

    Raises: ToolError when the cluster has no metrics server; ask Prometheus then.
    """
    cluster = need_cluster(ctx)
    if not cluster.serves(_METRICS, of):
        raise ToolError("resource usage", "this cluster has no metrics server; ask Prometheus instead")
    within = f"/namespaces/{namespace}" if namespace and of == "pods" else ""
    path = f"/apis/{_METRICS}{within}/{of}"
    used = list(islice(cluster.items(path), MOST_OBJECTS))
    lines = _pods(cluster, within, used) if of == "pods" else _nodes(cluster, used)
    lines.sort(key=lambda line: -line[0])
    shown = [text for _, text in lines[:limit]]
    more = [f"and {len(lines) - limit} more"] if len(lines) > limit else []
    return answer(cluster, path, "\n".join([*shown, *more]) or "nothing is reported")


def _pods(cluster: Cluster, within: str, used: list[Obj]) -> list[tuple[float, str]]:
    """How full and a line, for each container."""
    try:
        specs = {
            (*key_of(pod), c["name"]): c.get("resources") or {}
            for pod in islice(cluster.items(f"/api/v1{within}/pods"), MOST_OBJECTS)
            for c in spec_of(pod).get("containers") or ()
        }
    except SreError:
        specs = {}
    lines = []
    for pod in used:
        for c in pod.get("containers") or ():
            space, name = key_of(pod)
            resources = specs.get((space, name, c["name"]), {})
            said, fullest = [], 0.0
            for resource in ("cpu", "memory"):
                usage = c["usage"].get(resource, "0")
                limit = (resources.get("limits") or {}).get(resource)
                asked = (resources.get("requests") or {}).get(resource)
                share = _share(usage, limit)
                fullest = max(fullest, share or 0.0)
                against = f"{share:.0%} of its limit {limit}" if share is not None else "no limit"
                said.append(f"{resource} {_readable(resource, usage)} ({against}, requests {asked or 'nothing'})")
            lines.append((fullest, f"{space}/{name} {c['name']}: " + ", ".join(said)))
    return lines


def _nodes(cluster: Cluster, used: list[Obj]) -> list[tuple[float, str]]:
    nodes = {name_of(node): status_of(node).get("allocatable") or {} for node in cluster.items("/api/v1/nodes")}
    lines = []
    for node in used:
        said, fullest = [], 0.0
        for resource in ("cpu", "memory"):
            usage = node["usage"].get(resource, "0")
            share = _share(usage, nodes.get(name_of(node), {}).get(resource)) or 0.0
            fullest = max(fullest, share)
            said.append(f"{resource} {_readable(resource, usage)} ({share:.0%})")
        lines.append((fullest, f"{name_of(node)}: " + ", ".join(said)))
    return lines


def amount(quantity: str) -> Decimal | None:
    """A Kubernetes quantity in its base unit (cores, bytes); None when it is malformed."""
    digits = quantity.rstrip("numkMGTKi")
    try:
        return Decimal(digits) * _UNITS[quantity[len(digits) :]]
    except (InvalidOperation, KeyError):
        return None


def _share(usage: str, limit: str | None) -> float | None:
    used, allowed = amount(usage), amount(limit) if limit else None
    return float(used / allowed) if used is not None and allowed else None


def _readable(resource: str, usage: str) -> str:
    value = amount(usage)
    if value is None:
        return usage
    return f"{value * 1000:.0f}m" if resource == "cpu" else f"{value / 2**20:.0f}Mi"
