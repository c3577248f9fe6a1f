"""From an alert or a person's word to an incident, once. Safe to repeat after a crash at any point, and from several
processes at once: who finds something half done finishes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from redis.exceptions import LockError

from core.diagnosis import Investigation, Subject
from core.errors import Conflict, Malformed, NotFound, Transient
from core.incident import Alert, Incident
from core.labels import cluster_of, namespace_of, service_of, severity_of, target_of, worst
from core.mask import mask
from core.queues import INVESTIGATE, REMEMBER, SHOW_INCIDENT
from core.records import Records
from core.settings import Config

MOST_ALERTS = 200  # kept of one incident; a group of thousands is one trouble, and its record is read on every status
_LOCK_S = 10.0
_LONGEST_LABEL = 1000
_LONGEST_ANNOTATION = 4000
_LONGEST_TITLE = 150
_NEVER_ENDED = datetime(1, 1, 2, tzinfo=UTC)  # Alertmanager writes year 1 for "not known"


def _as_texts(raw: object) -> object:
    """Labels and annotations as texts; relays send null for none, and numbers."""
    if isinstance(raw, dict):
        return {str(key): str(value) for key, value in raw.items()}
    return raw or {}


Texts = Annotated[dict[str, str], BeforeValidator(_as_texts)]


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Received(BaseModel):
    """What Alertmanager sends grows with its versions: unknown keys are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GroupAlert(_Received):
    status: Literal["firing", "resolved"] | None = None  # older relays leave it to the group's
    labels: Texts
    annotations: Texts = {}
    starts_at: Time = Field(alias="startsAt")
    ends_at: Time | None = Field(default=None, alias="endsAt")
    generator_url: str | None = Field(default=None, alias="generatorURL")
    fingerprint: str | None = None


class Group(_Received):
    """One notification of Alertmanager's webhook, version 4."""

    version: Literal["4"]
    group_key: str = Field(alias="groupKey", min_length=1)
    truncated_alerts: int = Field(default=0, alias="truncatedAlerts", ge=0)
    status: Literal["firing", "resolved"]
    alerts: tuple[GroupAlert, ...] = Field(min_length=1)


def read_group(body: bytes) -> Group:
    """Raises: Malformed with one sentence that says what is wrong with it."""
    try:
        raw = orjson.loads(body)  # refuses half characters, which nothing could store
    except orjson.JSONDecodeError as error:
        raise Malformed("The body is not JSON.") from error
    if not isinstance(raw, dict):
        raise Malformed("The body is not a JSON object; send Alertmanager's webhook format.")
    if str(raw.get("version")) != "4":
        raise Malformed("This is not version 4 of Alertmanager's webhook; update what sends it.")
    try:
        return Group.model_validate({**raw, "version": "4"})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = "is missing" if first["type"] == "missing" else "cannot be read"
        raise Malformed(f"{where} {what}.") from error


def receive_group(records: Records, group: Group) -> Incident | None:
    """The incident of this group, opened or brought up to date; None when nothing is open and nothing fires.

    Raises: Transient when another process has been at this group for long; Conflict when others kept changing it.
    """
    key = f"alertmanager:{group.group_key}"
    alerts = tuple(_alert(raw, group, records) for raw in group.alerts)
    lock = records.redis.lock(f"sre:receiving:{fingerprint_of({'': key})}", timeout=_LOCK_S, blocking_timeout=_LOCK_S)
    try:
        with lock:
            return _received(records, key, group, alerts)
    except LockError as error:
        raise Transient("This group is being received by another process; send it again.") from error


def _received(records: Records, key: str, group: Group, alerts: tuple[Alert, ...]) -> Incident | None:
    held = records.incidents.claimed(key)
    before = records.incidents.find(held) if held else None
    if held and before and not before.is_open:  # resolved, by somebody who did not let go
        _close(before, key, records)
        held = before = None
    if before is None and all(alert.status == "resolved" for alert in alerts):
        return None
    if before:
        incident = _brought_up_to_date(before, key, group, alerts, records)
    else:
        incident_id = held or records.incidents.claim(key, records.incidents.new_id())
        incident = records.incidents.save(_opened(incident_id, group, alerts, records))
    _start(incident, records, "alertmanager")
    return incident


def open_incident(
    records: Records, what: str, *, user: str, channel: str | None, team: str | None = None, service: str | None = None
) -> Incident:
    """A person's incident, opened and being investigated.

    Args:
        what: The person's words.
        service: Catalogue name, when the words name one.
    """
    config = records.settings.config
    known = config.services.get(service or "")
    investigation = records.investigations.new_id()
    title = _one_line(mask(what, records.settings.secrets()))
    incident = records.incidents.save(
        Incident(
            id=records.incidents.new_id(), title=title if service is None else f"{service}: {title}", service=service,
            cluster=known.cluster if known else None, namespace=known.namespace if known else None,
            environment=_environment(config, known.cluster if known else None), source="slack", opened_by=user,
            opened_at=records.now(), channel=(known.channel if known else None) or channel or _channel(records, None),
            investigation=investigation,
        )
    )  # fmt: skip
    _start(incident, records, user, team)
    return incident


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """The identity of an alert: the same labels give the same, in whatever order."""
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]


def _alert(raw: GroupAlert, group: Group, records: Records) -> Alert:
    """The alert as it is kept: masked and cut."""

    def kept(texts: Mapping[str, str], longest: int) -> dict[str, str]:
        secrets = records.settings.secrets()  # masked with room to spare, so that a cut shows no half of one
        return {k[:200]: mask(text[: longest + 500], secrets)[:longest] for k, text in list(texts.items())[:100]}

    ended = raw.ends_at if raw.ends_at and raw.ends_at > _NEVER_ENDED else None
    status = raw.status or ("resolved" if ended and ended <= records.now() else group.status)
    return Alert(
        fingerprint=(raw.fingerprint or fingerprint_of(raw.labels))[:64],
        name=raw.labels.get("alertname", "alert")[:200], status=status,
        labels=kept(raw.labels, _LONGEST_LABEL),
        annotations=kept(raw.annotations, _LONGEST_ANNOTATION),
        starts_at=raw.starts_at, ends_at=ended if status == "resolved" else None,
        generator_url=(raw.generator_url or "")[:2000],
    )  # fmt: skip


def _opened(incident_id: str, group: Group, alerts: tuple[Alert, ...], records: Records) -> Incident:
    config = records.settings.config
    firing = sorted(
        (a for a in alerts if a.status == "firing"), key=lambda a: (severity_of(a.labels), a.starts_at)
    ) or list(alerts)  # fmt: skip
    labels = _labels(firing)
    service = service_of(labels, config)
    cluster = cluster_of(labels, config, service)
    return Incident(
        id=incident_id, title=_title(firing, service), severity=worst(severity_of(a.labels) for a in firing),
        service=service, cluster=cluster, namespace=namespace_of(labels) or _namespace(config, service),
        environment=_environment(config, cluster) or labels.get("environment") or labels.get("env"),
        source="alertmanager", group_key=group.group_key[:_LONGEST_LABEL], opened_at=records.now(),
        channel=_channel(records, service),
        investigation=records.investigations.new_id(), **_counted(alerts, group),
    )  # fmt: skip


def _brought_up_to_date(
    before: Incident, key: str, group: Group, alerts: tuple[Alert, ...], records: Records
) -> Incident:
    """The group's news in its incident; all quiet ends it."""
    news = _news(before, alerts)

    def change(incident: Incident) -> Incident:
        if not incident.is_open:
            raise Conflict("resolved in this moment")
        merged = _merged(incident.alerts, alerts, gone=group.status == "resolved" and not group.truncated_alerts)
        update: dict[str, Any] = _counted(merged, group)
        update["severity"] = worst(
            (incident.severity, *(severity_of(a.labels) for a in alerts if a.status == "firing"))
        )
        if not group.truncated_alerts and all(alert.status == "resolved" for alert in merged):
            update |= {"state": "resolved", "resolved_at": records.now()}
        return incident.model_copy(update=update)

    after = records.incidents.update(before.id, change)
    for alert, event in news:
        _note(records, event, after, "alertmanager", {"alert": alert.name, "fingerprint": alert.fingerprint})
    if not after.is_open:
        _close(after, key, records)
    elif news or after.truncated_alerts != before.truncated_alerts:
        records.queues.enqueue("notify", SHOW_INCIDENT, after.id)
    return after


def _close(incident: Incident, key: str, records: Records) -> None:
    """Record and show that it ended, and let the next alert of its group open another. Safe to repeat."""
    lasted_s = round(((incident.resolved_at or records.now()) - incident.opened_at).total_seconds())
    _note_once(records, "incident.resolved", incident, "alertmanager", {"lasted_s": lasted_s})
    records.queues.enqueue("investigate", REMEMBER, incident.id)
    records.queues.enqueue("notify", SHOW_INCIDENT, incident.id)
    records.incidents.release(key, incident.id)


def _news(before: Incident, alerts: tuple[Alert, ...]) -> list[tuple[Alert, str]]:
    """Alerts that are new, fire again or ended: a mere repeat is no entry in the ledger."""
    known = {alert.fingerprint: alert for alert in before.alerts}
    events = {"firing": "alert.received", "resolved": "alert.resolved"}
    return [(a, events[a.status]) for a in alerts if known.get(a.fingerprint, a).status != a.status
            or a.fingerprint not in known]  # fmt: skip


def _merged(known: tuple[Alert, ...], received: tuple[Alert, ...], gone: bool) -> tuple[Alert, ...]:
    """Known and received alerts by fingerprint, the received ones as they are now.

    Args:
        gone: The whole group is quiet, so that alerts it does not mention (silenced meanwhile) are over too.
    """
    merged = {alert.fingerprint: alert for alert in known}
    for alert in received:
        before = merged.get(alert.fingerprint)
        again = before is not None and alert.status == "firing" and before.starts_at == alert.starts_at
        count = before.received + 1 if before and again else before.received if before else 1
        merged[alert.fingerprint] = alert.model_copy(update={"received": count})
    mentioned = {alert.fingerprint for alert in received}
    return tuple(
        a.model_copy(update={"status": "resolved"}) if gone and a.fingerprint not in mentioned else a
        for a in merged.values()
    )


def _counted(alerts: tuple[Alert, ...], group: Group) -> dict[str, Any]:
    """The alerts as kept, firing ones first, the worst before others, and how many are not among them."""
    ordered = sorted(alerts, key=lambda a: (a.status != "firing", severity_of(a.labels), a.starts_at))
    left_out = max(len(ordered) - MOST_ALERTS, 0)
    return {"alerts": tuple(ordered[:MOST_ALERTS]), "truncated_alerts": group.truncated_alerts + left_out}


def _start(incident: Incident, records: Records, actor: str, team: str | None = None) -> None:
    """Have it recorded, shown and investigated, as far as that was not begun. Safe to repeat."""
    if not incident.investigation or not incident.is_open:
        return
    try:
        if records.investigations.get(incident.investigation).observation:
            return
    except NotFound:
        _note_opened(incident, records, actor)
        asked_by = incident.opened_by
        records.investigations.save(_investigation(incident, incident.investigation, records, asked_by, team))
    records.queues.enqueue("investigate", INVESTIGATE, incident.investigation, once=True)
    records.queues.enqueue("notify", SHOW_INCIDENT, incident.id)


def _investigation(
    incident: Incident, investigation_id: str, records: Records, asked_by: str | None, team: str | None
) -> Investigation:
    known = records.settings.config.services.get(incident.service or "")
    labels = incident.alerts[0].labels if incident.alerts else {}
    subject = Subject(
        text=incident.title, cluster=incident.cluster, namespace=incident.namespace, service=incident.service,
        target=target_of(labels) or (known.workloads[0] if known and known.workloads else None),
    )  # fmt: skip
    return Investigation(
        id=investigation_id, subject=subject, incident=incident.id, channel=incident.channel, asked_by=asked_by,
        team=team, started_at=records.now(),
    )  # fmt: skip


def _note_opened(incident: Incident, records: Records, actor: str) -> None:
    facts = {"title": incident.title, "severity": incident.severity, "service": incident.service}
    known = {key: value for key, value in facts.items() if value}
    if not _note_once(records, "incident.opened", incident, actor, known):
        return
    for alert in incident.alerts:
        _note(records, "alert.received", incident, actor, {"alert": alert.name, "fingerprint": alert.fingerprint})


def _note_once(records: Records, event: str, incident: Incident, actor: str, data: dict[str, Any]) -> bool:
    """Whether the entry was missing, as it is after a crash."""
    if any(entry.event == event for entry in records.ledger.of_incident(incident.id)):
        return False
    _note(records, event, incident, actor, data)
    return True


def _note(records: Records, event: str, incident: Incident, actor: str, data: dict[str, Any]) -> None:
    records.ledger.append(event, actor=actor, at=records.now(), incident=incident.id, data=data)


def _labels(alerts: list[Alert]) -> dict[str, str]:
    """Labels of the worst alert, and what the others share and it lacks."""
    shared: dict[str, str] = {}
    for alert in reversed(alerts):
        shared |= alert.labels
    common = {k: v for k, v in shared.items() if all(a.labels.get(k, v) == v for a in alerts)}
    return {**common, **alerts[0].labels}


def _title(alerts: list[Alert], service: str | None) -> str:
    """What is wrong in plain words: the alert's summary, else its name taken apart."""
    first = alerts[0]
    words = first.annotations.get("summary") or first.annotations.get("message") or first.annotations.get("title")
    said = _one_line(words or first.annotations.get("description") or _spoken(first))
    return f"{service}: {said}" if service and service.lower() not in said.lower() else said


def _spoken(alert: Alert) -> str:
    """ "KubePodCrashLooping" as "Kube pod crash looping", and on what."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", alert.name) or [alert.name]
    words = " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)
    target = target_of(alert.labels) or alert.labels.get("instance")
    return words[:1].upper() + words[1:] + (f" on {target.partition('/')[2] or target}" if target else "")


def _one_line(text: str) -> str:
    line = " ".join(text.split()).rstrip(".") or "something is wrong"
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1].rsplit(" ", 1)[0] + "…"


def _namespace(config: Config, service: str | None) -> str | None:
    return config.services[service].namespace if service else None


def _environment(config: Config, cluster: str | None) -> str | None:
    known = config.clusters.get(cluster or "")
    return known.environment if known else None


def _channel(records: Records, service: str | None) -> str | None:
    config = records.settings.config
    of_service = config.services[service].channel if service else None
    return of_service or records.settings.channel or config.channels.fallback
