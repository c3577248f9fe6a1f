"""All rules, as one visible list, and the findings they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from core.errors import SreError
from core.mask import mask
from core.observation import Finding
from workers.ports import Cluster
from workers.triage.autoscaling import autoscaler_findings
from workers.triage.draft import Draft, Place
from workers.triage.edges import ingress_findings, webhook_findings
from workers.triage.evidence import Exhibits, cut
from workers.triage.jobs import cron_job_findings, job_findings
from workers.triage.networking import service_findings
from workers.triage.nodes import node_findings
from workers.triage.objects import Obj
from workers.triage.owners import Owners
from workers.triage.pods import pod_findings
from workers.triage.reads import Deadline, read_each
from workers.triage.snapshot import Snapshot
from workers.triage.storage import claim_findings
from workers.triage.workloads import workload_findings

CHECKS: tuple[Callable[[Snapshot], Iterator[Draft]], ...] = (
    pod_findings,
    workload_findings,
    job_findings,
    cron_job_findings,
    node_findings,
    claim_findings,
    service_findings,
    ingress_findings,
    webhook_findings,
    autoscaler_findings,
)
MESSAGE = 600  # characters of a finding's message
_LOOKED_UP = 20  # replica sets whose own owner is asked for, one by one


def check(snap: Snapshot, cluster: Cluster, deadline: Deadline) -> list[Draft]:
    """Everything that is wrong in the snapshot, in no order."""
    drafts = [draft for rule in CHECKS for draft in rule(snap)]
    above = _above_replica_sets(drafts, snap, cluster, deadline)
    return [_moved(draft, above) for draft in drafts] if above else drafts


def finding(draft: Draft, exhibits: Exhibits) -> Finding:
    """The finished finding, its evidence cited."""
    return Finding(
        condition=draft.condition, severity=draft.severity, kind=draft.kind, namespace=draft.namespace, name=draft.name,
        owner=draft.owner, message=cut(mask(draft.message), MESSAGE), since=draft.since, container=draft.container,
        harms=tuple(sorted(f"{ns}/{owner}" for ns, owner in draft.touches - {(draft.namespace, draft.owner)})),
        evidence=exhibits.cite_all(draft.sources),
    )  # fmt: skip


def _above_replica_sets(
    drafts: list[Draft], snap: Snapshot, cluster: Cluster, deadline: Deadline
) -> dict[Place, Place]:
    """Where findings of replica sets belong whose owner was not among the lists, as that of an Argo rollout."""
    places = sorted({
        (draft.namespace, draft.owner) for draft in drafts
        if draft.owner.startswith("ReplicaSet/") and not snap.complete("replicasets")
    })[:_LOOKED_UP]  # fmt: skip
    read: dict[str, Callable[[], Obj]] = {
        f"{namespace}/{owner}": partial(cluster.get, snap.path("ReplicaSet", namespace, owner.partition("/")[2]))
        for namespace, owner in places
    }
    answers = read_each(read, deadline)
    above: dict[Place, Place] = {}
    for namespace, owner in places:
        answer = answers[f"{namespace}/{owner}"]
        if not isinstance(answer, SreError):
            above[namespace, owner] = (namespace, Owners({}).top("ReplicaSet", answer))
    return above


def _moved(draft: Draft, above: dict[Place, Place]) -> Draft:
    place = above.get((draft.namespace, draft.owner))
    touches = frozenset(above.get(each, each) for each in draft.touches)
    return replace(draft, owner=place[1] if place else draft.owner, touches=touches)
