"""How things stand, from stored state."""

from __future__ import annotations

from core.incident import Alert, Incident
from core.records import Records
from tests.conftest import NOON
from workers.standing import BEGUN, Standing, standing_of


def incident(*alerts: Alert) -> Incident:
    return Incident(id="INC-7", title="t", source="alertmanager", alerts=alerts, opened_at=NOON)


def alert(name: str, status: str = "firing") -> Alert:
    return Alert.model_validate({"fingerprint": name, "name": name, "status": status, "starts_at": NOON})


def test_a_question_has_no_alerts_and_no_actions(records: Records) -> None:
    assert standing_of(records, None) == Standing(paused=False, in_freeze=False, actions_taken=0)


def test_the_switches_are_read(records: Records) -> None:
    for name in ("paused", "freeze"):
        records.switches.set(name, "U0MARIA")
    records.switches.set("mode", "assist")
    assert standing_of(records, None) == Standing(mode="assist", paused=True, in_freeze=True)


def test_alerts_that_fire_give_the_types(records: Records) -> None:
    found = standing_of(records, incident(alert("B"), alert("A"), alert("A"), alert("C", "resolved")))
    assert found.alert_types == ("A", "B")


def test_actions_that_the_bot_began_alone_are_counted(records: Records) -> None:
    for event, actor, of in (
        (BEGUN, "bot", "INC-7"), (BEGUN, "bot", "INC-7"), (BEGUN, "U0MARIA", "INC-7"), (BEGUN, "bot", "INC-8"),
        ("action.ended", "bot", "INC-7"),
    ):  # fmt: skip
        records.ledger.append(event, actor=actor, at=NOON, incident=of)
    assert standing_of(records, incident()).actions_taken == 2


def test_nothing_read_is_nothing_known() -> None:
    assert (Standing().paused, Standing().in_freeze, Standing().mode) == (None, None, None)
