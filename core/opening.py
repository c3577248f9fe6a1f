"""An incident as it is opened: what it is called, where it is shown, and that it is recorded and investigated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from core.concern import DOWN, cluster_named, node_meant, subject_name
from core.diagnosis import Investigation, Subject
from core.errors import NotFound
from core.folding import entries
from core.incident import Alert, Incident
from core.labels import namespace_of, service_of, severity_of, target_of, worst
from core.queues import INVESTIGATE, SHOW_INCIDENT
from core.records import Records
from core.settings import Config

SHOWN_EVERY_S = 5  # Slack takes 50 edits a minute; in between, what changes is shown together
_LONGEST_TITLE = 150
_BEGUN_S = 86_400


def described(alerts: Iterable[Alert], records: Records) -> dict[str, Any]:
    """Title, service and place of an incident about these alerts: those of the alert that tells most."""
    config = records.settings.config
    given = list(alerts)
    firing = sorted((a for a in given if a.status == "firing"), key=_rank) or given
    labels = _labels(firing)
    node = node_meant(firing[0])
    service = None if node else service_of(labels, config)
    cluster = cluster_named(labels, config) or None if config.clusters else None
    named = config.clusters.get(cluster or "")
    return {
        "title": _title(firing, service), "service": service, "cluster": cluster,
        "namespace": None if node else namespace_of(labels) or _namespace(config, service),
        "environment": (named.environment if named else None) or labels.get("environment") or labels.get("env"),
        "channel": channel_of(records, service),
    }  # fmt: skip


def channel_of(records: Records, service: str | None) -> str | None:
    config = records.settings.config
    of_service = config.services[service].channel if service else None
    return of_service or records.settings.channel or config.channels.fallback


def services_of(alerts: Iterable[Alert], config: Config) -> list[str]:
    """The services and workloads that alert, by name."""
    names = (subject_name(alert, config) for alert in alerts if not node_meant(alert))
    return sorted({name for name in names if name})


def severity_of_all(alerts: Iterable[Alert]) -> Any:
    """The worst of those that fire, or of all."""
    given = tuple(alerts)
    return worst(severity_of(a.labels) for a in ([a for a in given if a.status == "firing"] or given))


def start(incident: Incident, records: Records, actor: str, team: str | None = None) -> None:
    """Have it recorded, shown and investigated, as far as that was not begun. Safe to repeat. In maintenance it is
    only recorded."""
    if not incident.investigation or not incident.is_open:
        return
    begun = f"sre:begun:{incident.investigation}"
    if records.redis.exists(begun):
        return
    try:
        if records.investigations.get(incident.investigation).observation:
            return
    except NotFound:
        note_opened(incident, records, actor)
        if incident.hushed_until:
            return
        records.investigations.save(investigation_of(incident, records, incident.opened_by, team))
    records.queues.enqueue("investigate", INVESTIGATE, incident.investigation, once=True)
    show_soon(incident.id, records)
    records.redis.set(begun, 1, ex=_BEGUN_S)


def investigation_of(incident: Incident, records: Records, asked_by: str | None, team: str | None) -> Investigation:
    """The investigation whose id the incident names."""
    return Investigation(
        id=str(incident.investigation), subject=subject_of(incident, records.settings.config), incident=incident.id,
        channel=incident.channel, asked_by=asked_by, team=team, started_at=records.now(),
    )  # fmt: skip


def subject_of(incident: Incident, config: Config) -> Subject:
    """What there is to look at: the node when the most telling alert is about one, else the workload."""
    known = config.services.get(incident.service or "")
    leading = sorted(incident.firing or incident.alerts, key=_rank)
    node = node_meant(leading[0]) if leading else None
    labels = leading[0].labels if leading else {}
    target = f"Node/{node}" if node else target_of(labels) or (
        known.workloads[0] if known and known.workloads else None
    )  # fmt: skip
    return Subject(
        text=incident.title, cluster=incident.cluster, namespace=incident.namespace, service=incident.service,
        target=target,
    )  # fmt: skip


def show_soon(incident_id: str, records: Records) -> None:
    """Have its card and thread drawn: at once, or with whatever else changes within a few seconds."""
    if records.redis.set(f"sre:shown:{incident_id}", 1, nx=True, ex=SHOWN_EVERY_S):
        records.queues.enqueue("notify", SHOW_INCIDENT, incident_id)
    elif records.redis.set(to_show(incident_id), 1, nx=True, ex=SHOWN_EVERY_S):
        records.queues.enqueue("notify", SHOW_INCIDENT, incident_id, delay_s=SHOWN_EVERY_S)


def to_show(incident_id: str) -> str:
    """The name that is held while something of the incident waits to be drawn."""
    return f"sre:to-show:{incident_id}"


def note_opened(incident: Incident, records: Records, actor: str) -> None:
    """Into the ledger, once: that it was opened, and by which alerts."""
    if any(entry.event == "incident.opened" for entry in records.ledger.of_incident(incident.id)):
        return
    facts = {"title": incident.title, "severity": incident.severity, "service": incident.service,
             "maintenance": incident.hushed_why}  # fmt: skip
    note("incident.opened", incident.id, records, actor, {key: value for key, value in facts.items() if value})
    for entry in entries(incident.alerts):
        note("alert.received", incident.id, records, actor, entry)


def note(event: str, incident_id: str, records: Records, actor: str, data: dict[str, Any]) -> None:
    records.ledger.append(event, actor=actor, at=records.now(), incident=incident_id, data=data)


def one_line(text: str) -> str:
    line = " ".join(text.split()).rstrip(".") or "something is wrong"
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1].rsplit(" ", 1)[0] + "…"


def group_title(alerts: Iterable[Alert], config: Config) -> str:
    """A set of alerts in a few words: "KubePodNotReady of checkout and 3 more"."""
    given = sorted(alerts, key=_rank)
    about = node_meant(given[0]) or subject_name(given[0], config)
    more = f" and {len(given) - 1} more" if len(given) > 1 else ""
    return given[0].name + (f" of {about.rpartition('/')[2] or about}" if about else "") + more


def _rank(alert: Alert) -> tuple[bool, str, Any]:
    """A node that is down tells more than whatever fails on it, however its rules grade the two."""
    return not (node_meant(alert) and DOWN.search(alert.name)), severity_of(alert.labels), alert.starts_at


def _labels(alerts: list[Alert]) -> dict[str, str]:
    """Labels of the first alert, and what the others share and it lacks."""
    shared: dict[str, str] = {}
    for alert in reversed(alerts):
        shared |= alert.labels
    common = {k: v for k, v in shared.items() if all(a.labels.get(k, v) == v for a in alerts)}
    return {**common, **alerts[0].labels}


def _title(alerts: list[Alert], service: str | None) -> str:
    """What is wrong in plain words: the alert's summary, else its name taken apart."""
    first = alerts[0]
    words = first.annotations.get("summary") or first.annotations.get("message") or first.annotations.get("title")
    said = one_line(words or first.annotations.get("description") or _spoken(first))
    return f"{service}: {said}" if service and service.lower() not in said.lower() else said


def _spoken(alert: Alert) -> str:
    """ "KubePodCrashLooping" as "Kube pod crash looping", and on what."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", alert.name) or [alert.name]
    words = " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)
    target = target_of(alert.labels) or alert.labels.get("instance")
    return words[:1].upper() + words[1:] + (f" on {target.partition('/')[2] or target}" if target else "")


def _namespace(config: Config, service: str | None) -> str | None:
    return config.services[service].namespace if service else None
