from __future__ import annotations

import pytest

from tests.unit.workers.triage.scene import Obj, ago, ended, event, found, job, make, only, pod_of, running
from workers.triage.schedule import complaint

NIGHTLY = make("CronJob", "nightly", spec={"schedule": "0 3 * * *"})


def test_a_failed_job_says_how_its_pod_died() -> None:
    failing = job("import", failed=True, failed_count=1)
    pod = pod_of(failing, running(ready=False, phase="Failed", state=ended(3, message="no such table")))

    finding = only(failing, pod)

    assert (finding.condition, finding.kind, finding.owner, finding.severity) == (
        "JobFailed",
        "Job",
        "Job/import",
        "warning",
    )
    assert finding.message == (
        "BackoffLimitExceeded; Job has reached the specified backoff limit; container app exited with 3 (Error); "
        "no such table"
    )


def test_a_cron_jobs_failure_belongs_to_the_cron_job() -> None:
    assert found(NIGHTLY, job("nightly-28391040", by=NIGHTLY, failed=True)) == [("JobFailed", "CronJob/nightly")]


def test_a_later_success_settles_an_earlier_failure_of_the_same_thing_only() -> None:
    old = job("nightly-28391040", by=NIGHTLY, failed=True, age=9000)
    new = job("nightly-28391100", by=NIGHTLY, complete=True, age=600)
    another = make("CronJob", "weekly", spec={"schedule": "0 3 * * 0"})

    assert found(NIGHTLY, old, new) == []
    assert found(NIGHTLY, another, old, job("weekly-1", by=another, complete=True)) == [
        ("JobFailed", "CronJob/nightly")
    ]


@pytest.mark.parametrize(
    ("failed", "later", "expected"),
    [
        ("migrate-v1.4.1", "migrate-v1.4.2", []),
        ("sync-1", "sync-2", []),
        ("import-x7k2p", "import-b4c9d", []),
        ("java-api-checker", "java-api-loader", [("JobFailed", "Job/java-api-checker")]),
    ],
)
def test_runs_of_one_thing_are_known_by_their_names(failed: str, later: str, expected: list[tuple[str, str]]) -> None:
    assert found(job(failed, failed=True, age=9000), job(later, complete=True, age=60)) == expected


def test_an_earlier_success_settles_nothing() -> None:
    assert found(job("sync-1", complete=True, age=9000), job("sync-2", failed=True, age=60)) == [
        ("JobFailed", "Job/sync-2")
    ]


def test_a_success_that_only_the_cron_job_remembers_settles_too() -> None:
    cron = make("CronJob", "nightly", spec={"schedule": "0 3 * * *"}, status={"lastSuccessfulTime": ago(60)})

    assert found(cron, job("nightly-1", by=cron, failed=True, age=9000)) == []


def test_a_job_whose_every_attempt_failed_so_far_is_told_of_and_one_that_got_further_is_not() -> None:
    assert (
        "2 of at most 7 attempts failed so far"
        in only(job("import", failed=False) | _status(failed=2, active=1)).message
    )
    assert found(job("import") | _status(failed=2, succeeded=40, active=3)) == []


def _status(**status: int) -> Obj:
    return {"status": status}


def test_a_failure_of_days_ago_is_only_information() -> None:
    assert only(job("import", failed=True, age=900_000)).severity == "info"


def test_completed_and_suspended_jobs_are_no_faults() -> None:
    suspended = job("later", failed=True)
    suspended["spec"]["suspend"] = True

    assert found(job("done", complete=True), suspended) == []


def test_a_cron_job_that_can_never_fire_is_invalid_and_a_suspended_one_rests() -> None:
    leap = make("CronJob", "leap", spec={"schedule": "0 0 30 2 *"})
    resting = make("CronJob", "resting", spec={"schedule": "0 0 30 2 *", "suspend": True})

    assert found(leap, resting, NIGHTLY) == [("CronJobInvalid", "CronJob/leap")]


def test_what_the_controller_says_of_a_schedule_counts() -> None:
    said = event(NIGHTLY, "TooManyMissedTimes", "too many missed start times (> 100)")

    assert only(NIGHTLY, said).message == "too many missed start times (> 100)"


@pytest.mark.parametrize(
    "schedule",
    ["*/5 * * * *", "0 3 * * *", "0 0 29 2 *", "0 0 31 * *", "0 9-17/2 * * mon-fri", "@hourly", "@every 1h30m",
     "0 0 31 2 1", "30 6 1,15 jan,jul *", "TZ=Europe/Berlin 0 3 * * *", "0 0 ? * 0", "5/15 * * * 7"],
)  # fmt: skip
def test_schedules_that_fire_have_no_complaint(schedule: str) -> None:
    assert complaint(schedule, None) is None


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 0 31 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("61 * * * *", "'61' as its minute, which goes from 0 to 59"),
        ("* * * *", "has 4 fields, not five"),
        ("* * * * soon", "'soon' as its day of week"),
        ("*/0 * * * *", "'*/0' as its minute"),
        ("", "has 0 fields"),
    ],
)
def test_schedules_that_cannot_fire_are_complained_of(schedule: str, words: str) -> None:
    assert words in str(complaint(schedule, None))


def test_a_time_zone_that_does_not_exist_is_complained_of() -> None:
    assert complaint("0 3 * * *", "Europe/Atlantis") == "there is no time zone 'Europe/Atlantis'"
    assert complaint("0 3 * * *", "Europe/Berlin") is None
