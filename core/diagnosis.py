"""What was recalled, concluded and proposed."""

from __future__ import annotations

from typing import Any, Literal

from core.model import Model, Moment
from core.observation import Evidence, Observation

ActionKind = Literal[
    "restart_pod", "restart_deployment", "scale_deployment", "rollback_deployment", "rollback_release",
    "cordon_node", "uncordon_node", "drain_node", "silence_alert", "rerun_job", "rotate_credentials", "shift_traffic",
    "delete_namespace", "uninstall_release", "set_resources",
]  # fmt: skip
Verdict = Literal["allow", "ask", "deny"]


class Action(Model):
    """One step from the closed catalogue; never a shell line."""

    kind: ActionKind
    namespace: str  # "" for nodes
    name: str
    params: dict[str, Any] = {}


class BlastRadius(Model):
    """What an action touches."""

    pods: int
    services: int
    downstream: tuple[str, ...] = ()  # services that depend on the ones touched


class Decision(Model):
    """What policy says of an action."""

    verdict: Verdict
    codes: tuple[str, ...]  # sorted; which rules spoke, as "confidence.below_floor"
    policy_hash: str


class Proposal(Model):
    """An action, why, and what policy says of it."""

    action: Action
    target: str  # "Deployment/checkout"
    reason: str
    evidence: tuple[str, ...] = ()
    blast_radius: BlastRadius | None = None  # None when it could not be computed
    decision: Decision


class RunbookHit(Model):
    """A runbook that resembles the case. `score` is the cosine similarity, 0 to 1."""

    id: str
    title: str
    score: float
    path: str
    excerpt: str = ""
    named: bool = False  # its title, or an alert it says it is for, is the very name that the question is about


class IncidentHit(Model):
    """A past incident that resembles the case."""

    id: str
    title: str
    score: float
    outcome: str  # "rolled back, held", or "" when nobody said
    at: Moment | None = None


class Recall(Model):
    """The nearest of the memory, best first, at most five of each."""

    runbooks: tuple[RunbookHit, ...] = ()
    incidents: tuple[IncidentHit, ...] = ()
    could_not_read: tuple[str, ...] = ()

    @property
    def similarity(self) -> float:
        """The best runbook's cosine, 0 without any."""
        return max((hit.score for hit in self.runbooks), default=0.0)


class Claim(Model):
    """One statement and the evidence ids that show it."""

    text: str
    evidence: tuple[str, ...]


class RootCause(Model):
    condition: str  # one of `Condition`, or a short noun for what Kubernetes has no word for
    target: str  # "Deployment/checkout"
    namespace: str = ""
    statement: str  # one sentence


class Usage(Model):
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


class Draft(Model):
    """What a reasoner hands over; `reason` checks it against the evidence and makes the `Diagnosis`."""

    root_cause: RootCause | None
    known: bool  # False: "I do not know"; True without a root cause: "nothing is wrong"
    confidence: float  # the reasoner's own figure, 0 to 1
    claims: tuple[Claim, ...] = ()
    ruled_out: tuple[Claim, ...] = ()
    look_next: tuple[str, ...] = ()  # where a person should look first
    actions: tuple[Action, ...] = ()
    runbook: str | None = None  # id of the one it followed
    evidence: tuple[Evidence, ...] = ()  # read by the reasoner's tools, beyond the observation's
    could_not_read: tuple[str, ...] = ()
    reasoner: Literal["claude", "runbooks"]
    note: str | None = None  # "Claude could not be reached, so runbooks answered."
    usage: Usage = Usage()


class Diagnosis(Model):
    """A draft whose every claim cites evidence that exists, with its confidence capped."""

    status: Literal["diagnosed", "escalated"]
    root_cause: RootCause | None
    confidence: float  # 0 to 1, after the caps
    confidence_why: tuple[str, ...]  # one sentence a cap
    evidence_coverage: float  # share of claims that cite evidence, 0 to 1
    claims: tuple[Claim, ...]
    ruled_out: tuple[Claim, ...] = ()
    struck: tuple[str, ...] = ()  # claims without evidence that exists
    look_next: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    runbook: str | None = None
    reasoner: Literal["claude", "runbooks"]
    note: str | None = None
    usage: Usage = Usage()


class Subject(Model):
    """What is asked about. `text` and the labels of alerts are foreign."""

    text: str
    cluster: str | None = None
    namespace: str | None = None
    service: str | None = None  # catalogue name
    target: str | None = None  # "Deployment/checkout", "Pod/checkout-7d-x"


class Case(Model):
    """All that a reasoner is given."""

    subject: Subject
    observation: Observation
    recall: Recall


class Investigation(Model):
    """One run of the loop, saved after each stage so that an ended stage is never run again."""

    id: str  # "INV-12"
    subject: Subject
    incident: str | None = None  # "INC-7"; None for a question
    channel: str | None = None
    thread_ts: str | None = None
    asked_by: str | None = None  # Slack user id
    team: str | None = None  # Slack team id of who asked
    started_at: Moment
    observation: Observation | None = None
    recall: Recall | None = None
    diagnosis: Diagnosis | None = None
    plan: tuple[Proposal, ...] | None = None
    evidence: tuple[Evidence, ...] = ()  # all of it, the observation's first
    could_not_read: tuple[str, ...] = ()
    reported: bool = False
    took_ms: dict[str, int] = {}
    version: int = 0
