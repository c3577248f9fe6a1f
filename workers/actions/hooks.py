"""Credentials rotated and traffic shifted, by a job that the team wrote: a suspended CronJob marked as such a hook."""

from __future__ import annotations

from typing import ClassVar

from core.diagnosis import Action, ActionKind
from core.errors import ToolError
from workers.actions.base import Means
from workers.actions.jobs import Starting, cron_jobs, from_cron_job
from workers.triage.objects import Obj, annotations_of, containers_of, spec_of, template_of

HOOK = "sre-bot.io/hook"  # the annotation by which the team says what a CronJob is for


class _Hook(Starting):
    def source(self, action: Action, means: Means) -> Obj:
        name = str(action.params["template"])
        found = means.cluster.get(f"{cron_jobs(action.namespace, means)}/{name}")
        what = f"the hook {action.namespace}/{name}"
        if annotations_of(found).get(HOOK) != self.kind:
            raise ToolError(what, f"that CronJob is not marked as one: annotate it with {HOOK}: {self.kind}")
        if not spec_of(found).get("suspend"):
            raise ToolError(what, "that CronJob also runs by the clock: set its spec.suspend to true")
        return found

    def made(self, action: Action, source: Obj, means: Means) -> Obj:
        job = from_cron_job(source)
        given = self.environment(action)
        for container in containers_of(spec_of(template_of(job))):
            kept = [each for each in container.get("env") or () if each.get("name") not in given]
            container["env"] = [*kept, *({"name": name, "value": value} for name, value in given.items())]
        return job

    def environment(self, action: Action) -> dict[str, str]:
        """What the job is told; it overrides variables of the same name."""
        return {"SRE_TARGET": action.name}

    def more(self, action: Action) -> tuple[str, ...]:
        return tuple(f"{name} is {value}" for name, value in self.environment(action).items())


class RotateCredentials(_Hook):
    kind: ClassVar[ActionKind] = "rotate_credentials"

    def done(self, action: Action, name: str) -> str:
        return f"Started job {name}, which rotates the credentials of {action.name}."


class ShiftTraffic(_Hook):
    kind: ClassVar[ActionKind] = "shift_traffic"

    def environment(self, action: Action) -> dict[str, str]:
        return {**super().environment(action), "SRE_TO": str(action.params["to"])}

    def done(self, action: Action, name: str) -> str:
        return f"Started job {name}, which shifts the traffic of {action.name} to {action.params['to']}."
