"""What happens by the clock, on RQ's own cron; and beside it, what changes in the clusters."""

from __future__ import annotations

from datetime import UTC, datetime

from rq.cron import CronJob, CronScheduler

from core.queues import Queues
from core.records import Records
from workers import jobs
from workers.anomalies.streak import SCAN_EVERY_S
from workers.changes.keeper import Keeper

PROBE_EVERY_S = 60
ANCHOR_EVERY_S = 1800  # it is posted by the first of a day, UTC
LAPSE_EVERY_S = 20  # the countdown shows minutes

SETTLE_EVERY_S = 10
LOOK_AROUND_EVERY_S = 60
ON_CALL_EVERY_S = 60
REMIND_EVERY_S = 30
COUNT_EVERY_S = 30
RETAIN_EVERY_S = 21_600
LEARN_EVERY_S = 20  # each for two seconds at most
DIGEST_EVERY_S = 30
TOIL_EVERY_S = 600  # it is posted on Mondays
SHOW_HOMES_EVERY_S = 60
CERTIFICATES_EVERY_S = 3600


def keep_time(records: Records) -> None:
    """Enqueue jobs as they fall due, and follow what changes in the clusters, until SIGTERM."""
    clock = _Clock(records)
    clock.register(jobs.probe, "investigate", interval=PROBE_EVERY_S)
    clock.register(jobs.anchor, "notify", interval=ANCHOR_EVERY_S)
    clock.register(jobs.lapse, "notify", interval=LAPSE_EVERY_S)
    clock.register(jobs.settle, "notify", interval=SETTLE_EVERY_S)
    clock.register(jobs.look_around, "investigate", interval=LOOK_AROUND_EVERY_S)
    clock.register(jobs.read_on_call, "investigate", interval=ON_CALL_EVERY_S)
    clock.register(jobs.remind, "notify", interval=REMIND_EVERY_S)
    clock.register(jobs.retain, "notify", interval=RETAIN_EVERY_S)
    clock.register(jobs.count, "notify", interval=COUNT_EVERY_S)
    clock.register(jobs.send_digests, "investigate", interval=DIGEST_EVERY_S)
    clock.register(jobs.sum_up_toil, "notify", interval=TOIL_EVERY_S)
    clock.register(jobs.scan, "investigate", interval=SCAN_EVERY_S)
    clock.register(jobs.learn_normals, "investigate", interval=LEARN_EVERY_S)
    clock.register(jobs.show_homes, "notify", interval=SHOW_HOMES_EVERY_S)
    clock.register(jobs.read_certificates, "investigate", interval=CERTIFICATES_EVERY_S)
    keeper = Keeper(records)
    keeper.start()
    try:
        clock.start()  # type: ignore[no-untyped-call]
    finally:
        keeper.stop()


class _Clock(CronScheduler):
    """RQ's scheduler, enqueueing as we do: JSON, not pickle."""

    def __init__(self, records: Records) -> None:
        super().__init__(connection=records.redis, logging_level="WARNING")
        self._queues: Queues = records.queues

    def enqueue_jobs(self) -> list[CronJob]:
        now = datetime.now(UTC)
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            self._queues.enqueue(job.queue_name, job.func_name)  # type: ignore[arg-type]  # registered above
            job.set_enqueue_time(now)
        return due
