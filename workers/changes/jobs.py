"""Jobs that failed, by the cron job that made them."""

from __future__ import annotations

from datetime import datetime

from core.change_events import ChangeEvent
from workers.changes.damping import Run, go_on
from workers.changes.place import Place, said
from workers.triage.objects import Obj, condition, controller_of, is_true, moment, name_of, namespace_of


def failed_at(job: Obj) -> datetime | None:
    """When it failed for good; None when it did not."""
    if not is_true(job, "Failed"):
        return None
    return moment(condition(job, "Failed").get("lastTransitionTime")) or moment(
        job["metadata"].get("creationTimestamp")
    )


def series_of(job: Obj) -> str:
    """What its failures are told of: "CronJob/stock-sync", else the job itself."""
    owner = controller_of(job)
    return f"{owner[0]}/{owner[1]}" if owner and owner[0] == "CronJob" else f"Job/{name_of(job)}"


def failed(job: Obj, at: datetime, run: Run | None, place: Place) -> tuple[ChangeEvent, Run]:
    """That it failed, and the run of failures that this belongs to."""
    run = go_on(run, at, job["metadata"].get("uid"))
    why = condition(job, "Failed")
    reason = said(" ".join(filter(None, (why.get("reason"), why.get("message")))), 150) or "no reason given"
    first = f"{name_of(job)} failed" if run.times == 1 else f"{run.times} runs failed, the last {name_of(job)}"
    event = place.event(
        "failed", run.mark, kind="job_failed", target=series_of(job), namespace=namespace_of(job), at=run.first,
        title=f"{first}: {reason}",
    )  # fmt: skip
    return event, run
