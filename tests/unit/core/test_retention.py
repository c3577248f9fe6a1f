from dataclasses import replace
from datetime import timedelta

from core.change_events import ChangeEvent
from core.incident import Incident
from core.intake import open_incident
from core.outbox import Message, View
from core.records import Records, open_records
from core.retention import retain
from core.settings import Retention, Settings
from core.settling import resolve
from tests.conftest import NOON

LONG_AGO = NOON - timedelta(days=401)


def incident_at(records: Records, at_days_ago: float) -> Incident:
    """One that was opened then and ended at once."""
    then = replace(records, now=lambda: NOON - timedelta(days=at_days_ago))
    opened = open_incident(then, "it is slow", user="U1", channel="C1")
    return resolve(opened, then, "U1")


def test_an_incident_forgets_itself_with_all_that_it_leaves_but_the_ledger(records: Records) -> None:
    ended = incident_at(records, 0)
    records.incidents.bind_thread("C1", "1.0", ended.id)
    records.outbox.put(Message(key=f"{ended.id}/card", channel="C1", view=View(text="It is over.")))
    left = [key.decode() for key in records.redis.scan_iter("*") if ended.id in key.decode()]
    kept = {key for key in left if records.redis.ttl(key) == -1}
    assert f"sre:incident:{ended.id}" in left
    assert kept == {f"sre:ledger:{ended.id}"}
    days = records.redis.ttl(f"sre:incident:{ended.id}") / 86_400
    assert 399 < days <= 400


def test_an_incident_that_changes_is_kept_from_then_on(records: Records) -> None:
    ended = incident_at(records, 0)
    records.redis.expire(f"sre:incident:{ended.id}", 10)
    records.incidents.update(ended.id, lambda i: i.model_copy(update={"headline": "it was the disk"}))
    assert records.redis.ttl(f"sre:incident:{ended.id}") > 10


def test_what_is_old_is_dropped_from_the_indexes_and_counted(records: Records) -> None:
    incident_at(records, 401)
    young = incident_at(records, 3)
    for number, days in enumerate((121, 1)):
        at = NOON - timedelta(days=days)
        records.changes.note(ChangeEvent(id=str(number), kind="deploy", at=at, target="Deployment/a", title="x"))
    dropped = retain(records)
    assert (dropped["incidents"], dropped["changes"]) == (1, 1)
    assert [i.id for i in records.incidents.since(NOON - timedelta(days=500))] == [young.id]
    assert retain(records)["incidents"] == 0
    assert records.ledger.verify() is None


def test_how_long_is_configured(settings: Settings, records: Records) -> None:
    config = settings.config.model_copy(update={"retention": Retention(incidents=30)})
    shorter = open_records(settings.model_copy(update={"config": config}), records.redis, now=lambda: NOON)
    ended = incident_at(shorter, 31)
    assert records.redis.ttl(f"sre:incident:{ended.id}") <= 30 * 86_400
    assert retain(shorter)["incidents"] == 1
