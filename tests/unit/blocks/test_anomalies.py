"""Anomalies read like something that a person would say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from blocks.anomalies import coverage, in_words, lines, title, worth
from core.anomalies import Signal, Tally
from core.baselines import Baseline
from tests.unit.core.test_anomalies import anomaly

NIGHT = datetime(2026, 3, 1, 2, 10, tzinfo=UTC)  # a Sunday
LATER = NIGHT + timedelta(hours=6)


def test_latency_with_its_normal_and_its_end() -> None:
    over = anomaly(began=NIGHT, ended=NIGHT + timedelta(minutes=40))
    said = "checkout p95 740 ms since 02:10, normal for a Sunday 02:00 is 170 to 210 ms"
    assert in_words(over, LATER) == f"{said}; ended 02:50"
    assert in_words(anomaly(began=NIGHT), LATER) == said
    adapted = over.model_copy(update={"adapted": True})
    days_later = in_words(adapted, LATER + timedelta(days=2))
    assert days_later == f"{said.replace('02:10', 'Sun 02:10')}; the new normal since Sun 02:50"


def test_times_are_of_the_zone_asked_for() -> None:
    said = in_words(anomaly(began=NIGHT), LATER, ZoneInfo("Asia/Tokyo"))
    assert said == "checkout p95 740 ms since 11:10, normal for a Sunday 11:00 is 170 to 210 ms"


@pytest.mark.parametrize(
    ("signal", "worst", "low", "high", "said"),
    [
        ("errors", 0.074, 0.0, 0.003, "answers 7.4 % of requests with errors, normal at this hour is up to 0.3 %"),
        ("rate", 1.2, 41.0, 55.4, "gets 1.2 requests a second, normal at this hour is 41 to 55"),
        ("rate", 0.0, 3.0, 9.0, "gets 0 requests a second, normal at this hour is 3 to 9"),
        ("latency", 2.4, 0.9, 1.1, "p95 2.4 s, normal at this hour is 900 ms to 1.1 s"),
        ("latency", 2.4, 0.2, 0.2, "p95 2.4 s, normal at this hour is 200 ms"),
        ("cpu", 0.97, 0.3, 0.45, "uses 97 % of its CPU limit, normal at this hour is 30 to 45 %"),
    ],
)
def test_each_signal_in_its_unit(signal: Signal, worst: float, low: float, high: float, said: str) -> None:
    assert title(anomaly(signal=signal, worst=worst, low=low, high=high)) == said


def test_a_foreign_service_name_is_cleaned() -> None:
    said = in_words(anomaly(service="shop/\u202echeckout\n<!channel>"), LATER)
    assert "\u202e" not in said and "\n" not in said


def test_what_they_were_worth() -> None:
    found = Tally(total=14, confirmed=9, false=3, unconfirmed=2, undecided=0, lead_s=480)
    assert worth(found, 4) == (
        "Of 14 anomalies in 4 weeks 9 came with an alert or incident (8 min before it, in the median), 3 marked false, "
        "2 unconfirmed"
    )
    assert worth(Tally(total=0, confirmed=0, false=0, unconfirmed=0, undecided=0), 4) == ""


def test_what_is_watched_and_why_something_is_not() -> None:
    short = "history too short (9 of 14 days)"
    held = [Baseline("", "checkout", "rate", 0.0), Baseline("", "checkout", "cpu", 0.0, off="no such metric"),
            Baseline("", "search", "rate", 0.0, off=short), Baseline("", "cart", "rate", 0.0, off=short)]  # fmt: skip
    assert coverage(held) == f"watches 1 service (1 signal); off for cart, search: {short}"
    assert coverage([]) == ""


def test_the_most_unusual_is_told_first_and_traffic_that_falls_everywhere_once() -> None:
    day = {"signal": "rate", "worst": 4.0, "normal": 12.0, "low": 10.0, "high": 14.0, "began": NIGHT}
    fell = [anomaly(id=f"r{n}", service=f"s{n}", score=5.0, **day | {"began": NIGHT + timedelta(minutes=n)})
            for n in range(5)]  # fmt: skip
    slow = anomaly(began=NIGHT, score=12.0)
    assert lines([*fell, slow], LATER) == [
        "traffic of 5 services (s0, s1, s2 and 2 more) is far below normal since 02:10",
        in_words(slow, LATER),
    ]
    assert lines(fell[:2], LATER) == [in_words(a, LATER) for a in fell[:2]]
    over = [a.model_copy(update={"ended": NIGHT + timedelta(hours=1)}) for a in fell]
    assert lines(over, LATER)[0].endswith("since 02:10; ended 03:10")
