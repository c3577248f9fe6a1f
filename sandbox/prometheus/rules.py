"""Alert rules, evaluated as Prometheus does: an expression, how long it must hold, and templated labels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote_plus

from sandbox.clock import rfc3339
from sandbox.prometheus.numbers import format_value
from sandbox.prometheus.promql import instant
from sandbox.prometheus.tsdb import STALE, LabelPairs, Tsdb
from sandbox.prometheus.values import Point, key_of

KEEP_RESOLVED_S = 900.0  # how long Prometheus goes on telling Alertmanager that an alert has ended
RESEND_S = 60.0  # how often it repeats what has not changed


@dataclass(frozen=True)
class Rule:
    """One alerting rule. Labels and annotations may hold `{{ $labels.x }}` and `{{ $value | humanize }}`."""

    alert: str
    expr: str
    for_s: float
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass
class Active:
    """One alert of a rule: pending until it has held for `for_s`, then firing, then resolved."""

    labels: dict[str, str]
    annotations: dict[str, str]
    value: float
    state: Literal["pending", "firing", "resolved"]
    active_at: float
    fired_at: float = 0.0
    resolved_at: float | None = None
    sent_at: float = -math.inf


@dataclass
class RuleState:
    rule: Rule
    alerts: dict[LabelPairs, Active] = field(default_factory=dict)

    @property
    def state(self) -> Literal["inactive", "pending", "firing"]:
        states = {a.state for a in self.alerts.values()}
        return "firing" if "firing" in states else "pending" if "pending" in states else "inactive"


class RuleEngine:
    """All rules and where each stands."""

    def __init__(self, tsdb: Tsdb, rules: Iterable[Rule], external_url: str = "") -> None:
        self.states = [RuleState(rule) for rule in rules]
        self.external_url = external_url
        self.evaluated_at = 0.0
        self._tsdb = tsdb

    def evaluate(self, now: float) -> list[dict[str, Any]]:
        """Move every rule on to `now`; the alerts that Alertmanager is to be told, in the form of its API v2."""
        self.evaluated_at = now
        outgoing = []
        for held in self.states:
            self._step(held, now)
            for alert in held.alerts.values():
                if _due(alert, now):
                    alert.sent_at = now
                    outgoing.append(self._postable(held.rule, alert, now))
        return outgoing

    def _step(self, held: RuleState, now: float) -> None:
        value = instant(self._tsdb, held.rule.expr, now)
        points = [p for p in value if isinstance(p, Point)] if isinstance(value, list) else []
        seen = set()
        for point in points:
            labels = {k: v for k, v in point.labels.items() if k != "__name__"}
            labels |= {k: expand(v, point.labels, point.value) for k, v in held.rule.labels.items()}
            labels["alertname"] = held.rule.alert
            key = key_of(labels)
            seen.add(key)
            alert = held.alerts.get(key)
            if alert is None or alert.state == "resolved":
                alert = held.alerts[key] = Active(labels, {}, point.value, "pending", now)
            alert.value = point.value
            alert.annotations = {k: expand(v, point.labels, point.value) for k, v in held.rule.annotations.items()}
            if alert.state == "pending" and now - alert.active_at >= held.rule.for_s:
                alert.state, alert.fired_at = "firing", now
        for key, alert in list(held.alerts.items()):
            if key not in seen:
                self._end(held, key, alert, now)
            self._record(alert, now)

    def _end(self, held: RuleState, key: LabelPairs, alert: Active, now: float) -> None:
        if alert.state == "firing":
            self._record(alert, now, STALE)
            alert.state, alert.resolved_at, alert.sent_at = "resolved", now, -math.inf
        elif alert.resolved_at is None or now - alert.resolved_at > KEEP_RESOLVED_S:
            self._record(alert, now, STALE)
            del held.alerts[key]

    def _record(self, alert: Active, now: float, value: float = 1.0) -> None:
        """Keep the ALERTS series that Prometheus keeps of its own alerts."""
        if alert.state == "resolved":
            return
        series = self._tsdb.series("ALERTS", key_of({**alert.labels, "alertstate": alert.state}))
        if not series.times or series.times[-1] < now:
            series.times.append(now)
            series.values.append(value)

    def _postable(self, rule: Rule, alert: Active, now: float) -> dict[str, Any]:
        ends_at = alert.resolved_at if alert.resolved_at is not None else now + 4 * RESEND_S
        return {
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": rfc3339(alert.fired_at),
            "endsAt": rfc3339(ends_at),
            "generatorURL": f"{self.external_url}/graph?g0.expr={quote_plus(rule.expr)}&g0.tab=1",
        }


def _due(alert: Active, now: float) -> bool:
    return alert.state != "pending" and now - alert.sent_at >= RESEND_S


def expand(template: str, labels: dict[str, str], value: float) -> str:
    """Fill in `{{ $labels.x }}` and `{{ $value | humanizePercentage }}`."""

    def fill(found: re.Match[str]) -> str:
        name, function = found["name"], found["function"]
        if found["label"] is not None:
            return labels.get(found["label"], "")
        return _HUMAN[function](value) if function else format_value(value) if name == "$value" else found[0]

    return re.sub(
        r"\{\{\s*(?P<name>\$labels\.(?P<label>\w+)|\$value)\s*(?:\|\s*(?P<function>\w+)\s*)?\}\}", fill, template
    )


def _humanize(value: float) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{prefix}"
    return f"{value:.4g}"


_HUMAN: dict[str, Callable[[float], str]] = {
    "humanize": _humanize,
    "humanizePercentage": lambda v: f"{v * 100:.4g}%",
    "humanizeDuration": lambda v: f"{v:.4g}s" if v < 60 else f"{int(v // 60)}m {int(v % 60)}s",
}
