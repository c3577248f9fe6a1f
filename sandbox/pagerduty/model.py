"""What a PagerDuty account consists of. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

Json = dict[str, Any]
Status = Literal["triggered", "acknowledged", "resolved"]
Urgency = Literal["high", "low"]
RESPONDERS = frozenset({"owner", "admin", "user", "limited_user"})  # the roles that may act on incidents


def stamp(seconds: float) -> str:
    """As the REST API writes times: UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class User:
    kind: ClassVar[str] = "user"
    id: str
    name: str
    email: str
    role: str
    job_title: str = ""

    @property
    def summary(self) -> str:
        return self.name


@dataclass(frozen=True)
class Schedule:
    """People who take turns of one length, the first of them from `starts_at` on."""

    kind: ClassVar[str] = "schedule"
    id: str
    name: str
    user_ids: tuple[str, ...]
    starts_at: float
    turn_s: float

    @property
    def summary(self) -> str:
        return self.name


@dataclass(frozen=True)
class Rule:
    """One level of an escalation policy; its targets are ids of schedules and users."""

    id: str
    targets: tuple[str, ...]
    delay_min: int


@dataclass(frozen=True)
class Policy:
    kind: ClassVar[str] = "escalation_policy"
    id: str
    name: str
    rules: tuple[Rule, ...]
    loops: int  # how often it begins again after the last level

    @property
    def summary(self) -> str:
        return self.name


@dataclass(frozen=True)
class Service:
    kind: ClassVar[str] = "service"
    id: str
    name: str
    description: str
    policy_id: str
    integration_id: str
    routing_key: str
    created_at: float
    acknowledgement_timeout_s: int | None = 1800

    @property
    def summary(self) -> str:
        return self.name


@dataclass(frozen=True)
class Priority:
    kind: ClassVar[str] = "priority"
    id: str
    name: str
    description: str
    color: str
    order: int

    @property
    def summary(self) -> str:
        return self.name


@dataclass(frozen=True)
class Actor:
    """Who does something, and by what means."""

    agent: Json | None  # a reference; None when it is PagerDuty itself
    channel: str  # "website", "api", "events", "timeout"
    client: Json | None = None
    user_id: str | None = None


@dataclass
class Alert:
    kind: ClassVar[str] = "alert"
    id: str
    key: str
    service: Service
    event: Json  # as it was sent to the Events API
    created_at: float
    resolved_at: float | None = None

    @property
    def summary(self) -> str:
        return str(self.event["payload"]["summary"])

    @property
    def status(self) -> str:
        return "triggered" if self.resolved_at is None else "resolved"


@dataclass(frozen=True)
class Note:
    """A note, or, with another reader in mind, a status update."""

    id: str
    text: str
    author: Json | None
    created_at: float
    channel: str


@dataclass
class Incident:
    kind: ClassVar[str] = "incident"
    id: str
    number: int
    title: str
    key: str
    service: Service
    policy: Policy
    urgency: Urgency
    created_at: float
    body: str = ""
    status: Status = "triggered"
    priority: Priority | None = None
    level: int = 1  # of the policy, counted from one; 0 when assigned to people directly
    loops_left: int = 0
    assigned: dict[str, float] = field(default_factory=dict)  # user id: since when
    acknowledged: list[tuple[Json | None, float]] = field(default_factory=list)  # by whom and when, oldest first
    escalates_at: float | None = None
    unacknowledges_at: float | None = None
    resolved_at: float | None = None
    reopened_at: float | None = None
    resolve_reason: Json | None = None
    changed_at: float = 0.0  # its status
    changed_by: Json | None = None
    updated_at: float = 0.0
    alerts: dict[str, Alert] = field(default_factory=dict)  # by id, oldest first
    notes: list[Note] = field(default_factory=list)
    updates: list[Note] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)  # for responders, as they were answered
    log: list[Json] = field(default_factory=list)  # oldest first

    @property
    def summary(self) -> str:
        return f"[#{self.number}] {self.title}"

    @property
    def is_open(self) -> bool:
        return self.status != "resolved"
