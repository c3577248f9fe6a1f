"""A stale save is a Conflict; claims and first times are decided once, whoever asks at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from core.errors import Conflict, NotFound
from core.incident import Incident
from core.outbox import Message, View
from core.records import Records
from tests.conftest import NOON


def _incident(records: Records, **fields: object) -> Incident:
    made = Incident(id=records.incidents.new_id(), title="checkout 5xx", source="cli", opened_at=NOON)
    return records.incidents.save(made.model_copy(update=fields))


def test_a_stale_save_is_a_conflict_and_loses_nothing(records: Records) -> None:
    first = _incident(records)
    records.incidents.save(first.model_copy(update={"headline": "newer"}))
    with pytest.raises(Conflict):
        records.incidents.save(first.model_copy(update={"headline": "stale"}))
    assert records.incidents.get(first.id).headline == "newer"


def test_concurrent_updates_are_all_kept(records: Records) -> None:
    incident = _incident(records, truncated_alerts=0)

    def count() -> None:
        for _ in range(25):
            records.incidents.update(
                incident.id, lambda i: i.model_copy(update={"truncated_alerts": i.truncated_alerts + 1})
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert records.incidents.get(incident.id).truncated_alerts == 100


def test_what_is_not_there_is_not_found(records: Records) -> None:
    assert records.incidents.find("INC-404") is None
    with pytest.raises(NotFound):
        records.incidents.get("INC-404")
    with pytest.raises(NotFound):
        records.requests.get("gone")


def test_a_group_is_claimed_once(records: Records) -> None:
    owners = set()
    threads = [
        threading.Thread(target=lambda n=n: owners.add(records.incidents.claim("group", f"INC-{n}"))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(owners) == 1
    owner = owners.pop()
    records.incidents.release("group", "INC-of-somebody-else")
    assert records.incidents.claim("group", "INC-99") == owner
    records.incidents.release("group", owner)
    assert records.incidents.claim("group", "INC-99") == "INC-99"


def test_current_holds_the_open_and_those_resolved_within_a_day(records: Records) -> None:
    still_open = _incident(records, opened_at=NOON - timedelta(days=3))
    ended = _incident(records, state="resolved", resolved_at=NOON - timedelta(hours=2))
    _incident(records, state="resolved", resolved_at=NOON - timedelta(days=2), opened_at=NOON - timedelta(days=3))
    assert {i.id for i in records.incidents.current(NOON)} == {still_open.id, ended.id}
    assert [i.id for i in records.incidents.open()] == [still_open.id]


def test_a_resolved_incident_leaves_the_open_ones(records: Records) -> None:
    incident = _incident(records)
    records.incidents.update(incident.id, lambda i: i.model_copy(update={"state": "resolved", "resolved_at": NOON}))
    assert records.incidents.open() == ()


def test_a_thread_leads_to_its_incident(records: Records) -> None:
    incident = _incident(records)
    records.incidents.bind_thread("C1", "1.2", incident.id)
    assert records.incidents.of_thread("C1", "1.2") == incident
    assert records.incidents.of_thread("C1", "9.9") is None


def test_a_delivery_is_the_first_only_once(records: Records) -> None:
    assert [records.requests.first_time("Ev1") for _ in range(3)] == [True, False, False]


def test_a_new_wish_keeps_what_was_posted(records: Records) -> None:
    records.outbox.put(Message(key="k", channel="C1", view=View(text="One.")))
    records.outbox.update("k", lambda m: m.model_copy(update={"ts": "1.2", "posted": "x"}))
    kept = records.outbox.put(Message(key="k", channel="C1", view=View(text="Two.")))
    assert (kept.view.text, kept.ts, kept.posted) == ("Two.", "1.2", "x")


def test_unreachable_keeps_the_earliest_time(records: Records) -> None:
    records.switches.mark_unreachable("Prometheus", NOON)
    records.switches.mark_unreachable("Prometheus", NOON + timedelta(hours=1))
    assert records.switches.unreachable() == {"Prometheus": NOON}
    records.switches.mark_reachable("Prometheus")
    assert records.switches.unreachable() == {}
