"""A Helm release rolled back, by Helm itself; without Helm, the command for a person."""

from __future__ import annotations

from shlex import quote
from typing import ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Absent, Changed, Refused
from core.remediation import DryRun, Target
from workers.actions.base import Means, NotDone
from workers.actions.rollouts import is_complete
from workers.ports import Release, Releases
from workers.triage.objects import annotations_of

_RESOURCES = ("deployments", "statefulsets")


class RollbackRelease:
    """Helm writes no mark of ours: the next revision, described as a rollback to ours, is the sign."""

    kind: ClassVar[ActionKind] = "rollback_release"
    checks: ClassVar[tuple[str, ...]] = ("the workloads of the release become ready",)

    def prepare(self, action: Action, means: Means) -> Target:
        """Without Helm there is nothing to read; the dry run then says what a person does."""
        if means.releases is None:
            return Target(uid=_uid(action), version="")
        history = means.releases.history(action.namespace, action.name)
        now, to = history[-1], _wanted(action, history)
        facts = {"revision": now.revision, "to": to.revision, "chart": now.chart, "to_chart": to.chart,
                 "app": now.app_version, "to_app": to.app_version}  # fmt: skip
        return Target(uid=_uid(action), version=f"{now.revision}:{now.status}", facts=facts)

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        if means.releases is None:
            return DryRun(passed=False, says=f"There is no helm here; a person runs: {_command(action)}")
        try:
            self._check(action, target, means.releases)
            means.releases.rollback(action.namespace, action.name, int(target.facts["to"]), dry_run=True)
        except (Refused, Changed) as error:
            return DryRun(passed=False, says=f"{str(error).rstrip('.')}. By hand: {_command(action)}")
        facts = target.facts
        change = [f"release {action.name}, revision {facts['revision']} → {facts['to']}"]
        change += [f"chart {facts['chart']} → {facts['to_chart']}"] * (facts["chart"] != facts["to_chart"])
        change += [f"app version {facts['app']} → {facts['to_app']}"] * (facts["app"] != facts["to_app"])
        return DryRun(passed=True, says="Helm accepts it; nothing was changed.", change=tuple(change))

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        releases = _helm(action, means)
        done = f"Rolled release {action.name} back from revision {target.facts['revision']} to {target.facts['to']}."
        if self.found(action, target, action_id, means):
            return f"Release {action.name} was rolled back to revision {target.facts['to']} already."
        self._check(action, target, releases)
        releases.rollback(action.namespace, action.name, int(target.facts["to"]))
        return done

    def found(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        last = _helm(action, means).history(action.namespace, action.name)[-1]
        if last.revision == target.facts["revision"]:
            return False
        ours = (target.facts["revision"] + 1, f"Rollback to {target.facts['to']}", "deployed")
        return True if (last.revision, last.description, last.status) == ours else None

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        ready = [
            is_complete(workload)
            for resource in _RESOURCES
            for workload in means.cluster.items(f"/apis/apps/v1/namespaces/{action.namespace}/{resource}")
            if annotations_of(workload).get("meta.helm.sh/release-name") == action.name
        ]
        return all(ready) if ready else None

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return f"roll forward to revision {target.facts['revision']}" if target.facts else None

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        if not self.found(action, target, action_id, means):
            raise Changed(f"Release {action.name} was changed again after {action_id}; it is left as it is.")
        _helm(action, means).rollback(action.namespace, action.name, int(target.facts["revision"]))
        return f"Rolled release {action.name} forward to revision {target.facts['revision']} again."

    def _check(self, action: Action, target: Target, releases: Releases) -> None:
        """Raises: Changed, NotDone."""
        now = releases.history(action.namespace, action.name)[-1]
        if f"{now.revision}:{now.status}" != target.version:
            raise Changed(f"{action.name} changed since this was proposed: revision {now.revision} is {now.status}.")
        if now.status.startswith("pending"):
            raise NotDone(f"Another Helm operation on {action.name} is under way ({now.status}).", "Pending")
        if now.revision == target.facts["to"]:
            raise NotDone(f"{action.name} is at revision {now.revision} already.", "NothingToDo")


def _wanted(action: Action, history: tuple[Release, ...]) -> Release:
    """The revision that is named, else the last before the present one that was well. Raises: Absent."""
    number = action.params.get("revision")
    older = [each for each in history[:-1] if each.status in ("superseded", "deployed")]
    found = [each for each in history if each.revision == number] if number else older[-1:]
    if not found:
        what = f"revision {number}" if number else "an older revision"
        raise Absent(f"{what} of release {action.name}", "Helm keeps none")
    return found[0]


def _helm(action: Action, means: Means) -> Releases:
    if means.releases is None:
        raise NotDone(f"There is no helm here; a person runs: {_command(action)}", "NoHelm")
    return means.releases


def _uid(action: Action) -> str:
    return f"release:{action.namespace}/{action.name}"


def _command(action: Action) -> str:
    revision = f" {action.params['revision']}" if action.params.get("revision") else ""
    return f"helm rollback {quote(action.name)}{revision} --namespace {quote(action.namespace)}"
