"""What every action has. One class a kind; each reads, tries and does exactly one thing, and leaves its mark on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from core.diagnosis import Action, ActionKind
from core.errors import Refused
from core.remediation import DryRun, Target
from core.settings import Settings
from workers.ports import Cluster, Releases, Silences, Writer

MARK = "sre-bot.io/action"  # the annotation that holds the id of the last action done to an object
LEFT = "sre-bot.io/left"  # the annotation that holds how it was left, so that undo notices who came after


class NotDone(Refused):
    """What was asked for is not done to this target; `sentence` says why and what to do instead."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence, code)
        self.args = (sentence,)


@dataclass(frozen=True)
class Means:
    """What an action works with, all of it with the operator's own credentials."""

    settings: Settings
    cluster: Cluster
    writer: Writer
    silences: Silences | None  # None without an Alertmanager
    releases: Releases | None = None  # None without Helm
    stopped: Callable[[], bool] = lambda: False  # whether the bot was paused; asked between the steps of a long action


class Act(Protocol):
    """One kind of action.

    Reads raise ToolError (Absent, Forbidden) and Unreachable; `prepare` and `dry_run` also Transient, while the target
    is in motion. Writes raise Changed when a precondition no longer holds, Refused when the server says no, Transient
    when it said "later" before it did anything, Unreachable when nothing was sent, and Unclear when nobody knows.
    """

    kind: ClassVar[ActionKind]
    checks: ClassVar[tuple[str, ...]]  # what is looked at afterwards: "its pods become ready"

    def prepare(self, action: Action, means: Means) -> Target:
        """The target as it is now, with what `execute` and `undo` need to know. Reads only."""
        ...

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        """Ask the server to do it without doing it (`dryRun=All`), and say what would change."""
        ...

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        """Do it, once, under the preconditions of `target`, with `action_id` written on what it changes.

        Returns: one sentence on what was done. Doing it again with the same id does nothing more.
        """
        ...

    def found(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        """Whether it was done under this id, as the cluster shows; None when that cannot be told."""
        ...

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        """Whether what it started is complete (the rollout, the drain, the job); None when there is nothing to wait
        for."""
        ...

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        """A phrase, such as "roll forward to revision 18"; None when it cannot be undone."""
        ...

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        """Take back what `execute` did under `action_id`, if nobody changed the target since. Raises Changed then.

        Returns: one sentence on what was done.
        """
        ...
