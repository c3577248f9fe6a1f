"""What Alertmanager still lists, against the alerts of open incidents: what is silenced is not notified, nor is its
end, so that it has to be asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from core.incident import Alert, Incident
from core.intake import turn
from core.opening import note, show_soon
from core.records import Records

_SAME_START = timedelta(seconds=1)  # the API gives milliseconds, the webhook nanoseconds
_FRESH = timedelta(seconds=30)  # what was received since may not be listed yet


def reconcile(listed: Iterable[Alert], records: Records) -> None:
    """Mark alerts as silenced, or as over when Alertmanager, which had listed them, does so no more.

    Args:
        listed: All that Alertmanager has, silenced ones too.
    """
    by_print = {alert.fingerprint: alert for alert in listed}
    for incident in records.incidents.open():
        changed = tuple(_changed(incident, by_print, records))
        if changed:
            with turn(records):
                _keep(incident, changed, records)


def _changed(incident: Incident, listed: dict[str, Alert], records: Records) -> Iterable[Alert]:
    for alert in records.book.all(incident.id):
        there = listed.get(alert.fingerprint)
        if alert.status != "firing" or (there and abs(there.starts_at - alert.starts_at) > _SAME_START):
            continue
        if there and (not alert.listed or there.silenced != alert.silenced):
            yield alert.model_copy(update={"listed": True, "silenced": there.silenced})
        elif not there and alert.listed and alert.last_at and records.now() - alert.last_at > _FRESH:
            yield alert.model_copy(update={"status": "resolved", "silenced": False, "ends_at": records.now()})


def _keep(incident: Incident, changed: tuple[Alert, ...], records: Records) -> None:
    now = records.now()
    latest = records.book.find_many(incident.id, [alert.fingerprint for alert in changed])
    still = [a for a in changed if (held := latest.get(a.fingerprint)) and held.last_at == a.last_at]
    if not still:  # merged, split or received meanwhile
        return
    concern = records.book.concern(incident.id)
    records.book.put(incident.id, concern.cluster if concern else "", still)
    _, firing, _ = records.book.counts(incident.id)
    silenced = sum(a.silenced for a in records.book.all(incident.id) if a.status == "firing")
    by_print = {alert.fingerprint: alert for alert in still}

    def change(held: Incident) -> Incident:
        quiet = held.quiet_since or now if not firing and not held.left_out else None
        kept = tuple(by_print.get(alert.fingerprint, alert) for alert in held.alerts)
        return held.model_copy(
            update={"alerts": kept, "firing_alerts": firing, "silenced_alerts": silenced, "quiet_since": quiet}
        )

    after = records.incidents.update(incident.id, change)
    if after.silenced_alerts != incident.silenced_alerts:
        note("alerts.silenced", after.id, records, "alertmanager", {"alerts": after.silenced_alerts})
    if (after.silenced_alerts, after.firing_alerts) != (incident.silenced_alerts, incident.firing_alerts):
        show_soon(after.id, records)
