"""An incident that was called over too early goes on."""

from __future__ import annotations

from datetime import timedelta

from core.concern import cluster_named, concern_of
from core.errors import Conflict, NotFound
from core.incident import Incident
from core.opening import note, show_soon, start
from core.records import Records
from core.settling import REOPENED


def reopen_locked(incident_id: str, actor: str, records: Records) -> Incident:
    """The incident, open again and looked into anew; its alerts find it again, unless another incident has them by now.
    The caller holds the turn.

    Raises: NotFound; Conflict with a sentence that says why it stays as it is.
    """
    before = records.incidents.find(incident_id)
    if before is None:
        raise NotFound(f"There is no {incident_id}.")
    if before.merged_into:
        raise Conflict(f"{before.id} was merged into {before.merged_into}; look there.")
    if before.is_open:
        raise Conflict(f"{before.id} is open.")
    now, hours = records.now(), records.settings.config.incidents.reopen_within_hours
    if before.resolved_at is None or now - before.resolved_at > timedelta(hours=hours):
        raise Conflict(
            f"{before.id} ended more than {hours} h ago; open a new one with /sre incident, which shows "
            "this one among those that are like it."
        )
    again = {
        "state": "open", "resolved_at": None, "quiet_since": None, "look_again": False, "flapping": False,
        "command": before.command.model_copy(update={"fix": None, "update": None}),
        "investigation": records.investigations.new_id(),
    }  # fmt: skip
    after = records.incidents.update(before.id, lambda i: i if i.is_open else i.model_copy(update=again))
    note(REOPENED, after.id, records, actor, {})
    _take_alerts_back(after, records)
    start(after, records, actor)
    show_soon(after.id, records)
    return after


def _take_alerts_back(incident: Incident, records: Records) -> None:
    alerts = list(records.book.all(incident.id))
    if not alerts:
        return
    config = records.settings.config
    known = records.service_map(cluster_named(alerts[0].labels, config))
    concern = concern_of(alerts, config, records.whereabouts, known)
    opened = concern.model_copy(update={"opened_at": records.now().timestamp()})
    records.book.put(incident.id, opened.cluster, alerts)
    records.book.put_concern(incident.id, opened)
    for group in records.book.groups(incident.id):
        records.incidents.claim(group.key, incident.id)
