"""The REST API's reading half, apart from incidents."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from sandbox.pagerduty import queries, render
from sandbox.pagerduty.account import shifts
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.errors import ApiError, invalid, not_found
from sandbox.pagerduty.model import Json, Policy, Rule, Schedule, User, stamp

ABILITIES = (
    "coordinated_responding", "event_rules", "manage_schedules", "preview_incident_alert_split", "read_only_users",
    "response_operations", "team_responders", "urgencies",
)  # fmt: skip
ONLY_FOR_USERS = "This endpoint is not available with an account-level access token. Use a user's token instead."


@dataclass(frozen=True)
class OnCall:
    """That a level of a policy reaches somebody; always, when there is no schedule in between."""

    policy: Policy
    level: int
    user: User
    schedule: Schedule | None
    start: float | None
    end: float | None


class Reads:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._account = desk, desk.account

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/abilities", self._abilities), web.get("/abilities/{id}", self._ability),
            web.get("/priorities", self._priorities),
            web.get("/users", self._users), web.get("/users/me", self._me), web.get("/users/{id}", self._user),
            web.get("/services", self._services), web.get("/services/{id}", self._service),
            web.get("/services/{id}/integrations/{integration}", self._integration),
            web.get("/escalation_policies", self._policies), web.get("/escalation_policies/{id}", self._policy),
            web.get("/schedules", self._schedules), web.get("/schedules/{id}", self._schedule),
            web.get("/oncalls", self._oncalls),
        ]  # fmt: skip

    async def _abilities(self, _: web.Request) -> web.Response:
        return web.json_response({"abilities": ABILITIES})

    async def _ability(self, request: web.Request) -> web.Response:
        if request.match_info["id"] in ABILITIES:
            return web.Response(status=204)
        raise ApiError(402, 2014, "Missing Account Ability")

    async def _priorities(self, request: web.Request) -> web.Response:
        held = sorted(self._account.priorities.values(), key=lambda p: -p.order)
        return web.json_response(queries.page(request, "priorities", held, lambda p: render.priority(self._account, p)))

    async def _users(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "").lower()
        found = [u for u in self._account.users.values() if query in u.name.lower() or query in u.email.lower()]
        return web.json_response(queries.page(request, "users", found, lambda u: render.user(self._account, u)))

    async def _me(self, request: web.Request) -> web.Response:
        user = request.get(queries.CALLER)
        if user is None:
            return web.json_response({"error": ONLY_FOR_USERS}, status=400)
        return web.json_response({"user": render.user(self._account, user)})

    async def _user(self, request: web.Request) -> web.Response:
        user = self._account.users.get(request.match_info["id"])
        if user is None:
            raise not_found()
        return web.json_response({"user": render.user(self._account, user)})

    def _service_json(self, request: web.Request, service_id: str) -> Json:
        service = self._account.services.get(service_id)
        if service is None:
            raise not_found("Service Not Found", 5002)
        incidents = [i for i in self._desk.incidents.values() if i.service is service]
        with_integrations = queries.includes(request, "integrations")
        return render.service(self._account, service, incidents, with_integrations=with_integrations)

    async def _services(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "").lower()
        found = sorted((s for s in self._account.services.values() if query in s.name.lower()), key=lambda s: s.name)
        return web.json_response(queries.page(request, "services", found, lambda s: self._service_json(request, s.id)))

    async def _service(self, request: web.Request) -> web.Response:
        return web.json_response({"service": self._service_json(request, request.match_info["id"])})

    async def _integration(self, request: web.Request) -> web.Response:
        service = self._account.services.get(request.match_info["id"])
        if service is None or service.integration_id != request.match_info["integration"]:
            raise not_found()
        return web.json_response({"integration": render.integration(self._account, service)})

    async def _policies(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "").lower()
        found = [p for p in self._account.policies.values() if query in p.name.lower()]
        return web.json_response(
            queries.page(request, "escalation_policies", found, lambda p: render.policy(self._account, p))
        )

    async def _policy(self, request: web.Request) -> web.Response:
        policy = self._account.policies.get(request.match_info["id"])
        if policy is None:
            raise not_found("Escalation Policy Not Found", 5001)
        return web.json_response({"escalation_policy": render.policy(self._account, policy)})

    async def _schedules(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "").lower()
        found = [s for s in self._account.schedules.values() if query in s.name.lower()]
        return web.json_response(
            queries.page(request, "schedules", found, lambda s: render.schedule(self._account, s, None))
        )

    async def _schedule(self, request: web.Request) -> web.Response:
        """Who is on call is told only for a span that is given."""
        schedule = self._account.schedules.get(request.match_info["id"])
        if schedule is None:
            raise not_found("Schedule Not Found", 3004)
        span = self._span(request) if {"since", "until"} & request.query.keys() else None
        return web.json_response({"schedule": render.schedule(self._account, schedule, span)})

    async def _oncalls(self, request: web.Request) -> web.Response:
        """Everybody on call in a span (now, when none is given), by policy, level and time."""
        since, until = self._span(request)
        found = [o for p in self._account.policies.values() for o in self._of_policy(p, since, until)]
        wanted = {name: queries.values(request, f"{name}_ids") for name in ("user", "schedule", "escalation_policy")}

        def kept(one: OnCall) -> bool:
            schedule_id = one.schedule.id if one.schedule else ""
            ids = {"user": one.user.id, "schedule": schedule_id, "escalation_policy": one.policy.id}
            return all(not chosen or ids[name] in chosen for name, chosen in wanted.items())

        found = [one for one in found if kept(one)]
        if request.query.get("earliest") == "true":
            found = list({(o.policy.id, o.level, o.user.id): o for o in reversed(found)}.values())[::-1]
        with_users = queries.includes(request, "users")
        return web.json_response(queries.page(request, "oncalls", found, lambda o: self._oncall(o, with_users)))

    def _span(self, request: web.Request) -> tuple[float, float]:
        since, until = queries.moment(request, "since"), queries.moment(request, "until")
        since = self._desk.now if since is None else since
        until = since + 1 if until is None else until
        if until <= since:
            raise ApiError(400, 2004, "Invalid time values in 'since' and/or 'until' parameters")
        if until - since > 366 * 86_400:
            raise invalid("The time range must be less than a year")
        return since, until

    def _of_policy(self, policy: Policy, since: float, until: float) -> list[OnCall]:
        return [
            o for level, rule in enumerate(policy.rules, 1) for o in self._of_rule(policy, level, rule, since, until)
        ]

    def _of_rule(self, policy: Policy, level: int, rule: Rule, since: float, until: float) -> list[OnCall]:
        account, found = self._account, []
        for target in rule.targets:
            if schedule := account.schedules.get(target):
                found += [
                    OnCall(policy, level, account.users[s.user_id], schedule, s.start, s.end)
                    for s in shifts(schedule, since, until)
                    if s.user_id in account.users
                ]
            elif user := account.users.get(target):
                found.append(OnCall(policy, level, user, None, None, None))
        return found

    def _oncall(self, one: OnCall, with_users: bool) -> Json:
        account = self._account
        return {
            "escalation_policy": account.ref(one.policy), "escalation_level": one.level,
            "schedule": account.ref(one.schedule) if one.schedule else None,
            "user": render.user(account, one.user) if with_users else account.ref(one.user),
            "start": None if one.start is None else stamp(one.start),
            "end": None if one.end is None else stamp(one.end),
        }  # fmt: skip
