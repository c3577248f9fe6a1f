"""Metrics of the services in question, now against before: requests, errors, latency, saturation where they exist."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

from core.incident import Alert
from core.observation import Reading
from workers.ports import Metrics, Series
from workers.tools.graph import describe, number
from workers.triage import queries
from workers.triage.evidence import cut
from workers.triage.metricnames import Asked, Requests, counters, find_requests, histograms

BACK = timedelta(hours=6)  # how far "before" goes
STEP_S = 120
FRESH_S = 300  # two steps and some lateness; an older last point says nothing of now
LONGEST_EXPRESSION = 4000
_SLACK = timedelta(minutes=3)  # the trouble began somewhat before somebody noticed
_COMPARISONS = frozenset({">", ">=", "<", "<=", "==", "!="})


Write = Callable[[float], str]


@dataclass(frozen=True)
class Read:
    reading: Reading
    query: str
    excerpt: str

    def shown(self) -> str:
        return self.excerpt


Measures = dict[str, Callable[[], list[Read]]]


@dataclass(frozen=True)
class Looker:
    """Looks at graphs from some hours ago until now.

    Args:
        began: When the trouble began; "before" ends there.
    """

    metrics: Metrics
    names: frozenset[str]  # of the metrics that exist
    now: datetime
    began: datetime

    def tasks(self, services: Iterable[Asked], alerts: Iterable[Alert]) -> Measures:
        """What to read, by name; each raises ToolError or Unreachable."""
        found: Measures = {}
        for asked in services:
            found[f"requests of {asked.label}"] = partial(self._all, self._requests, asked)
            found[f"latency of {asked.label}"] = partial(self._all, self._latency, asked)
            if asked.is_meant:
                found[f"saturation of {asked.label}"] = partial(self._all, self._saturation, asked)
        for alert in alerts:
            if expression := expression_of(alert):
                found[f"expression of {alert.name} {alert.fingerprint}"] = partial(self._expression, alert, expression)
        return found

    def _all(self, kind: Callable[[Asked], Iterator[Read]], asked: Asked) -> list[Read]:
        return list(kind(asked))

    def _requests(self, asked: Asked) -> Iterator[Read]:
        requests = self._find(counters(self.names), asked)
        if requests is None:
            return
        served = self._look("request_rate", asked, queries.served(requests), "requests a second")
        if served and requests.errors:
            ratio = queries.error_ratio(requests)
            yield self._look("error_ratio", asked, ratio, "of requests fail", _share) or _none(
                "error_ratio", asked, ratio, "no request fails"
            )
        if served:
            yield served

    def _find(self, candidates: list[str], asked: Asked) -> Requests | None:
        """By what there is now, else by what there was before the trouble: a service that is down shows no metrics."""
        found = find_requests(self.metrics, candidates, asked, self.now)
        return found or find_requests(self.metrics, candidates, asked, self.began - _SLACK)

    def _latency(self, asked: Asked) -> Iterator[Read]:
        buckets = self._find(histograms(self.names), asked)
        if buckets is None:
            return
        query = queries.latency_p95(buckets)
        if found := self._look("latency_p95_s", asked, query, "for 95 % of requests", _time):
            yield found

    def _saturation(self, asked: Asked) -> Iterator[Read]:
        for share in queries.saturation(asked, self.names):
            if found := self._look(share.name, asked, share.query, share.words, _share):
                yield found

    def _expression(self, alert: Alert, expression: str) -> list[Read]:
        """The alert's own graph: what its expression compares, without the comparison that hides it in good times."""
        compared, bound = _split(expression)
        asked = Asked(alert.labels.get("service") or alert.labels.get("job") or alert.name, "", "", frozenset())
        series = self.metrics.range(compared, self.now - BACK, self.now, STEP_S)
        mine = max(series, key=lambda s: len(s.labels.items() & alert.labels.items()), default=None)
        if mine:
            words = f"is what {alert.name} watches" + (f" (fires {bound})" if bound else "")
            if found := self._read("alert_expr", asked, compared, mine, words):
                return [found]
        return []

    def _look(self, name: str, asked: Asked, query: str, words: str, write: Write = number) -> Read | None:
        series = self.metrics.range(query, self.now - BACK, self.now, STEP_S)
        return self._read(name, asked, query, series[0], words, write) if series else None

    def _read(
        self, name: str, asked: Asked, query: str, series: Series, words: str, write: Write = number
    ) -> Read | None:
        points = [(at, value) for at, value in series.points if math.isfinite(value)]
        if not points:
            return None
        turned = (self.began - _SLACK).timestamp()
        earlier = [value for at, value in points if at < turned]
        fresh = self.now.timestamp() - points[-1][0] <= FRESH_S
        now, before = points[-1][1] if fresh else None, median(earlier) if earlier else None
        ended = "" if fresh else f"no data since {datetime.fromtimestamp(points[-1][0], UTC):%H:%M} UTC, last "
        against = f", {write(before)} before {self.began:%H:%M} UTC" if before is not None else ""
        said = f"{ended}{write(points[-1][1])} {words}{against}"
        shape = describe(points, STEP_S)
        reading = Reading(name=name, service=asked.label, now=now, before=before, summary=said)
        return Read(
            reading, query, f"{said}\n{shape}\nlabels: {series.labels}" if series.labels else f"{said}\n{shape}"
        )


def _none(name: str, asked: Asked, query: str, words: str) -> Read:
    """Requests are served and none has ever failed, so that there is no series of failures."""
    return Read(Reading(name=name, service=asked.label, now=0.0, before=0.0, summary=words), query, words)


def expression_of(alert: Alert) -> str | None:
    """The expression in the alert's own link to Prometheus."""
    found = parse_qs(urlsplit(alert.generator_url).query).get("g0.expr", [""])[0]
    return found if 0 < len(found) <= LONGEST_EXPRESSION else None


def _split(expression: str) -> tuple[str, str]:
    """What the expression compares, and with what, as ("up", "== 0"); all of it and "" when it compares nothing."""
    import promql_parser

    try:
        parsed: Any = promql_parser.parse(expression)
    except ValueError:
        return expression, ""
    if isinstance(parsed, promql_parser.BinaryExpr) and str(parsed.op) in _COMPARISONS:
        return str(parsed.lhs), cut(f"{parsed.op} {parsed.rhs}", 120)
    return expression, ""


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"


def _share(ratio: float) -> str:
    return f"{ratio * 100:.3g} %"
