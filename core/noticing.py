"""Incidents in shadow: what the bot noticed by itself, without an alert.

They are recorded, shown and investigated, page nobody, and nothing is done for them. An alert that joins one makes it
an incident like any other.
"""

from __future__ import annotations

from collections.abc import Callable

from core.anomalies import Anomaly
from core.concern import Concern, Trace
from core.incident import Incident
from core.intake import turn
from core.opening import channel_of, note, one_line, show_soon, start
from core.records import Records

NOTHING_WRONG = "nothing was wrong"


def open_in_shadow(anomaly: Anomaly, title: str, records: Records) -> Incident:
    """The incident of this anomaly, opened and being investigated. Safe to repeat.

    Raises: Transient when other processes have been placing alerts for long.
    """
    config = records.settings.config
    known = config.services.get(anomaly.service)
    namespace, _, name = anomaly.service.rpartition("/")
    named = config.clusters.get(anomaly.cluster)
    named_now = records.anomalies.update(anomaly.id, _about(records.incidents.new_id()))
    incident_id = str(named_now.incident)
    with turn(records):
        incident = records.incidents.find(incident_id) or records.incidents.save(
            Incident(
                id=incident_id, title=one_line(f"{anomaly.service if known else name}: {title}"), severity="SEV4",
                service=anomaly.service if known else None, cluster=anomaly.cluster or None,
                namespace=(known.namespace if known else namespace) or None,
                environment=named.environment if named else None, source="anomaly", opened_at=records.now(),
                unusual_since=anomaly.began,
                channel=channel_of(records, anomaly.service if known else None), services=(anomaly.service,), groups=0,
                investigation=records.investigations.new_id(),
            )
        )  # fmt: skip
        keep_joinable(incident, anomaly, records)
        start(incident, records, "bot")
        facts = {"signal": anomaly.signal, "worst": anomaly.worst, "normal": anomaly.normal, "score": anomaly.score,
                 "since": anomaly.began.isoformat(), "query": anomaly.query}  # fmt: skip
        if not any(e.event == "anomaly.noticed" for e in records.ledger.of_incident(incident.id)):
            note("anomaly.noticed", incident.id, records, "bot", facts)
    return incident


def _about(incident_id: str) -> Callable[[Anomaly], Anomaly]:
    """Named before it is saved, so that a job that died between opens no second one."""
    return lambda held: held if held.incident else held.model_copy(update={"incident": incident_id})


def keep_joinable(incident: Incident, anomaly: Anomaly, records: Records) -> None:
    """Let alerts about the service join it while the anomaly lasts."""
    first, last = anomaly.began.timestamp(), records.now().timestamp()
    trace = Trace(first=first, last=last)
    concern = Concern(
        cluster=incident.cluster or "", first=first, last=last, traces={anomaly.service: trace},
        opened_at=incident.opened_at.timestamp(),
    )  # fmt: skip
    held = records.book.concern(incident.id)
    records.book.put_concern(incident.id, held.with_(concern) if held else concern)


def calm_down(incident: Incident, records: Records) -> None:
    """All of it ended: it is over unless it begins again within the quiet time."""
    quiet = {"quiet_since": records.now()}
    records.incidents.update(
        incident.id, lambda i: i.model_copy(update=quiet) if i.in_shadow and not i.quiet_since else i
    )
    show_soon(incident.id, records)


def call_false(incident: Incident, user: str, records: Records) -> int:
    """A person said that nothing was wrong: its anomalies are counted as false alarms. How many those are."""
    found = records.anomalies.of_incident(incident.id, incident.opened_at)
    for anomaly in found:
        records.anomalies.update(anomaly.id, lambda a: a.model_copy(update={"fate": "false", "by": user}))
    return len(found)
