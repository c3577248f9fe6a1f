"""Read-only tools over Prometheus. A range comes back in words, since a model reads a graph's numbers badly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from core.errors import ToolError
from workers.ports import Series
from workers.tools.graph import against, describe, number
from workers.tools.registry import Amount, ToolContext, need_metrics, tool
from workers.tools.results import Result

TIMEOUT_S = 20  # two queries of the adapter's own
_SHOWN = 25  # series; of more, those that matter least are left out
_POINTS = 120  # of one range: a point every 30 s in an hour, as dense as most scrapes
_FINEST_S = 15

Query = Annotated[str, Field(min_length=1, max_length=4000)]


@tool(source="prometheus", doing="Asking Prometheus for {query}", timeout_s=TIMEOUT_S)
def prometheus_instant(ctx: ToolContext, query: Query) -> Result:
    """The value of a PromQL expression now, the largest first.

    Args:
        query: PromQL that gives numbers.
    """
    metrics = need_metrics(ctx)
    found = sorted(metrics.instant(query), key=lambda series: -abs(series.points[-1][1]))
    lines = [f"{_labels(series.labels)}  {number(series.points[-1][1])}" for series in found[: _SHOWN * 2]]
    return Result(query=query, text=_counted(lines, len(found)), link=metrics.link(query))


@tool(source="prometheus", doing="Looking at the graph of {query}", timeout_s=TIMEOUT_S)
def prometheus_range(
    ctx: ToolContext,
    query: Query,
    minutes: Annotated[int, Amount(), Field(ge=5, le=20160)] = 60,
    ended_minutes_ago: Annotated[int, Amount(), Field(ge=0, le=43200)] = 0,
) -> Result:
    """What a person would say of a PromQL expression's graph, series by series, against the day before.

    Args:
        query: PromQL that gives numbers; of counters take rate(...[5m]).
        minutes: How long a stretch.
        ended_minutes_ago: Where the stretch ends; 0 for now.
    """
    metrics = need_metrics(ctx)
    end = ctx.now() - timedelta(minutes=ended_minutes_ago)
    start = end - timedelta(minutes=minutes)
    step_s = max(_FINEST_S, minutes * 60 // _POINTS)
    found = metrics.range(query, start, end, step_s)
    day = timedelta(days=1)
    try:
        earlier = {_key(s): s for s in metrics.range(query, start - day, end - day, step_s)} if found else {}
    except ToolError:  # the question is answered without it
        earlier = {}
    ranked = sorted(found, key=lambda series: -_swing(series))
    lines = []
    for series in ranked[:_SHOWN]:
        line = f"{_labels(series.labels)}  {describe(series.points, step_s)}"
        before = earlier.get(_key(series))
        if before:
            line += "; " + against([v for _, v in series.points], [v for _, v in before.points], "a day earlier")
        lines.append(line)
    asked = f"{query}  from {start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC"
    return Result(query=asked, text=_counted(lines, len(found)), link=metrics.link(query))


@tool(source="prometheus", doing="Looking up metric names", timeout_s=TIMEOUT_S)
def metric_names(ctx: ToolContext, matching: Annotated[str, Field(min_length=1, max_length=200)]) -> Result:
    """Names of metrics that exist, at most 500.

    Args:
        matching: A regular expression for the whole name, as "http_.*_total".
    """
    names = need_metrics(ctx).names(matching)
    return Result(query=f"metric names matching {matching}", text="\n".join(names) or "none match")


def _counted(lines: list[str], total: int) -> str:
    if not total:
        return "no data: the query is valid, but no series matches"
    return "\n".join([f"{total} series", *lines, *([f"and {total - len(lines)} more"] if total > len(lines) else [])])


def _labels(labels: Mapping[str, str]) -> str:
    inner = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    return f"{labels.get('__name__', '')}{{{inner}}}"


def _key(series: Series) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(series.labels.items()))


def _swing(series: Series) -> float:
    """How far it moves, in proportion to itself: what moved most is what somebody would look at."""
    values = [v for _, v in series.points]
    top = max(abs(v) for v in values)
    return (max(values) - min(values)) / top if 0 < top < float("inf") else top
