"""The REST API's incidents: listed, opened, changed, and what is said about them."""

from __future__ import annotations

from aiohttp import web

from sandbox.pagerduty import changes, queries, render
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.errors import ApiError, bad_argument, invalid, not_authorized, not_found
from sandbox.pagerduty.model import RESPONDERS, Actor, Alert, Incident, Json

DEFAULT_SPAN_S = 30 * 86_400.0
MOST_AT_ONCE = 250
LONGEST_NOTE = 25_000
_STATUSES, _URGENCIES = ("triggered", "acknowledged", "resolved"), ("high", "low")
_SORTS = {
    "created_at": lambda i: i.created_at, "incident_number": lambda i: i.number,
    "resolved_at": lambda i: i.resolved_at or 0.0, "urgency": lambda i: i.urgency,
}  # fmt: skip


def requester(desk: Desk, request: web.Request) -> Actor:
    """Whom a write is made for: the token's user, or the one whose address is in `From`. Raises: ApiError."""
    user = request.get(queries.CALLER)
    if user is None:
        address = request.headers.get("From", "").strip()
        if not address:
            raise ApiError(
                400, 2016, 'You must specify a user\'s email address in the "From" header to perform this action'
            )
        user = desk.account.by_email(address)
    if user is None:
        raise ApiError(400, 1008, "Requester User Not Found")
    if user.role not in RESPONDERS:
        raise not_authorized()
    return Actor(desk.account.ref(user), "api", user_id=user.id)


class IncidentsApi:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._account = desk, desk.account

    def routes(self) -> list[web.RouteDef]:
        one = "/incidents/{id}"
        return [
            web.get("/incidents", self._list), web.post("/incidents", self._open), web.put("/incidents", self._put_all),
            web.get(one, self._get), web.put(one, self._put),
            web.get(f"{one}/notes", self._notes), web.post(f"{one}/notes", self._annotate),
            web.get(f"{one}/log_entries", self._log_entries),
            web.get(f"{one}/alerts", self._alerts), web.get(f"{one}/alerts/{{alert}}", self._alert),
            web.post(f"{one}/responder_requests", self._request_responders),
            web.post(f"{one}/status_updates", self._publish),
            web.post(f"{one}/snooze", self._snooze), web.put(f"{one}/merge", self._merge),
        ]  # fmt: skip

    def _found(self, request: web.Request) -> Incident:
        return self._desk.find(request.match_info["id"])

    def _shown(self, incident: Incident) -> Json:
        return render.incident(self._account, incident)

    async def _list(self, request: web.Request) -> web.Response:
        """Of the last 30 days unless `since`, `until` or `date_range=all` says otherwise."""
        found = [i for i in self._in_range(request) if self._matches(request, i)]
        name, _, direction = request.query.get("sort_by", "created_at:asc").partition(":")
        if name not in _SORTS or direction not in ("", "asc", "desc"):
            raise invalid("Sort by is not valid")
        found.sort(key=_SORTS[name], reverse=direction == "desc")
        return web.json_response(queries.page(request, "incidents", found, self._shown))

    def _in_range(self, request: web.Request) -> list[Incident]:
        held = list(self._desk.incidents.values())
        if request.query.get("date_range") == "all":
            return held
        since, until = queries.moment(request, "since"), queries.moment(request, "until")
        until = self._desk.now if until is None else until
        since = until - DEFAULT_SPAN_S if since is None else since
        return [i for i in held if since <= i.created_at <= until]

    def _matches(self, request: web.Request, incident: Incident) -> bool:
        statuses, urgencies = queries.values(request, "statuses"), queries.values(request, "urgencies")
        if set(statuses) - set(_STATUSES):
            raise invalid("Status must be a list of triggered, acknowledged, or resolved.")
        if set(urgencies) - set(_URGENCIES):
            raise invalid("Urgencies must be a list of high or low.")
        services, users = queries.values(request, "service_ids"), queries.values(request, "user_ids")
        key = request.query.get("incident_key")
        return (
            (not statuses or incident.status in statuses)
            and (not urgencies or incident.urgency in urgencies)
            and (not services or incident.service.id in services)
            and (not users or bool(incident.assigned.keys() & set(users)))
            and (key is None or key == incident.key or any(a.key == key for a in incident.alerts.values()))
        )

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response({"incident": self._shown(self._found(request))})

    async def _open(self, request: web.Request) -> web.Response:
        actor = requester(self._desk, request)
        asked = queries.wrapped(await queries.body(request), "incident")
        title, service = changes.titled(asked), changes.serviced(self._account, asked)
        if "assignments" in asked and "escalation_policy" in asked:
            raise bad_argument("Assignments and escalation policy cannot both be specified")
        details = asked.get("body") or {}
        incident = self._desk.open(
            service, title, asked.get("incident_key"), actor,
            urgency=changes.urgent(asked) if "urgency" in asked else "high",
            priority=changes.prioritised(self._account, asked) if "priority" in asked else None,
            policy=changes.escalated(self._account, asked) if "escalation_policy" in asked else None,
            assignees=changes.assigned(self._account, asked) if "assignments" in asked else (),
            body=str(details.get("details", "")) if isinstance(details, dict) else "",
        )  # fmt: skip
        return web.json_response({"incident": self._shown(incident)}, status=201)

    async def _put(self, request: web.Request) -> web.Response:
        actor, incident = requester(self._desk, request), self._found(request)
        asked = queries.wrapped(await queries.body(request), "incident")
        for change in changes.planned(self._desk, incident, asked, actor):
            change()
        return web.json_response({"incident": self._shown(incident)})

    async def _put_all(self, request: web.Request) -> web.Response:
        """Several at once; none is changed when one cannot be."""
        actor = requester(self._desk, request)
        listed = (await queries.body(request)).get("incidents")
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise invalid("Incidents must be an array")
        if not 1 <= len(listed) <= MOST_AT_ONCE:
            raise invalid(f"Between 1 and {MOST_AT_ONCE} incidents can be changed at once")
        incidents = [self._desk.find(str(item.get("id"))) for item in listed]
        plans = [
            changes.planned(self._desk, incident, item, actor) for incident, item in zip(incidents, listed, strict=True)
        ]
        for plan in plans:
            for change in plan:
                change()
        return web.json_response({"incidents": [self._shown(i) for i in incidents]})

    async def _notes(self, request: web.Request) -> web.Response:
        """Newest first."""
        return web.json_response({"notes": [render.note(n) for n in reversed(self._found(request).notes)]})

    async def _annotate(self, request: web.Request) -> web.Response:
        actor, incident = requester(self._desk, request), self._found(request)
        content = queries.text(queries.wrapped(await queries.body(request), "note"), "content")
        if len(content) > LONGEST_NOTE:
            raise invalid(f"Content is too long (maximum is {LONGEST_NOTE} characters)")
        return web.json_response({"note": render.note(self._desk.annotate(incident, content, actor))})

    async def _log_entries(self, request: web.Request) -> web.Response:
        """Newest first."""
        incident = self._found(request)
        since, until = queries.moment(request, "since"), queries.moment(request, "until")
        entries = [
            e
            for e in reversed(incident.log)
            if (since is None or e["at"] >= since) and (until is None or e["at"] <= until)
        ]
        return web.json_response(
            queries.page(request, "log_entries", entries, lambda e: render.log_entry(self._account, incident, e))
        )

    async def _alerts(self, request: web.Request) -> web.Response:
        incident, statuses = self._found(request), queries.values(request, "statuses")
        key = request.query.get("alert_key")
        found = [
            a
            for a in incident.alerts.values()
            if (not statuses or a.status in statuses) and (key is None or a.key == key)
        ]

        def shown(held: Alert) -> Json:
            return render.alert(self._account, incident, held)

        return web.json_response(queries.page(request, "alerts", found, shown))

    async def _alert(self, request: web.Request) -> web.Response:
        incident = self._found(request)
        held = incident.alerts.get(request.match_info["alert"])
        if held is None:
            raise not_found()
        return web.json_response({"alert": render.alert(self._account, incident, held)})

    async def _request_responders(self, request: web.Request) -> web.Response:
        actor, incident = requester(self._desk, request), self._found(request)
        asked = await queries.body(request)
        if asked.get("requester_id") not in self._account.users:
            raise ApiError(400, 2011, "You must specify a requester_id to perform this action")
        message = queries.text(asked, "message")
        answer = self._desk.request(incident, changes.targets(self._account, asked), message, actor)
        return web.json_response({"responder_request": answer})

    async def _publish(self, request: web.Request) -> web.Response:
        actor, incident = requester(self._desk, request), self._found(request)
        message = queries.text(await queries.body(request), "message")
        update = self._desk.publish(incident, message, actor)
        return web.json_response({"status_update": render.status_update(update)})

    async def _snooze(self, request: web.Request) -> web.Response:
        actor, incident = requester(self._desk, request), self._found(request)
        seconds = (await queries.body(request)).get("duration")
        if not isinstance(seconds, int):
            raise ApiError(400, 1013, "Snooze Duration is Invalid")
        self._desk.snooze(incident, seconds, actor)
        return web.json_response({"incident": self._shown(incident)}, status=201)

    async def _merge(self, request: web.Request) -> web.Response:
        actor, incident = requester(self._desk, request), self._found(request)
        listed = (await queries.body(request)).get("source_incidents")
        if not isinstance(listed, list) or not listed or not all(isinstance(item, dict) for item in listed):
            raise invalid("Source incidents must be a non-empty array")
        sources = [self._desk.find(str(item.get("id"))) for item in listed]
        self._desk.merge(incident, sources, actor)
        return web.json_response({"incident": self._shown(incident)})
