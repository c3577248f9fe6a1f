"""Alertmanager's API v2."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.alertmanager.dispatch import RECEIVER, Dispatcher, Group, Route
from sandbox.alertmanager.model import Alert, BadInput, Json, parse_matcher, parse_time
from sandbox.alertmanager.silences import Silences
from sandbox.clock import Clock, rfc3339

VERSION = "0.25.0"
RESOLVE_TIMEOUT_S = 300.0  # an alert posted without an end has ended when it was not repeated for so long
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Alertmanager:
    """Alerts in, notifications out."""

    def __init__(self, clock: Clock, token: str, route: Route | None = None, external_url: str = "") -> None:
        self.silences = Silences()
        self.dispatcher = Dispatcher(clock, self.silences, route or Route(), token, external_url)
        self._clock = clock
        self._started = clock.now()
        self._alerts: dict[str, Alert] = {}

    def receive(self, posted: list[Json]) -> None:
        """Take in what Prometheus posts. Raises: BadInput."""
        now = self._clock.now()
        alerts = [_read_alert(item, now) for item in posted]
        for alert in alerts:
            held = self._alerts.get(alert.fingerprint)
            if held is not None and alert.starts_at <= held.ends_at and not held.resolved_at(now):
                alert.starts_at = min(alert.starts_at, held.starts_at)
            self._alerts[alert.fingerprint] = alert
            self.dispatcher.receive(alert)
        for name in [n for n, a in self._alerts.items() if a.ends_at < now - RESOLVE_TIMEOUT_S]:
            del self._alerts[name]

    def firing(self) -> list[Json]:
        """The alerts that fire now, silenced ones too, as the API shows them."""
        now = self._clock.now()
        return [self._gettable(alert) for alert in self._alerts.values() if not alert.resolved_at(now)]

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([
            web.get("/-/healthy", _well), web.get("/-/ready", _well),
            web.get("/api/v2/status", _answering(self._status)),
            web.get("/api/v2/receivers", _answering(self._receivers)),
            web.get("/api/v2/alerts", _answering(self._list_alerts)),
            web.post("/api/v2/alerts", _answering(self._post_alerts)),
            web.get("/api/v2/alerts/groups", _answering(self._list_groups)),
            web.get("/api/v2/silences", _answering(self._list_silences)),
            web.post("/api/v2/silences", _answering(self._post_silence)),
            web.get("/api/v2/silence/{id}", _answering(self._get_silence)),
            web.delete("/api/v2/silence/{id}", _answering(self._delete_silence)),
        ])  # fmt: skip
        return app

    async def _status(self, _: web.Request) -> Any:
        route = self.dispatcher.route
        original = (
            f"route:\n  receiver: {RECEIVER}\n  group_by: [{', '.join(route.group_by)}]\n"
            f"  group_wait: {route.group_wait_s:g}s\n  group_interval: {route.group_interval_s:g}s\n"
            f"  repeat_interval: {route.repeat_interval_s:g}s\nreceivers:\n- name: {RECEIVER}\n"
        )
        version = {"version": VERSION, "branch": "HEAD", "revision": "sandbox", "buildDate": "", "buildUser": "",
                   "goVersion": ""}  # fmt: skip
        return {
            "cluster": {"status": "disabled", "peers": []}, "config": {"original": original},
            "uptime": rfc3339(self._started), "versionInfo": version,
        }  # fmt: skip

    async def _receivers(self, _: web.Request) -> Any:
        return [{"name": RECEIVER}]

    async def _post_alerts(self, request: web.Request) -> Any:
        posted = await _body(request)
        if not isinstance(posted, list):
            raise BadInput('parsing alerts body from "" failed, because it is not a list')
        self.receive(posted)
        return None

    async def _list_alerts(self, request: web.Request) -> Any:
        return [self._gettable(a) for a in self._chosen(request, list(self._alerts.values()))]

    async def _list_groups(self, request: web.Request) -> Any:
        groups = sorted(self.dispatcher.groups.values(), key=lambda g: g.key)
        listed = [(g, self._chosen(request, list(g.alerts.values()))) for g in groups]
        return [self._group(g, alerts) for g, alerts in listed if alerts]

    def _group(self, group: Group, alerts: list[Alert]) -> Json:
        listed = [self._gettable(a) for a in alerts]
        return {"alerts": listed, "labels": group.labels, "receiver": {"name": RECEIVER}}

    def _chosen(self, request: web.Request, alerts: list[Alert]) -> list[Alert]:
        """The firing alerts that the request's filters let through, by their labels."""
        matchers = [parse_matcher(text) for text in request.query.getall("filter", [])]
        now, wanted = self._clock.now(), request.query
        if not re.fullmatch(wanted.get("receiver", RECEIVER), RECEIVER):
            return []
        chosen = []
        for alert in alerts:
            muted = bool(self.silences.muting(alert.labels, now))
            shown = wanted.get("silenced" if muted else "active", "true") != "false"
            if shown and not alert.resolved_at(now) and all(m.matches(alert.labels) for m in matchers):
                chosen.append(alert)
        return sorted(chosen, key=lambda a: sorted(a.labels.items()))

    def _gettable(self, alert: Alert) -> Json:
        silenced = self.silences.muting(alert.labels, self._clock.now())
        status = {"inhibitedBy": [], "silencedBy": silenced, "state": "suppressed" if silenced else "active"}
        return {
            "annotations": alert.annotations, "endsAt": rfc3339(alert.ends_at), "fingerprint": alert.fingerprint,
            "receivers": [{"name": RECEIVER}], "startsAt": rfc3339(alert.starts_at), "status": status,
            "updatedAt": rfc3339(alert.updated_at), "generatorURL": alert.generator_url, "labels": alert.labels,
        }  # fmt: skip

    async def _list_silences(self, request: web.Request) -> Any:
        matchers = [parse_matcher(text) for text in request.query.getall("filter", [])]
        now = self._clock.now()
        chosen = [
            s
            for s in self.silences.all()
            if all(any(m.matches({own.name: own.value}) for own in s.matchers if own.name == m.name) for m in matchers)
        ]
        return [s.as_json(now) for s in sorted(chosen, key=lambda s: (s.state(now), s.ends_at))]

    async def _post_silence(self, request: web.Request) -> Any:
        posted = await _body(request)
        if not isinstance(posted, dict):
            raise BadInput("silence in body is required")
        return {"silenceID": self.silences.add(posted, self._clock.now())}

    async def _get_silence(self, request: web.Request) -> Any:
        held = self.silences.find(request.match_info["id"])
        if held is None:
            raise LookupError(request.match_info["id"])
        return held.as_json(self._clock.now())

    async def _delete_silence(self, request: web.Request) -> Any:
        self.silences.expire(request.match_info["id"], self._clock.now())
        return None


def _read_alert(posted: Json, now: float) -> Alert:
    labels = {str(k): str(v) for k, v in (posted.get("labels") or {}).items() if v != ""}
    if not labels:
        raise BadInput("at least one label pair required")
    if any(not re.fullmatch(r"[A-Za-z_]\w*", name) for name in labels):
        raise BadInput("invalid label set: invalid label name")
    starts_at = parse_time(posted.get("startsAt"), 0.0)
    ends_at = parse_time(posted.get("endsAt"), 0.0)
    starts_at = starts_at or (min(now, ends_at) if ends_at else now)
    annotations = {str(k): str(v) for k, v in (posted.get("annotations") or {}).items() if v != ""}
    url = str(posted.get("generatorURL") or "")
    return Alert(labels, annotations, starts_at, ends_at or now + RESOLVE_TIMEOUT_S, now, url)


async def _body(request: web.Request) -> Any:
    try:
        return await request.json()
    except json.JSONDecodeError as error:
        raise BadInput(f"parsing body failed: {error}") from error


async def _well(_: web.Request) -> web.Response:
    return web.Response(text="OK")


def _answering(handler: Callable[[web.Request], Awaitable[Any]]) -> Handler:
    """Answer data as JSON, and mistakes as Alertmanager does: a JSON string with 400, or nothing with 404."""

    async def respond(request: web.Request) -> web.Response:
        try:
            data = await handler(request)
        except BadInput as error:
            return web.json_response(str(error), status=400)
        except LookupError:
            return web.Response(status=404)
        return web.Response() if data is None else web.json_response(data)

    return respond
