from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.incident import Alert
from workers.ports import Rule, Series
from workers.verify.expressions import cut, expressions, held, same_trouble, workload_of_pod

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Metrics:
    """Answers count_over_time as if scraped every 15 s, and everything else with `found`."""

    url = "http://prometheus"

    def __init__(self, found: tuple[Series, ...] = (), rules: tuple[Rule, ...] = ()) -> None:
        self.found, self._rules = found, rules
        self.asked: list[str] = []

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]:
        self.asked.append(query)
        if "count_over_time" in query:
            return (Series({}, ((0.0, 4.0 if "[60s]" in query else 1.0),)),)
        return self.found

    def range(self, query: str, start: datetime, end: datetime, step_s: int) -> tuple[Series, ...]:
        return ()

    def names(self, matching: str) -> tuple[str, ...]:
        return ()

    def rules(self, alert_name: str) -> tuple[Rule, ...]:
        return self._rules

    def link(self, query: str) -> str:
        return ""


def alert(url: str = "", **labels: str) -> Alert:
    return Alert(fingerprint="f", name="A", status="firing", labels=labels, starts_at=NOON, generator_url=url)


@pytest.mark.parametrize(
    ("expression", "since_s", "asked", "looks_back_s"),
    [
        ("rate(x[10m]) > 1", None, "rate(x[10m]) > 1", 600),
        ("rate(x[10m]) > 1", 150.0, "rate(x{}[2m]) > 1", 120),  # less half of four scrapes
        ("rate(x[10m]) > 1", 5.0, "rate(x{}[1m]) > 1", 60),  # four scrapes at least
        ("rate(x[30s]) > 1", 500.0, "rate(x{}[30s]) > 1", 30),  # never longer than it was
        ("increase(x[10m]) > 3", 60.0, "increase(x{}[10m]) > 3", 600),  # would count less in less time
        ("rate(x[5m]) > 2 * rate(x[5m] offset 1d)", 60.0, "rate(x[5m]) > 2 * rate(x[5m] offset 1d)", 300),
        ("sum(max_over_time(x[1h:])) > 1", 60.0, "sum(max_over_time(x[1h:])) > 1", 3600),
        ('max_over_time(x{a="[5m]"}[5m]) > 1', 90.0, 'max_over_time(x{a="[5m]"}[1m]) > 1', 60),
        ("x == 0", 60.0, "x{} == 0", 0),
        ("this is not promql", 60.0, "this is not promql", 0),
    ],
)
def test_windows_are_cut_where_that_asks_the_same(
    expression: str, since_s: float | None, asked: str, looks_back_s: float
) -> None:
    assert cut(expression, Metrics(), NOON, since_s) == (asked, looks_back_s)


SERIES = Series({"namespace": "shop", "service": "checkout", "pod": "checkout-7d4b9c6f5d-x2x4z"}, ((0.0, 1.0),))
ABOUT = {"namespace": "shop", "service": "checkout", "pod": "checkout-56f8d7c9b4-q8r2k", "severity": "critical"}


@pytest.mark.parametrize(
    ("labels", "live", "holds"),
    [
        (ABOUT, {}, True),  # another pod of the same workload is the same trouble
        ({**ABOUT, "service": "search"}, {}, False),
        ({**ABOUT, "pod": "search-56f8d7c9b4-q8r2k"}, {}, False),
        (ABOUT, {"shop": {"checkout-7d4b9c6f5d-x2x4z"}}, True),
        (ABOUT, {"shop": set()}, False),  # what it tells of is gone
        (ABOUT, {"monitoring": set()}, True),  # its namespace was not read
    ],
)
def test_an_expression_holds_when_it_yields_what_the_alert_is_about(
    labels: dict[str, str], live: dict[str, set[str]], holds: bool
) -> None:
    assert held("x > 1", [alert(**labels)], Metrics((SERIES,)), NOON, None, live).holds is holds


def test_an_expression_without_series_does_not_hold() -> None:
    assert held("x > 1", [alert(**ABOUT)], Metrics(), NOON, None, {}).holds is False


def test_expressions_come_from_the_link_or_else_from_the_one_rule_that_fits() -> None:
    rules = (Rule("x > 1", {"severity": "warning"}), Rule("x > 9", {"severity": "critical", "team": "{{ $labels.t }}"}))
    linked, named = alert("http://p/graph?g0.expr=up+%3D%3D+0"), alert(severity="critical")
    assert expressions([linked, named], Metrics(rules=rules)) == {"up == 0": [linked], "x > 9": [named]}


def test_of_an_alert_whose_rule_is_not_clear_no_expression_is_known() -> None:
    unclear = alert()
    assert expressions([unclear], Metrics(rules=(Rule("a", {}), Rule("b", {})))) == {"": [unclear]}


@pytest.mark.parametrize(
    ("pod", "workload"),
    [("checkout-7d4b9c6f5d-x2x4z", "checkout"), ("orders-db-0", "orders-db"), ("fluentd-x2x4z", "fluentd"),
     ("one", "one")],
)  # fmt: skip
def test_a_pods_name_begins_with_its_workloads(pod: str, workload: str) -> None:
    assert workload_of_pod(pod) == workload


def test_trouble_is_the_same_when_only_what_a_repair_replaces_differs() -> None:
    assert same_trouble(ABOUT, {**ABOUT, "pod": "checkout-0aaaaaaaaa-bbbbb", "severity": "warning", "more": "x"})
    assert not same_trouble(ABOUT, {**ABOUT, "namespace": "test"})
