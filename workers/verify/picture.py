"""The one graph that tells the story of a repair, from before the trouble until now."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from blocks.parts import plain
from blocks.verification import done_in_words
from core.errors import SreError
from core.remediation import Remediation
from workers.ports import Metrics
from workers.triage import queries
from workers.triage.metricnames import Asked, Requests, counters, histograms
from workers.triage.objects import annotations_of, controller_of, created_at
from workers.triage.reads import Deadline, read_each
from workers.verify.drawing import Chart, Mark, draw
from workers.verify.figures import Figures
from workers.verify.looking import survey
from workers.verify.sentences import figure
from workers.world import Operator

READ_S = 3.0  # once, when all is over, so longer than a look
_POINTS = 160  # as many as can be told apart on a phone
_LONGEST = timedelta(hours=3)
_LEAST_BEFORE = timedelta(seconds=30)  # of ordinary times, to compare with
_WIDE_S = 180  # three scrapes a minute apart
_STORY, _LITTLE = 2.0, 0.005  # how many times its lowest, or this, the peak must be for a graph to be worth it; guessed
_REVISION = "deployment.kubernetes.io/revision"
_PODS = {
    "restarts": 'sum(kube_pod_container_status_restarts_total{{namespace="{0}",pod=~"{1}"}})',
    "ready pods": 'sum(kube_pod_status_ready{{namespace="{0}",pod=~"{1}",condition="true"}})',
}  # fmt: skip
_AXES = {"5xx": "share of requests", "errors": "share of requests", "p95": "time for 95 % of requests",
         "restarts": "of its containers so far", "ready pods": "pods"}  # fmt: skip

T = TypeVar("T")
Points = tuple[tuple[float, float], ...]
Ask = Callable[[int], str]  # the query, given the least seconds of its window


@dataclass(frozen=True)
class Graph:
    """A PNG, and what it shows in a sentence for those who do not see it."""

    png: bytes
    alt_text: str
    title: str


def picture(remediation: Remediation, operator: Operator, now: datetime) -> Graph | None:
    """The metric that shows best what the action did, with the rollout and the action marked; None when no metric of
    the target can be read."""
    metrics = operator.metrics(remediation.cluster)
    if metrics is None:
        return None
    scene = survey(remediation, (), operator, metrics, now)
    if not scene.targets:
        return None
    asked = scene.targets[0]  # the others of a release or a service are much alike
    rollout = _in_time(lambda: _rolled_out(remediation, operator, asked))
    start = _start(remediation, rollout, now)
    if rollout and rollout < start:
        rollout = None
    figures = Figures(metrics, scene.names, now, None)
    story = _in_time(lambda: _story(figures, [asked, *scene.downstream], start, now))
    if story is None:
        return None
    kind, whose, points = story
    marks = [Mark(rollout, "rollout", bad=True)] if rollout else []
    if remediation.begun_at:
        marks.append(Mark(remediation.begun_at, _short(remediation), bad=False))
    title = plain(f"{kind} of {whose}", 100)
    before = remediation.before.measures if remediation.before else ()
    chart = Chart(
        title=title, axis=_AXES[kind], points=points, marks=tuple(marks),
        normal=next((m.normal for m in before if m.name == f"{kind} of {whose}"), None),
        write=lambda value: figure(kind, value), is_share=kind in ("5xx", "errors"),
        counts=kind in ("restarts", "ready pods"), lowest=kind == "ready pods",
    )  # fmt: skip
    said = plain(_alt_text(title, kind, points, rollout, remediation), 1000)
    return Graph(draw(chart, operator.settings.data_dir), said, title)


def _in_time(read: Callable[[], T]) -> T | None:
    """What was read; None when that failed or took too long."""
    answer = read_each({"picture": read}, Deadline.after(READ_S))["picture"]
    return None if isinstance(answer, SreError) else answer


def _start(remediation: Remediation, rollout: datetime | None, now: datetime) -> datetime:
    """Some time before the trouble: two fifths of what there is to show, so that its usual is in view."""
    known = rollout if rollout and now - rollout < _LONGEST else remediation.created_at - timedelta(minutes=5)
    return max(known - max((now - known) * 0.4, _LEAST_BEFORE), now - _LONGEST * 1.4)


def _rolled_out(remediation: Remediation, operator: Operator, asked: Asked) -> datetime | None:
    """When the target's last revision before the action was made."""
    name = asked.owner.partition("/")[2]
    cluster = operator.cluster(remediation.cluster)
    sets = cluster.items(f"/apis/apps/v1/namespaces/{asked.namespace}/replicasets")
    own = [each for each in sets if controller_of(each) == ("Deployment", name) and annotations_of(each).get(_REVISION)]
    # Kubernetes leaves out the parts of a second, so that what the action itself made can seem a little older.
    until = (remediation.begun_at or remediation.created_at) - timedelta(seconds=1)
    made = [at for each in own if (at := created_at(each)) and at <= until]
    return max(made, default=None)


def _story(
    figures: Figures, services: Sequence[Asked], start: datetime, now: datetime
) -> tuple[str, str, Points] | None:
    """The first figure that moved, else the first that there is: its kind, whose it is, and its points. What the target
    answers goes first, then what the worst of those that depend on it answers, then the target's pods."""
    span_s = (now - start).total_seconds()
    step_s = max(1, math.ceil(span_s / _POINTS))
    start = now - timedelta(seconds=step_s * math.ceil(span_s / step_s))  # so that the last point is that of now

    def read(asked: Asked, asks: Iterable[tuple[str, Ask]]) -> list[tuple[str, str, Points]]:
        seen = ((kind, asked.label, _points(figures.metrics, ask, start, now, step_s)) for kind, ask in asks)
        return [each for each in seen if each[2]]

    target, *dependents = services
    own = read(target, _answers(figures, target))
    if moved := [each for each in own if _moves(each[0], each[2])]:
        return moved[0]
    theirs = [each for asked in dependents for each in read(asked, _answers(figures, asked))[:1]]
    if moved := [each for each in theirs if each[0] in ("5xx", "errors") and _moves(each[0], each[2])]:
        return max(moved, key=lambda each: max(value for _, value in each[2]))
    pods = read(target, _pods(target))
    return next((each for each in pods if _moves(each[0], each[2])), next(iter(own + pods), None))


def _pods(asked: Asked) -> Iterator[tuple[str, Ask]]:
    for kind, query in _PODS.items():
        yield kind, partial(str.format, query, asked.namespace, asked.pods)


def _answers(figures: Figures, asked: Asked) -> Iterator[tuple[str, Ask]]:
    """Figures of its requests, and how they are asked for, given the least window."""
    try:
        requests = figures.find(counters(figures.names), asked)
        if requests and requests.errors:
            kind = "5xx" if "5" in requests.errors else "errors"
            yield kind, partial(_ratio, requests, figures.window_s(requests))
        buckets = figures.find(histograms(figures.names), asked)
        if buckets:
            yield "p95", partial(_p95, buckets, figures.window_s(buckets))
    except SreError:  # no graph of requests, then; of the pods there may be one
        return


def _ratio(requests: Requests, window_s: int, least_s: int) -> str:
    """Without any failure there is no series of failures: that is 0, as long as there are requests."""
    window = f"{max(window_s, least_s)}s"
    served = queries.served(requests, window)
    return f"({queries.failed(requests, window)} or 0 * {served}) / {served}"


def _p95(buckets: Requests, window_s: int, least_s: int) -> str:
    return queries.latency_p95(buckets, f"{max(window_s, least_s)}s")


def _points(metrics: Metrics, ask: Ask, start: datetime, now: datetime, step_s: int) -> Points:
    """Over windows as short as the scrapes allow. What is older may have been scraped, or kept, less often."""
    sharp = _range(metrics, ask(step_s), start, now, step_s)
    began = datetime.fromtimestamp(sharp[0][0], UTC) if sharp else now
    if (began - start).total_seconds() <= 2 * step_s:
        return sharp
    return _range(metrics, ask(_WIDE_S), start, began - timedelta(seconds=step_s), step_s) + sharp


def _range(metrics: Metrics, query: str, start: datetime, end: datetime, step_s: int) -> Points:
    try:
        series = metrics.range(query, start, end, step_s)
    except SreError:
        return ()
    return tuple((at, value) for at, value in (series[0].points if series else ()) if math.isfinite(value))


def _moves(kind: str, points: Points) -> bool:
    """Whether there is anything to see."""
    low, high = min(value for _, value in points), max(value for _, value in points)
    return high > low if kind in _PODS else high > _STORY * max(low, _LITTLE)


def _short(remediation: Remediation) -> str:
    """The action in a word or two."""
    return {
        "rollback_deployment": "rolled back", "rollback_release": "rolled back", "restart_deployment": "restarted",
        "restart_pod": "pod restarted", "scale_deployment": "scaled", "drain_node": "drained",
        "shift_traffic": "traffic shifted", "rotate_credentials": "credentials rotated",
    }.get(remediation.action.kind, "action")  # fmt: skip


def _alt_text(title: str, kind: str, points: Points, rollout: datetime | None, remediation: Remediation) -> str:
    values = [value for _, value in points]
    extreme = min(values) if kind == "ready pods" else max(values)
    marked = [f"the rollout at {rollout:%H:%M} UTC"] if rollout else []
    if remediation.begun_at:
        marked.append(f"the action at {remediation.begun_at:%H:%M} UTC ({done_in_words(remediation)})")
    said = f"; marked: {' and '.join(marked)}" if marked else ""
    first, last = figure(kind, values[0]), figure(kind, values[-1])
    return f"Graph of {title}: {first} at first, {figure(kind, extreme)} at worst, {last} now{said}."
