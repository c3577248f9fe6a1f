"""The old incidents that are not over for a service, so that what comes of it belongs there all the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from core.concern import Concern, subject_name
from core.incident import Alert, Incident
from core.labels import worst
from core.opening import severity_of_all
from core.records import Records


def going_on(new: Concern, alerts: Iterable[Alert], concerns: Mapping[str, Concern], records: Records) -> set[str]:
    """The incidents in which a service of these new alerts has been failing until now, however long ago they began.

    Args:
        concerns: Of all open incidents.
    """
    given, now = tuple(alerts), records.now().timestamp()
    found = set()
    for incident_id, held in concerns.items():
        shared = new.traces.keys() & held.traces.keys()
        if shared and now - held.opened_at <= records.settings.config.grouping.ongoing_s:
            incident = records.incidents.find(incident_id)
            if incident and incident.is_open and _is_not_over(incident, shared, given, records):
                found.add(incident_id)
    return found


def _is_not_over(incident: Incident, names: set[str], new: tuple[Alert, ...], records: Records) -> bool:
    if incident.opened_by and incident.service in names:  # people are at it, in that thread
        return True
    quiet = records.now() - timedelta(seconds=records.settings.config.grouping.quiet_s)
    recent = (a for a in incident.alerts if a.status == "firing" or (a.last_at and a.last_at >= quiet))
    same = [alert for alert in recent if subject_name(alert, records.settings.config) in names]
    # What is worse than all that it holds is to be seen, and its card is far up in the channel by now.
    if worst((incident.severity, severity_of_all(new))) != incident.severity:
        known = {alert.name for alert in new}
        return any(alert.name in known for alert in same)
    return bool(same)
