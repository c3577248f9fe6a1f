"""What was unusual for its hour of the week, in the morning digest: told once, with what such findings are worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from blocks.digest import digest_view
from blocks.digest_thread import thread_view
from blocks.parts import as_text
from core.baselines import Baseline
from core.digest import Digest
from core.noticing import open_in_shadow
from core.records import Records
from tests.conftest import NOON
from tests.flow.test_anomalies import ASSIST, fires, of
from tests.unit.core.test_anomalies import anomaly
from workers.digest.making import make
from workers.digest.material import Period

DAY = timedelta(days=1)


@pytest.fixture
def shop(records: Records) -> Records:
    held = of(records, ASSIST)
    held.redis.set("sre:digest-known-since", (NOON - 30 * DAY).isoformat())
    return replace(held, now=lambda: NOON)


def keep(records: Records, **more: Any) -> None:
    given = {"began": NOON - timedelta(hours=9, minutes=50), "ended": NOON - timedelta(hours=9), "fate": "unconfirmed"}
    records.anomalies.save(anomaly(**given | more))


def made(records: Records) -> Digest:
    return make(records, Period(NOON - DAY, NOON, "Europe/Berlin"))


def test_it_is_a_line_and_what_is_not_watched_is_said_below(shop: Records) -> None:
    keep(shop)
    shop.baselines.put(Baseline("", "checkout", "latency", 0.0))
    shop.baselines.put(Baseline("", "search", "rate", 0.0, off="history too short (9 of 14 days)"))
    digest = made(shop)
    line = "checkout p95 740 ms since 03:10, normal for a Monday 03:00 is 170 to 210 ms; ended 04:00"
    assert digest.unusual == (line,)
    assert digest.noticed == (
        "Of 1 anomaly in 4 weeks none came with an alert or incident, 1 unconfirmed",
        "The bot watches 1 service (1 signal); off for search: history too short (9 of 14 days)",
    )
    assert line in "\n".join(as_text(block) for block in digest_view(digest).blocks)
    assert "Unusual for the hour of the week" in "\n".join(as_text(b) for b in thread_view(digest).blocks)


def test_false_ones_and_those_that_an_incident_tells_of_are_left_out(shop: Records) -> None:
    keep(shop, fate="false")
    keep(shop, id="ano-2", fate="confirmed", by="HighLatency", began=NOON - timedelta(minutes=30), ended=None)
    fires(shop, minutes=-20)
    digest = made(shop)
    assert digest.unusual == ()
    assert [broke.service for broke in digest.broke] == ["checkout"]


def test_an_incident_in_shadow_is_no_broken_thing_but_named_on_the_line(shop: Records) -> None:
    keep(shop, ended=None, fate="undecided")
    incident = open_in_shadow(shop.anomalies.open()[0], "p95 740 ms", shop)
    digest = made(shop)
    assert digest.broke == ()
    assert digest.unusual[0].endswith(f"is 170 to 210 ms ({incident.id}, in shadow)")


def test_the_three_most_unusual_are_shown_and_the_rest_is_below(shop: Records) -> None:
    for number in range(5):
        keep(shop, id=f"ano-{number}", service=f"shop/s{number}", score=5.0 + number)
    digest = made(shop)
    assert [said.partition(" ")[0] for said in digest.unusual] == ["shop/s4", "shop/s3", "shop/s2"]
    assert len(digest.noticed) == 6
