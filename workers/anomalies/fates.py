"""What anomalies were worth: whether an alert or an incident came with them, what people said, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from core.anomalies import Anomaly
from core.firings import Firing
from core.history import firings
from core.incident import Incident
from core.noticing import NOTHING_WRONG
from core.records import Records

WITHIN = timedelta(minutes=30)  # so soon an alert or an incident has to follow
_BEFORE = timedelta(hours=2)  # an alert that fires for longer says nothing of it


class _Came(NamedTuple):
    """An alert or an incident, when it began, and what it is called."""

    at: datetime
    name: str


def judge(records: Records) -> None:
    """Decide about those that are not decided yet, as far as can be told by now. Safe to repeat."""
    now = records.now()
    waiting = [a for a in records.anomalies.undecided() if a.fate == "undecided"]
    if not waiting:
        return
    first = min(a.began for a in waiting) - _BEFORE
    fired = tuple(firings(records, first, now))
    opened = records.incidents.since(first)
    for anomaly in waiting:
        if verdict := _verdict(anomaly, fired, opened, now, records):
            _keep(anomaly, verdict, records)


def _keep(anomaly: Anomaly, verdict: dict[str, object], records: Records) -> None:
    """What a person said meanwhile stands."""
    records.anomalies.update(anomaly.id, lambda a: a if a.fate != "undecided" else a.model_copy(update=verdict))


def concerns(incident: Incident, anomaly: Anomaly) -> bool:
    """Whether the incident is about the service."""
    here = not incident.cluster or not anomaly.cluster or incident.cluster == anomaly.cluster
    return here and anomaly.service in (incident.service, *incident.services)


def _verdict(
    anomaly: Anomaly, fired: Iterable[Firing], opened: Iterable[Incident], now: datetime, records: Records
) -> dict[str, object] | None:
    until = max(anomaly.ended or now, anomaly.began + WITHIN)
    came = [each for each in _all_that_came(anomaly, fired, opened) if anomaly.began - _BEFORE <= each.at <= until]
    if came:
        earliest = min(came)
        lead = round((earliest.at - anomaly.began).total_seconds())
        return {"fate": "confirmed", "by": earliest.name, "lead_s": lead}
    incident = records.incidents.find(anomaly.incident) if anomaly.incident else None
    if incident and (fix := incident.command.fix):
        return {"fate": "false" if fix.what == NOTHING_WRONG else "confirmed", "by": fix.by}
    is_over = anomaly.ended is not None and now >= until
    if is_over and not (incident and incident.is_open):
        return {"fate": "unconfirmed"}
    return None


def _all_that_came(anomaly: Anomaly, fired: Iterable[Firing], opened: Iterable[Incident]) -> Iterator[_Came]:
    for f in fired:
        same_cluster = not f.cluster or not anomaly.cluster or f.cluster == anomaly.cluster
        if (
            f.service == anomaly.service
            and same_cluster
            and (f.ended or anomaly.began.timestamp()) >= (anomaly.began.timestamp())
        ):
            yield _Came(datetime.fromtimestamp(f.began, anomaly.began.tzinfo), f.alert)
    for incident in opened:
        if incident.source in ("slack", "pagerduty") and concerns(incident, anomaly):
            yield _Came(incident.opened_at, incident.id)
