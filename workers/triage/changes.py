"""Recent rollouts of a workload: its last revisions, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from core.observation import Change, FieldChange
from workers.ports import Cluster
from workers.triage.differences import differences
from workers.triage.draft import Place, Source
from workers.triage.objects import (
    Obj,
    annotations_of,
    condition,
    created_at,
    moment,
    namespace_of,
    spec_of,
    template_of,
)
from workers.triage.snapshot import Snapshot

RECENT = timedelta(hours=24)
MOST = 3  # rollouts of one workload
_REVISION = "deployment.kubernetes.io/revision"
_HISTORY = "deployment.kubernetes.io/revision-history"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_RESOURCES = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


class Revision(NamedTuple):
    number: int
    created: datetime | None
    template: Obj
    replicas: str | None
    notes: Mapping[str, str] = MappingProxyType({})  # annotations


def is_taken_up_again(before: Revision | None, after: Revision) -> bool:
    """Whether a revision is an older one under a new number, as after a rollback."""
    if not (before and before.created and after.created):
        return False
    # Times are whole seconds; a ReplicaSet that had another number before says so.
    return after.created < before.created or (after.created == before.created and _HISTORY in after.notes)


def has_revisions(owner: str) -> bool:
    """Whether workloads of that kind keep their revisions."""
    return owner.partition("/")[0] in _RESOURCES


def rollouts(snap: Snapshot, cluster: Cluster, place: Place) -> list[tuple[Change, Source]]:
    """The rollouts of one workload within `RECENT`, newest first, with the read that shows each.

    Raises: ToolError, Unreachable.
    """
    namespace, owner = place
    kind, _, name = owner.partition("/")
    workload = snap.find(_RESOURCES[kind], namespace, name)
    if workload is None:
        return []
    revisions, query = revisions_of(workload, kind, cluster)
    changes = list(_changes(place, workload, revisions, snap.now))[-MOST:]
    return [(change, Source(query, partial(describe, change))) for change in reversed(changes)]


def revisions_of(workload: Obj, kind: str, cluster: Cluster) -> tuple[list[Revision], str]:
    """The revisions that are kept of a workload, oldest first, and the read that shows them.

    Raises: ToolError, Unreachable.
    """
    resource = "replicasets" if kind == "Deployment" else "controllerrevisions"
    path = f"/apis/apps/v1/namespaces/{namespace_of(workload)}/{resource}"
    selector = _selector(workload)
    held = cluster.items(path, labelSelector=selector) if selector else iter(())
    return sorted(_revisions(held, workload, kind), key=lambda r: r.number), f"{path}?labelSelector={selector}"


def describe(change: Change) -> str:
    """The change in lines, as evidence."""
    revisions = f"revision {change.from_revision or 'none'} to {change.to_revision}"
    head = f"{change.owner}: {revisions} at {change.at:%Y-%m-%d %H:%M:%S} UTC"
    return "\n".join([head, *(_line(field) for field in change.fields)])


def _line(field: FieldChange) -> str:
    where = f" of container {field.container}" if field.container else ""
    values = f": {field.before or 'none'} -> {field.after or 'none'}" if field.before or field.after else ""
    return f"{field.field}{where} {field.verb}{values}"


def _selector(workload: Obj) -> str:
    """The workload's selector as a query; expressions are left out, since owners are compared anyway."""
    labels = (spec_of(workload).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _revisions(held: Iterator[Obj], workload: Obj, kind: str) -> Iterator[Revision]:
    uid = workload["metadata"].get("uid")
    for obj in held:
        if not any(ref.get("uid") == uid for ref in obj["metadata"].get("ownerReferences") or ()):
            continue
        if kind == "Deployment":
            number, template = annotations_of(obj).get(_REVISION) or "0", template_of(obj)
        else:
            number, template = str(obj.get("revision") or 0), template_of(obj.get("data") or {})
        if number.isdigit():
            notes = annotations_of(obj)
            yield Revision(int(number), created_at(obj), template, notes.get(_DESIRED), notes)


def _changes(place: Place, workload: Obj, revisions: list[Revision], now: datetime) -> Iterator[Change]:
    """One change for each revision after the first that is kept, and for the first if the workload began with it."""
    namespace, owner = place
    first = revisions[:1]
    if first and first[0].created and now - first[0].created <= RECENT and first[0].number <= 1:
        number = str(first[0].number)
        yield Change(
            namespace=namespace, owner=owner, at=first[0].created, from_revision=None, to_revision=number, fields=()
        )
    for before, after in pairwise(revisions):
        at = _rolled_at(before, after, workload, is_last=after is revisions[-1])
        if at and now - at <= RECENT:
            yield Change(
                namespace=namespace, owner=owner, at=at, from_revision=str(before.number),
                to_revision=str(after.number), fields=_fields(before, after),
            )  # fmt: skip


def _rolled_at(before: Revision, after: Revision, workload: Obj, is_last: bool) -> datetime | None:
    """When the revision was rolled out: when it was made, unless a rollback took an old one up again."""
    if after.created and (not before.created or after.created >= before.created):
        return after.created
    progressing = condition(workload, "Progressing")
    return moment(progressing.get("lastUpdateTime")) if is_last else None


def _fields(before: Revision, after: Revision) -> tuple[FieldChange, ...]:
    fields = list(differences(before.template, after.template))
    if before.replicas and after.replicas and before.replicas != after.replicas:
        fields.append(FieldChange(field="replicas", verb="changed", before=before.replicas, after=after.replicas))
    return tuple(fields)
