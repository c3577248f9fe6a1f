"""Alerts and incidents."""

from __future__ import annotations

from typing import Literal

from core.command import Command
from core.model import Model, Moment
from core.page import Page

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
    group: str = ""  # id of the set that it came with, see Joined
    first_at: Moment | None = None  # when it was first received, and last
    last_at: Moment | None = None
    changes: int = 0  # between firing and resolved, within the time that the flapping rule names
    silenced: bool = False  # Alertmanager has a silence for it
    listed: bool = False  # seen in Alertmanager's own list

    @property
    def summary(self) -> str:
        """Its summary, else its description, else its name."""
        return self.annotations.get("summary") or self.annotations.get("description") or self.name


class Joined(Model):
    """A set of alerts that belongs to an incident: a group of Alertmanager, or what another source holds as one."""

    id: str  # opaque, for buttons
    key: str  # as the source names it
    title: str
    at: Moment  # when it came into this incident
    rule: str = ""  # the rule that joined it; "" for the first
    why: str = ""  # "runs on the same node, node-3, 40 s apart"
    by: str | None = None  # the Slack user id of who merged or split


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
    source: Literal["alertmanager", "pagerduty", "slack", "cli", "anomaly"]
    group_key: str | None = None  # Alertmanager's groupKey
    alerts: tuple[Alert, ...] = ()
    truncated_alerts: int = 0  # alerts beside `alerts`: kept in the book, or left out by Alertmanager
    left_out: int = 0  # of these, what Alertmanager left out of its last notification, so that nobody saw it
    firing_alerts: int = 0  # in all
    groups: int = 1  # sets of alerts that it holds
    services: tuple[str, ...] = ()  # names of the services and workloads that alert
    alerted_at: Moment | None = None  # when the last new alert came
    quiet_since: Moment | None = None  # nothing fires since
    flapping: bool = False
    silenced_alerts: int = 0
    hushed_until: Moment | None = None  # in maintenance until then: no card, no investigation
    hushed_why: str = ""
    merged_into: str | None = None
    looked_severity: Severity | None = None  # how bad it was when it was last looked at
    look_again: bool = False  # what joined since is worth another look, once one is due
    unusual_since: Moment | None = None  # when the figure left its normal that the bot noticed by itself
    opened_by: str | None = None  # Slack user id
    opened_at: Moment
    resolved_at: Moment | None = None
    channel: str | None = None
    thread_ts: str | None = None  # the card's ts, once posted
    investigation: str | None = None  # id of the latest one
    headline: str | None = None  # what is known, one sentence, for the card
    pages: tuple[Page, ...] = ()  # its incidents in PagerDuty, as they came
    command: Command = Command()
    version: int = 0

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED

    @property
    def began_at(self) -> Moment:
        """When the trouble began: with its first alert or what was noticed, at the latest when it was opened."""
        noticed = [self.unusual_since] if self.unusual_since else []
        return min((*(alert.starts_at for alert in self.alerts), *noticed, self.opened_at))

    @property
    def pagerduty(self) -> Page | None:
        """The incident in PagerDuty that tells most: an open one, of high urgency, that nobody has yet, the oldest."""
        return min(self.pages, key=lambda p: (not p.is_open, p.urgency != "high", p.status, p.number), default=None)

    @property
    def in_shadow(self) -> bool:
        """Whether only the bot noticed it: nobody is paged, and nothing is done, until an alert or PagerDuty joins."""
        return self.source == "anomaly" and not (self.alerts or self.truncated_alerts or self.pages)

    @property
    def how_many_fire(self) -> int:
        return max(self.firing_alerts, len(self.firing))

    @property
    def firing(self) -> tuple[Alert, ...]:
        return tuple(a for a in self.alerts if a.status == "firing")
