"""One worker process: its world built once, then jobs until it is stopped.

A job whose process dies is found by its silent heartbeat (at most 65 s) and run again by the next round of
maintenance; stages that had ended are not repeated.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from secrets import token_hex
from types import TracebackType

from rq import SimpleWorker, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from core.errors import SreError
from core.log import get_logger
from core.records import Records
from core.settings import Settings
from workers import jobs
from workers.wiring import open_world
from workers.world import World, use

log = get_logger(__name__)

NICE = 10  # whoever answers Slack on the same machine goes first
MAINTENANCE_S = 15
HEARTBEAT_S = 5


def work(settings: Settings, records: Records, queues: Sequence[str], once: bool = False) -> None:
    """Run jobs of these queues, in the order named, until SIGTERM (the running job is finished first)."""
    if "investigate" in queues:
        os.nice(NICE)
    writes = "remediate" in queues
    world = open_world(settings, records, writes=writes)
    use(world)
    if "investigate" in queues:
        _warm(world)
    if writes:
        warm_operator(settings)
    # Messages are short and in order: a fork for each would cost more than the job. Everything else is forked, so
    # that a job that dies takes nothing with it.
    kind = SimpleWorker if set(queues) == {"notify"} else Worker
    worker = kind(
        list(queues), connection=records.redis, serializer=JSONSerializer, exception_handlers=[failed],
        maintenance_interval=MAINTENANCE_S, job_monitoring_interval=HEARTBEAT_S, log_job_description=False,
    )  # fmt: skip
    log.info("worker_started", queues=list(queues))
    worker.work(with_scheduler=not once, burst=once, logging_level="WARNING")


def _warm(world: World) -> None:
    """Load what every investigation needs, once: a forked job shares it. A mistake in the policy stops the start."""
    import kubernetes.client  # noqa: F401  # 0.3 s

    from policies.decide import load

    load(world.outside.settings, publish=True)
    try:
        world.outside.memory.runbooks()  # loads the model, and indexes the starter set on a first start
    except SreError as error:
        log.warning("memory_not_ready", why=str(error))
    if world.outside.settings.anthropic_api_key:
        from workers.reasoners.claude import preload

        preload()


def warm_operator(settings: Settings) -> None:
    """Load what every repair needs, so that a click waits for nothing that could have been ready: a forked job shares
    it. Raises: ConfigError for a mistake in the policy."""
    import kubernetes.client  # noqa: F401  # 0.3 s

    import workers.remediation.clicks
    import workers.remediation.watch  # noqa: F401
    from policies.decide import load

    load(settings, publish=True)


def failed(job: Job, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> bool:
    """The edge where a job's errors end: logged with a reference; people are told once no try is left."""
    reference = token_hex(4)
    log.error("job_failed", job=job.func_name, ids=list(job.args), reference=reference, tries_left=job.retries_left,
              exc_info=(kind, error, trace))  # fmt: skip
    if not job.retries_left:
        jobs.tell_of_failure(str(job.func_name), [str(i) for i in job.args], reference)
    return True
