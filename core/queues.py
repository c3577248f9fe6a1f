"""The three queues. A job is a name and ids; the worker that runs it looks up the rest."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import redis

if TYPE_CHECKING:
    from rq import Queue

QueueName = Literal["investigate", "remediate", "notify"]
QUEUES: tuple[QueueName, ...] = ("investigate", "remediate", "notify")

INVESTIGATE = "workers.jobs.investigate"  # (investigation id)
ANSWER = "workers.jobs.answer"  # (request id)
DELIVER = "workers.jobs.deliver"  # (message key)
POST = "workers.jobs.post"  # (channel): what waits for it
SHOW_INCIDENT = "workers.jobs.show_incident"  # (incident id): the card as it should read now
REMEMBER = "workers.jobs.remember"  # (incident id): an ended incident, for the next that is like it
PREPARE = "workers.jobs.prepare"  # (remediation id): dry run and verdict, then it is asked, or done
DECIDE = "workers.jobs.decide"  # (click id): answer a click; an approval that counts is acted on
VERIFY = "workers.jobs.verify"  # (remediation id): one look at what became of it
LAPSE = "workers.jobs.lapse"  # (): approvals that grow old are counted down and escalated; (remediation id): closed
SETTLE = "workers.jobs.settle"  # (): what time alone does to incidents
LOOK_AROUND = "workers.jobs.look_around"  # (): where pods run, what was rolled out, what is silenced
SCAN = "workers.jobs.scan"  # (): figures that left their normal
LEARN_NORMALS = "workers.jobs.learn_normals"  # (): what is normal, a little at a time
ANCHOR = "workers.jobs.anchor"  # (): the ledger's head into a channel, once a day
CHECK_LEDGER = "workers.jobs.check_ledger"  # (request id): whether the chain holds
MAKE_ROOM = "workers.jobs.make_room"  # (incident id, Slack user id): its own channel, that person invited
SIMILAR = "workers.jobs.similar"  # (request id): past incidents like one, for whoever asked
MAKE_DIGEST = "workers.jobs.make_digest"  # (request id): a digest for whoever asked
POST_DIGEST = "workers.jobs.post_digest"  # (id of that request, id of the request to post it)
FIND_RUNBOOKS = "workers.jobs.find_runbooks"  # (request id): runbooks for words, for whoever asked
REMIND = "workers.jobs.remind"  # (): commanders of updates that they promised
TAKE_EVENT = "workers.jobs.take_event"  # (event id): what happened in PagerDuty
TELL_PAGERDUTY = "workers.jobs.tell_pagerduty"  # (wish key): something that should be so there
NOTE_MESSAGE = "workers.jobs.note_message"  # (channel, ts, Slack user id): a message for PagerDuty's timeline
READ_ON_CALL = "workers.jobs.read_on_call"  # (): who is on call; what waits for PagerDuty and was forgotten
COUNT_INCIDENT = "workers.jobs.count_incident"  # (incident id): what an ended incident adds to the metrics
COUNT = "workers.jobs.count"  # (): what the ledger says, for the counters; ended incidents that were not counted
EXPORT_METRICS = "workers.jobs.export_metrics"  # (request id): the incidents of a time as a file, for whoever asked
SUM_UP_TOIL = "workers.jobs.sum_up_toil"  # (): the week's toil, on Mondays
SHOW_HOMES = "workers.jobs.show_homes"  # (): Home tabs that were opened lately, as they should read now
READ_CERTIFICATES = "workers.jobs.read_certificates"  # (): which ones end soon
DRAFT_POSTMORTEM = "workers.jobs.draft_postmortem"  # (request id): a postmortem's draft into its incident's thread
PROBE = "workers.jobs.probe"  # (): which dependencies answer

TIMEOUT_S: dict[QueueName, int] = {"investigate": 600, "remediate": 900, "notify": 60}
_KEEP_FAILED_S = 7 * 86_400


class Queues:
    """Puts jobs on queues."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._queues: dict[str, Queue] = {}

    def enqueue(
        self, queue: QueueName, job: str, *ids: str, delay_s: float = 0, front: bool = False, once: bool = False,
        alone_on: str | None = None,
    ) -> None:  # fmt: skip
        """Run `job` with these ids on `queue`, now or after `delay_s` seconds; a failed one is tried three times more.

        Args:
            once: Nothing is added while the same job with the same ids waits, runs, or has ended within a minute.
            alone_on: Of the jobs that name the same thing here, one runs at a time; the others wait.
        """
        from datetime import timedelta

        from rq import RateLimit, Retry
        from rq.exceptions import DuplicateJobError

        held = self._queue(queue)
        options: dict[str, Any] = {
            "retry": Retry(max=3, interval=[1, 5, 30]),
            "result_ttl": 60,
            "failure_ttl": _KEEP_FAILED_S,
        }
        if once:
            options |= {"unique": True, "job_id": re.sub(r"[^\w-]", "_", "-".join((job, *ids)), flags=re.ASCII)}
        if alone_on:
            options["rate_limit"] = RateLimit(alone_on, 1)
        with contextlib.suppress(DuplicateJobError):
            if delay_s > 0:
                held.enqueue_in(timedelta(seconds=delay_s), job, *ids, **options)
            else:
                held.enqueue(job, *ids, at_front=front, **options)

    def waiting(self, queue: QueueName) -> int:
        """How many jobs wait."""
        return self._queue(queue).count

    def put_off(self, queue: QueueName) -> int:
        """How many jobs wait for their time."""
        return int(self._queue(queue).scheduled_job_registry.get_job_count(cleanup=False))

    def failed(self, queue: QueueName) -> int:
        """How many jobs failed for good within a week."""
        return int(self._queue(queue).failed_job_registry.get_job_count(cleanup=False))

    def oldest_s(self, queue: QueueName, now: datetime) -> float:
        """For how long the next job has waited; 0 when none does."""
        from rq.job import Job
        from rq.utils import utcparse

        for job_id in self._queue(queue).get_job_ids(0, 1):
            raw = self._redis.hget(Job.key_for(job_id), "enqueued_at")
            if raw:
                at = utcparse(raw.decode() if isinstance(raw, bytes) else str(raw))
                return max((now - at.replace(tzinfo=at.tzinfo or UTC)).total_seconds(), 0.0)
        return 0.0

    def workers(self, queue: QueueName) -> int:
        """How many worker processes take its jobs; one that was killed counts until its heartbeat is old."""
        from rq.worker_registration import get_keys

        pipe = self._redis.pipeline(transaction=False)
        for key in get_keys(queue=self._queue(queue), connection=self._redis):
            pipe.exists(key)
        return sum(pipe.execute())

    def _queue(self, name: QueueName) -> Queue:
        from rq import Queue
        from rq.serializers import JSONSerializer

        if name not in self._queues:
            # JSON, not pickle: whoever can write to Redis must not thereby run code here.
            self._queues[name] = Queue(
                name, connection=self._redis, default_timeout=TIMEOUT_S[name], serializer=JSONSerializer
            )
        return self._queues[name]
