"""What time alone does to incidents: quiet ones end, maintenance ends, a heartbeat is missed, another look is due."""

from __future__ import annotations

from datetime import timedelta

from core.errors import NotFound
from core.incident import Alert, Incident
from core.intake import Arrival, find_or_open, turn
from core.merging import finish_merges
from core.notification import fingerprint_of
from core.opening import note, show_soon, start
from core.queues import COUNT_INCIDENT, REMEMBER
from core.records import Records
from core.redis import as_text

_UNSURE_S = 15  # what joined may tell what the last look could not
_SHOWN_WITHIN = timedelta(minutes=1)
REOPENED = "incident.reopened"
_ENDING = "sre:ending"  # incidents whose end was begun


def settle(records: Records) -> None:
    """Do what is due. Safe to repeat. Raises: Transient, Conflict."""
    with turn(records):
        finish_merges(records)
        for held in records.redis.smembers(_ENDING):
            _end(records.incidents.get(as_text(held)), records, "alertmanager")
        for incident in records.incidents.open():
            _settle_one(incident, records)
    _listen_for_heartbeats(records)


def _settle_one(incident: Incident, records: Records) -> None:
    now, grouping = records.now(), records.settings.config.grouping
    quiet_s = max(grouping.quiet_s, grouping.flapping.within_s) if incident.flapping else grouping.quiet_s
    if not (incident.thread_ts or incident.hushed_until) and now - incident.opened_at < _SHOWN_WITHIN:
        show_soon(incident.id, records)  # whoever was to show it may have died
    if incident.quiet_since and incident.state != "acting" and incident.quiet_since + timedelta(seconds=quiet_s) <= now:
        resolve(incident, records, "bot" if incident.in_shadow else "alertmanager")
    elif incident.hushed_until and incident.hushed_until <= now and not incident.quiet_since:
        _wake(incident, records)
    elif incident.look_again and _last_look_ended(incident, records) and not incident.hushed_until:
        if _is_explained(incident, records):
            records.incidents.update(incident.id, lambda i: i.model_copy(update={"look_again": False}))
            return
        again = {"investigation": records.investigations.new_id(), "look_again": False}
        start(records.incidents.update(incident.id, lambda i: i.model_copy(update=again)), records, "bot")


def resolve(incident: Incident, records: Records, actor: str) -> Incident:
    """End it: recorded, shown, remembered, and the next alert opens another. Safe to repeat."""
    records.redis.sadd(_ENDING, incident.id)
    over = {"state": "resolved", "resolved_at": records.now(), "quiet_since": None, "look_again": False}
    after = records.incidents.update(incident.id, lambda i: i.model_copy(update=over) if i.is_open else i)
    return _end(after, records, actor)


def _end(after: Incident, records: Records, actor: str) -> Incident:
    if after.state != "resolved":
        records.redis.srem(_ENDING, after.id)
        return after
    lasted_s = round(((after.resolved_at or records.now()) - after.opened_at).total_seconds())
    ends = [e.event for e in records.ledger.of_incident(after.id) if e.event in ("incident.resolved", REOPENED)]
    if ends[-1:] != ["incident.resolved"]:
        note("incident.resolved", after.id, records, actor, {"lasted_s": lasted_s})
    for group in records.book.groups(after.id):
        records.incidents.release(group.key, after.id)
    concern = records.book.concern(after.id)
    records.book.close(after.id, concern.cluster if concern else "")
    records.queues.enqueue("notify", COUNT_INCIDENT, after.id)
    if not after.hushed_until:  # one that nobody looked into teaches nothing
        records.queues.enqueue("investigate", REMEMBER, after.id)
        show_soon(after.id, records)
    records.redis.srem(_ENDING, after.id)
    return after


def _wake(incident: Incident, records: Records) -> None:
    """Maintenance ended and it still fires: now it is an incident like any other."""
    awake = {"hushed_until": None, "hushed_why": ""}
    after = records.incidents.update(incident.id, lambda i: i.model_copy(update=awake))
    note("maintenance.ended", after.id, records, "bot", {"alerts": after.firing_alerts})
    start(after, records, "bot")


def _last_look_ended(incident: Incident, records: Records) -> bool:
    if incident.investigation is None:
        return True
    try:
        last = records.investigations.get(incident.investigation)
    except NotFound:
        return True
    unsure = last.diagnosis is None or last.diagnosis.status != "diagnosed"
    again_s = _UNSURE_S if unsure else records.settings.config.grouping.again_s
    return last.reported and last.started_at + timedelta(seconds=again_s) <= records.now()


def _is_explained(incident: Incident, records: Records) -> bool:
    """Whether the node that alerts since is what the last look named as the cause anyway."""
    concern = records.book.concern(incident.id)
    if concern is None or not concern.nodes or incident.investigation is None:
        return False
    diagnosis = records.investigations.get(incident.investigation).diagnosis
    cause = diagnosis.root_cause if diagnosis and diagnosis.status == "diagnosed" else None
    return cause is not None and cause.target in {f"Node/{node}" for node in concern.nodes}


def _listen_for_heartbeats(records: Records) -> None:
    """An incident for each heartbeat that does not come any more, until it comes again."""
    now, silent_s = records.now(), records.settings.config.grouping.heartbeat.silent_s
    for name, last in records.book.beats().items():
        late = last is None or last + timedelta(seconds=silent_s) <= now
        key = f"sre-bot:heartbeat:{name}"
        known = records.incidents.claimed(key)
        if not late and not known:
            continue
        incident = records.incidents.holder(known) if known else None
        if late and incident and incident.is_open and incident.firing_alerts:
            continue
        find_or_open(records, Arrival("alertmanager", key, (_silence_of(name, late, records),), is_over=not late))


def _silence_of(name: str, late: bool, records: Records) -> Alert:
    alert, _, where = name.partition(" of ")
    minutes = records.settings.config.grouping.heartbeat.silent_s / 60
    summary = (
        f"Monitoring may be blind: {alert}, which always fires, has not come from {where} for {minutes:.0f} min. "
        "Until it comes again, no alert may reach anybody. Look whether Prometheus and Alertmanager run, and whether "
        "Alertmanager reaches this bot; or its repeat_interval for this alert is longer than that"
    )
    labels = {"alertname": "HeartbeatStopped", "heartbeat": alert, "severity": "critical"}
    now = records.now()
    return Alert(
        fingerprint=fingerprint_of({**labels, "of": where}), name="HeartbeatStopped",
        status="firing" if late else "resolved", labels=labels, annotations={"summary": summary}, starts_at=now,
        ends_at=None if late else now, first_at=now, last_at=now,
    )  # fmt: skip
