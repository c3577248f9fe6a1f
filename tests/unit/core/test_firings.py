from datetime import timedelta

import orjson

from core.firings import Firing
from core.history import firings
from core.intake import receive_group
from core.notification import read_group
from core.records import Records
from tests.conftest import NOON


def notify(records: Records, status: str, began_min: float, ended_min: float | None = None) -> None:
    labels = {"alertname": "Slow", "severity": "warning", "namespace": "shop", "deployment": "checkout"}
    alert = {"status": status, "labels": labels, "annotations": {}, "fingerprint": "f1",
             "startsAt": (NOON + timedelta(minutes=began_min)).isoformat()}  # fmt: skip
    if ended_min is not None:
        alert["endsAt"] = (NOON + timedelta(minutes=ended_min)).isoformat()
    body = {"version": "4", "groupKey": "g", "status": status, "alerts": [alert]}
    receive_group(records, read_group(orjson.dumps(body)))


def seen(records: Records) -> list[Firing]:
    return list(firings(records, NOON - timedelta(days=1), NOON + timedelta(days=1)))


def test_an_alert_that_fires_is_there_and_afterwards_with_its_end(records: Records) -> None:
    notify(records, "firing", -10)
    [now] = seen(records)
    assert (now.alert, now.service, now.incident, now.lasted_s) == ("Slow", "shop/checkout", "INC-1", None)
    notify(records, "resolved", -10, -4)
    [over] = seen(records)
    assert (over.incident, over.lasted_s) == ("INC-1", 360.0)


def test_an_end_that_is_told_twice_is_one_firing(records: Records) -> None:
    notify(records, "firing", -10)
    for _ in range(3):
        notify(records, "resolved", -10, -4)
    assert len(seen(records)) == 1


def test_an_end_that_no_incident_knows_is_kept_too(records: Records) -> None:
    notify(records, "resolved", -10, -4)
    assert [(f.incident, f.lasted_s) for f in seen(records)] == [("", 360.0)]


def test_days_before_are_forgotten_and_counted(records: Records) -> None:
    old = Firing("Slow", "s", "SEV3", "", "", "f", (NOON - timedelta(days=9)).timestamp(),
                 (NOON - timedelta(days=8)).timestamp())  # fmt: skip
    new = Firing("Slow", "s", "SEV3", "", "", "f", NOON.timestamp() - 60, NOON.timestamp() - 30)
    records.firings.note((old, new))
    assert records.firings.forget(NOON - timedelta(days=2)) == 1
    assert list(records.firings.ended_between(NOON - timedelta(days=30), NOON)) == [new]
