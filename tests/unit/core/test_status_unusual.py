"""`/sre status` tells what is not as usual, unless an incident does, and what cannot be told."""

from __future__ import annotations

from datetime import timedelta

from blocks.parts import as_text
from blocks.status import status_view
from core.baselines import Baseline
from core.noticing import open_in_shadow
from core.records import Records
from core.status import read_status
from tests.conftest import NOON
from tests.unit.core.test_anomalies import anomaly

SHORT = "history too short (9 of 14 days)"


def _said(records: Records, service: str | None = None) -> str:
    view = status_view(read_status(records, service), NOON, service)
    return "\n".join(as_text(block) for block in view.blocks)


def test_what_is_unusual_is_a_line_and_what_an_incident_tells_is_not(records: Records) -> None:
    records.anomalies.save(anomaly(service="shop/checkout", began=NOON - timedelta(minutes=20)))
    line = (
        "Unusual, and no alert shop/checkout p95 740 ms since 11:40, normal for a Monday 11:00 is 170 to 210 ms "
        "(times in UTC)"
    )
    assert line in _said(records)
    assert line in _said(records, "checkout")
    assert "Unusual" not in _said(records, "search")
    open_in_shadow(records.anomalies.open()[0], "p95 740 ms", records)
    assert "Unusual" not in _said(records)


def test_what_is_not_watched_says_why_when_that_service_is_asked_about(records: Records) -> None:
    for signal in ("rate", "errors"):
        records.baselines.put(Baseline("", "shop/checkout", signal, 0.0, off=SHORT))
    records.baselines.put(Baseline("", "shop/checkout", "cpu", 0.0, off="no metrics of its cpu"))
    said = _said(records, "checkout")
    assert f"No normal to compare with cpu: no metrics of its cpu; errors, rate: {SHORT}" in said
    assert "No normal" not in _said(records)
