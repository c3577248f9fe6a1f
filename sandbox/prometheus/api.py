"""Prometheus' HTTP API over the company's samples and rules."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

from aiohttp import web

from sandbox.clock import rfc3339
from sandbox.prometheus.numbers import format_value, parse_step, parse_time
from sandbox.prometheus.promql import instant, matchers_of, over_range
from sandbox.prometheus.rules import Active, RuleEngine, RuleState
from sandbox.prometheus.tsdb import Series, Tsdb
from sandbox.prometheus.values import Point, QueryError, Value, Window, invalid

VERSION = "2.42.0"  # the release whose semantics the evaluator follows
_STATUS = {"bad_data": 400, "execution": 422, "not_found": 404}
Params = dict[str, list[str]]
Labelled = TypeVar("Labelled", Series, Window)


class PrometheusApi:
    """The routes. `now` is the company's clock, in Unix seconds; `metadata` is metric name to (type, help)."""

    def __init__(
        self, tsdb: Tsdb, rules: RuleEngine, now: Callable[[], float], metadata: dict[str, tuple[str, str]]
    ) -> None:
        self._tsdb, self._rules, self._now, self._metadata = tsdb, rules, now, metadata

    def app(self) -> web.Application:
        app = web.Application()
        for path, handler in {
            "query": self._query, "query_range": self._query_range, "series": self._series, "labels": self._labels,
            "alerts": self._alerts, "rules": self._rule_groups, "metadata": self._metadata_of,
            "status/buildinfo": self._buildinfo, "label/{name}/values": self._label_values,
        }.items():  # fmt: skip
            app.router.add_route("GET", f"/api/v1/{path}", _answering(handler))
            if path in ("query", "query_range", "series", "labels"):
                app.router.add_route("POST", f"/api/v1/{path}", _answering(handler))
        app.router.add_get("/-/healthy", _text("Prometheus Server is Healthy.\n"))
        app.router.add_get("/-/ready", _text("Prometheus Server is Ready.\n"))
        return app

    def _query(self, params: Params, _: web.Request) -> Any:
        time = parse_time(params["time"][0], "time") if "time" in params else self._now()
        return _result(instant(self._tsdb, _required(params, "query"), time), time)

    def _query_range(self, params: Params, _: web.Request) -> Any:
        start, end = (parse_time(_required(params, name), name) for name in ("start", "end"))
        step = parse_step(_required(params, "step"))
        windows = over_range(self._tsdb, _required(params, "query"), start, end, step)
        return {"resultType": "matrix", "result": [_matrix_row(w) for w in _ordered(windows)]}

    def _select(self, params: Params) -> list[Series]:
        start = parse_time(params["start"][0], "start") if "start" in params else float("-inf")
        end = parse_time(params["end"][0], "end") if "end" in params else float("inf")
        if "match[]" not in params:
            return [s for s in self._tsdb if s.times and s.times[0] <= end and s.times[-1] >= start]
        found = (s for text in params["match[]"] for s in self._tsdb.select(matchers_of(text), start, end))
        return list({id(s): s for s in found}.values())

    def _series(self, params: Params, _: web.Request) -> Any:
        if "match[]" not in params:
            raise QueryError("bad_data", "no match[] parameter provided")
        return [s.labels for s in _ordered(self._select(params))]

    def _labels(self, params: Params, _: web.Request) -> Any:
        return sorted({name for s in self._select(params) for name in s.labels})

    def _label_values(self, params: Params, request: web.Request) -> Any:
        name = request.match_info["name"]
        if not re.fullmatch(r"[a-zA-Z_]\w*", name):
            raise QueryError("bad_data", f'invalid label name: "{name}"')
        return sorted({s.labels[name] for s in self._select(params) if name in s.labels})

    def _metadata_of(self, params: Params, _: web.Request) -> Any:
        wanted = params.get("metric", [None])[0]
        return {
            name: [{"type": kind, "help": text, "unit": ""}]
            for name, (kind, text) in self._metadata.items()
            if wanted in (None, name)
        }

    def _alerts(self, _: Params, __: web.Request) -> Any:
        held = (a for s in self._rules.states for a in s.alerts.values() if a.state != "resolved")
        return {"alerts": [_alert(a) for a in held]}

    def _rule_groups(self, params: Params, _: web.Request) -> Any:
        if params.get("type", ["alert"])[0] != "alert":
            return {"groups": []}
        at = rfc3339(self._rules.evaluated_at)
        group = {
            "name": "shop", "file": "/etc/prometheus/rules/shop.yaml", "interval": 1, "limit": 0,
            "evaluationTime": 0.001, "lastEvaluation": at, "rules": [_rule(s, at) for s in self._rules.states],
        }  # fmt: skip
        return {"groups": [group]}

    def _buildinfo(self, _: Params, __: web.Request) -> Any:
        return {
            "version": VERSION, "revision": "sandbox", "branch": "HEAD", "buildUser": "", "buildDate": "",
            "goVersion": "",
        }  # fmt: skip


def _answering(handler: Callable[[Params, web.Request], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Wrap data and errors the way Prometheus does."""

    async def respond(request: web.Request) -> web.Response:
        form = await request.post() if request.method == "POST" else {}
        params: Params = {}
        for name, value in [*request.query.items(), *form.items()]:
            params.setdefault(name, []).append(str(value))
        try:
            return web.json_response({"status": "success", "data": handler(params, request)})
        except QueryError as error:
            body = {"status": "error", "errorType": error.kind, "error": error.message}
            return web.json_response(body, status=_STATUS[error.kind])

    return respond


def _text(body: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(_: web.Request) -> web.Response:
        return web.Response(text=body)

    return respond


def _required(params: Params, name: str) -> str:
    if name not in params:
        why = "unknown position: parse error: no expression found in input" if name == "query" else 'cannot parse ""'
        raise invalid(name, why)
    return params[name][0]


def _ordered(items: list[Labelled]) -> list[Labelled]:
    return sorted(items, key=lambda item: sorted(item.labels.items()))


def _matrix_row(window: Window) -> dict[str, Any]:
    pairs = zip(window.times, window.values, strict=True)
    return {"metric": window.labels, "values": [[t, format_value(v)] for t, v in pairs]}


def _result(value: Value, time: float) -> dict[str, Any]:
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [time, format_value(value)]}
    if isinstance(value, str):
        return {"resultType": "string", "result": [time, value]}
    if any(isinstance(item, Window) for item in value):
        return {"resultType": "matrix", "result": [_matrix_row(w) for w in value if isinstance(w, Window)]}
    points = [p for p in value if isinstance(p, Point)]
    return {
        "resultType": "vector",
        "result": [{"metric": p.labels, "value": [time, format_value(p.value)]} for p in points],
    }


def _exponent(value: float) -> str:
    """As Go's 'e' format: 7.4e-02."""
    mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"


def _alert(alert: Active) -> dict[str, Any]:
    return {
        "labels": alert.labels, "annotations": alert.annotations, "state": alert.state,
        "activeAt": rfc3339(alert.active_at), "value": _exponent(alert.value),
    }  # fmt: skip


def _rule(held: RuleState, at: str) -> dict[str, Any]:
    rule = held.rule
    return {
        "state": held.state, "name": rule.alert, "query": rule.expr, "duration": rule.for_s, "labels": rule.labels,
        "annotations": rule.annotations, "alerts": [_alert(a) for a in held.alerts.values() if a.state != "resolved"],
        "health": "ok", "evaluationTime": 0.0001, "lastEvaluation": at, "type": "alerting",
    }  # fmt: skip
