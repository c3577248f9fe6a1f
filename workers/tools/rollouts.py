"""Every revision of a workload that the cluster keeps, and what each changed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

from core.observation import Change
from workers.ports import Cluster
from workers.tools.kinds import TIMEOUT_S, Named, Space, answer
from workers.tools.registry import ToolContext, need_cluster, tool
from workers.tools.results import Result
from workers.triage.changes import describe
from workers.triage.differences import differences
from workers.triage.objects import annotations_of, created_at, spec_of, template_of

Obj = dict[str, Any]
_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
_REVISION, _CAUSE = "deployment.kubernetes.io/revision", "kubernetes.io/change-cause"


@tool(source="kubernetes", doing="Reading rollouts of {name}", timeout_s=TIMEOUT_S)
def rollout_history(
    ctx: ToolContext, kind: Literal["Deployment", "StatefulSet", "DaemonSet"], name: Named, namespace: Space
) -> Result:
    """The revisions of a workload that are kept, newest first, each with the fields that it changed.

    Args:
        kind: Its kind.
        name: Its name.
        namespace: Its namespace.

    Returns: of environment variables the names that changed, never the values.
    """
    cluster = need_cluster(ctx)
    base = f"/apis/apps/v1/namespaces/{namespace}"
    workload = cluster.get(f"{base}/{_PLURALS[kind]}/{name}")
    path = f"{base}/{'replicasets' if kind == 'Deployment' else 'controllerrevisions'}"
    kept = sorted(_owned(cluster, path, workload), key=_number)
    lines = [f"{len(kept)} revisions are kept"]
    for before, after in reversed(list(pairwise(kept))):
        fields = tuple(differences(_template(before), _template(after)))
        change = Change(
            namespace=namespace, owner=f"{kind}/{name}", at=created_at(after) or ctx.now(),
            from_revision=str(_number(before)), to_revision=str(_number(after)), fields=fields,
        )  # fmt: skip
        lines += ["", describe(change)]
        cause = annotations_of(after).get(_CAUSE)
        lines += [f"change cause: {cause}"] if cause else []
    if kept:
        images = [str(c.get("image")) for c in spec_of(_template(kept[0])).get("containers") or ()]
        lines += ["", f"oldest kept: revision {_number(kept[0])}, images {', '.join(images)}"]
    return answer(cluster, path, "\n".join(lines))


def _owned(cluster: Cluster, path: str, workload: Obj) -> list[Obj]:
    labels = (spec_of(workload).get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    query = {"labelSelector": selector} if selector else {}
    uid = workload["metadata"].get("uid")
    return [
        obj for obj in cluster.items(path, **query)
        if any(owner.get("uid") == uid for owner in obj["metadata"].get("ownerReferences") or ())
    ]  # fmt: skip


def _number(obj: Obj) -> int:
    said = annotations_of(obj).get(_REVISION) or str(obj.get("revision") or 0)
    return int(said) if said.isdigit() else 0


def _template(obj: Obj) -> Obj:
    return template_of(obj.get("data") or {}) if "data" in obj else template_of(obj)
