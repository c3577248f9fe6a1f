"""Rules about jobs and cron jobs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from workers.triage.containers import death
from workers.triage.draft import Draft, Severity, events_source, object_source
from workers.triage.objects import (
    Key,
    Obj,
    condition,
    containers_of,
    created_at,
    is_leaving,
    is_true,
    key_of,
    moment,
    name_of,
    namespace_of,
    sentence,
    since_s,
    spec_of,
    status_of,
    statuses_of,
    template_of,
)
from workers.triage.schedule import complaint
from workers.triage.snapshot import Snapshot

OLD_S = 86_400  # a failure that nobody cleaned up for a day wakes nobody
_DEFAULT_BACKOFF_LIMIT = 6  # of the API
# "report-28391040", "migrate-v1.4.2", "import-x7k2p": runs of one thing, told apart by their endings.
_RUN = re.compile(r"-(?:v?\d[\w.-]*|[bcdfghjklmnpqrstvwxz2456789]{5})$")
_INVALID = ("UnparseableCronJobSchedule", "UnparseableSchedule", "InvalidSchedule", "UnknownTimeZone",
            "TooManyMissedTimes", "FailedNeedsStart")  # fmt: skip


def settled_jobs(snap: Snapshot) -> frozenset[Key]:
    """Jobs whose failures no longer matter: they succeeded in the end, or a later run of the same thing did."""
    runs: dict[object, list[Obj]] = defaultdict(list)
    for job in snap.all("jobs"):
        runs[_series(job, snap)].append(job)
    done: set[Key] = set()
    for jobs in runs.values():
        successes = [_start(job) for job in jobs if is_true(job, "Complete")]
        latest = max((*successes, *_remembered(jobs[0], snap)), default="")
        done.update(key_of(job) for job in jobs if is_true(job, "Complete") or _start(job) < latest)
    return frozenset(done)


def job_findings(snap: Snapshot) -> Iterator[Draft]:
    """Jobs that failed, or whose every attempt failed so far."""
    settled = settled_jobs(snap)
    for job in snap.all("jobs"):
        if key_of(job) in settled or is_leaving(job) or spec_of(job).get("suspend"):
            continue
        failed, status = condition(job, "Failed"), status_of(job)
        if failed.get("status") == "True":
            since = moment(failed.get("lastTransitionTime"))
            old = since_s(since, snap.now) > OLD_S
            said = sentence(failed.get("reason"), failed.get("message"))
            yield _failed(job, snap, said, "info" if old else "warning", since)
        elif status.get("failed") and not status.get("succeeded"):
            allowed = 1 + int(spec_of(job).get("backoffLimit", _DEFAULT_BACKOFF_LIMIT))
            said = f"{status['failed']} of at most {allowed} attempts failed so far"
            yield _failed(job, snap, said, "warning", moment(status.get("startTime")))


def cron_job_findings(snap: Snapshot) -> Iterator[Draft]:
    """Cron jobs whose schedule cannot fire. Suspended ones rest on purpose."""
    for cron in snap.all("cronjobs"):
        spec = spec_of(cron)
        if spec.get("suspend") or is_leaving(cron):
            continue
        wrong = complaint(str(spec.get("schedule") or ""), spec.get("timeZone"))
        warned = snap.events.find("CronJob", *key_of(cron), *_INVALID)
        if wrong or warned:
            yield Draft(
                condition="CronJobInvalid", severity="warning", kind="CronJob", namespace=namespace_of(cron),
                name=name_of(cron), owner=snap.owners.top("CronJob", cron),
                message=sentence(wrong, warned.message if warned else ""),
                since=warned.first if warned else created_at(cron),
                sources=(
                    object_source(snap, "CronJob", cron, schedule=spec.get("schedule"), timeZone=spec.get("timeZone"),
                                  status=status_of(cron)),
                    *events_source(snap, "CronJob", cron),
                ),
            )  # fmt: skip


def _failed(job: Obj, snap: Snapshot, said: str, severity: Severity, since: datetime | None) -> Draft:
    pods = [p for p in snap.pods_in(namespace_of(job)) if _belongs(p, job)]
    return Draft(
        condition="JobFailed", severity=severity, kind="Job", namespace=namespace_of(job), name=name_of(job),
        owner=snap.owners.top("Job", job), message=sentence(said, _last_death(pods)), since=since,
        sources=(object_source(snap, "Job", job), *events_source(snap, "Job", job)),
    )  # fmt: skip


def _belongs(pod: Obj, job: Obj) -> bool:
    return any(r.get("uid") == job["metadata"].get("uid") for r in pod["metadata"].get("ownerReferences") or ())


def _last_death(pods: list[Obj]) -> str:
    for pod in sorted(pods, key=_start, reverse=True):
        specs = {c.get("name"): c for c in containers_of(spec_of(pod))}
        for status, _ in statuses_of(pod):
            if dead := death(status, specs.get(status.get("name"), {})):
                return dead.message
    return ""


def _series(job: Obj, snap: Snapshot) -> object:
    """What this job is one run of."""
    owner = snap.owners.top("Job", job)
    if owner != f"Job/{name_of(job)}":
        return namespace_of(job), owner
    containers = tuple(c.get("name") for c in containers_of(spec_of(template_of(job))))
    return namespace_of(job), _RUN.sub("", name_of(job)), containers


def _start(obj: Obj) -> str:
    """RFC 3339 in UTC sorts as text."""
    return str(obj["metadata"].get("creationTimestamp") or "")


def _remembered(job: Obj, snap: Snapshot) -> Iterator[str]:
    """The last success that the job's cron job remembers, even when that run's job is gone."""
    kind, _, name = snap.owners.top("Job", job).partition("/")
    cron = snap.find("cronjobs", namespace_of(job), name) if kind == "CronJob" else None
    if cron and (last := status_of(cron).get("lastSuccessfulTime")):
        yield str(last)
