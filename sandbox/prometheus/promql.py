"""PromQL over the samples: parsed by `promql_parser`, evaluated here, with the semantics of Prometheus 2.42.

What is not supported is refused with Prometheus' own error shape, never answered with something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import promql_parser as parser

from sandbox.prometheus import binary
from sandbox.prometheus.aggregate import aggregate
from sandbox.prometheus.functions import OF_VALUE, OVER_RANGE, histogram_quantile, quantile, regression
from sandbox.prometheus.tsdb import Matcher, Series, Tsdb
from sandbox.prometheus.values import Point, QueryError, Value, Vector, Window, failed, invalid, key_of, unique

MAX_POINTS = 11_000  # a series, as in Prometheus
DEFAULT_STEP_S = 60.0  # of a subquery without one: Prometheus' global evaluation interval
_OPS: dict[str, Literal["=", "!=", "=~", "!~"]] = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


@dataclass
class _Query:
    """One query: the samples, its bounds for `@ start()` and `@ end()`, and the series that its selectors found."""

    tsdb: Tsdb
    start: float
    end: float
    found: dict[str, list[Series]] = field(default_factory=dict)


def parse(text: str) -> parser.Expr:
    """Raises: QueryError (bad_data) with the parser's reason."""
    try:
        return parser.parse(text)
    except ValueError as error:
        raise invalid("query", f"parse error: {error}") from error


def instant(tsdb: Tsdb, text: str, time: float) -> Value:
    """The value of an expression at one time. Raises: QueryError."""
    return _eval(_Query(tsdb, time, time), parse(text), time)


def over_range(tsdb: Tsdb, text: str, start: float, end: float, step_s: float) -> list[Window]:
    """One window for each series, with a value at each step at which it had one. Raises: QueryError."""
    expr = parse(text)
    if isinstance(expr, parser.MatrixSelector | parser.SubqueryExpr | parser.StringLiteral):
        kind = "string" if isinstance(expr, parser.StringLiteral) else "range vector"
        raise invalid("query", f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector')
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    if (end - start) / step_s > MAX_POINTS:
        raise QueryError(
            "bad_data",
            f"exceeded maximum resolution of {MAX_POINTS:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)",
        )
    query = _Query(tsdb, start, end)
    result: dict[tuple[tuple[str, str], ...], Window] = {}
    for index in range(math.floor((end - start) / step_s + 1e-9) + 1):
        time = start + index * step_s
        value = _eval(query, expr, time)
        for point in [Point({}, value)] if isinstance(value, float) else _vector(value):
            window = result.setdefault(key_of(point.labels), Window(point.labels, [], [], start, end))
            window.times.append(time)
            window.values.append(point.value)
    return list(result.values())


def matchers_of(text: str) -> list[Matcher]:
    """The matchers of a series selector such as `up{job="x"}`. Raises: QueryError."""
    expr = parse(text)
    if not isinstance(expr, parser.VectorSelector):
        raise invalid("match[]", "expected a series selector")
    return _matchers(expr)


def _vector(value: Value) -> Vector:
    if isinstance(value, list) and all(isinstance(v, Point) for v in value):
        return [v for v in value if isinstance(v, Point)]
    raise failed("expected an instant vector")


def _windows(value: Value) -> list[Window]:
    return [v for v in value if isinstance(v, Window)] if isinstance(value, list) else []


def _number(value: Value) -> float:
    if isinstance(value, float):
        return value
    raise failed("expected a scalar")


def _eval(query: _Query, expr: Any, time: float) -> Value:
    match expr:
        case parser.NumberLiteral() | parser.StringLiteral():
            literal: float | str = expr.val
            return literal
        case parser.ParenExpr():
            return _eval(query, expr.expr, time)
        case parser.VectorSelector():
            return _instant_vector(query, expr, time)
        case parser.MatrixSelector():
            return _range_vector(query, expr, time)
        case parser.SubqueryExpr():
            return _subquery(query, expr, time)
        case parser.UnaryExpr():
            inner = _eval(query, expr.expr, time)
            return -inner if isinstance(inner, float) else unique([p.unnamed(-p.value) for p in _vector(inner)])
        case parser.AggregateExpr():
            param = _eval(query, expr.param, time) if expr.param is not None else None
            return aggregate(str(expr.op), _vector(_eval(query, expr.expr, time)), expr.modifier, param)
        case parser.BinaryExpr():
            return _binary(query, expr, time)
        case parser.Call():
            return _call(query, expr, time)
        case _:
            raise failed("this kind of expression is not supported here")


def _shifted(query: _Query, selector: Any, time: float) -> float:
    """The time that a selector looks at, after `@` and `offset`."""
    if selector.at is not None:
        kind = selector.at.type
        fixed = selector.at.at.timestamp() if selector.at.at else query.end
        time = query.start if kind == parser.AtModifierType.Start else fixed
    offset: timedelta | None = selector.offset
    return time - offset.total_seconds() if offset else time


def _matchers(selector: Any) -> list[Matcher]:
    if selector.matchers.or_matchers:
        raise failed("'or' between label matchers is not supported by Prometheus")
    found = [Matcher(m.name, _OPS[str(m.op).rpartition(".")[2]], m.value) for m in selector.matchers.matchers]
    return [Matcher("__name__", "=", selector.name), *found] if selector.name else found


def _select(query: _Query, selector: Any) -> list[Series]:
    text = f"{selector.name}{selector.matchers}"
    if text not in query.found:
        query.found[text] = query.tsdb.select(_matchers(selector))
    return query.found[text]


def _instant_vector(query: _Query, selector: Any, time: float) -> Vector:
    at = _shifted(query, selector, time)
    return [Point(s.labels, value) for s in _select(query, selector) if (value := s.at(at)) is not None]


def _range_vector(query: _Query, expr: Any, time: float) -> list[Window]:
    end = _shifted(query, expr.vector_selector, time)
    start = end - expr.range.total_seconds()
    windows = (Window(s.labels, *s.window(start, end), start, end) for s in _select(query, expr.vector_selector))
    return [w for w in windows if w.times]


def _subquery(query: _Query, expr: Any, time: float) -> list[Window]:
    end = _shifted(query, expr, time)
    start = end - expr.range.total_seconds()
    step = expr.step.total_seconds() if expr.step else DEFAULT_STEP_S
    result: dict[tuple[tuple[str, str], ...], Window] = {}
    at = math.ceil(start / step) * step  # steps of a subquery are aligned to the epoch
    while at <= end:
        value = _eval(query, expr.expr, at)
        for point in [Point({}, value)] if isinstance(value, float) else _vector(value):
            window = result.setdefault(key_of(point.labels), Window(point.labels, [], [], start, end))
            window.times.append(at)
            window.values.append(point.value)
        at += step
    return list(result.values())


def _binary(query: _Query, expr: Any, time: float) -> Value:
    op, modifier = str(expr.op), expr.modifier
    if op not in binary.SUPPORTED:
        raise failed(f"operator {op!r} is not supported here")
    left, right = _eval(query, expr.lhs, time), _eval(query, expr.rhs, time)
    as_bool = bool(modifier and modifier.return_bool)
    if isinstance(left, float) and isinstance(right, float):
        return binary.scalars(op, left, right)
    if isinstance(right, float):
        return unique(binary.with_scalar(op, _vector(left), right, scalar_left=False, as_bool=as_bool))
    if isinstance(left, float):
        return unique(binary.with_scalar(op, _vector(right), left, scalar_left=True, as_bool=as_bool))
    if op in binary.SETS:
        return binary.sets(op, _vector(left), _vector(right), modifier)
    return binary.vectors(op, _vector(left), _vector(right), modifier)


def _call(query: _Query, expr: Any, time: float) -> Value:
    name, exprs = str(expr.func.name), list(expr.args)
    if name in ("absent", "absent_over_time"):
        return [] if _eval(query, exprs[0], time) else [Point(_absent_labels(exprs[0]), 1.0)]
    args = [_eval(query, e, time) for e in exprs]
    if name in OVER_RANGE:
        return _over_range(name, _windows(args[0]))
    if name in OF_VALUE:
        numbers = [_number(a) for a in args[1:]]
        return unique([p.unnamed(OF_VALUE[name](p.value, *numbers)) for p in _vector(args[0])])
    if name in _SPECIAL:
        return _SPECIAL[name](args, time)
    raise failed(f"function {name!r} is not supported here")


def _over_range(name: str, windows: list[Window]) -> Vector:
    result = []
    for window in windows:
        value = OVER_RANGE[name](window)
        if value is not None:
            point = Point(window.labels, value)
            result.append(point if name == "last_over_time" else point.unnamed(value))
    return unique(result)


def _absent_labels(expr: Any) -> dict[str, str]:
    """What can be said of a series that is not there: the labels that its selector fixes."""
    selector = expr.vector_selector if isinstance(expr, parser.MatrixSelector) else expr
    if not isinstance(selector, parser.VectorSelector):
        return {}
    names = [m.name for m in _matchers(selector)]
    return {
        m.name: m.value
        for m in _matchers(selector)
        if m.op == "=" and m.name != "__name__" and names.count(m.name) == 1
    }


def _scalar(args: list[Value], _: float) -> float:
    vector = _vector(args[0])
    return vector[0].value if len(vector) == 1 else math.nan


def _sorted(args: list[Value], *, descending: bool) -> Vector:
    return sorted(_vector(args[0]), key=lambda p: (math.isnan(p.value), -p.value if descending else p.value))


def _quantile_over_time(args: list[Value], _: float) -> Vector:
    q = _number(args[0])
    return unique([Point(w.labels, 0).unnamed(quantile(q, w.values)) for w in _windows(args[1])])


def _predict_linear(args: list[Value], time: float) -> Vector:
    ahead = _number(args[1])
    lines = ((w, regression(w, time)) for w in _windows(args[0]))
    return unique([Point(w.labels, 0).unnamed(line[1] + line[0] * ahead) for w, line in lines if line])


def _label_replace(args: list[Value], _: float) -> Vector:
    target, replacement, source, pattern = (str(a) for a in args[1:])
    try:
        compiled = re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise failed(f"invalid regular expression in label_replace(): {pattern}") from error
    template = re.sub(r"\$(\w+|\{\w+\})", lambda m: rf"\g<{m[1].strip('{}')}>", replacement.replace("\\", r"\\"))
    result = []
    for point in _vector(args[0]):
        found = compiled.fullmatch(point.labels.get(source, ""))
        labels = dict(point.labels)
        if found:
            labels[target] = found.expand(template)
        result.append(Point({k: v for k, v in labels.items() if v}, point.value))
    return unique(result)


def _label_join(args: list[Value], _: float) -> Vector:
    target, separator, *sources = (str(a) for a in args[1:])
    result = []
    for point in _vector(args[0]):
        labels = {**point.labels, target: separator.join(point.labels.get(s, "") for s in sources)}
        result.append(Point({k: v for k, v in labels.items() if v}, point.value))
    return unique(result)


_SPECIAL: dict[str, Callable[[list[Value], float], Value]] = {
    "time": lambda args, time: time,
    "scalar": _scalar,
    "vector": lambda args, time: [Point({}, _number(args[0]))],
    "sort": lambda args, time: _sorted(args, descending=False),
    "sort_desc": lambda args, time: _sorted(args, descending=True),
    "histogram_quantile": lambda args, time: histogram_quantile(_number(args[0]), _vector(args[1])),
    "quantile_over_time": _quantile_over_time,
    "predict_linear": _predict_linear,
    "label_replace": _label_replace,
    "label_join": _label_join,
}
