"""The pause before an incident is looked at, in which the alerts that belong to it arrive."""

from __future__ import annotations

import time

from core.diagnosis import Investigation
from core.incident import Incident
from core.opening import subject_of
from core.records import Records

_POLL_S = 0.05
_CALM = 1 / 3  # of the longest pause: so long nothing came, so nothing more is waited for


def gather(investigation: Investigation, records: Records) -> Investigation:
    """The investigation of an incident, about all that has come by now. Waits only before the first look, for at most
    `grouping.gather_s`; a single alert waits for a third of that. Safe to repeat."""
    incident = records.incidents.find(investigation.incident) if investigation.incident else None
    if incident is None or investigation.observation is not None:
        return investigation
    if incident.source not in ("slack", "anomaly"):
        incident = _when_calm(incident, records)
    subject = subject_of(incident, records.settings.config)
    looked = {"looked_severity": incident.severity, "look_again": False}
    records.incidents.update(incident.id, lambda i: i.model_copy(update=looked))
    return records.investigations.update(investigation.id, lambda i: i.model_copy(update={"subject": subject}))


def _when_calm(incident: Incident, records: Records) -> Incident:
    longest_s = records.settings.config.grouping.gather_s
    began = since = time.monotonic()
    while time.monotonic() - began < longest_s and time.monotonic() - since < longest_s * _CALM:
        time.sleep(_POLL_S)
        latest = records.incidents.get(incident.id)
        if latest.alerted_at != incident.alerted_at:
            since = time.monotonic()
        incident = latest
    return incident
