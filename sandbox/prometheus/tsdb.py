"""Samples in memory, one series for each set of labels, as Prometheus keeps them."""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

LOOKBACK_S = 300.0  # Prometheus' default: how old the newest sample may be for an instant query
STALE = math.nan  # marks the end of a series; nothing here exports NaN as a value

LabelPairs = tuple[tuple[str, str], ...]  # sorted by name, without the metric's name


@dataclass(slots=True)
class Series:
    """One series. `times` are Unix seconds, ascending; a NaN value says that it ended there."""

    labels: dict[str, str]  # with __name__
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def at(self, time: float) -> float | None:
        """The newest value within the lookback before `time`; None when there is none or the series has ended."""
        newest = bisect_right(self.times, time) - 1
        if newest < 0 or self.times[newest] < time - LOOKBACK_S or math.isnan(self.values[newest]):
            return None
        return self.values[newest]

    def window(self, start: float, end: float) -> tuple[list[float], list[float]]:
        """Times and values from `start` to `end`, both included, without the marks of an end."""
        first, last = bisect_left(self.times, start), bisect_right(self.times, end)
        times, values = self.times[first:last], self.values[first:last]
        if math.isnan(sum(values)):
            kept = [(t, v) for t, v in zip(times, values, strict=True) if not math.isnan(v)]
            return [t for t, _ in kept], [v for _, v in kept]
        return times.tolist(), values.tolist()

    def thin(self, until: float, step_s: float, forget_before: float) -> None:
        """Keep one sample in `step_s` of those older than `until`, and none older than `forget_before`."""
        first, edge = bisect_left(self.times, forget_before), bisect_left(self.times, until)
        times, values, last = array("d"), array("d"), -math.inf
        for t, v in zip(self.times[first:edge], self.values[first:edge], strict=True):
            if t - last >= step_s - 0.001 or math.isnan(v):
                times.append(t)
                values.append(v)
                last = t
        self.times, self.values = times + self.times[edge:], values + self.values[edge:]


@dataclass(frozen=True)
class Matcher:
    """`name op value`, where `op` is one of Prometheus' four. Regular expressions match whole values."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str

    def matches(self, labels: dict[str, str]) -> bool:
        held = labels.get(self.name, "")
        if self.op in ("=", "!="):
            return (held == self.value) == (self.op == "=")
        return (re.fullmatch(self.value, held, re.DOTALL) is not None) == (self.op == "=~")


class Tsdb:
    """All series, found by metric name and labels."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[LabelPairs, Series]] = {}

    def series(self, name: str, labels: LabelPairs) -> Series:
        """The series with these labels; a new one when there is none."""
        family = self._by_name.setdefault(name, {})
        found = family.get(labels)
        if found is None:
            found = family[labels] = Series({"__name__": name, **dict(labels)})
        return found

    def __iter__(self) -> Iterator[Series]:
        for family in self._by_name.values():
            yield from family.values()

    def select(self, matchers: Iterable[Matcher], start: float = -math.inf, end: float = math.inf) -> list[Series]:
        """The series that match and have a sample from `start` to `end`."""
        wanted = tuple(matchers)
        name = next((m.value for m in wanted if m.name == "__name__" and m.op == "="), None)
        pool: Iterable[Series] = self if name is None else self._by_name.get(name, {}).values()
        return [
            s
            for s in pool
            if all(m.matches(s.labels) for m in wanted) and s.times and s.times[0] <= end and s.times[-1] >= start
        ]

    def thin(self, until: float, step_s: float, forget_before: float) -> None:
        """Keep memory bounded when the company runs for days; see `Series.thin`."""
        for name, family in list(self._by_name.items()):
            for labels, series in list(family.items()):
                series.thin(until, step_s, forget_before)
                if not series.times:
                    del family[labels]
            if not family:
                del self._by_name[name]
