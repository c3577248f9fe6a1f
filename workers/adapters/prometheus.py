"""Prometheus' query API, read only; Thanos, Mimir and VictoriaMetrics answer the same."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from core.errors import BadQuestion, ToolError
from workers.adapters.json_api import JsonApi, Params, Rejected
from workers.ports import Rule, Series

TIMEOUT_S = 10.0  # a query that takes longer costs Prometheus dearly, most of all during an incident
MAX_NAMES = 500
_SAID = 200


class Prometheus:
    """Implements workers.ports.Metrics. Values that are not a number (0/0, stale) are left out; infinities stay."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """The address may carry credentials; `self.url` does not."""
        self._api = JsonApi("Prometheus", "PROMETHEUS_URL", url, timeout_s)
        self._timeout = f"{timeout_s:g}s"
        self.url = self._api.url

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]:
        """The value of each series at that moment, each with one point; empty when there is no data."""
        params = {"query": query, "timeout": self._timeout}
        if at is not None:
            params["time"] = f"{at.timestamp():.3f}"
        return self._series(self._data("/api/v1/query", params, query), query)

    def range(self, query: str, start: datetime, end: datetime, step_s: int) -> tuple[Series, ...]:
        """Each series from start to end, a point every `step_s` seconds where there is data."""
        params = {
            "query": query, "timeout": self._timeout, "step": str(step_s),
            "start": f"{start.timestamp():.3f}", "end": f"{end.timestamp():.3f}",
        }  # fmt: skip
        return self._series(self._data("/api/v1/query_range", params, query), query)

    def names(self, matching: str) -> tuple[str, ...]:
        """At most 500 metric names that match the whole regular expression, in order."""
        selector = "{__name__=~" + json.dumps(matching, ensure_ascii=False) + "}"
        params = {"match[]": selector, "limit": str(MAX_NAMES)}
        names = self._data("/api/v1/label/__name__/values", params, "metric names")
        if not isinstance(names, list):
            raise _unexpected("metric names")
        return tuple(sorted(str(name) for name in names)[:MAX_NAMES])

    def rules(self, alert_name: str) -> tuple[Rule, ...]:
        """The alerting rules of that name, in the order of their files."""
        what = "the alert rules"
        data = self._data("/api/v1/rules", {"type": "alert"}, what)
        try:
            held = ((group, rule) for group in data["groups"] for rule in group["rules"] if rule["name"] == alert_name)
            return tuple(_rule(group, rule) for group, rule in held)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unexpected(what) from error

    def link(self, query: str) -> str:
        """The query's graph of the last hour."""
        return f"{self.url}/graph?{urlencode({'g0.expr': query, 'g0.tab': '0', 'g0.range_input': '1h'})}"

    def _data(self, path: str, params: Params, what: str) -> Any:
        try:
            answer = self._api.get(path, params, what)
        except Rejected as error:
            asked_wrong = isinstance(error.said, dict) and error.said.get("errorType") in ("bad_data", "execution")
            raise (BadQuestion if asked_wrong else ToolError)(what, _why(error.said, error.why)) from error
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise _unexpected(what)
        return answer.get("data")

    def _series(self, data: Any, query: str) -> tuple[Series, ...]:
        try:
            kind, result = data["resultType"], data["result"]
            if kind == "string":
                raise BadQuestion(query, "it gives a text, not numbers")
            if kind == "scalar":
                result = [{"metric": {}, "value": result}]
            found = (
                Series(labels=dict(row["metric"]), points=_points(row.get("values") or [row["value"]]))
                for row in result
            )
            return tuple(series for series in found if series.points)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unexpected(query) from error


def _rule(group: dict[str, Any], rule: dict[str, Any]) -> Rule:
    return Rule(
        str(rule["query"]), dict(rule.get("labels") or {}), for_s=float(rule.get("duration") or 0),
        keep_firing_for_s=float(rule.get("keepFiringFor") or 0), group=str(group.get("name") or ""),
        file=str(group.get("file") or ""),
    )  # fmt: skip


def _points(pairs: list[tuple[float, str]]) -> tuple[tuple[float, float], ...]:
    numbers = ((float(at), float(value)) for at, value in pairs)
    return tuple(point for point in numbers if not math.isnan(point[1]))


def _why(said: Any, otherwise: str) -> str:
    """Prometheus' reason in our words. What it says of the query's text, which is ours, is kept."""
    if not isinstance(said, dict):
        return otherwise
    kind = said.get("errorType")
    text = " ".join(re.sub(r"[^ -~]", " ", str(said.get("error", ""))).split())[:_SAID]
    if kind in ("timeout", "canceled"):
        return "Prometheus gave up because the query took too long; narrow it"
    if kind == "bad_data":
        return f"the query is not valid: {text}" if text else "the query is not valid"
    if kind in ("execution", "internal") and "too many samples" in text:
        return "the query touches too many samples; narrow it or shorten the time"
    if kind == "execution":
        return f"the query cannot be evaluated: {text}" if text else "the query cannot be evaluated"
    return otherwise


def _unexpected(what: str) -> ToolError:
    return ToolError(what, "the answer is not what Prometheus answers; check PROMETHEUS_URL")
