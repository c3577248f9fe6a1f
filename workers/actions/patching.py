"""What all actions that patch one object share: the preconditions, the mark, the single write, and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Changed, Conflict, Refused, Transient
from core.remediation import DryRun, Target
from workers.actions.base import LEFT, MARK, Means, NotDone
from workers.triage.objects import Obj, annotations_of, name_of

_TRIES = 5  # a rollout under way moves the status several times a second


@dataclass(frozen=True)
class Edit:
    """What is changed of an object: JSON patch operations on its spec, and annotations (None removes one)."""

    operations: tuple[dict[str, Any], ...]
    annotations: dict[str, str | None] = field(default_factory=dict)


class Patching(ABC):
    """Implements workers.actions.base.Act but for what differs between kinds."""

    kind: ClassVar[ActionKind]
    checks: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def path(self, action: Action, target: Target | None, means: Means) -> str:
        """Where the object is; `target` is None when it is looked at for the first time."""

    @abstractmethod
    def facts(self, action: Action, obj: Obj, means: Means) -> dict[str, Any]: ...

    @abstractmethod
    def left(self, obj: Obj) -> str:
        """The part of what it should be that this action depends on; changes when somebody changes that."""

    @abstractmethod
    def edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        """Raises: NotDone, ToolError."""

    @abstractmethod
    def done(self, action: Action, target: Target) -> str:
        """What was done, as one sentence."""

    @abstractmethod
    def change(self, before: Obj, after: Obj) -> Iterable[str]:
        """What differs, one phrase each."""

    @abstractmethod
    def what_changed(self, target: Target, obj: Obj) -> str:
        """What somebody did since it was prepared: "revision 19 is rolling out"."""

    def version(self, obj: Obj) -> str:
        return self.left(obj)

    def undo_edit(self, action: Action, target: Target, obj: Obj, means: Means) -> Edit:
        raise NotDone(f"This cannot be taken back: {action.kind} of {action.name}.", "NoUndo")

    def undone(self, action: Action, target: Target) -> str:
        return f"Took back what was done to {action.name}."

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return None

    def prepare(self, action: Action, means: Means) -> Target:
        obj = means.cluster.get(self.path(action, None, means))
        return Target(uid=uid_of(obj), version=self.version(obj), facts=self.facts(action, obj, means))

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        path = self.path(action, target, means)
        obj = means.cluster.get(path)
        try:
            self._compare(target, obj)
            edit = self.edit(action, target, obj, means)
            after = means.writer.patch(path, _patch(obj, edit, {MARK: "dry-run"}), json_patch=True, dry_run=True)
        except (Refused, Changed) as error:
            return DryRun(passed=False, says=str(error))
        except Conflict as error:
            raise Transient(f"{name_of(obj)} changed while it was tried; look again in a moment.") from error
        change = tuple(self.change(obj, after))
        return DryRun(passed=True, says="The API server accepts it; nothing was changed.", change=change)

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        if self._write(action, target, means, action_id, self.edit, lambda obj: self._compare(target, obj)):
            return self.done(action, target)
        return f"{self.done(action, target)[:-1]}, as {action_id} had done already."

    def found(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        obj = means.cluster.get(self.path(action, target, means))
        if uid_of(obj) != target.uid:
            return None
        if annotations_of(obj).get(MARK) in (action_id, _undone(action_id)):
            return True
        return False if self.version(obj) == target.version else None

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        def still_ours(obj: Obj) -> None:
            held = annotations_of(obj)
            if (uid_of(obj), held.get(MARK), held.get(LEFT)) != (target.uid, action_id, self.left(obj)):
                raise Changed(f"{action.name} was changed again after {action_id}; what it is now is left as it is.")

        self._write(action, target, means, _undone(action_id), self.undo_edit, still_ours)
        return self.undone(action, target)

    def _write(
        self, action: Action, target: Target, means: Means, mark: str,
        edit_of: Callable[[Action, Target, Obj, Means], Edit], check: Callable[[Obj], None],
    ) -> bool:  # fmt: skip
        """Whether it was written now; False when the object carries the mark already. A conflict says that nothing was
        written, so it is looked at again: if the object still is what it was, only its status moved."""
        path = self.path(action, target, means)
        for _ in range(_TRIES):
            obj = means.cluster.get(path)
            if annotations_of(obj).get(MARK) in (mark, _undone(mark)) and uid_of(obj) == target.uid:
                return False
            check(obj)
            edit = edit_of(action, target, obj, means)
            try:
                # As the server would store it, with its defaults and what admission adds.
                would = means.writer.patch(path, _patch(obj, edit, {MARK: mark}), json_patch=True, dry_run=True)
                marks = {MARK: mark, LEFT: self.left(would)}
                means.writer.patch(path, _patch(obj, edit, marks), json_patch=True)
            except Conflict:
                continue
            return True
        raise Transient(f"The status of {action.name} moves faster than it can be written.")

    def _compare(self, target: Target, obj: Obj) -> None:
        """Raises: Changed."""
        if uid_of(obj) != target.uid:
            raise Changed(f"{name_of(obj)} was deleted and made anew since this was proposed.")
        if self.version(obj) != target.version:
            raise Changed(f"{name_of(obj)} changed since this was proposed: {self.what_changed(target, obj)}.")


def uid_of(obj: Obj) -> str:
    return str(obj["metadata"].get("uid", ""))


def _undone(action_id: str) -> str:
    return f"{action_id}-undone"


def _patch(obj: Obj, edit: Edit, marks: dict[str, str]) -> list[dict[str, Any]]:
    """The edit with the marks, under the version of the object that was read."""
    held = {**annotations_of(obj), **edit.annotations, **marks}
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": obj["metadata"]["resourceVersion"]},
        {"op": "add", "path": "/metadata/annotations", "value": {k: v for k, v in held.items() if v is not None}},
        *edit.operations,
    ]
