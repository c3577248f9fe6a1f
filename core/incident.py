"""Alerts and incidents."""

from __future__ import annotations

from typing import Literal

from core.model import Model, Moment

Severity = Literal["SEV1", "SEV2", "SEV3", "SEV4"]
State = Literal["open", "investigating", "waiting", "acting", "watching", "resolved", "merged"]
ENDED: frozenset[State] = frozenset({"resolved", "merged"})


class Alert(Model):
    """One alert as Alertmanager (or another source) sent it; all texts are foreign."""

    fingerprint: str
    name: str
    status: Literal["firing", "resolved"]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: Moment
    ends_at: Moment | None = None
    generator_url: str = ""
    received: int = 1  # how often this firing was sent to us

    @property
    def summary(self) -> str:
        """Its summary, else its description, else its name."""
        return self.annotations.get("summary") or self.annotations.get("description") or self.name


class Incident(Model):
    """One thing that is wrong: one card in a channel and one thread."""

    id: str  # "INC-7"
    title: str
    state: State = "open"
    severity: Severity = "SEV3"
    service: str | None = None  # catalogue name, when known
    cluster: str | None = None
    namespace: str | None = None
    environment: str | None = None
    source: Literal["alertmanager", "pagerduty", "slack", "cli"]
    group_key: str | None = None  # Alertmanager's groupKey
    alerts: tuple[Alert, ...] = ()
    truncated_alerts: int = 0  # alerts of the group that Alertmanager left out of its last notification
    opened_by: str | None = None  # Slack user id
    opened_at: Moment
    resolved_at: Moment | None = None
    channel: str | None = None
    thread_ts: str | None = None  # the card's ts, once posted
    investigation: str | None = None  # id of the latest one
    headline: str | None = None  # what is known, one sentence, for the card
    version: int = 0

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED

    @property
    def firing(self) -> tuple[Alert, ...]:
        return tuple(a for a in self.alerts if a.status == "firing")
