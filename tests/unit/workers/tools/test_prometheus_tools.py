from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.errors import ToolError
from workers.ports import Series
from workers.tools.prometheus import metric_names, prometheus_instant, prometheus_range
from workers.tools.registry import ToolContext

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Metrics:
    url = "http://prometheus"

    def __init__(self, found: tuple[Series, ...], fails_before: datetime | None = None) -> None:
        self.found = found
        self.asked: list[tuple[datetime, datetime, int]] = []
        self.fails_before = fails_before

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]:
        return self.found

    def range(self, query: str, start: datetime, end: datetime, step_s: int) -> tuple[Series, ...]:
        self.asked.append((start, end, step_s))
        if self.fails_before and start < self.fails_before:
            raise ToolError("x", "y")
        return self.found

    def names(self, matching: str) -> tuple[str, ...]:
        return ("up",) if matching == "u." else ()

    def link(self, query: str) -> str:
        return f"{self.url}/graph?{query}"


def context(metrics: Metrics | None) -> ToolContext:
    return ToolContext(cluster=None, metrics=metrics, alerts=None, memory=None, now=lambda: NOW)  # type: ignore[arg-type]


def series(name: str, *values: float) -> Series:
    return Series(
        {"__name__": "errors", "service": name}, tuple((NOW.timestamp() + i, v) for i, v in enumerate(values))
    )


def test_values_come_largest_first() -> None:
    found = (series("a", 1.0), series("b", 7.5), series("c", -9.0))
    result = prometheus_instant.run(context(Metrics(found)), query="errors")
    assert result.text == '3 series\nerrors{service="c"}  -9\nerrors{service="b"}  7.5\nerrors{service="a"}  1'
    assert result.link == "http://prometheus/graph?errors"


def test_a_range_is_compared_with_the_day_before_and_what_moves_comes_first() -> None:
    metrics = Metrics((series("calm", 5.0, 5.0), series("wild", 1.0, 9.0)))
    result = prometheus_range.run(context(metrics), query="errors", minutes=120, ended_minutes_ago=30)
    end = NOW - timedelta(minutes=30)
    start = end - timedelta(hours=2)
    assert metrics.asked == [(start, end, 60), (start - timedelta(days=1), end - timedelta(days=1), 60)]
    first, wild, calm = result.text.splitlines()
    assert first == "2 series"
    assert wild.startswith('errors{service="wild"}  min 1, median 5, max 9 at 12:00, last 9; only 2 points')
    assert calm == 'errors{service="calm"}  flat at 5; much as a day earlier (median 5)'
    assert result.query == "errors  from 2026-03-02 09:30 to 11:30 UTC"


def test_a_range_stands_without_the_day_before() -> None:
    metrics = Metrics((series("a", 5.0),), fails_before=NOW - timedelta(hours=20))
    assert prometheus_range.run(context(metrics), query="x").text == '1 series\nerrors{service="a"}  flat at 5'


def test_many_series_are_cut_and_counted() -> None:
    many = tuple(series(f"s{i}", float(i)) for i in range(80))
    assert prometheus_instant.run(context(Metrics(many)), query="x").text.endswith("and 30 more")


def test_no_data_is_said_and_not_silence() -> None:
    assert prometheus_instant.run(context(Metrics(())), query="x").text.startswith("no data: the query is valid")
    assert prometheus_range.run(context(Metrics(())), query="x").text.startswith("no data: the query is valid")
    assert metric_names.run(context(Metrics(())), matching="v.").text == "none match"
    assert metric_names.run(context(Metrics(())), matching="u.").text == "up"
