"""One proposed action on its way: prepared, asked or allowed, done at most once, watched, ended.

The state only moves forward, and each step is a save that fails when somebody else made it first: two clicks, two
workers and a worker that comes back to life cannot both begin the same action.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, Literal

import redis

from core.diagnosis import Action, Proposal
from core.model import Model, Moment
from core.redis import as_text
from core.stores import PREFIX, Table

State = Literal[
    "proposed",  # recorded; the operator has not looked at it yet
    "denied",  # policy refuses it; in shadow mode everything ends here, kept to be compared with what people did
    "asked",  # waits for one click by somebody entitled
    "approved",  # allowed, by policy alone or by a click; not begun
    "begun",  # the effect may have happened: whoever finds it so never runs it again
    "watching",  # the effect happened; verification looks at what became of it
    "worked",
    "undone",  # it made things worse and was taken back
    "unproven",  # it changed nothing for the better, or nobody can tell; a person looks
    "failed",  # refused before anything changed
    "interrupted",  # begun, and its process died: a person looks
    "rejected",
    "expired",
    "superseded",  # a newer proposal stands, or the trouble is over
]  # fmt: skip
WAITING: frozenset[State] = frozenset({"proposed", "asked"})
RUNNING: frozenset[State] = frozenset({"approved", "begun", "watching"})


class Target(Model):
    """The target as it was when the action was prepared; what an approval is bound to."""

    uid: str  # Kubernetes' uid, or another name that is never used twice
    version: str  # changes when somebody changes what the target should be (its generation), not with its status
    facts: dict[str, Any] = {}  # what execution and undo need: {"revision": 18, "to": 17, "replicas": 4}


class DryRun(Model):
    """What the server said when it was asked to do it and change nothing."""

    passed: bool
    says: str  # one sentence
    change: tuple[str, ...] = ()  # what would differ, one line each: "image 1.8.4 → 1.8.3"


class Measure(Model):
    """One figure of one service, as verification read it."""

    name: str  # "5xx of checkout", "p95 of storefront", "restarts of checkout"
    value: float | None  # None: not known
    unit: Literal["ratio", "s", "count"]
    normal: float | None = None  # the median of the hours before the trouble; only the look before the action has it
    service: str | None = None
    downstream: bool = False  # of a service that depends on the target


class Trend(Model):
    """What judging one look leaves for the next: since when each has been so; None when it is not."""

    settled_since: Moment | None = None  # what the action started is complete
    good_since: Moment | None = None
    worse_since: Moment | None = None
    slipped: bool = False  # the last look was not good, and forgiven
    slips: int = 0  # looks forgiven since `good_since`


class Look(Model):
    """What verification saw at one time."""

    at: Moment
    rolled_out: bool | None = None  # None: not a rollout, or not known
    firing: tuple[str, ...] | None = None  # alerts of the incident whose own expression holds; None: not known
    looks_back_s: float = 0.0  # of those that hold: how far back their expressions see, beyond the action
    measures: tuple[Measure, ...] = ()
    could_not_read: tuple[str, ...] = ()
    trend: Trend = Trend()


class Remediation(Model):
    """One action of an investigation's plan."""

    id: str  # "ACT-7"
    investigation: str
    incident: str | None = None
    number: int  # its place in the plan, from 1
    service: str | None = None  # catalogue name of what it acts on
    cluster: str | None = None
    alert_types: tuple[str, ...] = ()
    proposal: Proposal
    state: State = "proposed"
    requested_by: str = "bot"  # or the Slack user who asked for the investigation
    created_at: Moment
    # From here on the operator writes.
    target: Target | None = None
    dry_run: DryRun | None = None
    checks: tuple[str, ...] = ()  # what is looked at afterwards, one phrase each
    undo: str | None = None  # how it would be taken back, one phrase; None: it cannot be
    digest: str | None = None
    asked_at: Moment | None = None
    expires_at: Moment | None = None
    escalated_at: Moment | None = None
    alone: bool = False  # allowed by policy without a person
    decided_by: str | None = None  # Slack user id of who approved or rejected
    decided_at: Moment | None = None
    click: str | None = None  # id of the click that decided
    groups: tuple[str, ...] = ()  # approver groups that whoever decided was in at that moment
    on_call: bool = False  # they were on call then, and entitled by that
    reason: str | None = None  # why it was rejected, in that person's words
    begun_at: Moment | None = None
    ended_at: Moment | None = None
    before: Look | None = None
    baseline: Look | None = None  # what it must not become worse than, when trouble had just begun before
    after: Look | None = None
    said: str | None = None  # what was done, one sentence
    findings: tuple[str, ...] = ()  # what the last look showed, a sentence each
    undoing: bool = False  # undo was begun; never begun again
    outcome: str | None = None  # one sentence on how it ended
    version: int = 0

    @property
    def action(self) -> Action:
        return self.proposal.action

    @property
    def mark(self) -> str:
        """What is written on what it changes; unlike its id never used twice, even when the records were lost."""
        return f"{self.id}-{int(self.created_at.timestamp() * 1000)}"

    @property
    def scope(self) -> str:
        """What only one remediation at a time may work on: the service, else the target."""
        return self.service or f"{self.cluster or ''}/{self.action.namespace}/{self.proposal.target}"


def digest_of(action: Action, policy_hash: str, target: Target) -> str:
    """What an approval is bound to: exactly this action, by this policy, on the target as it is."""
    body = [action.model_dump(mode="json"), policy_hash, target.uid, target.version]
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Click(Model):
    """Somebody pressed Approve or Reject; saved before it is answered. `reason` is foreign."""

    id: str
    remediation: str
    wants: Literal["approve", "reject"]
    user: str
    team: str | None = None
    reason: str = ""
    response_url: str | None = None
    channel: str | None = None
    thread_ts: str | None = None
    at: Moment
    version: int = 0


class Remediations:
    """Remediations and clicks by id, with an index by incident and one of those that wait or run."""

    def __init__(self, client: redis.Redis, keep_s: int | None = None) -> None:
        self._redis = client
        self._table = Table(client, "remediation", Remediation.model_validate_json, keep_s)
        self._clicks = Table(client, "click", Click.model_validate_json, keep_s)
        self._keep_s = keep_s

    def new_id(self) -> str:
        """The next number, as "ACT-7"."""
        return f"ACT-{self._redis.incr(PREFIX + 'remediation-number')}"

    def get(self, remediation_id: str) -> Remediation:
        """Raises: NotFound."""
        return self._table.get(remediation_id)

    def find(self, remediation_id: str) -> Remediation | None:
        return self._table.find(remediation_id)

    def save(self, remediation: Remediation) -> Remediation:
        """Raises: Conflict when stale."""
        stored = self._table.save(remediation.id, remediation)
        self._index(stored)
        return stored

    def update(self, remediation_id: str, change: Callable[[Remediation], Remediation]) -> Remediation:
        """Change the newest version; `change` may run several times. Raises: NotFound, Conflict."""
        stored = self._table.update(remediation_id, change)
        self._index(stored)
        return stored

    def of_investigation(self, investigation_id: str, number: int) -> Remediation | None:
        """That of a place in a plan."""
        held = as_text(self._redis.get(self._place(investigation_id, number)))
        return self.find(held) if held else None

    def claim(self, investigation_id: str, number: int, remediation_id: str) -> str:
        """The id for a place in a plan: `remediation_id` if it is the first to ask."""
        self._redis.set(self._place(investigation_id, number), remediation_id, nx=True, ex=self._keep_s)
        return as_text(self._redis.get(self._place(investigation_id, number)))

    def of_incident(self, incident_id: str) -> tuple[Remediation, ...]:
        """All of an incident, oldest first."""
        ids = [as_text(raw) for raw in self._redis.zrange(f"{PREFIX}remediations-of:{incident_id}", 0, -1)]
        return tuple(self._table.find_many(ids))

    def of_incidents(self, incident_ids: Iterable[str]) -> tuple[Remediation, ...]:
        """All of these incidents, in two round trips."""
        pipe = self._redis.pipeline(transaction=False)
        for incident_id in incident_ids:
            pipe.zrange(f"{PREFIX}remediations-of:{incident_id}", 0, -1)
        ids = [as_text(raw) for held in pipe.execute() for raw in held]
        return tuple(self._table.find_many(ids))

    def active(self) -> tuple[Remediation, ...]:
        """Those that wait or run, oldest first."""
        ids = [as_text(raw) for raw in self._redis.zrange(PREFIX + "remediations-active", 0, -1)]
        return tuple(r for r in self._table.find_many(ids) if r.state in WAITING | RUNNING)

    def save_click(self, click: Click) -> Click:
        return self._clicks.save(click.id, click)

    def click(self, click_id: str) -> Click:
        """Raises: NotFound."""
        return self._clicks.get(click_id)

    def occupy(self, scope: str, remediation_id: str, for_s: int) -> bool:
        """Whether this remediation now has the scope to itself, for at most `for_s` seconds."""
        name = f"{PREFIX}occupied:{scope}"
        return bool(self._redis.set(name, remediation_id, nx=True, ex=for_s)) or self.occupant(scope) == remediation_id

    def vacate(self, scope: str, remediation_id: str) -> None:
        """Let others at the scope; nothing happens when another has it."""
        script = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
        self._redis.eval(script, 1, f"{PREFIX}occupied:{scope}", remediation_id)

    def occupant(self, scope: str) -> str | None:
        """The id of the remediation that has the scope to itself."""
        return as_text(self._redis.get(f"{PREFIX}occupied:{scope}")) or None

    def _place(self, investigation_id: str, number: int) -> str:
        return f"{PREFIX}remediation-of:{investigation_id}:{number}"

    def _index(self, remediation: Remediation) -> None:
        at = remediation.created_at.timestamp()
        if remediation.incident:
            of_incident = f"{PREFIX}remediations-of:{remediation.incident}"
            self._redis.zadd(of_incident, {remediation.id: at})
            if self._keep_s:
                self._redis.expire(of_incident, self._keep_s)
        if remediation.state in WAITING | RUNNING:
            self._redis.zadd(PREFIX + "remediations-active", {remediation.id: at})
        else:
            self._redis.zrem(PREFIX + "remediations-active", remediation.id)
