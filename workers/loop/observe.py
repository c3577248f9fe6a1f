"""Stage one: deterministic triage of the cluster, firing alerts, changes, logs and metrics. Facts only, no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from core.diagnosis import Subject
from core.errors import SreError, Unreachable
from core.incident import Alert
from core.observation import Observation
from core.settings import Config
from workers.ports import Alerts, Cluster, Metrics
from workers.triage import firing
from workers.triage.calls import calls
from workers.triage.checks import check, finding
from workers.triage.details import Details, concerned, read_details, unread
from workers.triage.draft import Draft
from workers.triage.evidence import Exhibits
from workers.triage.focus import Focus, namespaces_of
from workers.triage.health import workloads
from workers.triage.measured import measured
from workers.triage.metricnames import WANTED
from workers.triage.rank import ranked
from workers.triage.readings import BACK, Looker, Measures
from workers.triage.reads import Deadline, read_each
from workers.triage.snapshot import Snapshot, empty
from workers.triage.taking import collector_paused, take

# Guards, not aims: a namespace takes some 0.2 s. A whole cluster of thousands of pods takes longer to list, and is
# worth it: a subject with a namespace does not need it.
LISTS_S, WHOLE_CLUSTER_S, DETAILS_S = 5.0, 12.0, 3.0
_ASSEMBLY_S = 0.5  # for what was read in time to be put together
_NOTICED_AFTER = timedelta(minutes=10)  # guessed, of trouble whose beginning nothing tells
_GRAPHED = 2  # alerts whose expressions are looked at


@collector_paused()
def triage(cluster: Cluster, namespace: str | None, now: datetime, *, with_logs: bool = True) -> Observation:
    """What is wrong in a namespace, or in the whole cluster: the Kubernetes part of `observe`.

    Raises: Unreachable when nothing answers.
    """
    subject, config = Subject(text="", namespace=namespace), Config()
    namespaces = namespaces_of(subject, config)
    snap = take(cluster, namespaces, now, _for_lists(namespaces))
    deadline = Deadline.after(DETAILS_S)
    focus = Focus(subject, config, snap)
    drafts = ranked(check(snap, cluster, deadline), focus.distance)
    details = read_details(cluster, snap, focus, drafts, {}, deadline, with_logs=with_logs)
    return _observation(cluster, snap, focus, drafts, details)


@collector_paused()
def observe(
    subject: Subject, cluster: Cluster, metrics: Metrics | None, alerts: Alerts | None, now: datetime, config: Config,
    known: Sequence[Alert] = (),
) -> Observation:  # fmt: skip
    """Everything about the subject that can be read now: its own things first, then those it depends on, then the rest.

    Args:
        metrics: None when there is no Prometheus, which is then listed as not read; `alerts` likewise.
        known: The incident's own alerts, which carry their expressions.

    Raises: Unreachable when nothing at all answers.
    """
    namespaces = namespaces_of(subject, config)
    lists = _for_lists(namespaces)
    first: dict[str, Callable[[], Any]] = {"the cluster": lambda: take(cluster, namespaces, now, lists)}
    if alerts:
        first["firing alerts"] = alerts.firing
    if metrics:
        first["metrics"] = lambda: metrics.names(WANTED)
    answers = read_each(first, Deadline.after(lists.allowed_s + _ASSEMBLY_S))
    snap = _snapshot(answers, cluster, namespaces, now)

    deadline = Deadline.after(DETAILS_S)
    focus = Focus(subject, config, snap)
    drafts = ranked(check(snap, cluster, deadline), focus.distance)
    fired = _read(answers, "firing alerts")
    nearness = firing.Nearness(known, subject, focus.targets)
    near = firing.ordered(fired, nearness)
    measures: Measures = {}
    if metrics and not isinstance(answers["metrics"], SreError):
        about = [alert for alert in near if nearness.of(alert) <= 1]
        looker = Looker(metrics, frozenset(answers["metrics"]), now, _began(drafts, focus, about, now))
        measures = looker.tasks(measured(concerned(focus, drafts), focus.dependencies, snap, config), about[:_GRAPHED])
    details = read_details(cluster, snap, focus, drafts, measures, deadline)
    missed = [unread(name, a) for name, a in answers.items() if isinstance(a, SreError) and name != "the cluster"]
    missed += [] if metrics else ["metrics (no PROMETHEUS_URL)"]
    missed += [] if alerts else ["firing alerts (no ALERTMANAGER_URL)"]
    return _observation(cluster, snap, focus, drafts, details, near, alerts, metrics, missed)


def _for_lists(namespaces: tuple[str, ...]) -> Deadline:
    return Deadline.after(LISTS_S if namespaces else WHOLE_CLUSTER_S)


def _read(answers: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    answer = answers.get(name, ())
    return () if isinstance(answer, SreError) else answer


def _snapshot(answers: Mapping[str, Any], cluster: Cluster, namespaces: tuple[str, ...], now: datetime) -> Snapshot:
    """What was read of the cluster; nothing of one that is down while others answer.

    Raises: Unreachable when nothing answers.
    """
    snap = answers["the cluster"]
    if not isinstance(snap, SreError):
        taken: Snapshot = snap
        return taken
    if all(isinstance(answer, SreError) for answer in answers.values()):
        raise snap if isinstance(snap, Unreachable) else Unreachable(f"{snap}.")
    return empty(cluster, now, namespaces, str(snap).rstrip("."))


def _began(drafts: Sequence[Draft], focus: Focus, alerts: Sequence[Alert], now: datetime) -> datetime:
    """When the trouble of what was asked about began: by its first finding or alert."""
    times = [draft.since for draft in drafts if draft.since and focus.distance(draft) == 0]
    times += [alert.starts_at for alert in alerts]
    return max(min(times, default=now - _NOTICED_AFTER), now - BACK)


def _observation(
    cluster: Cluster, snap: Snapshot, focus: Focus, drafts: Sequence[Draft], details: Details,
    alerts: tuple[Alert, ...] = (), port: Alerts | None = None, metrics: Metrics | None = None,
    missed: Sequence[str] = (),
) -> Observation:  # fmt: skip
    """Everything in its final form; evidence is numbered as it is cited, the worst finding's first."""
    exhibits = Exhibits(cluster.server, snap.now)
    findings = tuple(finding(draft, exhibits) for draft in drafts)
    changes = tuple(c.model_copy(update={"evidence": exhibits.cite_all([s])}) for c, s in details.changes)
    logs = tuple(r.excerpt.model_copy(update={"evidence": exhibits.cite_all([r.source])}) for r in details.logs)
    readings = []
    for read in details.readings if metrics else ():
        cited = exhibits.cite("prometheus", read.query, read.shown, metrics.link(read.query) if metrics else None)
        readings.append(read.reading.model_copy(update={"evidence": (cited,)}))
    firing.cite(alerts, port, exhibits)
    return Observation(
        findings=findings, changes=changes, logs=logs, readings=tuple(readings),
        workloads=tuple(workloads(snap, concerned(focus, drafts), exhibits)),
        calls=tuple(("/".join(caller), "/".join(called)) for caller, called in calls(snap)),
        alerts=alerts, evidence=exhibits.all(),
        could_not_read=tuple(dict.fromkeys((*snap.could_not_read, *details.could_not_read, *missed))),
    )  # fmt: skip
