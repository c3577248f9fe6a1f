"""The company's PagerDuty account: its people, services, schedules, escalation policy and priorities."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.pagerduty.model import (
    Incident,
    Json,
    Policy,
    Priority,
    Rule,
    Schedule,
    Service,
    User,
)  # fmt: skip
from sandbox.services import BATCH, SERVICES
from sandbox.slack.clock import Clock as SlackClock
from sandbox.slack.state import Workspace

BOT_EMAIL = "sre-bot@example.com"
WEEK_S = 7 * 86_400.0
PAYMENTS = "payments"
_PATHS = {
    "user": "users", "schedule": "schedules", "escalation_policy": "escalation_policies", "service": "services",
    "priority": "priorities", "incident": "incidents",
}  # fmt: skip
_PAGES = {**_PATHS, "service": "service-directory", "priority": "account/incident_priorities"}
_ROLES = {"maria": "admin", "li": "limited_user", "jonas": "read_only_user"}  # Jonas is a stakeholder: he may look
_ALPHABET = string.ascii_uppercase + string.digits


def fixed_id(name: str) -> str:
    """An id like PagerDuty's, the same for the same name."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return "P" + "".join(_ALPHABET[number // 36**i % 36] for i in range(6))


def new_id(prefix: str, length: int = 14) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


@dataclass(frozen=True)
class Shift:
    user_id: str
    start: float
    end: float


Thing = User | Schedule | Policy | Service | Priority | Incident


class Account:
    """What is set up, and rarely changes. Each table is by id; tests may take entries away or put some in."""

    def __init__(self, now: float, web_url: str = "https://shop.pagerduty.example") -> None:
        self.api_url = ""  # known once the server runs
        self.web_url = web_url
        self.users = {u.id: u for u in _users()}
        self.priorities = {p.id: p for p in _priorities()}
        self.schedules = {s.id: s for s in self._schedules(now)}
        self.policies = {p.id: p for p in self._policies()}
        self.services = {s.id: s for s in self._services(now)}

    def ref(self, thing: Thing) -> Json:
        """The reference that stands for something inside something else."""
        return {
            "id": thing.id, "type": f"{thing.kind}_reference", "summary": thing.summary,
            "self": f"{self.api_url}/{_PATHS[thing.kind]}/{thing.id}", "html_url": self.page_of(thing),
        }  # fmt: skip

    def page_of(self, thing: Thing) -> str:
        """Where people look at it."""
        page = f"{self.web_url}/{_PAGES[thing.kind]}"
        return page if isinstance(thing, Priority) else f"{page}/{thing.id}"

    def user(self, who: str) -> User:
        """By id, e-mail or first name. Raises: LookupError."""
        for user in self.users.values():
            if who.lower() in (user.id.lower(), user.email.lower(), user.name.split()[0].lower()):
                return user
        raise LookupError(f"There is no user {who!r} in PagerDuty.")

    def by_email(self, email: str) -> User | None:
        return next((u for u in self.users.values() if u.email.lower() == email.strip().lower()), None)

    def service(self, name: str) -> Service:
        """By name or id. Raises: LookupError."""
        found = self.services.get(name) or next((s for s in self.services.values() if s.name == name), None)
        if found is None:
            raise LookupError(f"There is no service {name!r} in PagerDuty.")
        return found

    def by_routing_key(self, key: str) -> Service | None:
        return next((s for s in self.services.values() if s.routing_key == key), None)

    def on_call(self, rule: Rule, now: float) -> list[User]:
        """Whom a level of a policy reaches now."""
        found: list[User] = []
        for target in rule.targets:
            schedule = self.schedules.get(target)
            shift = next(shifts(schedule, now, now + 1), None) if schedule else None
            user = self.users.get(shift.user_id if shift else target)
            if user and user not in found:
                found.append(user)
        return found

    def _schedules(self, now: float) -> list[Schedule]:
        maria, li = (self.user(name).id for name in ("maria", "li"))
        began = _last_friday(now)
        return [
            Schedule(fixed_id("schedule primary"), "SRE primary", (maria, li), began, WEEK_S),
            Schedule(fixed_id("schedule secondary"), "SRE secondary", (li, maria), began, WEEK_S),
        ]

    def _policies(self) -> list[Policy]:
        primary, secondary = self.schedules
        nora, jobs = self.user("nora").id, ("SRE", "Payments")

        def rules(name: str) -> tuple[Rule, ...]:
            targets = ((primary,), (secondary,), (nora,))
            return tuple(Rule(fixed_id(f"rule {name} {i}"), who, 15) for i, who in enumerate(targets))

        return [Policy(fixed_id(f"policy {name}"), name, rules(name), loops=1) for name in jobs]

    def _services(self, now: float) -> list[Service]:
        general, payments = self.policies
        return [
            Service(
                fixed_id(f"service {name}"), name, f"The shop's {name}", payments if name == PAYMENTS else general,
                fixed_id(f"integration {name}"), hashlib.sha256(f"routing {name}".encode()).hexdigest()[:32],
                now - 400 * 86_400,
            )
            for name in (*(s.name for s in SERVICES), BATCH)
        ]  # fmt: skip


def shifts(schedule: Schedule, since: float, until: float) -> Iterator[Shift]:
    """Who is on call between two times, oldest first; each shift whole, also beyond these times."""
    turn = int((since - schedule.starts_at) // schedule.turn_s)
    while (start := schedule.starts_at + turn * schedule.turn_s) < until:
        user_id = schedule.user_ids[turn % len(schedule.user_ids)]
        yield Shift(user_id, start, start + schedule.turn_s)
        turn += 1


def _users() -> list[User]:
    """Slack's people, under the same addresses, and two whom Slack does not know."""
    people = Workspace(SlackClock()).people()
    return [
        *(User(fixed_id(p.email), p.real_name, p.email, _ROLES.get(p.name, "limited_user"), p.title) for p in people),
        User(fixed_id("nora"), "Nora Lind", "nora@example.com", "user", "Head of engineering"),
        User(fixed_id("bot"), "SRE bot", BOT_EMAIL, "limited_user", "Bot"),
    ]


def _priorities() -> list[Priority]:
    meaning = ("Customers cannot buy", "Many customers are affected", "Few customers are affected", "Nobody noticed")
    colors = ("a8171c", "eb6016", "f9b406", "555555")
    rows = zip(meaning, colors, strict=True)
    return [
        Priority(fixed_id(f"priority P{n}"), f"P{n}", text, color, order=2 ** (24 - n))
        for n, (text, color) in enumerate(rows, start=1)
    ]


def _last_friday(now: float) -> float:
    """When the week's turn began: Friday, 09:00 UTC."""
    day = datetime.fromtimestamp(now, UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    friday = day - timedelta(days=(day.weekday() - 4) % 7)
    return (friday if friday.timestamp() <= now else friday - timedelta(days=7)).timestamp()
