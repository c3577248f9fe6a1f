"""How long ago a target was rolled out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from core.catalogue import CATALOGUE
from core.diagnosis import Action
from workers.reach.groups import RESOURCES, Reads, job_of, workload_of
from workers.reach.service_map import Place
from workers.reach.touch import Touch
from workers.triage.objects import Obj, annotations_of, created_at

_REVISION = "deployment.kubernetes.io/revision"


def deployed_at(action: Action, touch: Touch, reads: Reads) -> datetime | None:
    """When the target was last rolled out, or made, if it is of a kind that is never rolled out. None when it does
    not say.

    Args:
        touch: What `touched` found for this action.

    Raises: ToolError, Unreachable.
    """
    namespace, name, aim = action.namespace, action.name, CATALOGUE[action.kind].aim
    if aim == "Node":
        return created_at(reads.get(f"/api/v1/nodes/{name}"))
    if aim == "Namespace":
        return created_at(reads.get(f"/api/v1/namespaces/{name}"))
    if aim == "Job":
        return created_at(job_of(namespace, name, reads))
    if aim == "Alert":  # the newest rollout in the namespace: what the silence might hide
        return _newest(reads.items(f"/apis/apps/v1/namespaces/{namespace}/replicasets"))
    dates = [_rolled_out_at(group.place, reads) for group in touch.groups]
    known = [date for date in dates if date]
    return max(known) if known and len(known) == len(dates) else None


def _rolled_out_at(place: Place, reads: Reads) -> datetime | None:
    """When the workload's present revision was made.

    A rollback takes an old revision up again; then this is too early, which only makes the policy ask.
    """
    namespace, owner = place
    kind, _, name = owner.partition("/")
    if kind == "Pod":
        return created_at(reads.get(f"/api/v1/namespaces/{namespace}/pods/{name}"))
    if kind not in RESOURCES:
        return None
    workload = workload_of(kind, namespace, name, reads)
    resource = "replicasets" if kind == "Deployment" else "controllerrevisions"
    held = reads.items(f"/apis/apps/v1/namespaces/{namespace}/{resource}")
    uid = workload["metadata"].get("uid")
    own = [each for each in held if uid and uid in {ref.get("uid") for ref in _references(each)}]
    return created_at(max(own, key=_revision)) if own else None


def _revision(obj: Obj) -> int:
    text = str(annotations_of(obj).get(_REVISION) or obj.get("revision") or 0)
    return int(text) if text.isdigit() else 0


def _references(obj: Obj) -> list[Obj]:
    return obj["metadata"].get("ownerReferences") or []


def _newest(objects: Iterable[Obj]) -> datetime | None:
    return max((date for each in objects if (date := created_at(each))), default=None)
