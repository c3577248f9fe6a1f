"""Observations as triage makes them of real clusters, told step by step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from core.diagnosis import Case, Recall, RunbookHit, Subject
from core.incident import Alert
from core.observation import (
    Change,
    Condition,
    Evidence,
    FieldChange,
    Finding,
    LogExcerpt,
    Observation,
    Reading,
    Workload,
)  # fmt: skip

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Severity = Literal["critical", "warning", "info"]


class Scene:
    """One namespace. Every step adds what triage would say of it, with its evidence; pods are named by their owner."""

    def __init__(self, namespace: str = "shop") -> None:
        self.namespace = namespace
        self.findings: list[Finding] = []
        self.changes: list[Change] = []
        self.logs: list[LogExcerpt] = []
        self.readings: list[Reading] = []
        self.workloads: list[Workload] = []
        self.alerts: list[Alert] = []
        self.evidence: list[Evidence] = []
        self.unread: list[str] = []

    def case(self, text: str = "what is wrong?", *, similarity: float = 0.8, **subject: str | None) -> Case:
        """The case of a question; the namespace is the subject's unless another is given."""
        subject.setdefault("namespace", self.namespace)
        hit = RunbookHit(id="nearest", title="Nearest", score=similarity, path="runbooks/nearest.md")
        return Case(
            subject=Subject(text=text, **subject), observation=self.observation(), recall=Recall(runbooks=(hit,))
        )

    def observation(self) -> Observation:
        return Observation(
            findings=tuple(self.findings), changes=tuple(self.changes), logs=tuple(self.logs),
            readings=tuple(self.readings), workloads=tuple(self.workloads), alerts=tuple(self.alerts),
            evidence=tuple(self.evidence), could_not_read=tuple(self.unread),
        )  # fmt: skip

    def seen(self, query: str, excerpt: str, tool: str = "kubernetes") -> tuple[str, ...]:
        made = Evidence(
            id=f"e{len(self.evidence) + 1}", tool=tool, query=query, excerpt=excerpt[:2000], observed_at=NOON
        )
        self.evidence.append(made)
        return (made.id,)

    def workload(
        self, owner: str, desired: int = 3, ready: int | None = None, days: int = 6, restarts: int = 0
    ) -> Self:
        kind, _, name = owner.partition("/")
        ready = desired if ready is None else ready
        path = f"GET /apis/apps/v1/namespaces/{self.namespace}/{kind.lower()}s/{name}"
        excerpt = f'{{"replicas":{desired},"status":{{"readyReplicas":{ready}}}}}'
        since = NOON - timedelta(days=days) if ready >= desired else None
        self.workloads.append(
            Workload(namespace=self.namespace, owner=owner, desired=desired, ready=ready, restarts=restarts,
                     ready_since=since, evidence=self.seen(path, excerpt))
        )  # fmt: skip
        return self

    def finding(
        self, condition: Condition, owner: str, message: str, *, pods: int = 0, container: str | None = None,
        minutes: float = 5, severity: Severity = "critical", namespace: str | None = None, events: str = "",
        harms: tuple[str, ...] = (),
    ) -> Self:  # fmt: skip
        """One finding on the owner itself, or one on each of so many of its pods."""
        kind, _, bare = owner.partition("/")
        space = self.namespace if namespace is None else namespace
        for number in range(max(pods, 1)):
            name = f"{bare}-7d9f4b8c6d-x{number}z4k" if pods else bare
            path = f"GET /api/v1/namespaces/{space}/{'pods' if pods else kind.lower()}/{name}"
            ids = self.seen(path, f'{{"message":"{message}"}}')
            if events:
                ids += self.seen(
                    f"GET /api/v1/namespaces/{space}/events?fieldSelector=involvedObject.name={name}", events
                )
            self.findings.append(
                Finding(
                    condition=condition, severity=severity, kind="Pod" if pods else kind, namespace=space, name=name,
                    owner=owner, message=message, since=NOON - timedelta(minutes=minutes), container=container,
                    harms=harms, evidence=ids,
                )
            )  # fmt: skip
        return self

    def log(self, owner: str, *lines: str, previous: bool = True) -> Self:
        bare = owner.partition("/")[2]
        query = f"GET /api/v1/namespaces/{self.namespace}/pods/{bare}-x0z4k/log?previous={str(previous).lower()}"
        self.logs.append(
            LogExcerpt(namespace=self.namespace, pod=f"{bare}-x0z4k", container="app", owner=owner, previous=previous,
                       lines=lines, evidence=self.seen(query, "\n".join(lines)))
        )  # fmt: skip
        return self

    def change(self, owner: str, *fields: str, minutes: float = 6, first: bool = False) -> Self:
        """Fields are written "image 1.8.3 1.8.4" or "env CART_URL"."""
        made = tuple(_field(text) for text in fields)
        query = f"GET /apis/apps/v1/namespaces/{self.namespace}/replicasets"
        ids = self.seen(query, f"revision 17 to 18 of {owner}: {', '.join(fields)}")
        at = NOON - timedelta(minutes=minutes)
        self.changes.append(
            Change(namespace=self.namespace, owner=owner, at=at, from_revision=None if first else "17",
                   to_revision="1" if first else "18", fields=made, evidence=ids)
        )  # fmt: skip
        return self

    def reading(self, service: str, name: str, now: float | None, before: float | None) -> Self:
        summary = f"{name} of {service} is {now}, {before} before"
        ids = self.seen(f'{name}{{service="{service}"}}', summary, "prometheus")
        self.readings.append(Reading(name=name, service=service, now=now, before=before, summary=summary, evidence=ids))
        return self

    def alert(self, name: str, summary: str = "", *, minutes: float = 4, **labels: str) -> Self:
        labels.setdefault("namespace", self.namespace)
        labels = {key: value for key, value in labels.items() if value}
        self.seen("GET /api/v2/alerts", f"{name} {labels} {summary}", "alertmanager")
        made = Alert(
            fingerprint=f"{len(self.alerts):016x}", name=name, status="firing",
            starts_at=NOON - timedelta(minutes=minutes),
            labels={"alertname": name, **labels}, annotations={"summary": summary or name},
        )  # fmt: skip
        self.alerts.append(made)
        return self

    # What usually comes along.

    def short(self, owner: str, desired: int = 3, ready: int = 0, minutes: float = 5) -> Self:
        """The workload has too few pods, and the service in front of it none when none is ready."""
        self.workload(owner, desired, ready, restarts=4)
        why = f"{ready} of {desired} pods ready for {minutes:.0f} min"
        self.finding("ReplicasMismatch", owner, why, minutes=minutes, severity="warning" if ready else "critical")
        return self if ready else self.silent(owner.partition("/")[2], f"none of the {desired} pods behind it is ready")

    def silent(self, service: str, why: str, minutes: float = 5) -> Self:
        return self.finding("NoEndpoints", f"Service/{service}", why, minutes=minutes)

    # Faults, in the words of the kubelet, the scheduler and the controllers.

    def crash_loop(self, owner: str, *lines: str, exit_code: int = 1, pods: int = 2, minutes: float = 5) -> Self:
        message = (
            f"container app exited with {exit_code} (Error); restarted 5 times; "
            "Back-off restarting failed container app in pod"
        )
        self.finding("CrashLoopBackOff", owner, message, pods=pods, container="app", minutes=minutes)
        return self.log(owner, *lines) if lines else self

    def out_of_memory(self, owner: str, limit: str = "64Mi", pods: int = 2, minutes: float = 5) -> Self:
        message = f"container app was OOM-killed at its memory limit of {limit}; restarted 5 times"
        self.finding("OOMKilled", owner, message, pods=pods, container="app", minutes=minutes)
        return self.finding("CrashLoopBackOff", owner, "container app exited with 137 (killed); restarted 5 times",
                            pods=pods, container="app", minutes=minutes)  # fmt: skip

    def image_pull(
        self, owner: str, image: str, why: str = "manifest unknown", pods: int = 2, minutes: float = 5
    ) -> Self:
        said = f'container app: Back-off pulling image "{image}"; Failed to pull image "{image}": {why}'
        return self.finding("ImagePullBackOff", owner, said, pods=pods, container="app", minutes=minutes)

    def config_missing(self, owner: str, what: str = 'configmap "settings" not found', pods: int = 2) -> Self:
        return self.finding("CreateContainerConfigError", owner, f"container app: {what}", pods=pods, container="app")

    def unscheduled(self, owner: str, message: str, pods: int = 2) -> Self:
        return self.finding("Unschedulable", owner, message, pods=pods)

    def unready(self, owner: str, probe: str = "HTTP probe failed with statuscode: 503", pods: int = 2,
                minutes: float = 5) -> Self:  # fmt: skip
        message = f"container app is not ready for {minutes:.0f} min; Readiness probe failed: {probe}"
        return self.finding("Unhealthy", owner, message, pods=pods, minutes=minutes)


def _field(text: str) -> FieldChange:
    parts = text.split(" ")
    if len(parts) >= 3 and parts[0] != "env":
        return FieldChange(
            field=" ".join(parts[:-2]), container="app", verb="changed", before=parts[-2], after=parts[-1]
        )
    return FieldChange(field=text, container="app", verb="added")
