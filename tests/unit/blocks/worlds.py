"""Values to draw: ordinary ones by hand, and any that the types allow, with texts that mean harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import strategies as st

from core.diagnosis import (
    Action,
    BlastRadius,
    Claim,
    Decision,
    Diagnosis,
    IncidentHit,
    Investigation,
    Proposal,
    Recall,
    RootCause,
    RunbookHit,
    Subject,
)
from core.incident import Alert, Incident
from core.observation import Change, Evidence, FieldChange, Finding, LogExcerpt, Observation, Reading, Workload
from core.remediation import DryRun, Remediation, State, Target
from core.settings import Approvers

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

HOSTILE = (
    "",
    " ",
    "<!channel> all",
    "<!here|here>",
    "<@U0ADMIN> look",
    "<#C0SECRET>",
    "<!subteam^S0ONCALL|@oncall>",
    "a & b < c > d",
    "&amp; already",
    ":fire: *bold* _it_ `code` ```block``` ~x~",
    "\u202egnp.exe\u202c",
    "\u200b\u2066x\u2069",
    "\x00\x07\x1b[31mred",
    "line one\nline two\r\n> quote",
    "x" * 5000,
    "<" * 4000,
    "& " * 3000,
    "🔥" * 3000,
    "http://example.test/<script>",
    "\ud800 lone",
    "```" * 900,
    "@channel @here",
    "e1" * 700,
)
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300))
words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
shares = st.floats(0, 1)


def many(strategy: st.SearchStrategy, most: int = 12) -> st.SearchStrategy:
    return st.one_of(
        st.lists(strategy, max_size=3), st.builds(lambda one, n: [one] * n, strategy, st.integers(0, most * 8))
    ).map(tuple)


ids = st.integers(1, 99).map("e{}".format)
marks = many(ids, 3)
alerts = st.builds(
    Alert,
    fingerprint=words,
    name=words,
    status=st.sampled_from(["firing", "resolved"]),
    labels=st.just({}),
    annotations=st.just({}),
    starts_at=moments,
    ends_at=st.none(),
)
incidents = st.builds(
    Incident,
    id=st.integers(1, 10**6).map("INC-{}".format),
    title=texts,
    state=st.sampled_from(["open", "investigating", "waiting", "acting", "watching", "resolved", "merged"]),
    severity=st.sampled_from(["SEV1", "SEV2", "SEV3", "SEV4"]),
    cluster=st.none() | texts,
    namespace=st.none() | texts,
    service=st.none() | texts,
    source=st.just("alertmanager"),
    alerts=many(alerts),
    opened_by=st.none() | words,
    opened_at=moments,
    resolved_at=st.none() | moments,
    headline=st.none() | texts,
    truncated_alerts=st.integers(0, 10**9),
)
evidence = st.builds(
    Evidence, id=ids, tool=words, query=texts, excerpt=texts, observed_at=moments, link=st.none() | texts
)
findings = st.builds(
    Finding,
    condition=st.sampled_from(["OOMKilled", "CrashLoopBackOff"]),
    severity=st.just("critical"),
    kind=words,
    namespace=words,
    name=words,
    owner=words,
    message=texts,
    since=st.none() | moments,
    evidence=marks,
)
changes = st.builds(
    Change,
    namespace=words,
    owner=words,
    at=moments,
    from_revision=st.none() | words,
    to_revision=words,
    fields=many(
        st.builds(
            FieldChange,
            field=words,
            verb=st.sampled_from(["added", "changed"]),
            before=st.none() | texts,
            after=st.none() | texts,
        )
    ),
    evidence=marks,
)
logs = st.builds(
    LogExcerpt,
    namespace=words,
    pod=words,
    container=words,
    owner=words,
    previous=st.booleans(),
    lines=many(texts, 3),
    evidence=marks,
)
readings = st.builds(Reading, name=words, service=words, now=st.none(), before=st.none(), summary=texts, evidence=marks)
workloads = st.builds(
    Workload,
    namespace=words,
    owner=words,
    desired=st.integers(0, 10**6),
    ready=st.integers(0, 10**6),
    restarts=st.integers(0, 10**6),
    evidence=marks,
)
observations = st.builds(
    Observation,
    findings=many(findings),
    changes=many(changes),
    logs=many(logs),
    readings=many(readings),
    workloads=many(workloads),
    evidence=st.just(()),
    could_not_read=many(texts),
)
claims = st.builds(Claim, text=texts, evidence=marks)
diagnoses = st.builds(
    Diagnosis,
    status=st.sampled_from(["diagnosed", "escalated"]),
    root_cause=st.none() | st.builds(RootCause, condition=words, target=words, statement=texts),
    confidence=shares,
    confidence_why=many(texts, 3),
    evidence_coverage=shares,
    claims=many(claims),
    ruled_out=many(claims),
    struck=many(texts, 3),
    look_next=many(texts, 3),
    reasoner=st.sampled_from(["claude", "runbooks"]),
    note=st.none() | texts,
)
recalls = st.builds(
    Recall,
    runbooks=many(st.builds(RunbookHit, id=words, title=texts, score=shares, path=words), 3),
    incidents=many(
        st.builds(IncidentHit, id=words, title=texts, score=shares, outcome=texts, at=st.none() | moments), 3
    ),
)
investigations = st.builds(
    Investigation,
    id=st.integers(1, 10**6).map("INV-{}".format),
    incident=st.none() | st.just("INC-7"),
    subject=st.builds(Subject, text=texts, service=st.none() | words),
    started_at=moments,
    diagnosis=diagnoses,
    recall=st.none() | recalls,
    evidence=many(evidence),
    could_not_read=many(texts, 3),
)
actions = st.builds(
    Action,
    kind=st.sampled_from(["restart_pod", "scale_deployment", "rollback_deployment", "silence_alert", "set_resources"]),
    namespace=words,
    name=words,
    params=st.dictionaries(st.sampled_from(["replicas", "revision", "matchers", "container"]), texts),
)
proposals = st.builds(
    Proposal,
    action=actions,
    target=words,
    reason=texts,
    evidence=marks,
    blast_radius=st.none()
    | st.builds(BlastRadius, pods=st.integers(0, 9999), services=st.integers(0, 99), downstream=many(words)),
    decision=st.builds(
        Decision, verdict=st.sampled_from(["allow", "ask", "deny"]), codes=many(words), policy_hash=words
    ),
)


def crash_loop() -> Investigation:
    """The bad release of EXPERIENCE.md, investigated."""
    seen = Observation(
        findings=(
            Finding(
                condition="CrashLoopBackOff",
                severity="critical",
                kind="Pod",
                namespace="shop",
                name="checkout-7d-x",
                owner="Deployment/checkout",
                message="2 of 4 pods exit 1",
                since=NOON,
                evidence=("e2",),
            ),
        ),
        changes=(
            Change(
                namespace="shop",
                owner="Deployment/checkout",
                at=NOON - timedelta(minutes=1),
                from_revision="17",
                to_revision="18",
                evidence=("e1",),
                fields=(
                    FieldChange(
                        field="image", verb="changed", before="shop/checkout:1.8.3", after="shop/checkout:1.8.4"
                    ),
                    FieldChange(field="env CART_URL", verb="added"),
                ),
            ),
        ),
        could_not_read=("traces (no TEMPO_URL)",),
    )
    diagnosis = Diagnosis(
        status="diagnosed",
        confidence=0.93,
        confidence_why=("Three of three claims cite evidence.",),
        evidence_coverage=1.0,
        root_cause=RootCause(
            condition="CrashLoopBackOff",
            target="Deployment/checkout",
            namespace="shop",
            statement="release 1.8.4 of checkout cannot start, because CART_URL has an invalid port",
        ),
        claims=(
            Claim(text="The crash names the variable CART_URL", evidence=("e2",)),
            Claim(text="The 12:11 rollout added it", evidence=("e1",)),
        ),
        ruled_out=(Claim(text="payments, healthy all night", evidence=("e4",)),),
        reasoner="runbooks",
    )
    read = tuple(
        Evidence(
            id=f"e{n}",
            tool="kubernetes",
            query=f"GET /api/v1/pods/{n}",
            excerpt="panic: <nil> & more",
            observed_at=NOON,
            link="https://k8s.test/x",
        )
        for n in (1, 2, 4)
    )
    recall = Recall(
        runbooks=(RunbookHit(id="bad-rollout", title="Bad rollout", score=0.78, path="bad-rollout.md"),),
        incidents=(
            IncidentHit(
                id="INC-31",
                title="checkout down",
                score=0.81,
                outcome="rolled back, held",
                at=datetime(2025, 10, 12, tzinfo=UTC),
            ),
        ),
    )
    return Investigation(
        id="INV-3",
        subject=Subject(text="checkout answers 5xx", service="checkout"),
        incident="INC-42",
        started_at=NOON,
        observation=seen,
        diagnosis=diagnosis,
        recall=recall,
        evidence=read,
        could_not_read=seen.could_not_read,
    )


states = st.sampled_from(get_args(State))
remediations = st.builds(
    Remediation,
    id=st.integers(1, 10**6).map("ACT-{}".format),
    investigation=st.just("INV-3"),
    incident=st.none() | st.just("INC-7"),
    number=st.integers(1, 9),
    service=st.none() | words,
    proposal=proposals,
    state=states,
    requested_by=words,
    created_at=moments,
    target=st.none()
    | st.builds(Target, uid=words, version=words, facts=st.dictionaries(words, texts | st.integers(), max_size=60)),
    dry_run=st.none() | st.builds(DryRun, passed=st.booleans(), says=texts, change=many(texts)),
    checks=many(texts, 3),
    undo=st.none() | texts,
    digest=st.none() | words,
    asked_at=st.none() | moments,
    expires_at=st.none() | moments,
    escalated_at=st.none() | moments,
    alone=st.booleans(),
    decided_by=st.none() | words,
    decided_at=st.none() | moments,
    reason=st.none() | texts,
    outcome=st.none() | texts,
)
approvers = st.builds(
    Approvers,
    groups=many(words, 3),
    users=many(words, 3),
    on_call=st.booleans(),
    four_eyes=many(st.sampled_from(["restart_pod", "drain_node"]), 1),
)


def rollback(**changes: object) -> Remediation:
    """The repair of EXPERIENCE.md, asked two minutes ago."""
    proposal = Proposal(
        action=Action(kind="rollback_deployment", namespace="shop", name="checkout", params={"revision": 17}),
        target="Deployment/checkout",
        reason="release 1.8.4 of checkout cannot start, because CART_URL has an invalid port",
        evidence=("e1", "e3"),
        blast_radius=BlastRadius(pods=4, services=1, downstream=("storefront",)),
        decision=Decision(verdict="ask", codes=("environment.production",), policy_hash="61b83d48a6eec0de"),
    )
    asked = Remediation(
        id="ACT-7",
        investigation="INV-3",
        incident="INC-42",
        number=1,
        service="checkout",
        proposal=proposal,
        state="asked",
        created_at=NOON - timedelta(minutes=2),
        target=Target(uid="u-1", version="18", facts={"revision": 18, "to": 17}),
        dry_run=DryRun(passed=True, says="The server takes it.", change=("image 1.8.4 → 1.8.3", "env CART_URL gone")),
        checks=("its pods become ready", "its 5xx and latency", "storefront"),
        undo="roll forward to revision 18",
        digest="d1935f00d1935f00",
        asked_at=NOON - timedelta(minutes=2),
        expires_at=NOON + timedelta(minutes=13),
    )
    return asked.model_copy(update=changes)
