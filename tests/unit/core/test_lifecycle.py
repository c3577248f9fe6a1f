"""What time and people do to incidents: quiet, flapping, maintenance, silences, heartbeats, splitting, merging."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.errors import Conflict, NotFound
from core.grouping_settings import Grouping
from core.incident import Alert
from core.intake import open_incident, receive_group, turn
from core.merging import merge_locked, split_locked
from core.reconciling import reconcile
from core.records import Records
from core.settings import Config
from core.settling import settle
from core.status import read_status
from tests.conftest import NOON
from tests.unit.core.test_correlate import MAP, fires, of
from tests.unit.core.test_intake import alert, events, group, jobs


def later(records: Records, seconds: float) -> Records:
    return replace(records, now=lambda: NOON + timedelta(seconds=seconds))


def ends(records: Records, name: str, after_s: float, **labels: str) -> None:
    sent = alert(name, status="resolved", **labels) | {"startsAt": NOON.isoformat()}
    receive_group(later(records, after_s), group(sent, groupKey=f"{name} {labels}"))


@pytest.fixture
def shop(records: Records) -> Records:
    return of(records, MAP)


def test_firing_again_in_the_quiet_time_needs_no_new_incident(shop: Records) -> None:
    fires(shop, "Slow", service="mail")
    ends(shop, "Slow", 60, service="mail")
    settle(later(shop, 200))
    after = fires(shop, "Slow", 250, service="mail")
    assert (after.id, after.quiet_since) == ("INC-1", None)
    settle(later(shop, 900))
    assert shop.incidents.get("INC-1").is_open


def test_a_flapping_alert_is_damped_counted_and_ends_late(shop: Records) -> None:
    for n in range(6):
        fires(shop, "Slow", n * 60, service="mail")
        ends(shop, "Slow", n * 60 + 30, service="mail")
    incident = shop.incidents.get("INC-1")
    assert (incident.flapping, incident.quiet_since) == (True, NOON + timedelta(seconds=330))
    named = events(shop, "INC-1")
    assert (named.count("alert.flapping"), named.count("alert.received")) == (1, 2)
    assert read_status(later(shop, 340)).counted["flapping"] == 9
    settle(later(shop, 330 + 301))
    assert shop.incidents.get("INC-1").is_open
    settle(later(shop, 330 + 900))
    assert shop.incidents.get("INC-1").state == "resolved"


def maintenance(records: Records, **window: Any) -> Records:
    content = {**MAP.model_dump(by_alias=True), "maintenance": [{"why": "database upgrade", **window}]}
    return of(records, Config.model_validate(content))


@pytest.mark.parametrize("what", [{"service": "mail"}, {"namespace": "shop"}])
def test_in_maintenance_an_incident_opens_quietly_and_wakes_at_its_end(records: Records, what: dict[str, str]) -> None:
    shop = maintenance(records, **what, **{"from": "2026-03-02 12:30", "to": "2026-03-02T13:30:00"},
                       timezone="Europe/Berlin")  # fmt: skip
    quiet = fires(shop, "Slow", service="mail")
    assert (quiet.hushed_until, quiet.hushed_why) == (NOON + timedelta(minutes=30), "database upgrade")
    assert (jobs(shop, "investigate"), jobs(shop, "notify")) == ([], [])
    settle(later(shop, 1700))
    assert jobs(shop, "investigate") == []
    settle(later(shop, 1801))
    assert shop.incidents.get("INC-1").hushed_until is None
    assert jobs(shop, "investigate") == [["investigate", "INV-1"]]
    assert ["show_incident", "INC-1"] in jobs(shop, "notify")


def test_what_is_not_in_maintenance_wakes_an_incident_that_it_joins(records: Records) -> None:
    shop = maintenance(records, service="payments", **{"from": "2026-03-02 11:00", "to": "2026-03-02 14:00"})
    assert fires(shop, "Slow", service="payments").hushed_until
    assert fires(shop, "HighErrorRate", 5, service="checkout").hushed_until is None
    assert jobs(shop, "investigate") == [["investigate", "INV-1"]]


def test_what_is_not_in_maintenance_wakes_an_incident_that_it_is_merged_into(records: Records) -> None:
    shop = maintenance(records, service="payments", **{"from": "2026-03-02 11:00", "to": "2026-03-02 14:00"})
    assert fires(shop, "Slow", service="payments").hushed_until
    fires(shop, "QueueFull", service="mail")
    with turn(shop):
        merged = merge_locked("INC-2", "INC-1", "U1", "merged", shop)
    assert merged.hushed_until is None
    assert ["investigate", "INV-1"] in jobs(shop, "investigate")
    assert ["show_incident", "INC-1"] in jobs(shop, "notify")


def test_a_silenced_alert_is_shown_as_such_and_over_when_it_is_gone(shop: Records) -> None:
    fires(shop, "Slow", service="mail")
    held = next(shop.book.all("INC-1"))
    reconcile([held.model_copy(update={"silenced": True})], later(shop, 60))
    incident = shop.incidents.get("INC-1")
    assert (incident.silenced_alerts, incident.how_many_fire, incident.alerts[0].silenced) == (1, 1, True)
    reconcile([], later(shop, 120))
    assert shop.incidents.get("INC-1").quiet_since == NOON + timedelta(seconds=120)


def test_what_alertmanager_never_listed_is_not_taken_for_over(shop: Records) -> None:
    fires(shop, "Slow", service="mail")
    reconcile([], later(shop, 600))
    assert shop.incidents.get("INC-1").how_many_fire == 1


def test_a_heartbeat_that_stops_is_an_incident_that_ends_when_it_comes_again(shop: Records) -> None:
    def beat(after_s: float) -> None:
        receive_group(later(shop, after_s), group(alert("Watchdog"), groupKey="watchdog"))

    settle(shop)
    assert shop.incidents.open() == ()  # never heard of one
    beat(0)
    settle(later(shop, 599))
    assert shop.incidents.open() == ()
    settle(later(shop, 600))
    settle(later(shop, 620))
    (incident,) = shop.incidents.open()
    assert incident.title.startswith("Monitoring may be blind: Watchdog, which always fires, has not come from")
    assert incident.severity == "SEV2"
    beat(700)
    settle(later(shop, 701))
    assert shop.incidents.get(incident.id).quiet_since
    settle(later(shop, 1001))
    assert shop.incidents.get(incident.id).state == "resolved"


def test_a_set_of_alerts_is_split_off_and_no_rule_puts_it_back(shop: Records) -> None:
    fires(shop, "PaymentsDown", service="payments")
    fires(shop, "HighErrorRate", 5, service="checkout")
    first, second = shop.book.groups("INC-1")
    with turn(shop):
        new = split_locked("INC-1", second.id, "U0MARIA", shop)
    assert (new.id, new.service, new.how_many_fire) == ("INC-2", "checkout", 1)
    assert shop.incidents.get("INC-1").how_many_fire == 1
    assert [e.actor for e in shop.ledger.of_incident("INC-1") if e.event == "incident.split"] == ["U0MARIA"]
    assert fires(shop, "HighErrorRate", 5, service="checkout").id == "INC-2"  # its next notification
    assert shop.incidents.get("INC-1").groups == 1
    with turn(shop), pytest.raises(NotFound):
        split_locked("INC-1", second.id, "U0MARIA", shop)
    with turn(shop), pytest.raises(Conflict):
        split_locked("INC-1", first.id, "U0MARIA", shop)


def test_merged_incidents_lose_nothing_and_their_alerts_go_on_in_the_other(shop: Records) -> None:
    fires(shop, "Slow", service="mail")
    fires(shop, "Slow", 5, service="cart", severity="emergency")
    with turn(shop):
        held = merge_locked("INC-2", "INC-1", "U0MARIA", "merged", shop)
    assert (held.how_many_fire, held.severity, set(held.services)) == (2, "SEV1", {"mail", "cart"})
    source = shop.incidents.get("INC-2")
    assert (source.state, source.merged_into) == ("merged", "INC-1")
    assert fires(shop, "Slow", 5, service="cart", severity="emergency").id == "INC-1"
    ends(shop, "Slow", 60, service="mail")
    assert shop.incidents.get("INC-1").quiet_since is None
    ends(shop, "Slow", 61, service="cart", severity="emergency")
    assert shop.incidents.get("INC-1").quiet_since


def test_merges_that_race_lose_nothing(shop: Records) -> None:
    for n, name in enumerate(("mail", "cart", "reviews", "db")[:3]):
        fires(shop, "Slow", n, service=name)
    pairs = [("INC-1", "INC-2"), ("INC-2", "INC-1"), ("INC-2", "INC-3"), ("INC-3", "INC-1")] * 2

    def one(pair: tuple[str, str]) -> None:
        with turn(shop):
            merge_locked(*pair, "U1", "merged", shop)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, pairs))
    (left,) = shop.incidents.open()
    assert (left.how_many_fire, shop.book.counts(left.id)) == (3, (3, 3, 3))
    assert {shop.incidents.holder(f"INC-{n}").id for n in (1, 2, 3)} == {left.id}  # type: ignore[union-attr]


def test_a_merge_that_died_is_finished_by_the_clock(shop: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    fires(shop, "Slow", service="mail")
    fires(shop, "Slow", 5, service="cart")

    class Died(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(shop.book, "move", dies)
        with pytest.raises(Died), turn(shop):
            merge_locked("INC-2", "INC-1", "U1", "merged", shop)
    settle(shop)
    assert shop.incidents.get("INC-1").how_many_fire == 2
    assert events(shop, "INC-2").count("incident.merged") == 1


def test_alerts_join_what_a_person_opened(shop: Records) -> None:
    open_incident(shop, "customers cannot pay", user="U1", channel="C9", service="checkout")
    after = fires(shop, "HighErrorRate", 30, service="checkout")
    assert (after.id, after.source, after.how_many_fire) == ("INC-1", "slack", 1)


def test_only_what_is_worse_or_a_cause_is_looked_at_again(shop: Records) -> None:
    fires(shop, "HighErrorRate", service="checkout")
    shop.incidents.update("INC-1", lambda i: i.model_copy(update={"looked_severity": "SEV2"}))
    assert not fires(shop, "HighErrorRate", 5, service="storefront").look_again  # a consequence
    assert not fires(shop, "HighErrorRate", 5, service="storefront").look_again
    assert fires(shop, "PaymentsDown", 9, service="payments").look_again  # a cause
    fires(shop, "Slow", service="mail")
    shop.incidents.update("INC-2", lambda i: i.model_copy(update={"looked_severity": "SEV2"}))
    assert fires(shop, "MailDown", 9, service="mail", severity="emergency").look_again


def test_every_alert_is_counted_somewhere(shop: Records) -> None:
    fires(shop, "Slow", service="mail")
    fires(shop, "Slow", service="mail")
    ends(shop, "Slow", 5, service="mail")
    ends(shop, "Unknown", 5, service="cart")
    receive_group(shop, group(alert("Watchdog"), groupKey="w"))
    counted = read_status(later(shop, 10)).counted
    assert {k: v for k, v in counted.items() if v} == {
        "new": 1, "repeated": 1, "resolved": 1, "resolved_unknown": 1, "heartbeats": 1, "opened": 1,
    }  # fmt: skip


def test_a_short_quiet_time_is_a_setting(records: Records) -> None:
    shop = of(records, MAP.model_copy(update={"grouping": Grouping(quiet_s=5)}))
    fires(shop, "Slow", service="mail")
    ends(shop, "Slow", 1, service="mail")
    settle(later(shop, 6))
    assert shop.incidents.get("INC-1").state == "resolved"


def test_alerts_of_the_past_are_kept_for_the_replay(shop: Records) -> None:
    fires(shop, "Slow", service="mail")
    ends(shop, "Slow", 1, service="mail")
    settle(later(shop, 400))
    held: list[Alert] = list(shop.book.all("INC-1"))
    assert [a.status for a in held] == ["resolved"]
