"""Samples, rules and traffic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.prometheus.numbers import format_value
from sandbox.prometheus.promql import instant, over_range
from sandbox.prometheus.rules import Rule, RuleEngine, expand
from sandbox.prometheus.tsdb import STALE, Tsdb
from sandbox.prometheus.values import Point, QueryError
from sandbox.services import SERVICES
from sandbox.traffic import flows

NORMAL = {s.name: s.replicas for s in SERVICES}
NOON = 1_790_000_000.0


def tsdb_of(*samples: tuple[float, float]) -> Tsdb:
    tsdb = Tsdb()
    series = tsdb.series("load", (("pod", "a"),))
    for at, value in samples:
        series.times.append(at)
        series.values.append(value)
    return tsdb


def values(tsdb: Tsdb, query: str, at: float) -> list[float]:
    found = instant(tsdb, query, at)
    assert isinstance(found, list)
    return [p.value for p in found if isinstance(p, Point)]


def test_a_series_that_ended_is_gone_at_once_and_comes_back() -> None:
    tsdb = tsdb_of((0, 1), (10, 2), (20, STALE), (40, 5))
    assert [values(tsdb, "load", at) for at in (5, 10, 19, 20, 39, 40)] == [[1], [2], [2], [], [], [5]]
    assert values(tsdb, "count_over_time(load[1m])", 50) == [3]


def test_a_series_is_forgotten_after_the_lookback() -> None:
    tsdb = tsdb_of((0, 1))
    assert [values(tsdb, "load", at) for at in (300, 300.5)] == [[1], []]


def test_thinning_keeps_fresh_samples_ends_and_rates() -> None:
    tsdb = tsdb_of(*((float(t), float(2 * t)) for t in range(600)), (600.0, STALE))
    rate = values(tsdb, "rate(load[2m])", 300)
    tsdb.thin(until=500, step_s=15, forget_before=100)
    (series,) = tsdb.select([])
    assert list(series.times[:3]) == [100, 115, 130]
    assert len(series.times) == 27 + 101
    assert math.isnan(series.values[-1])
    assert values(tsdb, "rate(load[2m])", 300) == pytest.approx(rate)
    tsdb.thin(until=2000, step_s=15, forget_before=1000)
    assert list(tsdb) == []


def test_what_is_not_supported_is_refused_and_not_guessed() -> None:
    for query in ("load atan2 2", "limitk(1, load)", "timestamp(load)", 'load{a="1" or b="2"}'):
        with pytest.raises(QueryError) as raised:
            instant(tsdb_of((0, 1)), query, 1)
        assert raised.value.kind == "execution"


def test_range_steps_are_counted_from_the_start() -> None:
    (window,) = over_range(tsdb_of((0, 1), (10, 2)), "load", 0.5, 20.5, 10)
    assert (window.times, window.values) == ([0.5, 10.5, 20.5], [1, 2, 2])


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.05, "0.05"), (5.0, "5"), (1e16, "10000000000000000"), (1e21, "1e+21"), (1e-7, "1e-07"), (1e-5, "0.00001"),
        (-2.5, "-2.5"), (0.0, "0"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_prometheus_writes_them(number: float, text: str) -> None:
    assert format_value(number) == text


RULE = Rule("Busy", "load > 1", 20, {"severity": "page", "who": "{{ $labels.pod }}"}, {"summary": "at {{ $value }}"})


def test_a_rule_is_pending_then_firing_then_resolved() -> None:
    tsdb = tsdb_of((0, 2), (10, 3), (20, 3), (30, 3), (40, 0), (50, 2))
    engine = RuleEngine(tsdb, [RULE], "http://prometheus")
    sent = {at: engine.evaluate(at) for at in (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)}
    assert [at for at, posted in sent.items() if posted] == [20, 40]
    (fired,), (ended,) = sent[20.0], sent[40.0]
    assert fired["labels"] == {"alertname": "Busy", "severity": "page", "pod": "a", "who": "a"}
    assert fired["annotations"] == {"summary": "at 3"}
    assert fired["generatorURL"] == "http://prometheus/graph?g0.expr=load+%3E+1&g0.tab=1"
    assert (fired["startsAt"], ended["startsAt"]) == ("1970-01-01T00:00:20.000Z",) * 2
    assert (fired["endsAt"], ended["endsAt"]) == ("1970-01-01T00:04:20.000Z", "1970-01-01T00:00:40.000Z")
    assert engine.states[0].state == "pending"  # it began anew at 50
    assert values(tsdb, 'ALERTS{alertstate="firing"}', 30) == [1]
    assert values(tsdb, 'ALERTS{alertstate="firing"}', 45) == []


def test_an_alert_that_goes_on_is_repeated_and_one_that_never_fired_is_not_told() -> None:
    tsdb = tsdb_of(*((float(t), 2.0) for t in range(0, 200, 10)))
    engine = RuleEngine(tsdb, [RULE])
    assert [t for t in range(0, 200, 10) if engine.evaluate(float(t))] == [20, 80, 140]
    brief = RuleEngine(tsdb_of((0, 2), (10, 0)), [RULE])
    assert [brief.evaluate(at) for at in (0.0, 10.0, 20.0)] == [[], [], []]


def test_templates() -> None:
    text = (
        "{{ $labels.pod }}: {{$value | humanizePercentage}}, {{ $value | humanize }}, {{ $labels.none }}, {{ other }}"
    )
    assert expand(text, {"pod": "a"}, 0.0744) == "a: 7.44%, 0.0744, , {{ other }}"


def test_traffic_flows_down_and_failure_flows_up() -> None:
    calm = flows(NORMAL, NOON)
    assert all(f.fail_ratio < 0.005 and f.load < 0.8 for f in calm.values())
    broken = flows({**NORMAL, "orders-db": 0}, NOON)
    assert broken["payments"].fail_ratio > 0.95
    assert 0.3 < broken["checkout"].fail_ratio < 0.6
    assert broken["checkout"].failed_calls["payments"] > 0.4
    assert broken["search"].fail_ratio == calm["search"].fail_ratio


def test_fewer_pods_shed_what_they_cannot_take_and_answer_slowly() -> None:
    calm, tight = flows(NORMAL, NOON), flows({**NORMAL, "checkout": 2}, NOON)
    assert calm["checkout"].shed == 0
    assert 0 < tight["checkout"].shed < 0.4
    assert tight["checkout"].latency_s > 2 * calm["checkout"].latency_s
    assert tight["storefront"].failed_calls["checkout"] > 0


def test_many_times_at_once_are_the_same_as_each_alone() -> None:
    times = np.array([NOON, NOON + 3600, NOON + 7200])
    together = flows(NORMAL, times)
    for index, at in enumerate(times):
        alone = flows(NORMAL, float(at))
        assert together["storefront"].rps[index] == pytest.approx(alone["storefront"].rps)
        assert together["checkout"].fail_ratio[index] == pytest.approx(alone["checkout"].fail_ratio)
