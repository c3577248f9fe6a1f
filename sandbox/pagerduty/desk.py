"""What happens to incidents: every change, who made it, its log entry and the event that webhooks carry."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Protocol

from sandbox.clock import Clock
from sandbox.pagerduty import render
from sandbox.pagerduty.account import Account, new_id
from sandbox.pagerduty.errors import ApiError, already_resolved, bad_argument, cannot_escalate, not_found
from sandbox.pagerduty.model import Actor, Alert, Incident, Json, Note, Policy, Priority, Service, Status, Urgency, User

MOST_SNOOZE_S = 604_800


class Tell(Protocol):
    """Takes what happened, for the webhooks: its type, what it is about, who did it, and when."""

    def __call__(self, event_type: str, data: Json, actor: Actor, at: float) -> None: ...


class Desk:
    """Used on the server's event loop only. Methods raise ApiError when PagerDuty would refuse.

    `tick` does what has fallen due; call it before looking or changing.
    """

    def __init__(self, clock: Clock, account: Account, tell: Tell) -> None:
        self.account = account
        self.incidents: dict[str, Incident] = {}  # by id, oldest first
        self.changes: list[Json] = []  # change events, oldest first
        self._clock, self._tell = clock, tell
        self._numbers = itertools.count(1)
        self._due: float | None = None  # while `tick` works: the time it works at

    @property
    def now(self) -> float:
        return self._clock.now() if self._due is None else self._due

    def find(self, which: str | int) -> Incident:
        """By id or number. Raises: ApiError 404."""
        found = self.incidents.get(str(which))
        found = found or next((i for i in self.incidents.values() if str(i.number) == str(which)), None)
        if found is None:
            raise not_found()
        return found

    def open_with_key(self, service: Service, key: str) -> Incident | None:
        """The open incident with this key of a service, its own or that of an alert in it."""
        return next((i for i in self.incidents.values() if i.is_open and _has_key(i, service, key)), None)

    def tick(self) -> None:
        """Escalate what nobody acknowledged in time, and take back acknowledgements that have run out."""
        now = self._clock.now()
        try:
            while incident := min((i for i in self.incidents.values() if _due(i) <= now), key=_due, default=None):
                self._due = _due(incident)
                self._time_out(incident)
        finally:
            self._due = None

    # beginnings and ends

    def open(
        self, service: Service, title: str, key: str | None, actor: Actor, *, urgency: Urgency = "high",
        priority: Priority | None = None, policy: Policy | None = None, assignees: Sequence[User] = (), body: str = "",
        alert: Alert | None = None,
    ) -> Incident:  # fmt: skip
        """A new incident; acknowledged at once when somebody opens it for themselves."""
        if key and self.open_with_key(service, key):
            raise bad_argument("Open incident with matching dedup key already exists on this service")
        policy = policy or self.account.policies[service.policy_id]
        incident = Incident(
            new_id("Q"), next(self._numbers), title, key or new_id("", 32).lower(), service, policy, urgency, self.now,
            body=body, priority=priority, loops_left=policy.loops, alerts={alert.id: alert} if alert else {},
        )  # fmt: skip
        self._assign_all(incident, assignees) if assignees else self._assign_level(incident, 1)
        self.incidents[incident.id] = incident
        self._status(incident, "triggered", actor)
        self._log(incident, "trigger", actor, f"Triggered through {_through(actor)}", alert=alert)
        self._log(incident, "assign", actor, f"Assigned to {self._names(incident)}")
        self._say("incident.triggered", incident, actor)
        if [u.id for u in assignees] == [actor.user_id]:
            self.acknowledge(incident, actor)
        return incident

    def acknowledge(self, incident: Incident, actor: Actor) -> None:
        """Safe to repeat: it begins the time of the acknowledgement anew."""
        _must_be_open(incident)
        incident.acknowledged = [(who, at) for who, at in incident.acknowledged if who != actor.agent]
        incident.acknowledged.append((actor.agent, self.now))
        timeout_s = incident.service.acknowledgement_timeout_s
        incident.unacknowledges_at = self.now + timeout_s if timeout_s else None
        incident.escalates_at = None
        self._status(incident, "acknowledged", actor)
        self._log(incident, "acknowledge", actor, f"Acknowledged by {_name(actor)}", acknowledgement_timeout=timeout_s)
        self._say("incident.acknowledged", incident, actor)

    def resolve(self, incident: Incident, actor: Actor, reason: Json | None = None) -> None:
        _must_be_open(incident)
        for alert in incident.alerts.values():
            alert.resolved_at = alert.resolved_at or self.now
        incident.assigned, incident.resolved_at, incident.resolve_reason = {}, self.now, reason
        incident.escalates_at = incident.unacknowledges_at = None
        self._status(incident, "resolved", actor)
        self._log(incident, "resolve", actor, f"Resolved by {_name(actor)}")
        self._say("incident.resolved", incident, actor)

    def reopen(self, incident: Incident, actor: Actor) -> None:
        """Only people in PagerDuty's own app can; the API has no way."""
        if incident.is_open:
            raise ApiError(400, 2015, "Invalid operation")
        incident.resolved_at, incident.resolve_reason, incident.reopened_at = None, None, self.now
        incident.loops_left = incident.policy.loops
        self._assign_level(incident, 1)
        self._status(incident, "triggered", actor)
        self._log(incident, "reopen", actor, f"Reopened by {_name(actor)}")
        self._say("incident.reopened", incident, actor)

    def merge(self, target: Incident, sources: Sequence[Incident], actor: Actor) -> None:
        """Move the alerts of others into one, and resolve the others."""
        _must_be_open(target)
        if any(s is target for s in sources):
            raise bad_argument("Incident cannot be merged into itself")
        if any(not s.is_open for s in sources):
            raise ApiError(400, 1019, "Incident Already Merged")
        for source in sources:
            moved, source.alerts = source.alerts, {}
            target.alerts.update(moved)
            self.resolve(source, actor, {"type": "merge_resolve_reason", "incident": self.account.ref(target)})
        self._log(target, "merge", actor, f"Merged {len(sources)} incidents into this one")

    # who has it

    def reassign(self, incident: Incident, users: Sequence[User], actor: Actor) -> None:
        """Give it to people; it is triggered again, and nobody else is called."""
        _must_be_open(incident)
        self._assign_all(incident, users)
        self._status(incident, "triggered", actor)
        self._log(incident, "assign", actor, f"Assigned to {self._names(incident)} by {_name(actor)}")
        self._say("incident.reassigned", incident, actor)

    def delegate(self, incident: Incident, policy: Policy, actor: Actor) -> None:
        """Give it to another escalation policy, from its first level."""
        _must_be_open(incident)
        incident.policy, incident.loops_left = policy, policy.loops
        self._assign_level(incident, 1)
        self._status(incident, "triggered", actor)
        self._log(incident, "delegate", actor, f"Delegated to {policy.name} by {_name(actor)}")
        self._say("incident.delegated", incident, actor)

    def escalate(self, incident: Incident, level: int, actor: Actor) -> None:
        """Call the people of a level, counted from one."""
        _must_be_open(incident)
        if not 1 <= level <= len(incident.policy.rules):
            raise cannot_escalate()
        self._assign_level(incident, level)
        self._status(incident, "triggered", actor)
        self._log(incident, "escalate", actor, f"Escalated to {self._names(incident)} by {_name(actor)}")
        self._say("incident.escalated", incident, actor)

    def snooze(self, incident: Incident, seconds: int, actor: Actor) -> None:
        """Keep the acknowledgement for so long."""
        if incident.status != "acknowledged":
            raise ApiError(400, 1012, "Incident is not Acknowledged")
        if not 1 <= seconds <= MOST_SNOOZE_S:
            raise ApiError(400, 1013, "Snooze Duration is Invalid")
        incident.unacknowledges_at = self.now + seconds
        self._log(incident, "snooze", actor, f"Snoozed by {_name(actor)}", duration=seconds)

    def request(self, incident: Incident, targets: Sequence[User | Policy], message: str, actor: Actor) -> Json:
        """Ask more people to help; returns the request as the API answers it."""
        _must_be_open(incident)
        listed = []
        for target in targets:
            users = [target] if isinstance(target, User) else self.account.on_call(target.rules[0], self.now)
            listed.append((target, users))
        answer = render.responder_request(self.account, incident, listed, message, actor, self.now)
        incident.requests.append(answer)
        for target, user in ((target, user) for target, users in listed for user in users):
            self._log(incident, "responder_request", actor, f"{user.name} was asked to respond")
            data = render.responder(self.account, incident, user, target, message)
            self._tell("incident.responder.added", data, actor, self.now)
        return answer

    # what is said about it

    def annotate(self, incident: Incident, text: str, actor: Actor) -> Note:
        note = self._note(text, actor)
        incident.notes.append(note)
        self._log(incident, "annotate", actor, f"Note added by {_name(actor)}", channel_extra={"content": text})
        self._tell("incident.annotated", render.webhook_note(self.account, incident, note), actor, self.now)
        return note

    def publish(self, incident: Incident, text: str, actor: Actor) -> Note:
        """A status update, for those who do not work on it."""
        update = self._note(text, actor)
        incident.updates.append(update)
        self._log(incident, "status_update", actor, f"Status update by {_name(actor)}", message=text)
        data = render.webhook_status_update(self.account, incident, update)
        self._tell("incident.status_update_published", data, actor, self.now)
        return update

    def set_priority(self, incident: Incident, priority: Priority | None, actor: Actor) -> None:
        if priority is incident.priority:
            return
        incident.priority = priority
        self._log(incident, "priority_change", actor, f"Priority set to {priority.name if priority else 'none'}")
        self._say("incident.priority_updated", incident, actor)

    def set_urgency(self, incident: Incident, urgency: Urgency, actor: Actor) -> None:
        if urgency == incident.urgency:
            return
        incident.urgency = urgency
        self._log(incident, "urgency_change", actor, f"Urgency set to {urgency}")
        self._say("incident.urgency_updated", incident, actor)

    def set_title(self, incident: Incident, title: str, actor: Actor) -> None:
        if title == incident.title:
            return
        incident.title = title
        self._log(incident, "field_value_change", actor, "Title changed")
        self._say("incident.title_updated", incident, actor)

    # alerts, as the Events API brings them

    def trigger(self, service: Service, key: str, event: Json, actor: Actor, urgency: Urgency) -> None:
        """An alert: a new incident, or once more in the log of the one that is open."""
        held = self.open_with_key(service, key)
        if held:
            self._log(held, "trigger", actor, f"Triggered through {_through(actor)}")
            return
        alert = Alert(new_id("Q"), key, service, event, self.now)
        self.open(service, alert.summary, key, actor, urgency=urgency, alert=alert)

    def end_alert(self, service: Service, key: str, actor: Actor) -> None:
        """Resolve the alert with this key, and its incident if that was the last one; unknown keys are dropped."""
        incident = self.open_with_key(service, key)
        if incident is None:
            return
        for alert in incident.alerts.values():
            if alert.key == key and alert.service is service:
                alert.resolved_at = alert.resolved_at or self.now
        if all(a.resolved_at for a in incident.alerts.values()):
            self.resolve(incident, actor)

    # the inside

    def _time_out(self, incident: Incident) -> None:
        clockwork = Actor(self.account.ref(incident.service), "timeout")
        if incident.unacknowledges_at is not None:
            incident.unacknowledges_at, incident.acknowledged = None, []
            incident.escalates_at = self._next_level_at(incident)
            self._status(incident, "triggered", clockwork)
            self._log(incident, "unacknowledge", clockwork, "Unacknowledged due to timeout")
            self._say("incident.unacknowledged", incident, clockwork)
            return
        level = incident.level + 1
        if level > len(incident.policy.rules):
            level, incident.loops_left = 1, incident.loops_left - 1
        if not self.account.on_call(incident.policy.rules[level - 1], self.now):
            incident.level = level
            incident.escalates_at = self.now if self._next_level_at(incident) else None  # whom the level after calls
            return
        self._assign_level(incident, level)
        self._log(incident, "escalate", clockwork, f"Escalated to {self._names(incident)} due to timeout")
        self._say("incident.escalated", incident, clockwork)

    def _assign_level(self, incident: Incident, level: int) -> None:
        people = self.account.on_call(incident.policy.rules[level - 1], self.now)
        if not people:
            raise ApiError(400, 1015, "Escalation Policy Has No User On Call")
        self._assign_all(incident, people)
        incident.level = level
        incident.escalates_at = self._next_level_at(incident)

    def _assign_all(self, incident: Incident, users: Sequence[User]) -> None:
        incident.assigned = {user.id: self.now for user in users}
        incident.level, incident.acknowledged = 0, []
        incident.escalates_at = incident.unacknowledges_at = None

    def _next_level_at(self, incident: Incident) -> float | None:
        """When the next level is called; None when there is none, or when people were chosen by hand."""
        if incident.level == 0 or (incident.level == len(incident.policy.rules) and not incident.loops_left):
            return None
        return self.now + incident.policy.rules[incident.level - 1].delay_min * 60

    def _status(self, incident: Incident, status: Status, actor: Actor) -> None:
        incident.status, incident.changed_at, incident.changed_by = status, self.now, actor.agent

    def _say(self, event_type: str, incident: Incident, actor: Actor) -> None:
        self._tell(event_type, render.webhook_incident(self.account, incident), actor, self.now)

    def _log(
        self, incident: Incident, kind: str, actor: Actor, summary: str, *, alert: Alert | None = None,
        channel_extra: Json | None = None, **more: object,
    ) -> None:  # fmt: skip
        incident.updated_at = self.now
        channel: Json = {"type": actor.channel, **(channel_extra or {})}
        if alert:
            channel |= render.trigger_channel(alert)
        incident.log.append({
            "id": new_id("R", 26), "type": f"{kind}_log_entry", "summary": summary, "at": self.now,
            "agent": actor.agent, "channel": channel, **more,
        })  # fmt: skip

    def _note(self, text: str, actor: Actor) -> Note:
        return Note(new_id("P", 7), text, actor.agent, self.now, actor.channel)

    def _names(self, incident: Incident) -> str:
        return ", ".join(self.account.users[user_id].name for user_id in incident.assigned)


def _due(incident: Incident) -> float:
    """When something happens to it by itself."""
    held = incident.unacknowledges_at if incident.unacknowledges_at is not None else incident.escalates_at
    return math.inf if held is None else held


def _has_key(incident: Incident, service: Service, key: str) -> bool:
    """A merged incident has alerts of other services too."""
    own = incident.service is service and incident.key == key
    return own or any(a.service is service and a.key == key for a in incident.alerts.values())


def _must_be_open(incident: Incident) -> None:
    if not incident.is_open:
        raise already_resolved()


def _name(actor: Actor) -> str:
    return str(actor.agent["summary"]) if actor.agent else "PagerDuty"


def _through(actor: Actor) -> str:
    return {"website": "the website", "events": "the API"}.get(actor.channel, "the API")
