"""What the cluster reported of its objects, repeated reports joined."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from pydantic import Field

from workers.ports import Cluster
from workers.tools.kinds import MOST_OBJECTS, TIMEOUT_S, Space, answer
from workers.tools.registry import ToolContext, need_cluster, tool
from workers.tools.results import Result
from workers.triage.objects import duration, moment, since_s

Obj = dict[str, Any]
_SHOWN = 60


@tool(source="kubernetes", doing="Reading events of {about}", timeout_s=TIMEOUT_S)
def kubernetes_events(
    ctx: ToolContext, namespace: Space = "", about: Annotated[str, Field(max_length=360)] = ""
) -> Result:
    """Events of the last hours, repeated ones joined, the latest first, warnings marked.

    Args:
        namespace: One namespace; empty for all.
        about: One object, as "Pod/checkout-1" or "Node/node-2"; empty for all.
    """
    cluster = need_cluster(ctx)
    path = "/api/v1" + (f"/namespaces/{namespace}" if namespace else "") + "/events"
    lines = event_lines(cluster, namespace, ctx.now(), about)
    return answer(cluster, path + (f" about {about}" if about else ""), "\n".join(lines))


def event_lines(cluster: Cluster, namespace: str, now: datetime, about: str) -> list[str]:
    """The events about one object ("Pod/checkout-1"), or of a namespace, or all. Raises: ToolError, Unreachable."""
    kind, _, name = about.rpartition("/")
    query: dict[str, str | int] = {}
    if name:
        query["fieldSelector"] = f"involvedObject.name={name}" + (f",involvedObject.kind={kind}" if kind else "")
    path = "/api/v1" + (f"/namespaces/{namespace}" if namespace else "") + "/events"
    events = islice(cluster.items(path, **query), MOST_OBJECTS)
    lines = _joined(events, now)
    more = [f"and {len(lines) - _SHOWN} more kinds of events"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more] or ["none"]


def _joined(events: Iterable[Obj], now: datetime) -> list[str]:
    """One line for each object, reason and message, the latest first."""
    groups: dict[tuple[str, ...], list[tuple[float, int]]] = {}
    for event in events:
        obj = event.get("involvedObject") or event.get("regarding") or {}
        message = " ".join(str(event.get("message") or event.get("note") or "").split())
        mark = "" if event.get("type") == "Normal" else "! "
        key = (mark, f"{obj.get('kind')}/{obj.get('name')}", str(event.get("reason")), message)
        series = event.get("series") or {}
        times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
        created = moment(event["metadata"].get("creationTimestamp"))
        at = next((found for text in times if (found := moment(text))), created)
        count = int(series.get("count") or event.get("count") or 1)
        groups.setdefault(key, []).append((since_s(at, now), count))
    lines = []
    for (mark, about, reason, message), seen in sorted(groups.items(), key=lambda group: min(group[1])):
        latest, times_seen = min(seen)[0], sum(count for _, count in seen)
        when = f"{duration(latest)} ago" if latest < float("inf") else "at no known time"
        often = f", {times_seen} times" if times_seen > 1 else ""
        lines.append(f"{mark}{when}{often}  {about}  {reason}: {message}")
    return lines
