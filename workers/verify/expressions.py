"""Whether what an alert watches still holds, told by its own expression over what happened since the action."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.incident import Alert
from workers.ports import Metrics, Series
from workers.triage.readings import expression_of

# Functions whose answer does not grow with their window, so that a shorter one asks the same of a shorter time.
_SCALE_FREE = frozenset(
    {"rate", "irate", "avg_over_time", "max_over_time", "min_over_time", "last_over_time", "quantile_over_time",
     "present_over_time", "stddev_over_time"}
)  # fmt: skip
# Labels of what a repair replaces: the same trouble on a new pod is the same trouble.
_FLEETING = frozenset(
    {"pod", "instance", "uid", "id", "container_id", "pod_ip", "pod_name", "replicaset", "node", "alertname",
     "severity", "endpoint", "prometheus", "image"}
)  # fmt: skip
_POD_LABELS = (("pod", "namespace"), ("exported_pod", "exported_namespace"))
_POD = re.compile(r"(?P<workload>.+?)(?:-[a-z0-9]{6,10})?-(?:[a-z0-9]{5}|\d+)")
_STEPLESS = re.compile(r":\s*\]")  # a subquery without a step, which the parser writes as a plain window
SCRAPES = 4  # samples that a window needs, so that one late scrape does not leave it empty
_ASSUMED_S = 60.0  # between scrapes, of metrics of which there is nothing to count now


Live = Mapping[str, Collection[str]]
"""The names of all pods that exist, by namespace; namespaces that were not read whole are left out."""


@dataclass(frozen=True)
class Held:
    """What an expression says now."""

    holds: bool
    looks_back_s: float  # its longest window


def expressions(alerts: Collection[Alert], metrics: Metrics) -> dict[str, list[Alert]]:
    """The alerts by their expression, from their own links, else from the rules of their name; under "" those of which
    no expression is known.

    Raises: ToolError, Unreachable.
    """
    found: dict[str, list[Alert]] = {}
    of_name: dict[str, list[str]] = {}
    for alert in alerts:
        expression = expression_of(alert)
        if expression is None:
            if alert.name not in of_name:
                rules = metrics.rules(alert.name)
                of_name[alert.name] = [r.expression for r in rules if _fits(r.labels, alert)]
            known = of_name[alert.name]
            expression = known[0] if len(known) == 1 else ""
        found.setdefault(expression, []).append(alert)
    return found


def _fits(labels: Mapping[str, str], alert: Alert) -> bool:
    return all("{{" in value or alert.labels.get(name) == value for name, value in labels.items())


def held(
    expression: str, alerts: Collection[Alert], metrics: Metrics, now: datetime, since_s: float | None,
    live: Live,
) -> Held:  # fmt: skip
    """Whether the expression still yields series for what these alerts are about.

    Args:
        since_s: How long ago what the action started was complete; windows are cut to that. None: not yet.
        live: Series of pods that do not exist any more tell of what is gone.

    Raises: ToolError, Unreachable.
    """
    asked, looks_back_s = cut(expression, metrics, now, since_s)
    series = metrics.instant(asked, now)
    return Held(any(_about(each, alert, live) for each in series for alert in alerts), looks_back_s)


def cut(expression: str, metrics: Metrics, now: datetime, since_s: float | None) -> tuple[str, float]:
    """The expression with its windows no longer than `since_s` where that asks the same question, and its longest
    remaining window in seconds. One that compares with another time is left as it is.

    Raises: ToolError, Unreachable.
    """
    import promql_parser

    try:
        parsed: Any = promql_parser.parse(expression)
        if (
            since_s is not None
            and not _STEPLESS.search(expression)
            and not any(_shifted(node) for node in _nodes(parsed))
        ):
            shorter = _shortened(parsed, metrics, now, since_s)
            parsed = promql_parser.parse(str(shorter))
            expression = str(shorter)
    except ValueError:  # newer PromQL than the parser's
        return expression, 0.0
    return expression, max((n.range.total_seconds() for n in _nodes(parsed) if hasattr(n, "range")), default=0.0)


def _shortened(parsed: Any, metrics: Metrics, now: datetime, since_s: float) -> Any:
    import promql_parser

    within: list[str] = []  # the function whose arguments are being visited

    def shorten(node: Any) -> Any:
        if isinstance(node, promql_parser.Call):
            within[:] = [node.func.name]
        if not isinstance(node, promql_parser.MatrixSelector) or not _SCALE_FREE.issuperset(within):
            return None
        least_s = SCRAPES * interval_s(str(node.vector_selector), metrics, now)
        clean_s = since_s - least_s / 2  # the last bad answers are scraped a little later
        node.range = timedelta(seconds=math.ceil(min(node.range.total_seconds(), max(clean_s, least_s))))
        return promql_parser.parse(str(node))  # a changed node would be left out

    return promql_parser.transform(parsed, shorten)


def _nodes(parsed: Any) -> list[Any]:
    import promql_parser

    found: list[Any] = []
    promql_parser.walk(parsed, found.append)
    return found


def interval_s(selector: str, metrics: Metrics, now: datetime) -> float:
    """Seconds between its latest samples."""
    for window_s, enough in ((20, 4), (60, 2)):  # many in a short while, or few in a longer one
        counted = metrics.instant(f"max(count_over_time({selector}[{window_s}s]))", now)
        samples = max((series.points[-1][1] for series in counted), default=0.0)
        if samples >= enough:
            return window_s / samples
    return _ASSUMED_S


def _shifted(node: Any) -> bool:
    selector = getattr(node, "vector_selector", node)
    return bool(getattr(selector, "offset", None) or getattr(selector, "at", None))


def _about(series: Series, alert: Alert, live: Live) -> bool:
    """Whether a series is about the same thing as an alert: the same service, any of its pods that exist."""
    if not same_trouble(series.labels, alert.labels):
        return False
    for name, of in _POD_LABELS:
        pod = series.labels.get(name)
        existing = live.get(series.labels.get(of, ""))
        if pod and existing is not None and pod not in existing:
            return False
    return True


def same_trouble(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two sets of labels agree on what a repair does not replace; pods by their workload."""
    common = one.keys() & other.keys()
    if any(one[name] != other[name] for name in common - _FLEETING):
        return False
    pods = [name for name, _ in _POD_LABELS if name in common]
    return all(workload_of_pod(one[name]) == workload_of_pod(other[name]) for name in pods)


def workload_of_pod(pod: str) -> str:
    """The name of the workload that a pod's name begins with."""
    found = _POD.fullmatch(pod)
    return found["workload"] if found else pod
