"""What the bot noticed by itself, as people meet it: shown, never paged, judged by one click, and an incident like any
other once an alert joins it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from blocks.anomalies import title
from blocks.card import card_view
from blocks.parts import as_text
from core.anomalies import Anomaly
from core.incident import Incident
from core.intake import receive_group
from core.noticing import open_in_shadow
from core.page import OnCall, Person, Shift
from core.records import Records
from core.settings import Autonomy, Config
from core.settling import resolve
from tests.conftest import NOON
from tests.flow.conftest import CONFIG, Face, Starter
from tests.flow.test_incident_orders import shown, told
from tests.unit.core.test_anomalies import anomaly
from tests.unit.core.test_intake import alert, group
from workers import jobs
from workers.anomalies.fates import judge
from workers.anomalies.scan import follow
from workers.standing import standing_of
from workers.world import World, use

ASSIST = CONFIG.model_copy(update={"autonomy": Autonomy(mode="assist")})
BEGAN = NOON - timedelta(minutes=20)


@pytest.fixture
def shop(records: Records) -> Records:
    return of(records, ASSIST)


def of(records: Records, config: Config) -> Records:
    return replace(records, settings=records.settings.model_copy(update={"config": config}))


def at(records: Records, minutes: float) -> Records:
    return replace(records, now=lambda: NOON + timedelta(minutes=minutes))


def strong(records: Records, **more: Any) -> Anomaly:
    given = {"began": BEGAN, "strong_since": BEGAN + timedelta(minutes=3), "worst": 0.74, "link": "http://prom/graph"}
    return records.anomalies.save(anomaly(**given | more))


def noticed(records: Records) -> Incident:
    held = strong(records)
    return open_in_shadow(held, title(held), records)


def fires(records: Records, minutes: float = 0) -> None:
    sent = alert("HighLatency", service="checkout") | {"startsAt": (NOON + timedelta(minutes=minutes)).isoformat()}
    receive_group(at(records, minutes), group(sent))


def only(records: Records) -> Anomaly:
    (found,) = records.anomalies.between(NOON - timedelta(days=1), NOON + timedelta(days=1))
    return found


def test_strong_for_a_quarter_of_an_hour_opens_one_incident_however_often_it_is_followed(shop: Records) -> None:
    strong(shop)
    strong(shop, id="ano-2", signal="errors", worst=0.07)
    follow(shop)
    follow(shop)
    (incident,) = shop.incidents.open()
    assert (incident.source, incident.severity, incident.in_shadow) == ("anomaly", "SEV4", True)
    assert {a.incident for a in shop.anomalies.open()} == {incident.id}
    assert [e.event for e in shop.ledger.of_incident(incident.id)] == ["incident.opened", "anomaly.noticed"]


@pytest.mark.parametrize(
    "weak",
    [
        {"strong_since": NOON - timedelta(minutes=14)},
        {"strong_since": None},
        {"ended": NOON},
    ],
)
def test_what_is_weak_short_or_over_is_only_a_line(shop: Records, weak: dict[str, Any]) -> None:
    strong(shop, **weak)
    follow(shop)
    assert shop.incidents.open() == ()


def test_none_is_opened_where_the_configuration_says_so_nor_for_what_has_one(shop: Records) -> None:
    quiet = ASSIST.model_copy(update={"anomalies": ASSIST.anomalies.model_copy(update={"incidents": False})})
    strong(shop)
    follow(of(shop, quiet))
    assert shop.incidents.open() == ()
    fires(shop)
    follow(shop)
    assert [i.source for i in shop.incidents.open()] == ["alertmanager"]


def test_at_most_three_are_open_at_a_time(shop: Records) -> None:
    for number in range(6):
        strong(shop, id=f"ano-{number}", service=f"shop/job-{number}")
    follow(shop)
    assert len(shop.incidents.open()) == 3
    assert {i.title.partition(":")[0] for i in shop.incidents.open()} == {"job-0", "job-1", "job-2"}


def test_its_proposals_are_only_shown_and_nobody_on_call_is_named(shop: Records) -> None:
    incident = noticed(shop)
    assert standing_of(shop, incident).mode == "shadow"
    assert standing_of(shop, None).mode is None
    maria = Shift(who=Person(id="P1", name="Maria", slack="U0MARIA"), until=None)
    shop.pages.put_on_call([OnCall(service="checkout", now=(maria,), read_at=NOON)])
    use(World(records=shop, open_outside=lambda: pytest.fail("nothing is asked"), slack=None))
    jobs.show_incident(incident.id)
    card = shop.outbox.get(f"{incident.id}/card").view
    said = "\n".join(as_text(block) for block in card.blocks)
    assert said.split("\n")[0] == (
        f"🔴 {incident.id} · checkout: p95 740 ms, normal at this hour is 170 to 210 ms · SEV4 · open"
    )
    assert "No alert fires; I noticed it by myself. Nobody is paged, and I only look and propose." in said
    assert "U0MARIA" not in str(card.blocks)


def test_an_alert_joins_it_and_makes_it_like_any_other(shop: Records) -> None:
    incident = noticed(shop)
    fires(shop, minutes=10)
    joined = shop.incidents.get(incident.id)
    assert [i.id for i in shop.incidents.open()] == [incident.id]
    assert (joined.in_shadow, joined.severity, standing_of(shop, joined).mode) == (False, "SEV2", None)
    judge(at(shop, 11))
    found = only(shop)
    assert (found.fate, found.by, found.lead_s) == ("confirmed", "HighLatency", 30 * 60)


def test_an_alert_that_came_first_is_no_lead(shop: Records) -> None:
    fires(shop, minutes=-25)
    strong(shop)
    judge(shop)
    assert (only(shop).fate, only(shop).lead_s) == ("confirmed", -5 * 60)


def test_an_old_alert_or_one_of_another_service_confirms_nothing(shop: Records) -> None:
    fires(shop, minutes=-300)
    strong(shop, ended=NOON)
    strong(shop, id="ano-2", service="search", ended=NOON)
    judge(at(shop, 60))
    assert {a.fate for a in shop.anomalies.between(BEGAN, NOON)} == {"unconfirmed"}


def test_what_ended_by_itself_is_unconfirmed_once_nothing_can_follow_any_more(shop: Records) -> None:
    strong(shop, began=NOON - timedelta(minutes=9), ended=NOON)
    judge(at(shop, 20))
    assert only(shop).fate == "undecided"
    judge(at(shop, 22))
    assert only(shop).fate == "unconfirmed"
    assert shop.anomalies.undecided() == ()


def test_a_fix_that_somebody_named_confirms_it(shop: Records) -> None:
    incident = noticed(shop)
    from bot.orders import Who, resolve_by_hand

    resolve_by_hand(incident.id, "other", "raised the pool size", Who("U1"), shop)
    judge(shop)
    assert (only(shop).fate, only(shop).by) == ("confirmed", "U1")


@pytest.fixture
def face(start: Starter) -> Iterator[Face]:
    face = start("http")
    yield face
    assert face.slack.server.breaches == []


def test_one_click_says_that_nothing_was_wrong_also_afterwards(face: Face) -> None:
    records = face.records
    incident = noticed(of(records, CONFIG))
    assert incident.id == "INC-1"
    ts = shown(face)
    assert face.slack.click("maria", ts, "order:nothing").acked
    assert told(face).startswith("Noted: a false alarm, and counted as one. INC-1 is over.")
    over = records.incidents.get("INC-1")
    assert (over.state, over.command.fix.what if over.command.fix else "") == ("resolved", "nothing was wrong")
    assert (only(records).fate, only(records).incident) == ("false", "INC-1")
    judge(at(records, 90))
    assert only(records).fate == "false"
    card = card_view(over, NOON, "https://x.test/p1")
    assert "No alert fired; I noticed it by myself." in "\n".join(as_text(block) for block in card.blocks)
    follow(of(records, CONFIG))
    assert records.incidents.open() == ()


def test_of_one_that_ended_by_itself_too(face: Face) -> None:
    records = face.records
    noticed(of(records, CONFIG))
    records.anomalies.update("ano-1", lambda a: a.model_copy(update={"incident": "INC-1", "ended": NOON}))
    resolve(records.incidents.get("INC-1"), records, "bot")
    judge(at(records, 90))
    assert only(records).fate == "unconfirmed"
    assert face.slack.click("maria", shown(face), "order:nothing").acked
    assert told(face).startswith("Noted: a false alarm")
    assert only(records).fate == "false"
