"""One pod, deleted so that its controller makes another."""

from __future__ import annotations

from typing import Any, ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Absent, Changed, Conflict, Refused
from core.remediation import DryRun, Target
from workers.actions.base import Means, NotDone
from workers.actions.patching import uid_of
from workers.triage.objects import Obj, controller_of, is_leaving, spec_of, status_of

_OWNERS = {
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets/{}",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets/{}",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets/{}",
}


class RestartPod:
    """A pod is its uid: nobody changes one, and its replacement has another. So the uid is the only mark."""

    kind: ClassVar[ActionKind] = "restart_pod"
    checks: ClassVar[tuple[str, ...]] = ("the pod that replaces it becomes ready",)

    def prepare(self, action: Action, means: Means) -> Target:
        pod = means.cluster.get(_path(action))
        above = controller_of(pod)
        facts: dict[str, Any] = {"owner": list(above) if above else None, "node": spec_of(pod).get("nodeName")}
        return Target(uid=uid_of(pod), version=uid_of(pod), facts=facts)

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        try:
            _check(action, target)
            means.writer.delete(_path(action), uid=target.uid, dry_run=True)
        except Conflict:
            return DryRun(passed=False, says=_replaced(action))
        except Refused as error:
            return DryRun(passed=False, says=str(error))
        kind, name = target.facts["owner"]
        change = (f"pod {action.name} is deleted, and {kind} {name} makes another",)
        return DryRun(passed=True, says="The API server accepts it; nothing was changed.", change=change)

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        _check(action, target)
        done = f"Deleted pod {action.name}; {' '.join(target.facts['owner'])} makes another."
        try:
            pod = means.cluster.get(_path(action))
            if uid_of(pod) != target.uid:
                raise Changed(_replaced(action))
            if is_leaving(pod):
                return f"Pod {action.name} is on its way out already."
            means.writer.delete(_path(action), uid=target.uid)
        except Conflict as error:
            raise Changed(_replaced(action)) from error
        except Absent:
            return f"Pod {action.name} is gone already."
        except Refused as error:
            if error.code == "NotFound":
                return f"Pod {action.name} is gone already."
            raise
        return done

    def found(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        """Whether that pod is gone or going, by whomever."""
        pod = _pod(action, means)
        return pod is None or uid_of(pod) != target.uid or is_leaving(pod)

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        pod = _pod(action, means)
        if pod is not None and uid_of(pod) == target.uid:
            return False
        kind, name = target.facts["owner"]
        if kind not in _OWNERS:
            return None
        owner = means.cluster.get(_OWNERS[kind].format(action.namespace, name))
        status = status_of(owner)
        if kind == "DaemonSet":
            return bool(status.get("numberReady", 0) >= status.get("desiredNumberScheduled", 0))
        return bool(status.get("readyReplicas", 0) >= spec_of(owner).get("replicas", 1))

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return None

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        raise NotDone(f"Pod {action.name} is gone; its replacement stays.", "NoUndo")


def _path(action: Action) -> str:
    return f"/api/v1/namespaces/{action.namespace}/pods/{action.name}"


def _pod(action: Action, means: Means) -> Obj | None:
    try:
        return means.cluster.get(_path(action))
    except Absent:
        return None


def _check(action: Action, target: Target) -> None:
    """Raises: NotDone when nothing would make the pod anew."""
    owner = target.facts["owner"]
    if owner is None or owner[0] == "Node":
        raise NotDone(f"Pod {action.name} has no controller that would make another; restart it by hand.", "Unmanaged")


def _replaced(action: Action) -> str:
    return f"Pod {action.name} was replaced since this was proposed: another pod has its name."
