"""Deployments: restarted, scaled, rolled back."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Absent
from core.model import utc_now
from core.remediation import Target
from workers.actions.base import Means, NotDone
from workers.actions.patching import Edit, Patching, uid_of
from workers.actions.rollouts import (
    RESTARTED_AT,
    changes,
    fingerprint,
    is_complete,
    revision_of,
    settled_facts,
    what_changed,
    without_replicas,
)
from workers.triage.objects import Obj, annotations_of, name_of, spec_of, template_of

_CAUSE = "kubernetes.io/change-cause"


class _OfDeployment(Patching):
    def path(self, action: Action, target: Target | None, means: Means) -> str:
        return f"/apis/apps/v1/namespaces/{action.namespace}/deployments/{action.name}"

    def facts(self, action: Action, obj: Obj, means: Means) -> dict[str, Any]:
        return settled_facts(obj)

    def left(self, obj: Obj) -> str:
        return without_replicas(obj)

    def version(self, obj: Obj) -> str:
        return f"{revision_of(obj)}:{self.left(obj)}"  # a rollout forth and back leaves the same, and renumbers

    def change(self, before: Obj, after: Obj) -> Iterable[str]:
        return changes(before, after)

    def what_changed(self, target: Target, obj: Obj) -> str:
        return what_changed(target.facts, obj)

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return is_complete(means.cluster.get(self.path(action, target, means)))


def _rolls(deployment: Obj) -> None:
    """Raises: NotDone when it is paused."""
    if spec_of(deployment).get("paused"):
        name = name_of(deployment)
        raise NotDone(f"The rollouts of {name} are paused, so its pods would stay as they are; resume it first.",
                      "Paused")  # fmt: skip


class RestartDeployment(_OfDeployment):
    kind: ClassVar[ActionKind] = "restart_deployment"
    checks: ClassVar[tuple[str, ...]] = ("every pod is replaced and becomes ready",)

    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        _rolls(obj)
        held = annotations_of({"metadata": template_of(obj).get("metadata") or {}})
        value = {**held, RESTARTED_AT: utc_now().isoformat(timespec="seconds")}
        return Edit(({"op": "add", "path": "/spec/template/metadata/annotations", "value": value},))

    def done(self, action: Action, target: Target) -> str:
        return f"Restarted {action.name}, pod by pod."


class ScaleDeployment(_OfDeployment):
    kind: ClassVar[ActionKind] = "scale_deployment"
    checks: ClassVar[tuple[str, ...]] = ("as many pods as wanted are ready",)

    def left(self, obj: Obj) -> str:
        return fingerprint(spec_of(obj))  # here the number of replicas is what matters

    def facts(self, action: Action, obj: Obj, means: Means) -> dict[str, Any]:
        return {**settled_facts(obj), "autoscaler": _autoscaler(action, means)}

    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        wanted, autoscaler = int(action.params["replicas"]), target.facts.get("autoscaler")
        if wanted == spec_of(obj).get("replicas", 1):
            raise NotDone(f"{action.name} is set to {wanted} replicas already.", "NothingToDo")
        if autoscaler and not autoscaler["min"] <= wanted <= autoscaler["max"]:
            between = f"{autoscaler['min']} to {autoscaler['max']}"
            raise NotDone(
                f"The autoscaler {autoscaler['name']} keeps {action.name} at {between} replicas and would set it back; "
                "change the autoscaler instead.", "Autoscaled",
            )  # fmt: skip
        return _to_replicas(wanted)

    def done(self, action: Action, target: Target) -> str:
        return f"Scaled {action.name} from {target.facts['replicas']} to {action.params['replicas']} replicas."

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return f"scale back to {target.facts['replicas']}"

    def undo_edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        return _to_replicas(int(target.facts["replicas"]))

    def undone(self, action: Action, target: Target) -> str:
        return f"Scaled {action.name} back to {target.facts['replicas']} replicas."


def _to_replicas(number: int) -> Edit:
    return Edit(({"op": "add", "path": "/spec/replicas", "value": number},))


def _autoscaler(action: Action, means: Means) -> dict[str, Any] | None:
    """The autoscaler of a deployment: its name, and between how many replicas it keeps it."""
    resource = "horizontalpodautoscalers"
    version = next((v for v in ("v2", "v1") if means.cluster.serves(f"autoscaling/{v}", resource)), "v1")
    for each in means.cluster.items(f"/apis/autoscaling/{version}/namespaces/{action.namespace}/{resource}"):
        of = spec_of(each).get("scaleTargetRef") or {}
        if (of.get("kind"), of.get("name")) == ("Deployment", action.name):
            low, high = spec_of(each).get("minReplicas") or 1, spec_of(each).get("maxReplicas") or 1
            return {"name": name_of(each), "min": low, "max": high}
    return None


class RollbackDeployment(_OfDeployment):
    kind: ClassVar[ActionKind] = "rollback_deployment"
    checks: ClassVar[tuple[str, ...]] = ("every pod runs the older revision and becomes ready",)

    def facts(self, action: Action, obj: Obj, means: Means) -> dict[str, Any]:
        facts, kept = settled_facts(obj), _revisions(obj, means)
        wanted = action.params.get("revision")
        older = [number for number in kept if number < (facts["revision"] or 0)]
        if wanted is None and not older:
            raise Absent(f"an older revision of {action.name}", "the cluster keeps none, so there is no way back")
        to = int(wanted) if wanted is not None else max(older)
        if to not in kept:
            held = ", ".join(map(str, sorted(kept))) or "none"
            raise Absent(f"revision {to} of {action.name}", f"the cluster keeps {held}")
        return {**facts, "to": to}

    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        _rolls(obj)
        if target.facts["to"] == target.facts["revision"]:
            raise NotDone(f"{action.name} runs revision {target.facts['to']} already.", "NothingToDo")
        return _to_revision(obj, target.facts["to"], means)

    def done(self, action: Action, target: Target) -> str:
        return f"Rolled {action.name} back from revision {target.facts['revision']} to {target.facts['to']}."

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return f"roll forward to revision {target.facts['revision']}"

    def undo_edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        _rolls(obj)
        return _to_revision(obj, target.facts["revision"], means)

    def undone(self, action: Action, target: Target) -> str:
        return f"Rolled {action.name} forward to revision {target.facts['revision']} again."


def _revisions(deployment: Obj, means: Means) -> Mapping[int, Obj]:
    """Its ReplicaSets that the cluster still keeps, by revision."""
    path = f"/apis/apps/v1/namespaces/{deployment['metadata']['namespace']}/replicasets"
    labels = (spec_of(deployment).get("selector") or {}).get("matchLabels") or {}
    query = {"labelSelector": ",".join(f"{k}={v}" for k, v in sorted(labels.items()))} if labels else {}
    owners = {uid_of(deployment)}
    return {
        number: each
        for each in means.cluster.items(path, **query)
        if owners & {ref.get("uid") for ref in each["metadata"].get("ownerReferences") or ()}
        and (number := revision_of(each)) is not None
    }


def _to_revision(deployment: Obj, number: int, means: Means) -> Edit:
    """The pod template of that revision, as `kubectl rollout undo` takes it up again."""
    kept = _revisions(deployment, means).get(number)
    if kept is None:
        raise NotDone(f"The cluster no longer keeps revision {number} of {name_of(deployment)}.", "NoRevision")
    template = copy.deepcopy(template_of(kept))
    (template.get("metadata") or {}).get("labels", {}).pop("pod-template-hash", None)
    cause = {_CAUSE: annotations_of(kept).get(_CAUSE)}  # so that the history tells what runs
    return Edit(({"op": "replace", "path": "/spec/template", "value": template},), cause)
