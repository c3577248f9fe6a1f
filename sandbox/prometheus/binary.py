"""PromQL's operators between scalars and vectors, with its rules for which series meet which."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import promql_parser as parser

from sandbox.prometheus.values import Point, Vector, failed, key_of

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
SETS = frozenset({"and", "or", "unless"})
Signature = tuple[tuple[str, str], ...]


def _divide(a: float, b: float) -> float:
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if a == 0 else math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divide, "^": _power,
    "%": lambda a, b: math.fmod(a, b) if b != 0 and math.isfinite(a) else math.nan,
}  # fmt: skip
SUPPORTED = SETS | set(ARITHMETIC) | set(COMPARISONS)


def scalars(op: str, left: float, right: float) -> float:
    """`1 + 2`, `1 > bool 2`."""
    return float(COMPARISONS[op](left, right)) if op in COMPARISONS else ARITHMETIC[op](left, right)


def with_scalar(op: str, vector: Vector, scalar: float, *, scalar_left: bool, as_bool: bool) -> Vector:
    """A vector and a scalar. A comparison keeps the elements for which it holds, with the vector's own value."""
    result = []
    for point in vector:
        pair = (scalar, point.value) if scalar_left else (point.value, scalar)
        if op in ARITHMETIC:
            result.append(point.unnamed(ARITHMETIC[op](*pair)))
        elif as_bool:
            result.append(point.unnamed(float(COMPARISONS[op](*pair))))
        elif COMPARISONS[op](*pair):
            result.append(point)
    return result


def _signer(modifier: Any) -> Callable[[Point], Signature]:
    """What two elements must have in common to meet: the labels of `on`, or all but those of `ignoring`."""
    matching = modifier.matching if modifier else None
    names = set(matching.labels) if matching else set()
    if matching and matching.type == parser.LabelModifierType.Include:
        return lambda p: tuple(sorted((k, v) for k, v in p.labels.items() if k in names))
    names.add("__name__")
    return lambda p: tuple(sorted((k, v) for k, v in p.labels.items() if k not in names))


def sets(op: str, left: Vector, right: Vector, modifier: Any) -> Vector:
    """`and`, `or`, `unless`."""
    sign = _signer(modifier)
    if op == "or":
        held = {sign(p) for p in left}
        return left + [p for p in right if sign(p) not in held]
    others = {sign(p) for p in right}
    return [p for p in left if (sign(p) in others) == (op == "and")]


def vectors(op: str, left: Vector, right: Vector, modifier: Any) -> Vector:
    """Two vectors, element by element. Raises: QueryError when it is not clear which elements meet."""
    cards = parser.VectorMatchCardinality
    card = modifier.card if modifier else cards.OneToOne
    swapped = card == cards.OneToMany
    many, one = (right, left) if swapped else (left, right)
    sign = _signer(modifier)
    partners = _by_signature(one, sign, "left" if swapped else "right")
    as_bool = bool(modifier and modifier.return_bool)
    seen: set[tuple[Signature, Signature]] = set()
    result = []
    for element in many:
        signature = sign(element)
        partner = partners.get(signature)
        if partner is None:
            continue
        pair = (partner.value, element.value) if swapped else (element.value, partner.value)
        if op in ARITHMETIC:
            value = ARITHMETIC[op](*pair)
        elif as_bool:
            value = float(COMPARISONS[op](*pair))
        elif COMPARISONS[op](*pair):
            value = pair[0]
        else:
            continue
        labels = _labels(element, partner, modifier, keep_name=op in COMPARISONS and not as_bool)
        identity = () if card == cards.OneToOne else key_of(labels)
        if (signature, identity) in seen:
            why = "many-to-one matching must be explicit (group_left/group_right)"
            raise failed(
                f"multiple matches for labels: {'grouping labels must ensure unique matches' if identity else why}"
            )
        seen.add((signature, identity))
        result.append(Point(labels, value))
    return result


def _by_signature(points: Vector, sign: Callable[[Point], Signature], side: str) -> dict[Signature, Point]:
    found: dict[Signature, Point] = {}
    for point in points:
        signature = sign(point)
        if signature in found:
            group = ", ".join(f'{k}="{v}"' for k, v in signature)
            raise failed(
                f"found duplicate series for the match group {{{group}}} on the {side} hand-side of the operation;"
                "many-to-many matching not allowed: matching labels must be unique on one side"
            )
        found[signature] = point
    return found


def _labels(element: Point, partner: Point, modifier: Any, *, keep_name: bool) -> dict[str, str]:
    labels = dict(element.labels)
    if not keep_name:
        labels.pop("__name__", None)
    matching = modifier.matching if modifier else None
    if modifier is None or modifier.card == parser.VectorMatchCardinality.OneToOne:
        names = set(matching.labels) if matching else set()
        on = matching is not None and matching.type == parser.LabelModifierType.Include
        return {k: v for k, v in labels.items() if (k in names) == on}
    for name in modifier.group_labels or ():
        if name in partner.labels:
            labels[name] = partner.labels[name]
        else:
            labels.pop(name, None)
    return labels
