"""Rules about volume claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from workers.triage.draft import Draft, Place, events_source, object_source
from workers.triage.events import Warned
from workers.triage.grace import SETTLE_S
from workers.triage.objects import (
    Key,
    Obj,
    age_s,
    annotations_of,
    created_at,
    duration,
    is_leaving,
    key_of,
    name_of,
    namespace_of,
    sentence,
    spec_of,
    status_of,
)
from workers.triage.snapshot import Snapshot

PROVISION_S = 120  # cloud disks are made within this, guessed
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def claim_findings(snap: Snapshot) -> Iterator[Draft]:
    """Claims that stay unbound though somebody waits for them, or that can never be bound."""
    pending = [c for c in snap.all("persistentvolumeclaims") if not is_leaving(c) and _phase(c) in ("Pending", "Lost")]
    if not pending:
        return
    users = _users(snap)
    for claim in pending:
        why = _why(claim, snap, bool(users[key_of(claim)]))
        if why:
            yield Draft(
                condition="PVCPending", severity="critical" if users[key_of(claim)] else "warning",
                kind="PersistentVolumeClaim", namespace=namespace_of(claim), name=name_of(claim),
                owner=snap.owners.top("PersistentVolumeClaim", claim), message=why, since=created_at(claim),
                touches=frozenset(users[key_of(claim)]),
                sources=(
                    object_source(snap, "PersistentVolumeClaim", claim, spec=spec_of(claim), status=status_of(claim)),
                    *events_source(snap, "PersistentVolumeClaim", claim),
                ),
            )  # fmt: skip


def _phase(claim: Obj) -> str:
    return str(status_of(claim).get("phase") or "")


def _why(claim: Obj, snap: Snapshot, is_used: bool) -> str | None:
    """Why the claim is a fault; None while waiting is normal."""
    age, spec = age_s(claim, snap.now), spec_of(claim)
    if _phase(claim) == "Lost":
        return f"its volume {spec.get('volumeName') or ''} is gone"
    if age <= SETTLE_S:
        return None
    warned = snap.events.telling("PersistentVolumeClaim", *key_of(claim))
    wanted = spec.get("storageClassName")
    if snap.complete("storageclasses"):
        classes = {name_of(c): c for c in snap.all("storageclasses")}
        default = next(
            (c for c in classes.values() if any(annotations_of(c).get(a) == "true" for a in _DEFAULT_CLASS)), None
        )
        if wanted and wanted not in classes:
            return sentence(f"its storage class {wanted} does not exist", _said(warned))
        if wanted is None and default is None and not spec.get("volumeName"):
            return sentence("it names no storage class and the cluster has no default one", _said(warned))
        chosen = classes.get(wanted) if wanted else default
        if chosen and chosen.get("volumeBindingMode") == "WaitForFirstConsumer" and not is_used:
            return None
    if warned:
        return warned.message
    return f"it has waited {duration(age)} for a volume of class {wanted or 'none'}" if age > PROVISION_S else None


def _said(warned: Warned | None) -> str:
    return warned.message if warned else ""


def _users(snap: Snapshot) -> dict[Key, set[Place]]:
    """Which workloads mount which claim."""
    users: dict[Key, set[Place]] = defaultdict(set)
    for pod in snap.all("pods"):
        for volume in spec_of(pod).get("volumes") or ():
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim and status_of(pod).get("phase") in ("Pending", "Running"):
                users[namespace_of(pod), claim].add((namespace_of(pod), snap.owner_of(pod)))
    return users
