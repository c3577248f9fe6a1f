"""What people do in PagerDuty's own app, for tests and for the sandbox's page. Safe from any thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from sandbox.loops import call_on
from sandbox.pagerduty import render
from sandbox.pagerduty.account import Account
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.errors import ApiError, not_authorized
from sandbox.pagerduty.model import RESPONDERS, Actor, Incident, Json, Priority, Urgency, stamp
from sandbox.pagerduty.webhooks import Webhooks

Result = TypeVar("Result")


class People:
    """Each method takes who does it (first name, e-mail or id) and which incident (id or number).

    Each tells the webhooks. Raises: ApiError when PagerDuty would refuse, LookupError for unknown people.
    """

    def __init__(self, account: Account, desk: Desk, webhooks: Webhooks) -> None:
        self.account, self.desk, self.webhooks = account, desk, webhooks
        self._loop: asyncio.AbstractEventLoop | None = None

    def acknowledge(self, who: str, incident: str | int) -> None:
        self._act(who, incident, self.desk.acknowledge)

    def resolve(self, who: str, incident: str | int) -> None:
        self._act(who, incident, self.desk.resolve)

    def reopen(self, who: str, incident: str | int) -> None:
        self._act(who, incident, self.desk.reopen)

    def reassign(self, who: str, incident: str | int, *to: str) -> None:
        """Give it to these people."""
        users = [self.account.user(name) for name in to]
        self._act(who, incident, lambda held, actor: self.desk.reassign(held, users, actor))

    def delegate(self, who: str, incident: str | int, policy: str) -> None:
        """Give it to another escalation policy, by name."""
        found = next((p for p in self.account.policies.values() if policy in (p.id, p.name)), None)
        if found is None:
            raise LookupError(f"There is no escalation policy {policy!r} in PagerDuty.")
        self._act(who, incident, lambda held, actor: self.desk.delegate(held, found, actor))

    def escalate(self, who: str, incident: str | int, level: int | None = None) -> None:
        """To a level, counted from one; to the next one by default."""
        self._act(who, incident, lambda held, actor: self.desk.escalate(held, level or held.level + 1, actor))

    def annotate(self, who: str, incident: str | int, text: str) -> None:
        self._act(who, incident, lambda held, actor: self.desk.annotate(held, text, actor))

    def publish(self, who: str, incident: str | int, text: str) -> None:
        """Publish a status update."""
        self._act(who, incident, lambda held, actor: self.desk.publish(held, text, actor))

    def set_priority(self, who: str, incident: str | int, name: str | None) -> None:
        """ "P1" to "P4"; None takes it away."""
        priority = self._priority(name) if name else None
        self._act(who, incident, lambda held, actor: self.desk.set_priority(held, priority, actor))

    def set_urgency(self, who: str, incident: str | int, urgency: Urgency) -> None:
        self._act(who, incident, lambda held, actor: self.desk.set_urgency(held, urgency, actor))

    def rename(self, who: str, incident: str | int, title: str) -> None:
        self._act(who, incident, lambda held, actor: self.desk.set_title(held, title, actor))

    def add_responder(self, who: str, incident: str | int, asked: str, message: str = "Please help") -> None:
        user = self.account.user(asked)
        self._act(who, incident, lambda held, actor: self.desk.request(held, [user], message, actor))

    def merge(self, who: str, target: str | int, *sources: str | int) -> None:
        """Merge other incidents into one."""

        def run(held: Incident, actor: Actor) -> None:
            self.desk.merge(held, [self.desk.find(s) for s in sources], actor)

        self._act(who, target, run)

    def open(self, who: str, service: str, title: str, *, urgency: Urgency = "high") -> str:
        """Open an incident by hand; returns its id."""

        def run() -> str:
            self.desk.tick()
            actor = self._actor(who)
            return self.desk.open(self.account.service(service), title, None, actor, urgency=urgency).id

        return self.call(run)

    def end_shift(self, schedule: str = "SRE primary") -> str:
        """The next in a schedule is on call from now on; who that is, by e-mail."""

        def run() -> str:
            held = next((s for s in self.account.schedules.values() if schedule in (s.id, s.name)), None)
            if held is None:
                raise LookupError(f"There is no schedule {schedule!r} in PagerDuty.")
            now = self.desk.now
            turns = int((now - held.starts_at) // held.turn_s) + 1
            self.account.schedules[held.id] = replace(held, starts_at=now - turns * held.turn_s)
            return self.account.users[held.user_ids[turns % len(held.user_ids)]].email

        return self.call(run)

    def ping(self) -> None:
        """Send the subscription's test event."""
        self.call(lambda: self.webhooks.ping(self._actor("maria")))

    def incidents(self) -> list[Json]:
        """Every incident as the sandbox's page shows it, newest first."""

        def run() -> list[Json]:
            self.desk.tick()
            return [self._shown(i) for i in reversed(self.desk.incidents.values())]

        return self.call(run)

    def on_call(self, service: str) -> list[str]:
        """E-mails of those whom the first level of a service's policy reaches now."""
        held = self.account.service(service)
        first = self.account.policies[held.policy_id].rules[0]
        return self.call(lambda: [u.email for u in self.account.on_call(first, self.desk.now)])

    def call(self, run: Callable[[], Result]) -> Result:
        """Run something on the server's event loop."""
        return call_on(self._loop, run)

    def _act(self, who: str, which: str | int, run: Callable[[Incident, Actor], object]) -> None:
        def act() -> None:
            self.desk.tick()
            run(self.desk.find(which), self._actor(who))

        self.call(act)

    def _actor(self, who: str) -> Actor:
        user = self.account.user(who)
        if user.role not in RESPONDERS:
            raise not_authorized()
        return Actor(self.account.ref(user), "website", user_id=user.id)

    def _priority(self, name: str) -> Priority:
        found = next((p for p in self.account.priorities.values() if p.name == name), None)
        if found is None:
            raise ApiError(400, 1020, "Invalid Priority")
        return found

    def _shown(self, held: Incident) -> Json:
        first = held.policy.rules[max(0, held.level - 1)]
        return {
            "id": held.id, "number": held.number, "title": held.title, "urgency": held.urgency,
            "priority": held.priority.name if held.priority else None, "status": held.status,
            "assigned": [self.account.users[u].name for u in held.assigned],
            "on_call": [u.name for u in self.account.on_call(first, self.desk.now)], "level": held.level,
            "acknowledged_by": [str(who["summary"]) for who, _ in held.acknowledged if who],
            "service": held.service.name, "notes": [render.note(n) for n in held.notes],
            "status_updates": [render.status_update(u) for u in held.updates],
            "created_at": stamp(held.created_at), "resolved_at": stamp(held.resolved_at) if held.resolved_at else None,
            "escalates_at": stamp(held.escalates_at) if held.escalates_at else None,
            "html_url": self.account.page_of(held),
        }  # fmt: skip
