"""What PromQL expressions evaluate to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class QueryError(Exception):
    """A query that cannot be answered, in Prometheus' words for `errorType`."""

    def __init__(self, kind: Literal["bad_data", "execution"], message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def failed(message: str) -> QueryError:
    """An error while evaluating, which Prometheus answers with 422."""
    return QueryError("execution", message)


def invalid(parameter: str, why: str) -> QueryError:
    """A parameter that cannot be used, which Prometheus answers with 400."""
    return QueryError("bad_data", f'invalid parameter "{parameter}": {why}')


@dataclass(slots=True)
class Point:
    """One element of an instant vector."""

    labels: dict[str, str]
    value: float

    def unnamed(self, value: float) -> Point:
        """The same series under another value, without its metric name, since it no longer is that metric."""
        return Point({k: v for k, v in self.labels.items() if k != "__name__"}, value)


@dataclass(slots=True)
class Window:
    """One series of a range vector: what it held from `start` to `end`, in Unix seconds."""

    labels: dict[str, str]
    times: list[float]
    values: list[float]
    start: float
    end: float


Vector = list[Point]
Value = float | str | list[Point] | list[Window]


def key_of(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """A hashable form of a label set."""
    return tuple(sorted(labels.items()))


def unique(points: Vector) -> Vector:
    """The same vector. Raises: QueryError when two elements have the same labels, which Prometheus refuses."""
    if len({key_of(p.labels) for p in points}) < len(points):
        raise failed("vector cannot contain metrics with the same labelset")
    return points
