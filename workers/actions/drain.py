"""A node drained: cordoned, then each pod asked to go through the Eviction API, which heeds disruption budgets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Conflict, Refused, SreError, Transient, Unclear
from core.remediation import DryRun, Target
from workers.actions.base import Means, NotDone
from workers.actions.nodes import OfNode, cordoned
from workers.actions.patching import Edit, uid_of
from workers.reach.touch import is_drained
from workers.triage.objects import (
    Obj,
    controller_of,
    is_leaving,
    listed,
    name_of,
    namespace_of,
    plural,
    spec_of,
)

WAIT_S = 120.0  # guessed: long enough for two pods in turn to be replaced and become ready elsewhere
_EVERY_S = 5.0  # as kubectl: between two tries to evict what a budget holds back


@dataclass
class _Round:
    """What became of the pods."""

    evicted: int = 0
    held: list[str] = field(default_factory=list)  # by a disruption budget, or by an API server that is too busy
    refused: dict[str, str] = field(default_factory=dict)  # with Kubernetes' reason
    left: int = 0  # not asked any more, because the bot was paused


class DrainNode(OfNode):
    kind: ClassVar[ActionKind] = "drain_node"
    checks: ClassVar[tuple[str, ...]] = ("no pods but those of DaemonSets are left on the node", "they run elsewhere")

    def facts(self, action: Action, obj: Obj, means: Means) -> dict[str, Any]:
        pods = sorted(_full_name(pod) for pod in _to_go(action.name, means))
        return {**super().facts(action, obj, means), "pods": pods}

    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        alone = [_full_name(pod) for pod in _to_go(action.name, means) if controller_of(pod) is None]
        if alone:
            what = (
                "have no controller and would not come back" if len(alone) > 1 else "has none and would not come back"
            )
            raise NotDone(f"Nothing was evicted: {listed(alone)} {what}; move them by hand first.", "Unmanaged")
        return cordoned(True)

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        """The cordon, and each eviction on its own: what one takes from a disruption budget, the next does not see."""
        tried = super().dry_run(action, target, means)
        if not tried.passed:
            return tried
        pods = list(_to_go(action.name, means))
        found = _evict(pods, _eviction_version(means), means, dry_run=True)
        if found.refused:
            reasons = ", ".join(sorted(set(found.refused.values())))
            what = f"{listed(found.refused)} may not be evicted by this account ({reasons})"
            return DryRun(passed=False, says=f"{what}; allow it, or drain the node by hand.")
        says = "The API server accepts it; nothing was changed."
        if found.held:
            says = f"Disruption budgets hold back {listed(found.held)} now; I wait {WAIT_S:.0f} s for them at most."
        return DryRun(passed=True, says=says, change=(*tried.change, *(_leaves(pod) for pod in pods)))

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        """Once the node is cordoned nothing raises but Unclear: what was evicted is evicted, and is told."""
        found = self.found(action, target, action_id, means)
        said = super().execute(action, target, action_id, means)
        return said if found else _drained(action.name, means)

    def done(self, action: Action, target: Target) -> str:
        return f"Cordoned {action.name} and asked its pods to go."

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return not any(True for _ in _on_node(action.name, means))

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return None if target.facts["cordoned"] else "uncordon it; pods that left do not come back by themselves"

    def undo_edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        if target.facts["cordoned"]:
            raise NotDone(f"{action.name} was cordoned before the drain, so it stays cordoned.", "NothingToDo")
        return cordoned(False)

    def undone(self, action: Action, target: Target) -> str:
        return f"Uncordoned {action.name} again; pods that left stay where they are."


def _on_node(node: str, means: Means) -> Iterator[Obj]:
    """The pods that a drain moves, those on their way out included."""
    for pod in means.cluster.items("/api/v1/pods", fieldSelector=f"spec.nodeName={node}"):
        if is_drained(pod):
            yield pod


def _to_go(node: str, means: Means) -> Iterator[Obj]:
    return (pod for pod in _on_node(node, means) if not is_leaving(pod))


def _drained(node: str, means: Means) -> str:
    """Evict until none is left or the time is up. Raises: Unclear."""
    deadline = time.monotonic() + WAIT_S
    evicted = 0
    try:
        version = _eviction_version(means)
        while True:
            now = _evict(list(_to_go(node, means)), version, means)
            evicted += now.evicted
            if not now.held or now.left or time.monotonic() + _EVERY_S > deadline:
                break
            time.sleep(_EVERY_S)
    except Unclear:
        raise
    except SreError as error:  # the node is cordoned, so this is no failure without effect
        return f"Cordoned {node} and evicted {plural(evicted, 'pod')}; then it broke off: {error}"
    stay = []
    if now.left:
        stay.append(f"{plural(now.left + len(now.held), 'pod')} stayed: the bot was paused")
    elif now.held:
        stay.append(f"{listed(now.held)} stayed: a disruption budget held them back for {WAIT_S:.0f} s")
    if now.refused:
        reasons = ", ".join(sorted(set(now.refused.values())))
        stay.append(f"{listed(now.refused)} stayed: Kubernetes refused ({reasons})")
    return "; ".join([f"Cordoned {node} and evicted {plural(evicted, 'pod')}", *stay]) + (
        "; the drain is not complete." if stay else "."
    )


def _evict(pods: list[Obj], version: str, means: Means, dry_run: bool = False) -> _Round:
    """One try at each. Raises: Unclear, Unreachable."""
    found = _Round()
    for place, pod in enumerate(pods):
        if not dry_run and means.stopped():
            found.left = len(pods) - place
            break
        name, namespace = name_of(pod), namespace_of(pod)
        body = {
            "apiVersion": version, "kind": "Eviction", "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid_of(pod)}, **({"dryRun": ["All"]} if dry_run else {})},
        }  # fmt: skip
        try:
            means.writer.create(f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body, dry_run=dry_run)
            found.evicted += 1
        except Conflict:
            continue  # another pod of that name by now: a StatefulSet's, which is not to go
        except Transient:
            found.held.append(_full_name(pod))
        except Refused as error:
            if error.code != "NotFound":  # gone by itself
                found.refused[_full_name(pod)] = error.code
    return found


def _eviction_version(means: Means) -> str:
    """As the API server says: policy/v1, or policy/v1beta1 before Kubernetes 1.22."""
    for resource in means.cluster.get("/api/v1").get("resources") or ():
        if resource.get("name") == "pods/eviction" and resource.get("group"):
            return f"{resource['group']}/{resource['version']}"
    return "policy/v1"


def _full_name(pod: Obj) -> str:
    return f"{namespace_of(pod)}/{name_of(pod)}"


def _leaves(pod: Obj) -> str:
    local = any("emptyDir" in volume for volume in spec_of(pod).get("volumes") or ())
    return f"{_full_name(pod)} leaves{', and loses what it keeps in an emptyDir' if local else ''}"
