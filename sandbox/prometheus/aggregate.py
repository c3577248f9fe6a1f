"""PromQL's aggregations over one instant vector."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import promql_parser as parser

from sandbox.prometheus.functions import quantile
from sandbox.prometheus.numbers import format_value
from sandbox.prometheus.values import Point, Value, Vector, failed, key_of

PLAIN: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda v: math.fsum(v) / len(v),
    "min": min,
    "max": max,
    "count": lambda v: float(len(v)),
    "group": lambda v: 1.0,
    "stddev": lambda v: math.sqrt(statistics.pvariance(v)),
    "stdvar": statistics.pvariance,
}


def aggregate(op: str, vector: Vector, modifier: Any, param: Value | None) -> Vector:
    """`sum by (service) (…)` and the like. Raises: QueryError for an operator that is not known here."""
    if op in ("topk", "bottomk") and isinstance(param, float):
        return _ranked(op, vector, modifier, param)
    if op == "count_values" and isinstance(param, str):
        return _count_values(vector, modifier, param)
    result = []
    for labels, members in _groups(vector, modifier):
        values = [m.value for m in members]
        if op == "quantile" and isinstance(param, float):
            result.append(Point(labels, quantile(param, values)))
        elif op in PLAIN:
            result.append(Point(labels, PLAIN[op](values)))
        else:
            raise failed(f"aggregation {op!r} is not supported here")
    return result


def _groups(vector: Vector, modifier: Any) -> list[tuple[dict[str, str], Vector]]:
    names = set(modifier.labels) if modifier else set()
    by = modifier is None or modifier.type == parser.AggModifierType.By
    groups: dict[tuple[tuple[str, str], ...], tuple[dict[str, str], Vector]] = {}
    for point in vector:
        if by:
            labels = {k: v for k, v in point.labels.items() if k in names}
        else:
            labels = {k: v for k, v in point.labels.items() if k not in names and k != "__name__"}
        groups.setdefault(key_of(labels), (labels, []))[1].append(point)
    return list(groups.values())


def _ranked(op: str, vector: Vector, modifier: Any, k: float) -> Vector:
    result: Vector = []
    for _, members in _groups(vector, modifier):
        ordered = sorted(members, key=lambda p: (math.isnan(p.value), -p.value if op == "topk" else p.value))
        result.extend(ordered[: max(0, int(k))])
    return result


def _count_values(vector: Vector, modifier: Any, label: str) -> Vector:
    counts: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, members in _groups(vector, modifier):
        for member in members:
            key = key_of({**labels, label: format_value(member.value)})
            counts[key] = counts.get(key, 0.0) + 1
    return [Point(dict(key), count) for key, count in counts.items()]
