"""Alerts that fire now, those about the subject first."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from core.diagnosis import Subject
from core.incident import Alert
from workers.ports import Alerts
from workers.triage.draft import Place
from workers.triage.evidence import Exhibits

MOST = 50  # kept
CITED = 5  # with evidence of their own


class Nearness:
    """How near alerts are to a subject."""

    def __init__(self, known: Iterable[Alert], subject: Subject, targets: Iterable[Place]) -> None:
        self.own = {alert.fingerprint: alert for alert in known if alert.status == "firing"}
        self._namespace = subject.namespace
        self._names = {owner.partition("/")[2] for _, owner in targets} | (
            {subject.service} if subject.service else set()
        )

    def of(self, alert: Alert) -> int:
        """0 for the incident's own, 1 if it names what that is about, 2 for the same namespace, 3 for the rest."""
        if alert.fingerprint in self.own:
            return 0
        if self._names & set(alert.labels.values()):
            return 1
        return 2 if self._namespace and alert.labels.get("namespace") == self._namespace else 3


def ordered(alerts: Iterable[Alert], near: Nearness) -> tuple[Alert, ...]:
    """What fires now, the nearest first, at most `MOST`. The incident's own are kept as they were sent: they carry
    their expression's address, which Alertmanager's list may lack."""
    firing = {alert.fingerprint: alert for alert in alerts} | near.own
    return tuple(sorted(firing.values(), key=lambda a: (near.of(a), a.name, a.fingerprint))[:MOST])


def cite(alerts: Iterable[Alert], port: Alerts | None, exhibits: Exhibits) -> None:
    """Evidence of the first few."""
    for alert in list(alerts)[:CITED]:
        query = f"alert {alert.name} {alert.fingerprint}"
        exhibits.cite("alertmanager", query, partial(describe, alert), port.link(alert) if port else None)


def describe(alert: Alert) -> str:
    """The alert in lines, as evidence."""
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
    return f"{alert.name} fires since {alert.starts_at:%Y-%m-%d %H:%M:%S} UTC\n{alert.summary}\n{labels}"
