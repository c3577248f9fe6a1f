"""Limits of one container of a Deployment or a StatefulSet; always on a person's word."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Absent
from core.remediation import Target
from workers.actions.base import Means, NotDone
from workers.actions.patching import Edit, Patching
from workers.actions.rollouts import changes, is_complete, revision_of, settled_facts, what_changed, without_replicas
from workers.triage.objects import Obj, spec_of, template_of

_LIMITS = {"memory_limit": "memory", "cpu_limit": "cpu"}


class SetResources(Patching):
    kind: ClassVar[ActionKind] = "set_resources"
    checks: ClassVar[tuple[str, ...]] = ("every pod is replaced and becomes ready",)

    def path(self, action: Action, target: Target | None, means: Means) -> str:
        base = f"/apis/apps/v1/namespaces/{action.namespace}"
        if target is not None:
            return f"{base}/{target.facts['resource']}/{action.name}"
        try:
            means.cluster.get(f"{base}/deployments/{action.name}")
        except Absent:
            return f"{base}/statefulsets/{action.name}"
        return f"{base}/deployments/{action.name}"

    def facts(self, action: Action, obj: Obj, means: Means) -> dict[str, Any]:
        _, container = _container(action, obj)
        resource = "statefulsets" if obj.get("kind") == "StatefulSet" else "deployments"
        return {**settled_facts(obj), "resource": resource, "resources": container.get("resources") or {}}

    def left(self, obj: Obj) -> str:
        return without_replicas(obj)

    def version(self, obj: Obj) -> str:
        return f"{revision_of(obj)}:{self.left(obj)}"

    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        resources = copy.deepcopy(target.facts["resources"])
        wanted = {_LIMITS[key]: value for key, value in action.params.items() if key in _LIMITS}
        resources["limits"] = {**(resources.get("limits") or {}), **wanted}
        if resources == target.facts["resources"]:
            raise NotDone(f"Container {action.params['container']} has these limits already.", "NothingToDo")
        return _with(action, obj, resources)

    def done(self, action: Action, target: Target) -> str:
        return f"Set the limits of container {action.params['container']} of {action.name}; its pods are replaced."

    def change(self, before: Obj, after: Obj) -> Iterable[str]:
        return changes(before, after)

    def what_changed(self, target: Target, obj: Obj) -> str:
        return what_changed(target.facts, obj)

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return is_complete(means.cluster.get(self.path(action, target, means)))

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return "set the limits back as they were"

    def undo_edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        return _with(action, obj, target.facts["resources"])

    def undone(self, action: Action, target: Target) -> str:
        return f"Set the limits of container {action.params['container']} of {action.name} back as they were."


def _container(action: Action, workload: Obj) -> tuple[int, Obj]:
    """Its place in the template. Raises: Absent."""
    containers = spec_of(template_of(workload)).get("containers") or []
    names = [str(each.get("name")) for each in containers]
    wanted = str(action.params["container"])
    if wanted not in names:
        raise Absent(f"container {wanted} of {action.name}", f"it has {', '.join(names)}")
    return names.index(wanted), containers[names.index(wanted)]


def _with(action: Action, workload: Obj, resources: Obj) -> Edit:
    place, _ = _container(action, workload)
    path = f"/spec/template/spec/containers/{place}/resources"
    return Edit(({"op": "add", "path": path, "value": resources},))
