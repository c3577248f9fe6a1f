"""What a PUT asks of an incident: everything is checked before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.pagerduty.account import Account
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.errors import ApiError, already_resolved, cannot_escalate, invalid
from sandbox.pagerduty.model import Actor, Incident, Json, Policy, Priority, Service, User

Change = Callable[[], object]
TYPES = ("incident", "incident_reference")
_NEEDS_OPEN = ("status", "assignments", "escalation_policy", "escalation_level")


def planned(desk: Desk, incident: Incident, asked: Json, actor: Actor) -> list[Change]:
    """The changes, in the order in which PagerDuty makes them. Raises: ApiError."""
    if asked.get("type") not in TYPES:
        raise invalid("Incident type must be incident or incident_reference")
    if not incident.is_open and any(name in asked for name in _NEEDS_OPEN):
        raise already_resolved()
    if sum(name in asked for name in ("assignments", "escalation_policy", "escalation_level")) > 1:
        raise ApiError(400, 1011, "Cannot process reassign action")
    account, changes = desk.account, list[Change]()
    if "title" in asked:
        title = titled(asked)
        changes.append(lambda: desk.set_title(incident, title, actor))
    if "urgency" in asked:
        urgency = urgent(asked)
        changes.append(lambda: desk.set_urgency(incident, urgency, actor))
    if "priority" in asked:
        priority = prioritised(account, asked)
        changes.append(lambda: desk.set_priority(incident, priority, actor))
    if "assignments" in asked:
        users = assigned(account, asked)
        changes.append(lambda: desk.reassign(incident, users, actor))
    if "escalation_policy" in asked:
        policy = escalated(account, asked)
        changes.append(lambda: desk.delegate(incident, policy, actor))
    if "escalation_level" in asked:
        level = asked["escalation_level"]
        if not isinstance(level, int) or not 1 <= level <= len(incident.policy.rules):
            raise cannot_escalate()
        changes.append(lambda: desk.escalate(incident, level, actor))
    return changes + _ending(desk, incident, asked, actor)


def _ending(desk: Desk, incident: Incident, asked: Json, actor: Actor) -> list[Change]:
    status = asked.get("status")
    if status is None:
        return []
    if status == "acknowledged":
        return [lambda: desk.acknowledge(incident, actor)]
    if status != "resolved":
        raise ApiError(400, 1003, "Invalid Status Provided")
    note = asked.get("resolution")
    noted: list[Change] = [lambda: desk.annotate(incident, f"Resolution Note: {note}", actor)] if note else []
    return [*noted, lambda: desk.resolve(incident, actor)]


def titled(asked: Json) -> str:
    title = asked.get("title")
    if not isinstance(title, str) or not title.strip():
        raise invalid("Title cannot be empty")
    return title


def urgent(asked: Json) -> Any:
    if asked["urgency"] not in ("high", "low"):
        raise invalid("Urgency must be high or low")
    return asked["urgency"]


def prioritised(account: Account, asked: Json) -> Priority | None:
    """None takes it away."""
    if asked["priority"] is None:
        return None
    found = account.priorities.get(_id(asked["priority"]))
    if found is None:
        raise ApiError(400, 1020, "Invalid Priority")
    return found


def assigned(account: Account, asked: Json) -> list[User]:
    listed = asked["assignments"]
    if not isinstance(listed, list) or not listed:
        raise invalid("Assignments must be a non-empty array")
    found = [account.users.get(_id(a.get("assignee")) if isinstance(a, dict) else "") for a in listed]
    if any(u is None for u in found):
        raise ApiError(400, 1007, "Assigned To User Not Found")
    return [u for u in found if u]


def escalated(account: Account, asked: Json) -> Policy:
    found = account.policies.get(_id(asked["escalation_policy"]))
    if found is None:
        raise ApiError(400, 1014, "Escalation Policy Not Found")
    return found


def serviced(account: Account, asked: Json) -> Service:
    found = account.services.get(_id(asked.get("service")))
    if found is None:
        raise invalid("Service Not Found")
    return found


def targets(account: Account, asked: Json) -> Sequence[User | Policy]:
    """Of a request for responders: people and escalation policies."""
    listed = asked.get("responder_request_targets")
    if not isinstance(listed, list) or not listed:
        raise invalid("Responder request targets must be a non-empty array")
    inner = [item.get("responder_request_target") if isinstance(item, dict) else None for item in listed]
    kinds = {"user": account.users, "user_reference": account.users, "escalation_policy": account.policies,
             "escalation_policy_reference": account.policies}  # fmt: skip
    found: list[User | Policy] = []
    for target in inner:
        table: Any = kinds.get(str(target.get("type"))) if isinstance(target, dict) else None
        thing = table.get(_id(target)) if table else None
        if thing is None:
            raise invalid("Responder request target not found")
        found.append(thing)
    return found


def _id(reference: Any) -> str:
    return str(reference.get("id")) if isinstance(reference, dict) else ""
