"""Anomalies and baselines are found again as they were saved, and counted by what came of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.anomalies import Anomaly, anomaly_id, tally
from core.baselines import HOURS, Baseline, Cell, hour_of_week
from core.errors import Conflict
from core.records import Records
from tests.conftest import NOON


def anomaly(**more: Any) -> Anomaly:
    given = {
        "id": "ano-1", "service": "checkout", "signal": "latency", "began": NOON, "seen_at": NOON, "value": 0.7,
        "worst": 0.74, "score": 9.0, "normal": 0.19, "low": 0.17, "high": 0.21, "query": "q",
    }  # fmt: skip
    return Anomaly(**given | more)


def test_what_lasts_is_open_and_what_touches_a_time_is_found(records: Records) -> None:
    lasting = records.anomalies.save(anomaly(began=NOON - timedelta(hours=30)))
    over = records.anomalies.save(anomaly(id="ano-2", ended=NOON + timedelta(minutes=5), fate="false"))
    assert records.anomalies.open() == records.anomalies.undecided() == (lasting,)
    assert records.anomalies.between(NOON, NOON + timedelta(hours=1)) == (lasting, over)
    assert records.anomalies.between(NOON + timedelta(hours=1), NOON + timedelta(hours=2)) == (lasting,)
    assert records.anomalies.between(NOON - timedelta(hours=1), NOON) == (lasting,)


def test_a_stale_save_is_refused(records: Records) -> None:
    records.anomalies.save(anomaly())
    with pytest.raises(Conflict):
        records.anomalies.save(anomaly(worst=1.0))


def test_what_ended_undecided_stays_to_be_judged(records: Records) -> None:
    records.anomalies.save(anomaly(ended=NOON))
    assert records.anomalies.open() == ()
    assert [a.id for a in records.anomalies.undecided()] == ["ano-1"]
    records.anomalies.update("ano-1", lambda a: a.model_copy(update={"fate": "unconfirmed"}))
    assert records.anomalies.undecided() == ()


def test_of_an_incident(records: Records) -> None:
    mine = records.anomalies.save(anomaly(incident="INC-1", ended=NOON, fate="false"))
    records.anomalies.save(anomaly(id="ano-2", incident="INC-2"))
    assert records.anomalies.of_incident("INC-1", NOON) == (mine,)


def test_forgetting_leaves_nothing_of_what_is_old(records: Records) -> None:
    records.anomalies.save(anomaly(began=NOON - timedelta(days=3)))
    kept = records.anomalies.save(anomaly(id="ano-2"))
    assert records.anomalies.forget(NOON - timedelta(days=1)) == 1
    assert records.anomalies.undecided() == (kept,)
    assert records.redis.exists("sre:anomaly:ano-1") == 0


def test_the_same_anomaly_has_the_same_id() -> None:
    assert anomaly_id("", "checkout", "rate", NOON) == anomaly_id("", "checkout", "rate", NOON)
    assert anomaly_id("", "checkout", "rate", NOON) != anomaly_id("", "checkout", "errors", NOON)


def test_counted_by_what_came_of_them() -> None:
    made = [
        anomaly(fate="confirmed", lead_s=600), anomaly(fate="confirmed", lead_s=-60), anomaly(fate="false"),
        anomaly(fate="unconfirmed"), anomaly(),
    ]  # fmt: skip
    found = tally(made)
    assert (found.total, found.confirmed, found.false, found.unconfirmed, found.undecided) == (5, 2, 1, 1, 1)
    assert found.lead_s == 600


def test_a_baseline_comes_back_with_five_digits(records: Records) -> None:
    cells = tuple(Cell(h / 3, 1 / 3, h) for h in range(HOURS))
    kept = Baseline("prod", "shop/a|b", "rate", 1.5, days=20.123, query="q", metric="m", matchers="x", cells=cells)
    records.baselines.put(kept)
    (found,) = records.baselines.of("prod")
    assert (found.key, found.metric, found.days) == (("shop/a|b", "rate"), "m", 20.12)
    assert found.at(NOON) == Cell(4.0, 0.33333, 12)  # Monday noon
    assert records.baselines.of("other") == ()
    assert len(records.redis.hvals("sre:baselines")[0]) < 4500
    records.baselines.keep_only("prod", ())
    assert records.baselines.all() == ()


def test_the_week_begins_on_monday_in_utc() -> None:
    assert hour_of_week(datetime(2026, 3, 2, 0, 59, tzinfo=UTC)) == 0
    assert hour_of_week(datetime(2026, 3, 8, 23, 0, tzinfo=UTC)) == HOURS - 1
