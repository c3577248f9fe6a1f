"""One look at what an action was for: its alerts, its service, and the services that depend on that one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from core.diagnosis import Subject
from core.errors import SreError, ToolError
from core.incident import Alert
from core.remediation import Look, Remediation
from core.service_map import service_map
from core.settings import Config
from workers.ports import Cluster, Metrics
from workers.triage.focus import Focus
from workers.triage.metricnames import WANTED, Asked
from workers.triage.readings import BACK
from workers.triage.reads import Deadline, read_each
from workers.triage.resources import Lists
from workers.triage.snapshot import Snapshot
from workers.verify.expressions import Held, expressions, held, same_trouble
from workers.verify.figures import Figures
from workers.verify.pods import asked_of, live, pod_measures, take
from workers.world import Operator

FIRST_S, SECOND_S = 0.8, 1.1  # together below 2 s, so that a verify job every few seconds never piles up
_RECENTLY = timedelta(minutes=10)  # what restarts before the action are counted over, and how old unknown trouble is
_MOST_DOWNSTREAM = 4  # each costs Prometheus some eight queries
_MOST_EXPRESSIONS = 8


@dataclass(frozen=True)
class Scene:
    """What was read first: the cluster's lists and which metrics exist."""

    snap: Snapshot
    targets: tuple[Asked, ...]
    downstream: tuple[Asked, ...]
    names: frozenset[str]
    firing: tuple[Alert, ...] | None  # by Alertmanager; None: not known
    asked: dict[str, list[Alert]]  # the incident's alerts by expression
    missed: tuple[str, ...]


def measure(
    remediation: Remediation, alerts: tuple[Alert, ...], operator: Operator, now: datetime, settled: bool | None
) -> Look:
    """What there is to see now, within 2 s. What could not be read is listed; nothing is raised for it.

    The look before the action (`remediation.before` is None) also has each figure's normal.

    Args:
        alerts: The incident's.
        settled: What the action says of itself: whether what it started is complete.
    """
    alerts = _distinct(alerts)
    metrics = operator.metrics(remediation.cluster)
    scene = survey(remediation, alerts, operator, metrics, now)
    began = min([a.starts_at for a in alerts], default=now - _RECENTLY) if remediation.before is None else None
    tasks: dict[str, Callable[[], Any]] = {}
    whether: dict[str, str] = {}  # by expression, the name of the task that reads it
    if metrics:
        figures = Figures(metrics, scene.names, now, max(began, now - BACK) if began else None)
        for asked in (*scene.targets, *scene.downstream) if scene.names else ():
            tasks |= figures.tasks(asked, downstream=asked in scene.downstream)
        since_s, existing = _since_s(remediation, now), live(scene.snap)
        for expression, of in [(e, of) for e, of in scene.asked.items() if e][:_MOST_EXPRESSIONS]:
            whether[expression] = f"whether {of[0].name} still holds by its rule ({len(whether) + 1})"
            tasks[whether[expression]] = partial(held, expression, of, metrics, now, since_s, existing)
    answers = read_each(tasks, Deadline.after(SECOND_S))
    firing, looks_back_s, unsure = _firing(scene, {e: answers[name] for e, name in whether.items()})
    since = (remediation.begun_at if remediation.before else None) or now - _RECENTLY
    read = [m for a in answers.values() if isinstance(a, list) for m in a]
    for asked in (*scene.targets, *scene.downstream):
        read += pod_measures(asked, scene.snap, since, downstream=asked in scene.downstream)
    missed = [_unread(name, a) for name, a in answers.items() if isinstance(a, SreError)]
    return Look(
        at=now, rolled_out=settled, firing=firing if alerts else (), looks_back_s=looks_back_s,
        measures=tuple(read), could_not_read=tuple(dict.fromkeys((*scene.missed, *missed, *unsure))),
    )  # fmt: skip


def _distinct(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """One alert for each thing they are about, since thousands of firings may be of one."""
    kept: list[Alert] = []
    for alert in alerts:
        if not any(alert.name == other.name and same_trouble(alert.labels, other.labels) for other in kept):
            kept.append(alert)
    return tuple(kept)


def _since_s(remediation: Remediation, now: datetime) -> float | None:
    """Seconds since what the action started was complete; None when it is not, or nothing was done yet."""
    settled = remediation.after.trend.settled_since if remediation.after else None
    return (now - settled).total_seconds() if settled else None


def survey(
    remediation: Remediation, alerts: tuple[Alert, ...], operator: Operator, metrics: Metrics | None, now: datetime
) -> Scene:
    """What has to be known before anything is measured: the cluster, what there is to ask of, and whom it is about."""
    config = operator.settings.config
    downstream = _downstream(remediation, config)
    spaces = _namespaces(remediation, downstream, config)
    deadline = Deadline.after(FIRST_S)
    reads: dict[str, Callable[[], Any]] = {
        "the cluster": lambda: take(operator.cluster(remediation.cluster), spaces, now, deadline)
    }
    if metrics:
        reads["metrics"] = lambda: metrics.names(WANTED)
        if remediation.action.kind != "silence_alert":  # a silence ends no trouble: Alertmanager alone tells of it
            reads["the alert rules"] = lambda: expressions(alerts, metrics)
    if operator.alerts:
        reads["firing alerts"] = operator.alerts.firing
    answers = read_each(reads, Deadline.after(FIRST_S + 0.05))
    errors = {name: answer for name, answer in answers.items() if isinstance(answer, SreError)}
    missed = [_unread(name, error) for name, error in errors.items()]
    missed += [] if metrics else ["metrics (no PROMETHEUS_URL)"]
    missed += [] if operator.alerts or not alerts else ["firing alerts (no ALERTMANAGER_URL)"]
    snap = answers["the cluster"]
    if isinstance(snap, SreError):
        snap = Snapshot(now, spaces, {}, Lists(cast("Cluster", None)))  # it looks nothing up
    missed += snap.could_not_read
    names, by_expression = answers.get("metrics"), answers.get("the alert rules")
    firing = answers.get("firing alerts")
    targets, dependents, lost = _watched(remediation, downstream, snap, config)
    return Scene(
        snap=snap, targets=tuple(targets), downstream=tuple(dependents), missed=(*missed, *lost),
        names=frozenset(names) if isinstance(names, tuple) else frozenset(),
        firing=firing if isinstance(firing, tuple) else None,
        asked=by_expression if isinstance(by_expression, dict) else {"": list(alerts)} if alerts else {},
    )  # fmt: skip


def _downstream(remediation: Remediation, config: Config) -> tuple[str, ...]:
    """Catalogue names of the services that depend on the target's: those that the proposal named by the whole map, and
    those that are written, where it could not."""
    radius = remediation.proposal.blast_radius
    named = radius.downstream if radius else ()
    mapped = service_map(config).depending_on([remediation.service]) if remediation.service else ()
    return tuple(name for name in dict.fromkeys((*named, *mapped)) if name in config.services)


def _namespaces(remediation: Remediation, downstream: Collection[str], config: Config) -> tuple[str, ...]:
    own = config.services.get(remediation.service or "")
    spaces = [remediation.action.namespace, own.namespace if own else None]
    for name in downstream:
        service = config.services[name]
        if service.cluster in (None, remediation.cluster):
            spaces.append(service.namespace)
    return tuple(dict.fromkeys(space for space in spaces if space))


def _watched(
    remediation: Remediation, downstream: Collection[str], snap: Snapshot, config: Config
) -> tuple[list[Asked], list[Asked], list[str]]:
    """The target's workloads, those downstream, and what of downstream is not looked at."""
    action = remediation.action
    subject = Subject(
        text="", cluster=remediation.cluster, namespace=action.namespace or None, service=remediation.service,
        target=remediation.proposal.target,
    )  # fmt: skip
    own = Focus(subject, config, snap).targets if action.namespace or remediation.service else frozenset()
    targets = asked_of(own, snap, config)
    dependents: list[Asked] = []
    lost: list[str] = []
    for name in downstream:
        places = Focus(Subject(text="", service=name), config, snap).targets - own
        found = asked_of(places, snap, config)
        if not found or len(dependents) >= _MOST_DOWNSTREAM:
            why = "in another cluster, or not there" if not found else f"only the first {_MOST_DOWNSTREAM} are"
            lost.append(f"{name} ({why})")
        dependents += found[:1] if len(dependents) < _MOST_DOWNSTREAM else []
    return targets, dependents, lost


def _firing(scene: Scene, said: Mapping[str, Held | SreError]) -> tuple[tuple[str, ...] | None, float, list[str]]:
    """Names of the alerts that hold, how far back they see, and those of which nobody knows. What their expressions do
    not tell, Alertmanager does."""
    holding: list[str] = []
    unsure: list[str] = []
    looks_back_s = 0.0
    for expression, alerts in scene.asked.items():
        told = said.get(expression)
        if isinstance(told, Held):
            holding += [alert.name for alert in alerts if told.holds]
            looks_back_s = max(looks_back_s, told.looks_back_s if told.holds else 0.0)
        elif scene.firing is None:
            unsure += [f"whether {alert.name} still holds" for alert in alerts]
        else:
            holding += [alert.name for alert in alerts if _fires(alert, scene.firing)]
    if unsure and not holding:
        return None, 0.0, unsure
    return tuple(dict.fromkeys(holding)), looks_back_s, unsure


def _fires(alert: Alert, firing: Iterable[Alert]) -> bool:
    return any(alert.name == other.name and same_trouble(alert.labels, other.labels) for other in firing)


def _unread(name: str, error: SreError) -> str:
    return str(error) if isinstance(error, ToolError) else f"{name} ({str(error).rstrip('.')})"
