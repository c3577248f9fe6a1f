"""How alerts become incidents, as far as a team tunes it: the sections `grouping` and `maintenance` of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from core.model import Model

Seconds = Annotated[int, Field(ge=1, le=86_400)]


class SameService(Model):
    """Alerts of one service, or of one workload where no service is known."""

    enabled: bool = True
    within_s: Seconds = 1800  # rules of one trouble fire up to a quarter of an hour apart: `for: 1m` and `for: 15m`


class SameNode(Model):
    """A node that is down, and what runs on it; or many workloads that fail on one node alone."""

    enabled: bool = True
    within_s: Seconds = 1800
    workloads: int = Field(default=4, ge=3, le=1000)  # so many that fail on one node alone accuse it without its alert


class SameDeploy(Model):
    """Workloads that one rollout changed, a short while before they failed."""

    enabled: bool = True
    within_s: Seconds = 900  # from the rollout to the alert
    together_s: Seconds = 60  # rollouts that begin so close, in one namespace, are one


class Neighbours(Model):
    """Services that call each other, by the catalogue's `depends_on`."""

    enabled: bool = True
    within_s: Seconds = 600
    distance: int = Field(default=2, ge=1, le=5)  # calls between the two


class SharedDependency(Model):
    """Several services that depend on one thing, which itself says nothing."""

    enabled: bool = True
    within_s: Seconds = 120
    dependents: int = Field(default=3, ge=3, le=1000)  # two may be chance
    share: float = Field(default=0.5, gt=0, le=1)  # of all that depend on it


class SameNamespace(Model):
    """Alerts that name a namespace and nothing in it."""

    enabled: bool = True
    within_s: Seconds = 600


class Storm(Model):
    """So much that begins to fail at once that chance is no explanation, whatever it has in common."""

    enabled: bool = True
    # Guessed: with ten troubles a day, a second one begins within a minute of a first in 0.7 % of cases; four of them
    # never do.
    within_s: Seconds = 60
    workloads: int = Field(default=5, ge=3, le=1000)  # so many at once
    alerts: int = Field(default=30, ge=10, le=10_000)  # or so many alerts, of two at least
    nodes: int = Field(default=3, ge=2, le=1000)  # or so many nodes
    workloads_of_node: int = Field(default=3, ge=2, le=1000)  # so many, where nobody knows where, if a node is down
    node_within_s: Seconds = 900  # as node alerts come later than those of what ran there


class SameLabels(Model):
    """A rule of the team's own: alerts that agree in these labels."""

    labels: tuple[str, ...] = Field(min_length=1, max_length=10)
    within_s: Seconds = 600


class Rules(Model):
    """The rules that join a new group of alerts to an open incident, surest first."""

    same_service: SameService = SameService()
    same_node: SameNode = SameNode()
    same_deploy: SameDeploy = SameDeploy()
    neighbours: Neighbours = Neighbours()
    shared_dependency: SharedDependency = SharedDependency()
    same_namespace: SameNamespace = SameNamespace()
    storm: Storm = Storm()


class Flapping(Model):
    """An alert that changes so often within that time is damped."""

    changes: int = Field(default=4, ge=2, le=100)
    within_s: Seconds = 900


class Heartbeat(Model):
    """Alerts that always fire, to show that alerting works."""

    alerts: tuple[str, ...] = ("Watchdog",)
    silent_s: int = Field(default=600, ge=10, le=604_800)


def _own_name(name: str) -> str:
    """The name of a team's rule, checked: it is told in threads, beside those that are built in. Raises: ValueError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", name):
        raise ValueError(f"a rule is named with small letters, digits, - and _, and {name!r} is not")
    if name in Rules.model_fields or name in ("same_alert", "merged", "split"):
        raise ValueError(f"{name!r} is built in; choose another name")
    return name


class Grouping(Model):
    rules: Rules = Rules()
    labels: dict[Annotated[str, AfterValidator(_own_name)], SameLabels] = {}
    oldest_s: int = Field(default=3600, ge=1, le=604_800)  # nothing joins an incident that was opened longer ago
    ongoing_s: int = Field(default=86_400, ge=1, le=604_800)  # but alerts of a service that fires there until now
    gather_s: float = Field(default=1.0, ge=0, le=30)  # how long further alerts are waited for, before it is looked at
    again_s: Seconds = 120  # from one look at an incident to the next, however much joins
    quiet_s: Seconds = 300  # without a firing alert, until it is over
    flapping: Flapping = Flapping()
    heartbeat: Heartbeat = Heartbeat()


def zone(name: str) -> str:
    """A time zone's name, checked. Raises: ValueError."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write it as Europe/Berlin") from error
    return name


def _as_time(raw: object) -> object:
    """A time as YAML has it, or as people write it; its zone may be missing."""
    if not isinstance(raw, str):
        return raw
    try:
        return datetime.fromisoformat(raw.strip())
    except ValueError as error:
        raise ValueError(f"{raw!r} is no time; write it as 2026-03-02 12:30") from error


Written = Annotated[datetime, BeforeValidator(_as_time)]


class Maintenance(Model):
    """A time in which alerts of a service, namespace or cluster are expected."""

    service: str | None = None
    namespace: str | None = None
    cluster: str | None = None
    start: Written = Field(alias="from")
    end: Written = Field(alias="to")
    timezone: Annotated[str, AfterValidator(zone)] = "UTC"
    why: str = ""

    @model_validator(mode="after")
    def _is_of_something(self) -> Self:
        if not (self.service or self.namespace or self.cluster):
            raise ValueError("name a service, a namespace or a cluster")
        if self.until <= self.since:
            raise ValueError("`to` must be later than `from`")
        return self

    @property
    def since(self) -> datetime:
        return self._in_zone(self.start)

    @property
    def until(self) -> datetime:
        return self._in_zone(self.end)

    def covers(self, place: Mapping[str, Any], now: datetime) -> bool:
        """Whether an alert of this service, namespace and cluster is expected now; all that is named must agree."""
        named = {k: v for k in ("service", "namespace", "cluster") if (v := getattr(self, k))}
        return self.since <= now < self.until and all(place.get(k) == v for k, v in named.items())

    def _in_zone(self, at: datetime) -> datetime:
        return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(self.timezone))
