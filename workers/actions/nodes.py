"""Nodes: closed to new pods, and opened again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from core.diagnosis import Action, ActionKind
from core.remediation import Target
from workers.actions.base import Means, NotDone
from workers.actions.patching import Edit, Patching
from workers.triage.objects import Obj, spec_of


class OfNode(Patching):
    """An action on a node's `unschedulable`, which is all of it that people set and that this depends on."""

    def path(self, action: Action, target: Target | None, means: Means) -> str:
        return f"/api/v1/nodes/{action.name}"

    def facts(self, action: Action, obj: Obj, means: Means) -> dict[str, Any]:
        return {"cordoned": is_cordoned(obj)}

    def left(self, obj: Obj) -> str:
        return "cordoned" if is_cordoned(obj) else "open"

    def change(self, before: Obj, after: Obj) -> Iterable[str]:
        if is_cordoned(before) != is_cordoned(after):
            yield "the node takes no new pods" if is_cordoned(after) else "the node takes new pods again"

    def what_changed(self, target: Target, obj: Obj) -> str:
        return "it was cordoned" if is_cordoned(obj) else "it was uncordoned"

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return None


class CordonNode(OfNode):
    kind: ClassVar[ActionKind] = "cordon_node"
    checks: ClassVar[tuple[str, ...]] = ("the node takes no new pods",)

    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        if is_cordoned(obj):
            raise NotDone(f"{action.name} is cordoned already.", "NothingToDo")
        return cordoned(True)

    def done(self, action: Action, target: Target) -> str:
        return f"Cordoned {action.name}; its pods stay, and no new ones come."

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return "uncordon it"

    def undo_edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        return cordoned(False)

    def undone(self, action: Action, target: Target) -> str:
        return f"Uncordoned {action.name} again."


class UncordonNode(OfNode):
    kind: ClassVar[ActionKind] = "uncordon_node"
    checks: ClassVar[tuple[str, ...]] = ("the node takes new pods",)

    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        if not is_cordoned(obj):
            raise NotDone(f"{action.name} is not cordoned.", "NothingToDo")
        return cordoned(False)

    def done(self, action: Action, target: Target) -> str:
        return f"Uncordoned {action.name}; it takes new pods."

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return "cordon it again"

    def undo_edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        return cordoned(True)

    def undone(self, action: Action, target: Target) -> str:
        return f"Cordoned {action.name} again."


def is_cordoned(node: Obj) -> bool:
    return bool(spec_of(node).get("unschedulable"))


def cordoned(wanted: bool) -> Edit:
    return Edit(({"op": "add", "path": "/spec/unschedulable", "value": wanted},))
