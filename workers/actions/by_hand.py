"""What the bot never does, whoever approves: it says which command a person runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from shlex import quote
from typing import ClassVar

from core.diagnosis import Action, ActionKind
from core.remediation import DryRun, Target
from workers.actions.base import Means, NotDone


class _ByHand(ABC):
    """Reads nothing either: the operator has no rights to look at what it has no rights to delete."""

    kind: ClassVar[ActionKind]
    checks: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def command(self, action: Action) -> str: ...

    def prepare(self, action: Action, means: Means) -> Target:
        return Target(uid=f"{self.kind}:{action.namespace}/{action.name}", version="")

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        return DryRun(passed=False, says=self._says(action))

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        raise NotDone(self._says(action), "ByHand")

    def found(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return False

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        return None

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return None

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        raise NotDone(self._says(action), "ByHand")

    def _says(self, action: Action) -> str:
        return f"I never do this; a person does, with: {self.command(action)}"


class DeleteNamespace(_ByHand):
    kind: ClassVar[ActionKind] = "delete_namespace"

    def command(self, action: Action) -> str:
        return f"kubectl delete namespace {quote(action.name)}"


class UninstallRelease(_ByHand):
    kind: ClassVar[ActionKind] = "uninstall_release"

    def command(self, action: Action) -> str:
        return f"helm uninstall {quote(action.name)} --namespace {quote(action.namespace)}"
