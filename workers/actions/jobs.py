"""Jobs started from a template that is already in the cluster, under a name made from the action's id."""

from __future__ import annotations

import copy
import re
from abc import ABC, abstractmethod
from typing import ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import Absent, Changed, Conflict, Refused
from core.remediation import DryRun, Target
from workers.actions.base import MARK, Means, NotDone
from workers.actions.patching import uid_of
from workers.actions.rollouts import fingerprint
from workers.triage.objects import Obj, annotations_of, containers_of, is_true, labels_of, name_of, spec_of, template_of

LONGEST_NAME = 63  # a job's name is a label of its pods
# What the job controller writes into each job; a new one gets its own.
_GIVEN_LABELS = frozenset({"controller-uid", "job-name", "batch.kubernetes.io/controller-uid",
                           "batch.kubernetes.io/job-name"})  # fmt: skip


class Starting(ABC):
    """Implements workers.actions.base.Act but for where the template is."""

    kind: ClassVar[ActionKind]
    checks: ClassVar[tuple[str, ...]] = ("the job completes",)

    @abstractmethod
    def source(self, action: Action, means: Means) -> Obj:
        """The object that holds the template. Raises: ToolError."""

    @abstractmethod
    def made(self, action: Action, source: Obj, means: Means) -> Obj:
        """The new job without its name and mark. Raises: NotDone, ToolError."""

    @abstractmethod
    def done(self, action: Action, name: str) -> str: ...

    def prepare(self, action: Action, means: Means) -> Target:
        source = self.source(action, means)
        spec = spec_of(spec_of(source).get("jobTemplate") or source)
        facts = {"from": f"{source['kind']}/{name_of(source)}", "vanishes": "ttlSecondsAfterFinished" in spec}
        return Target(uid=uid_of(source), version=_version(source), facts=facts)

    def dry_run(self, action: Action, target: Target, means: Means) -> DryRun:
        try:
            job = self._new(action, target, "dry-run", means)
            after = means.writer.create(_jobs(action), job, dry_run=True)
        except (Refused, Changed) as error:
            return DryRun(passed=False, says=str(error))
        except Conflict:
            return DryRun(passed=False, says=f"There is a job {job['metadata']['name']} already; delete it.")
        images = ", ".join(str(each.get("image")) for each in containers_of(spec_of(template_of(after))))
        change = (f"a job from {target.facts['from']} runs {images}", *self.more(action))
        return DryRun(passed=True, says="The API server accepts it; nothing was changed.", change=change)

    def more(self, action: Action) -> tuple[str, ...]:
        """What else a person should know of the new job."""
        return ()

    def execute(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        name = _name(target, action_id)
        if self.found(action, target, action_id, means):
            return f"Job {name} was started by {action_id} already."
        try:
            means.writer.create(_jobs(action), self._new(action, target, action_id, means))
        except Conflict as error:
            if self.found(action, target, action_id, means):
                return self.done(action, name)
            raise Changed(f"Another job has the name {name} already.") from error
        return self.done(action, name)

    def found(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        job = _find(action, _name(target, action_id), means)
        if job is None:
            return None if target.facts["vanishes"] else False
        return True if annotations_of(job).get(MARK) == action_id else None

    def settled(self, action: Action, target: Target, action_id: str, means: Means) -> bool | None:
        job = _find(action, _name(target, action_id), means)
        return None if job is None else is_true(job, "Complete")

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return None

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        raise NotDone("What the job has done stays done.", "NoUndo")

    def _new(self, action: Action, target: Target, action_id: str, means: Means) -> Obj:
        """Raises: Changed, NotDone, ToolError."""
        source = self.source(action, means)
        if uid_of(source) != target.uid:
            raise Changed(f"{target.facts['from']} was deleted and made anew since this was proposed.")
        if _version(source) != target.version:
            raise Changed(f"{target.facts['from']} was edited since this was proposed.")
        job = self.made(action, source, means)
        job["metadata"]["name"] = _name(target, action_id)
        job["metadata"]["namespace"] = action.namespace
        job["metadata"]["annotations"] = {**annotations_of(job), MARK: action_id}
        return job


class RerunJob(Starting):
    """The same job again, as a new object: what has ended is left for people to look at."""

    kind: ClassVar[ActionKind] = "rerun_job"

    def source(self, action: Action, means: Means) -> Obj:
        return means.cluster.get(f"{_jobs(action)}/{action.name}")

    def made(self, action: Action, source: Obj, means: Means) -> Obj:
        if not is_true(source, "Complete") and not is_true(source, "Failed"):
            raise NotDone(f"Job {action.name} has not ended, so it is not run a second time.", "StillRunning")
        spec = copy.deepcopy(spec_of(source))
        spec.pop("selector", None)
        spec.pop("manualSelector", None)
        spec.pop("suspend", None)
        meta = template_of({"spec": spec}).get("metadata") or {}
        meta["labels"] = {k: v for k, v in (meta.get("labels") or {}).items() if k not in _GIVEN_LABELS}
        labels = {k: v for k, v in labels_of(source).items() if k not in _GIVEN_LABELS}
        owners = _living_owners(source, means)
        return _job({"labels": labels, "ownerReferences": owners}, spec)

    def done(self, action: Action, name: str) -> str:
        return f"Started job {name}, the same as {action.name}."

    def how_to_undo(self, action: Action, target: Target) -> str | None:
        return "delete the new job and its pods"

    def undo(self, action: Action, target: Target, action_id: str, means: Means) -> str:
        name = _name(target, action_id)
        job = _find(action, name, means)
        if job is None or annotations_of(job).get(MARK) != action_id:
            raise Changed(f"Job {name} is gone; there is nothing to take back.")
        try:
            means.writer.delete(f"{_jobs(action)}/{name}", uid=uid_of(job))
        except Conflict as error:
            raise Changed(f"Another job has the name {name} by now.") from error
        return f"Deleted job {name} and its pods."


def _job(meta: Obj, spec: Obj) -> Obj:
    """As `kubectl create job --from` makes it."""
    annotations = {"cronjob.kubernetes.io/instantiate": "manual"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {**meta, "annotations": annotations}, "spec": spec}


def from_cron_job(cron_job: Obj) -> Obj:
    """A job from a cron job's template, owned by it."""
    template = spec_of(cron_job).get("jobTemplate") or {}
    owner = {"apiVersion": cron_job["apiVersion"], "kind": "CronJob", "name": name_of(cron_job),
             "uid": uid_of(cron_job), "controller": True}  # fmt: skip
    labels = (template.get("metadata") or {}).get("labels") or {}
    return _job({"labels": dict(labels), "ownerReferences": [owner]}, copy.deepcopy(spec_of(template)))


def cron_jobs(namespace: str, means: Means) -> str:
    """Their path, in the version that this API serves."""
    version = next((v for v in ("v1", "v1beta1") if means.cluster.serves(f"batch/{v}", "cronjobs")), "v1")
    return f"/apis/batch/{version}/namespaces/{namespace}/cronjobs"


def _living_owners(job: Obj, means: Means) -> list[Obj]:
    """Its owners that are still there: a job that names one that is gone would be deleted at once. Not blocking their
    deletion, which would need more rights."""
    kept = []
    for reference in job["metadata"].get("ownerReferences") or ():
        if reference.get("kind") != "CronJob":
            continue
        try:
            owner = means.cluster.get(f"{cron_jobs(job['metadata']['namespace'], means)}/{reference['name']}")
        except Absent:
            continue
        if uid_of(owner) == reference.get("uid"):
            kept.append({k: v for k, v in reference.items() if k != "blockOwnerDeletion"})
    return kept


def _jobs(action: Action) -> str:
    return f"/apis/batch/v1/namespaces/{action.namespace}/jobs"


def _find(action: Action, name: str, means: Means) -> Obj | None:
    try:
        return means.cluster.get(f"{_jobs(action)}/{name}")
    except Absent:
        return None


def _name(target: Target, action_id: str) -> str:
    """The template's name and the action's id; the same each time."""
    suffix = re.sub("[^a-z0-9]+", "-", action_id.lower()).strip("-")
    base = str(target.facts["from"]).partition("/")[2][: LONGEST_NAME - 1 - len(suffix)].rstrip(".-")
    return f"{base}-{suffix}"


def _version(source: Obj) -> str:
    return fingerprint(spec_of(source))
