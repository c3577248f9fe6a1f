"""The read-only half of the loop, a stage at a time. A stage that has ended is never run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from core.diagnosis import Case, Investigation
from core.errors import ConfigError, Unreachable
from core.incident import Alert
from core.log import get_logger
from core.observation import Observation
from workers.loop.observe import observe
from workers.loop.plan import plan
from workers.loop.reason import reason
from workers.loop.recall import recall
from workers.loop.validate import validate
from workers.ports import Cluster, Step
from workers.standing import Standing
from workers.world import Outside

log = get_logger(__name__)


class Watch(Protocol):
    """Told of every stage: it saves, and shows people what goes on."""

    def began(self, stage: str) -> None: ...
    def step(self, step: Step) -> None: ...
    def ended(self, stage: str, investigation: Investigation) -> Investigation:
        """The investigation as saved."""
        ...


class Quiet:
    """A watch that keeps nothing and says nothing."""

    def began(self, stage: str) -> None: ...
    def step(self, step: Step) -> None: ...
    def ended(self, stage: str, investigation: Investigation) -> Investigation:
        return investigation


Stage = Callable[[Investigation], Investigation]


def run(
    investigation: Investigation,
    outside: Outside,
    watch: Watch,
    now: Callable[[], datetime],
    alerts: tuple[Alert, ...] = (),
    standing: Standing = Standing(),  # noqa: B008  # frozen
    record: tuple[int, int] | None = None,
) -> Investigation:
    """Observe, recall, reason, plan and validate; what was already done is kept.

    Args:
        alerts: Those of the incident; none for a question.
        record: How often these kinds of alert were diagnosed right, and how often in all.
        standing: What the gates need to know of the incident: actions taken, pause, mode, approval.

    Raises: Unreachable when the cluster does not answer at all; ConfigError when it is not configured right.
    """

    def observing(inv: Investigation) -> Investigation:
        cluster, metrics = outside.cluster(inv.subject.cluster), outside.metrics(inv.subject.cluster)
        seen = observe(inv.subject, cluster, metrics, outside.alerts, now(), outside.settings.config, alerts)
        return inv.model_copy(
            update={"observation": seen, "evidence": seen.evidence, "could_not_read": seen.could_not_read}
        )

    def recalling(inv: Investigation) -> Investigation:
        found = recall(inv.subject, seen_by(inv), alerts, outside.memory, outside.settings.secrets())
        unread = (*inv.could_not_read, *found.could_not_read)
        return inv.model_copy(update={"recall": found, "could_not_read": unread})

    def reasoning(inv: Investigation) -> Investigation:
        diagnosis, read, unread = reason(outside.reasoner, _case(inv), watch.step, record)
        return inv.model_copy(
            update={
                "diagnosis": diagnosis,
                "evidence": (*inv.evidence, *read),
                "could_not_read": tuple(dict.fromkeys((*inv.could_not_read, *unread))),
            }
        )

    def planning(inv: Investigation) -> Investigation:
        assert inv.diagnosis and inv.recall
        actions = plan(inv.diagnosis, seen_by(inv), inv.evidence)
        proposals = validate(actions, inv.diagnosis, inv.recall, seen_by(inv), inv.subject, _cluster(inv, outside),
                             outside.settings, standing, now())  # fmt: skip
        return inv.model_copy(update={"plan": proposals})

    stages: tuple[tuple[str, bool, Stage], ...] = (
        ("observe", investigation.observation is None, observing),
        ("recall", investigation.recall is None, recalling),
        ("reason", investigation.diagnosis is None, reasoning),
        ("plan", investigation.plan is None, planning),
    )
    for name, due, stage in stages:
        if not due:
            continue
        watch.began(name)
        started = time.monotonic()
        investigation = stage(investigation)
        took_ms = {**investigation.took_ms, name: round((time.monotonic() - started) * 1000)}
        investigation = watch.ended(name, investigation.model_copy(update={"took_ms": took_ms}))
        log.info("stage_ended", stage=name, took_ms=took_ms[name])
    return investigation


def _cluster(inv: Investigation, outside: Outside) -> Cluster | None:
    """None when it is gone at this moment: what was concluded is shown all the same, and no action is allowed."""
    try:
        return outside.cluster(inv.subject.cluster)
    except (Unreachable, ConfigError) as error:
        log.warning("reach_unknown", why=str(error))
        return None


def _case(inv: Investigation) -> Case:
    assert inv.observation and inv.recall
    return Case(subject=inv.subject, observation=inv.observation, recall=inv.recall)


def seen_by(inv: Investigation) -> Observation:
    """The observation, which the stages after it may rely on."""
    assert inv.observation is not None
    return inv.observation
