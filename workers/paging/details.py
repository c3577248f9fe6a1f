"""What monitoring told PagerDuty, as alerts of ours: those of Alertmanager get the very fingerprints that they have
when they come from Alertmanager itself, so that both are one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from core.concern import cluster_named
from core.incident import Alert
from core.labels import service_of
from core.mask import mask
from core.notification import LONGEST_LABEL, MOST_LABELS
from core.page import Page
from core.settings import Config, Settings
from workers.ports import PagedAlert

_LINE = re.compile(r" - ([A-Za-z_][A-Za-z0-9_]*) = (.*)")
_STATE = re.compile(r"^\[(?:FIRING|RESOLVED)(?::\d+)?\]\s*", re.IGNORECASE)
_MOST = 1000
_LABELS, _ANNOTATIONS = "Labels:", "Annotations:"


def alerts_of(page: Page, told: tuple[PagedAlert, ...], settings: Settings, now: datetime) -> tuple[Alert, ...]:
    """The alerts behind a page; one that stands for them where the details do not name any."""
    found = {}
    for one in told:
        for labels, notes in _listed(one.details.get("firing", "")):
            alert = _alert(labels, notes, page, settings, now)
            found[alert.fingerprint] = alert
    return tuple(found.values()) or (stand_in(page, settings.config, now, told[0] if told else None),)


def where_of(alerts: tuple[Alert, ...], told: tuple[PagedAlert, ...], config: Config) -> str:
    """The cluster, else which Alertmanager it came from, as its own webhook is known by; "" when nothing tells."""
    if cluster := cluster_named(alerts[0].labels, config):
        return cluster
    address, found, _ = (told[0].client_url if told else "").partition("/#/")
    return f"@{address}"[:LONGEST_LABEL] if found else ""


def stand_in(page: Page, config: Config, now: datetime, told: PagedAlert | None = None) -> Alert:
    """One alert for all that is not known."""
    labels = {"alertname": "PagerDutyIncident", "severity": _severity(page)}
    if service := _service(page, config):
        labels["service"] = service
    for name in ("alertname", "namespace", "pod", "deployment", "instance", "cluster", "node"):
        if told and told.details.get(name):
            labels[name] = told.details[name][:LONGEST_LABEL]
    return Alert(
        fingerprint=f"page-{page.id}"[:64], name=labels["alertname"], status="firing", labels=labels,
        annotations={"summary": _STATE.sub("", page.title)}, starts_at=min(page.as_of, now),
        generator_url=page.html_url, first_at=now, last_at=now,
    )  # fmt: skip


def fingerprint_of(labels: dict[str, str]) -> str:
    """Prometheus' own: FNV-1a over the sorted labels."""
    value = 0xCBF29CE484222325
    for name, text in sorted(labels.items()):
        for byte in (*name.encode(), 255, *text.encode(), 255):
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def _listed(text: str) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Labels and annotations of each alert in the text that Alertmanager's default template makes."""
    alerts: list[tuple[dict[str, str], dict[str, str]]] = []
    part: dict[str, str] | None = None
    for line in text[: 512 * 1024].splitlines():
        if line == _LABELS:
            if len(alerts) == _MOST:
                break
            alerts.append(({}, {}))
            part = alerts[-1][0]
        elif line == _ANNOTATIONS and alerts:
            part = alerts[-1][1]
        elif line.startswith("Source:"):
            part = None
        elif part is not None and (found := _LINE.fullmatch(line)):
            part[found[1]] = found[2]
    return (both for both in alerts if both[0])


def _alert(
    labels: dict[str, str], notes: dict[str, str], page: Page, settings: Settings, now: datetime
) -> Alert:  # fmt: skip
    known = settings.secrets()
    kept = {name: mask(text[: LONGEST_LABEL + 500], known)[:LONGEST_LABEL]
            for name, text in list(labels.items())[:MOST_LABELS]}  # fmt: skip
    if service_of(kept, settings.config) is None and (service := _service(page, settings.config)):
        kept.setdefault("service", service)
    return Alert(
        fingerprint=fingerprint_of(labels), name=labels.get("alertname", "alert")[:200], status="firing", labels=kept,
        annotations={name: mask(text[:4500], known)[:4000] for name, text in list(notes.items())[:MOST_LABELS]},
        starts_at=min(page.as_of, now), first_at=now, last_at=now,
    )  # fmt: skip


def _service(page: Page, config: Config) -> str | None:
    """The catalogue's service that PagerDuty's service is."""
    return next((name for name, s in config.services.items() if s.pagerduty and s.pagerduty == page.service), None)


def _severity(page: Page) -> str:
    priority = (page.priority or "").lower()
    return priority if re.fullmatch(r"(p|sev)[1-5]", priority) else "critical" if page.urgency == "high" else "warning"
