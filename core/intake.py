"""From an alert or a person's word to an incident, once. Safe to repeat after a crash at any point, and from several
processes at once: who finds something half done finishes it.

One set of alerts is placed at a time, so that two which belong together see each other.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from redis.exceptions import LockError

from core import damping
from core.concern import Concern, Trace, cluster_named, concern_of
from core.correlate import correlate
from core.errors import Conflict, Transient
from core.firings import firing_of
from core.folding import Folded, entries, fold, telling
from core.incident import Alert, Incident, Joined
from core.labels import worst
from core.maintenance import expected_until
from core.mask import mask
from core.merging import merge_locked
from core.notification import LONGEST_LABEL, Group, alerts_of, fingerprint_of, heard_of, read_group
from core.ongoing import going_on
from core.opening import (
    channel_of,
    described,
    group_title,
    note,
    one_line,
    services_of,
    severity_of_all,
    show_soon,
    start,
)
from core.records import Records
from core.scene import Match, scene

__all__ = ["Arrival", "find_or_open", "open_incident", "read_group", "receive_group", "receive_unreadable"]

_LOCK_S = 20.0
_POLL_S = 0.005
_MOST_SERVICES = 50
_ONE_HERE = threading.Lock()  # of the threads here one asks Redis for its turn; the others would only poll it


@dataclass(frozen=True)
class Arrival:
    """A set of alerts that its source holds as one: a group of Alertmanager, or an incident of PagerDuty."""

    source: Literal["alertmanager", "pagerduty"]
    key: str  # the same again is the same set
    alerts: tuple[Alert, ...]  # at least one, all of one cluster
    cluster: str = ""  # where its labels do not say; "" may be any
    aliases: tuple[str, ...] = ()  # other keys under which another source may bring the same trouble
    is_over: bool = False  # alerts of the set that are not mentioned are over
    left_out: int = 0  # alerts that the source did not send

    @property
    def id(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()[:12]


def receive_group(records: Records, group: Group) -> Incident | None:
    """The incident of this group, opened, joined or brought up to date; None when nothing is open and nothing fires.
    A group with alerts of several clusters has an incident for each; the first one's is returned.

    Raises: Transient when other processes have been placing alerts for long; Conflict when others kept changing it.
    """
    secrets = records.settings.secrets()
    alerts = damping.without_heartbeats(tuple(alerts_of(group, secrets, records.now())), group, records)
    found = [find_or_open(records, arrival) for arrival in _arrivals(alerts, group, records)]
    return next((incident for incident in found if incident), None)


def find_or_open(records: Records, arrival: Arrival) -> Incident | None:
    """The incident to which these alerts belong: the one that has this set already, else an open one that they are part
    of, else a new one. None when it is over and nobody knows it.

    Raises: Transient, Conflict; what was sent is to be sent again then.
    """
    with turn(records):
        incident, lost = _holder(arrival, records)
        if incident is None and all(alert.status == "resolved" for alert in arrival.alerts):
            _note_ended(arrival.alerts, "", arrival, records)
            records.book.count(records.now(), {"resolved_unknown": len(arrival.alerts)})
            return None
        if incident is None:
            incident = _placed(lost, arrival, records)
        else:
            incident = _brought_up_to_date(incident, arrival, records)
        start(incident, records, arrival.source)
        return incident


@contextmanager
def turn(records: Records, wait_s: float = _LOCK_S) -> Iterator[None]:
    """Alone among all that place, merge or split. Raises: Transient when it takes too long to come."""
    busy = "Alerts are being received at this moment; try again."
    if not _ONE_HERE.acquire(timeout=wait_s):
        raise Transient(busy)
    try:
        with records.redis.lock("sre:grouping", timeout=_LOCK_S, blocking_timeout=wait_s, sleep=_POLL_S):
            yield
    except LockError as error:
        raise Transient(busy) from error
    finally:
        _ONE_HERE.release()


def open_incident(
    records: Records, what: str, *, user: str, channel: str | None, team: str | None = None, service: str | None = None
) -> Incident:
    """A person's incident, opened and being investigated. Alerts about its service will join it.

    Args:
        what: The person's words.
        service: Catalogue name, when the words name one.
    """
    config = records.settings.config
    known = config.services.get(service or "")
    cluster = known.cluster if known else None
    named = config.clusters.get(cluster or "")
    title = one_line(mask(what, records.settings.secrets()))
    now = records.now()
    incident = records.incidents.save(
        Incident(
            id=records.incidents.new_id(), title=title if service is None else f"{service}: {title}", service=service,
            cluster=cluster, namespace=known.namespace if known else None,
            environment=named.environment if named else None, source="slack", opened_by=user, opened_at=now,
            channel=(known.channel if known else None) or channel or channel_of(records, None),
            services=(service,) if service else (), groups=0, investigation=records.investigations.new_id(),
        )
    )  # fmt: skip
    at = now.timestamp()
    traces = {service: Trace(first=at, last=at)} if service else {}
    concern = Concern(cluster=cluster or "", first=at, last=at, traces=traces, opened_at=at)
    records.book.put_concern(incident.id, concern)
    start(incident, records, user, team)
    return incident


def receive_unreadable(records: Records, why: str, sender: str = "Alertmanager", body: bytes = b"") -> Incident | None:
    """The incident that says that alerts come which cannot be read: there may be any trouble behind them. What they
    seem to be called it names.

    Raises: Transient, Conflict.
    """
    now = records.now()
    heard = ", ".join(heard_of(body, records.settings.secrets()))
    labels = {"alertname": "AlertsUnreadable", "severity": "critical"} | ({"heard_of": heard} if heard else {})
    named = f": {heard}" if heard else ""
    summary = f"{sender} sends alerts that I cannot read{named}. {why} Look at {sender} itself for what fires"
    alert = Alert(
        fingerprint=fingerprint_of({**labels, "why": why, "sender": sender}), status="firing", labels=labels,
        name=f"AlertsUnreadable{named}",
        annotations={"summary": summary}, starts_at=now, first_at=now, last_at=now,
    )  # fmt: skip
    return find_or_open(records, Arrival("alertmanager", "sre-bot:unreadable", (alert,)))


def _arrivals(alerts: Iterable[Alert], group: Group, records: Records) -> Iterator[Arrival]:
    """The group's alerts by cluster: two clusters never share an incident, not even with one group key."""
    config = records.settings.config
    by_cluster: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_cluster.setdefault(cluster_named(alert.labels, config), []).append(alert)
    for cluster, part in by_cluster.items():
        # Two Alertmanagers without a cluster label are told apart by their addresses.
        where = cluster or f"@{group.external_url or ''}"[:LONGEST_LABEL]
        yield Arrival(
            "alertmanager", f"alertmanager:{where}:{group.group_key}", tuple(part), cluster=where,
            # Alertmanager's own PagerDuty integration derives its dedup key so.
            aliases=(f"dedup:{hashlib.sha256(group.group_key.encode()).hexdigest()}",) if len(by_cluster) == 1 else (),
            is_over=group.status == "resolved" and not group.truncated_alerts, left_out=group.truncated_alerts,
        )  # fmt: skip


def _holder(arrival: Arrival, records: Records) -> tuple[Incident | None, str | None]:
    """The open incident that has this set of alerts, or one of them; or an id that was claimed and never saved."""
    lost = None
    for key in (arrival.key, *arrival.aliases):
        held = records.incidents.claimed(key)
        incident = records.incidents.holder(held) if held else None
        if incident and incident.is_open and _may_be(incident, arrival, records):
            return incident, None
        if held and incident is None and key == arrival.key:
            lost = held
        elif held and incident and not incident.is_open:
            records.incidents.release(key, held)
    prints = {alert.fingerprint: alert for alert in arrival.alerts}
    for held in sorted(records.book.incident_of(arrival.cluster, prints)):
        incident = records.incidents.holder(held)
        if incident and incident.is_open and _has_one_of(incident, prints, records):
            return incident, None
    return None, lost


def _may_be(incident: Incident, arrival: Arrival, records: Records) -> bool:
    """A key that another source shares says nothing of the cluster."""
    held = records.book.concern(incident.id)
    return held is None or not held.cluster or not arrival.cluster or held.cluster == arrival.cluster


def _has_one_of(incident: Incident, prints: dict[str, Alert], records: Records) -> bool:
    """Whether it holds the very same firing: another peer of Alertmanager, or another group key, brings it again."""
    known = records.book.find_many(incident.id, prints)
    return any(prints[name].starts_at == alert.starts_at for name, alert in known.items())


def _placed(lost: str | None, arrival: Arrival, records: Records) -> Incident:
    """A new set of alerts: in the open incident that the rules find, else in one of its own."""
    config, now = records.settings.config, records.now()
    known = records.service_map(cluster_named(arrival.alerts[0].labels, config))
    new = concern_of(arrival.alerts, config, records.whereabouts, known)
    new = new.model_copy(update={"cluster": arrival.cluster or new.cluster})
    nodes = records.whereabouts.count_nodes(new.cluster if config.clusters else "")
    concerns = records.book.concerns()
    ongoing = going_on(new, arrival.alerts, concerns, records)
    seen = scene(new, arrival.key, concerns, config, known, nodes, now.timestamp(), ongoing)
    match = None if lost else correlate(seen)
    found = records.incidents.find(match.incident) if match else None
    if match and found and found.is_open:
        return _joined(found, match, new, arrival, records)
    return _opened(lost, new, arrival, records)


def _opened(lost: str | None, new: Concern, arrival: Arrival, records: Records) -> Incident:
    now = records.now()
    incident_id = lost or records.incidents.claim(arrival.key, records.incidents.new_id())
    for alias in arrival.aliases:
        records.incidents.claim(alias, incident_id)
    folded = fold(records.book.find_many(incident_id, _prints(arrival)), arrival.alerts, arrival.id)
    damping.note_changes(folded, arrival.cluster, records)
    records.book.put_group(incident_id, _set(arrival, records))
    records.book.put(incident_id, arrival.cluster, folded.alerts)
    records.book.put_concern(incident_id, new.model_copy(update={"opened_at": now.timestamp()}))
    until, why = expected_until(arrival.alerts, records.settings.config, now)
    incident = records.incidents.save(
        Incident(
            id=incident_id, severity=severity_of_all(arrival.alerts), source=arrival.source,
            group_key=arrival.key.partition(f"{arrival.source}:{arrival.cluster}:")[2][:LONGEST_LABEL] or arrival.key,
            opened_at=now, alerted_at=now, investigation=records.investigations.new_id(),
            hushed_until=until, hushed_why=why, **described(arrival.alerts, records),
            **_tally((), folded.alerts, incident_id, arrival, records),
        )
    )  # fmt: skip
    records.book.count(now, {**folded.counts, "opened": 1})
    return incident


def _joined(incident: Incident, match: Match, new: Concern, arrival: Arrival, records: Records) -> Incident:
    """The open incident with this set of alerts in it, and with those incidents that turn out to be the same."""
    for other in match.also:
        merge_locked(other, incident.id, "bot", match.others_why or match.why, records, match.rule)
    records.book.put_group(incident.id, _set(arrival, records, match))
    held = records.book.concern(incident.id)
    records.book.put_concern(incident.id, held.with_(new) if held else new)
    records.incidents.reclaim((arrival.key, *arrival.aliases), incident.id)
    latest = records.incidents.get(incident.id) if match.also else incident
    return _brought_up_to_date(latest, arrival, records, match)


def _brought_up_to_date(before: Incident, arrival: Arrival, records: Records, match: Match | None = None) -> Incident:
    """The set's news in its incident; when all is quiet, its quiet time begins."""
    now, config = records.now(), records.settings.config
    known = records.book.find_many(before.id, _prints(arrival))
    gone = records.book.firing_of(before.id, arrival.id) - known.keys() if arrival.is_over else set()
    over = [a.model_copy(update={"status": "resolved", "last_at": now})
            for a in records.book.find_many(before.id, gone).values()]  # fmt: skip
    folded = fold(known | {a.fingerprint: a for a in records.book.find_many(before.id, gone).values()},
                  (*arrival.alerts, *over), arrival.id)  # fmt: skip
    flapping = damping.note_changes(folded, arrival.cluster, records)
    _note_ended(folded.ended, before.id, arrival, records)  # first: what the book has as ended does not end again
    records.book.put(before.id, arrival.cluster, folded.alerts)
    if match is None and records.book.group(before.id, arrival.id) is None:
        records.book.put_group(before.id, _set(arrival, records, known_as="the same alerts under another key"))
    brings = _brings(before, folded, match, config)

    def change(incident: Incident) -> Incident:
        if not incident.is_open:
            raise Conflict("resolved in this moment")
        update = _tally(incident.alerts, folded.alerts, incident.id, arrival, records)
        if folded.fresh and not incident.command.severity_by:  # what a person said stands
            update["severity"] = worst((incident.severity, severity_of_all(arrival.alerts)))
        update["services"] = tuple(dict.fromkeys((*incident.services, *update["services"])))[:_MOST_SERVICES]
        update["quiet_since"] = None if _fires(update) else incident.quiet_since or now
        update["flapping"] = incident.flapping or bool(flapping)
        if folded.fresh:
            update["alerted_at"] = now
        if match and (match.is_cause or (match.is_storm and update.get("severity") not in (None, incident.severity))):
            update |= {k: v for k, v in described(arrival.alerts, records).items() if k != "channel"}
        until, _ = expected_until(arrival.alerts, config, now)
        if incident.hushed_until and folded.fresh and until is None:
            update |= {"hushed_until": None, "hushed_why": ""}
        update["look_again"] = incident.look_again or brings
        return incident.model_copy(update=update)

    after = records.incidents.update(before.id, change, before)
    joined = {"joined": 1, f"joined_{match.rule}": 1} if match else {}
    records.book.count(now, {**folded.counts, **joined, "flapping": len(flapping)})
    _tell(before, after, folded, flapping, match, records)
    return after


def _note_ended(alerts: Iterable[Alert], incident_id: str, arrival: Arrival, records: Records) -> None:
    config = records.settings.config
    records.firings.note(firing_of(alert, incident_id, arrival.cluster, config) for alert in alerts)


def _tell(before: Incident, after: Incident, folded: Folded, flapping: set[str], match: Match | None,
          records: Records) -> None:  # fmt: skip
    """Into the ledger and onto the card; of flapping alerts only that they do."""
    if match:
        fresh = {"rule": match.rule, "why": match.why, "alerts": len(folded.fresh)}
        note(
            "alerts.joined",
            after.id,
            records,
            "bot",
            {**fresh, **entries(folded.fresh[:1])[0]} if folded.fresh else fresh,
        )
    if after.flapping and not before.flapping:
        note("alert.flapping", after.id, records, "alertmanager", {"alerts": len(flapping)})
    for event, alerts in (("alert.received", () if match else folded.fresh), ("alert.resolved", folded.ended)):
        for entry in entries(tuple(a for a in alerts if a.fingerprint not in flapping)):
            note(event, after.id, records, "alertmanager", entry)
    calm = any(a.fingerprint not in flapping for a in (*folded.fresh, *folded.ended))
    changed = calm or after.flapping != before.flapping or after.left_out != before.left_out or match
    if changed and not after.hushed_until:
        show_soon(after.id, records)


def _brings(before: Incident, folded: Folded, match: Match | None, config: Any) -> bool:
    """Whether what is new deserves another look: it is worse than when somebody looked, a cause, or a service that
    nothing explains yet. Consequences of what is known do not."""
    if not folded.fresh or before.looked_severity is None:
        return False
    if worst((before.looked_severity, severity_of_all(folded.fresh))) != before.looked_severity:
        return True
    if match:
        return match.is_cause or bool(match.also) or match.rule in ("same_deploy", *config.grouping.labels)
    return not set(services_of(folded.fresh, config)) <= set(before.services)


def _fires(tally: dict[str, Any]) -> bool:
    return bool(tally["firing_alerts"] or tally["left_out"])


def _tally(
    known: tuple[Alert, ...], changed: tuple[Alert, ...], incident_id: str, arrival: Arrival, records: Records
) -> dict[str, Any]:  # fmt: skip
    """What the incident's record says of its alerts."""
    held, firing, groups = records.book.counts(incident_id)
    kept = telling(known, changed)
    if firing and not any(a.status == "firing" for a in kept):  # those it told of are over, others are not
        kept = telling((), records.book.all(incident_id))
    return {
        "alerts": kept, "truncated_alerts": held - len(kept) + arrival.left_out, "left_out": arrival.left_out,
        "firing_alerts": firing, "groups": groups,
        "services": tuple(services_of(changed, records.settings.config))[:_MOST_SERVICES],
        "silenced_alerts": sum(a.silenced and a.status == "firing" for a in kept),
    }  # fmt: skip


def _set(arrival: Arrival, records: Records, match: Match | None = None, known_as: str = "") -> Joined:
    return Joined(
        id=arrival.id, key=arrival.key, title=group_title(arrival.alerts, records.settings.config), at=records.now(),
        rule=match.rule if match else "same_alert" if known_as else "", why=match.why if match else known_as,
    )  # fmt: skip


def _prints(arrival: Arrival) -> list[str]:
    return [alert.fingerprint for alert in arrival.alerts]
