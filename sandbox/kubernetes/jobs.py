"""CronJobs start Jobs, Jobs start pods, and what has ended is kept for a while."""

from __future__ import annotations

import copy
import re

from sandbox.kubernetes.events import record
from sandbox.kubernetes.objects import Objects, stamp, unstamp
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import condition, new_pod, owner_reference, safe_hash


def step_cron_job(objects: Objects, cron_job: Json, now: float) -> None:
    """Start the run that is due, if none is, and forget the oldest ones."""
    spec, status = cron_job["spec"], cron_job.get("status", {})
    meta = cron_job["metadata"]
    jobs = sorted(objects.owned("jobs", cron_job), key=lambda j: str(j["metadata"]["creationTimestamp"]))
    due = _due(spec["schedule"], now)
    last = unstamp(status.get("lastScheduleTime") or meta["creationTimestamp"])
    body = copy.deepcopy(cron_job)
    if due > last and not spec.get("suspend"):
        name = f"{meta['name']}-{int(due // 60)}"
        if objects.find("jobs", meta["namespace"], name) is None:
            make_job(objects, cron_job, name, now)
            record(objects, cron_job, "Normal", "SuccessfulCreate", f"Created job {name}", now)
        body["status"]["lastScheduleTime"] = stamp(due)
    running = [j for j in jobs if not _ended(j)]
    body["status"]["active"] = [
        {"kind": "Job", "apiVersion": "batch/v1", "name": j["metadata"]["name"], "namespace": meta["namespace"],
         "uid": j["metadata"]["uid"]}
        for j in running
    ]  # fmt: skip
    done = [j for j in jobs if "completionTime" in j.get("status", {})]
    if done:
        body["status"]["lastSuccessfulTime"] = done[-1]["status"]["completionTime"]
    objects.put("cronjobs", body, now)
    failed = [j for j in jobs if _ended(j) and j not in done]
    limits = ((done, spec.get("successfulJobsHistoryLimit", 3)), (failed, spec.get("failedJobsHistoryLimit", 1)))
    for held, limit in limits:
        for job in held[: max(0, len(held) - limit)]:
            objects.remove("jobs", job["metadata"]["namespace"], job["metadata"]["name"])


def _due(schedule: str, now: float) -> float:
    """The last time that `*/15 * * * *` was due. Other schedules are not served here: their jobs never start."""
    found = re.fullmatch(r"\*/([1-9]\d?) \* \* \* \*", schedule)
    return now // (60 * int(found[1])) * 60 * int(found[1]) if found else 0.0


def make_job(objects: Objects, cron_job: Json, name: str, now: float) -> Json:
    """A Job from the CronJob's template."""
    template = cron_job["spec"]["jobTemplate"]
    meta = {
        "name": name, "namespace": cron_job["metadata"]["namespace"], "ownerReferences": owner_reference(cron_job),
        "labels": dict(template["metadata"].get("labels", {})),
    }  # fmt: skip
    return objects.put("jobs", {"metadata": meta, "spec": copy.deepcopy(template["spec"]), "status": {}}, now)


def step_job(objects: Objects, job: Json, now: float) -> None:
    """Keep one pod running until one succeeds or too many have failed."""
    if _ended(job):
        return
    name = job["metadata"]["name"]
    pods = list(objects.owned("pods", job))
    phases = [p["status"].get("phase") for p in pods]
    failed, succeeded = phases.count("Failed"), phases.count("Succeeded")
    active = len(pods) - failed - succeeded
    body = copy.deepcopy(job)
    status = body["status"] = {**job.get("status", {}), "active": active, "failed": failed, "succeeded": succeeded}
    status.setdefault("startTime", stamp(now))
    conditions = job.get("status", {}).get("conditions", [])
    if succeeded:
        status |= {"completionTime": stamp(now), "conditions": [condition("Complete", "True", "", "", conditions, now)]}
        record(objects, job, "Normal", "Completed", "Job completed", now)
    elif failed > job["spec"].get("backoffLimit", 6):
        why = "Job has reached the specified backoff limit"
        status["conditions"] = [condition("Failed", "True", "BackoffLimitExceeded", why, conditions, now)]
        record(objects, job, "Warning", "BackoffLimitExceeded", why, now)
    elif not active:
        labels = {"job-name": name, "batch.kubernetes.io/job-name": name, "controller-uid": job["metadata"]["uid"]}
        suffix = safe_hash(f"{name}/{len(pods)}", 5)
        new_pod(objects, job, job["spec"]["template"], f"{name}-{suffix}", labels, now)
        status["active"] = 1
    body["status"] = {k: v for k, v in status.items() if v}
    objects.put("jobs", body, now)


def _ended(job: Json) -> bool:
    return bool(job.get("status", {}).get("conditions"))
