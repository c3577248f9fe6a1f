"""Things of the account as JSON, with PagerDuty's field names: in the REST API, and, leaner, in webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.pagerduty.account import Account, shifts
from sandbox.pagerduty.model import (
    Actor,
    Alert,
    Incident,
    Json,
    Note,
    Policy,
    Priority,
    Rule,
    Schedule,
    Service,
    User,
    stamp,
)  # fmt: skip

ZERO_COUNTS = ("all", "triggered", "resolved")


def _whole(account: Account, thing: Any) -> Json:
    """The start of every full representation."""
    return {**account.ref(thing), "type": thing.kind}


def _at(seconds: float | None) -> str | None:
    return None if seconds is None else stamp(seconds)


def user(account: Account, held: User) -> Json:
    return {
        **_whole(account, held), "name": held.name, "email": held.email, "time_zone": "Europe/Berlin",
        "color": "purple", "avatar_url": "", "billed": True, "role": held.role, "description": None,
        "invitation_sent": False, "job_title": held.job_title or None, "teams": [], "contact_methods": [],
        "notification_rules": [], "coordinated_incidents": [],
    }  # fmt: skip


def priority(account: Account, held: Priority) -> Json:
    return {
        **_whole(account, held), "name": held.name, "description": held.description, "color": held.color,
        "order": held.order, "account_id": "P0SHOP0", "schema_version": 0, "created_at": "2020-01-02T09:00:00Z",
        "updated_at": "2020-01-02T09:00:00Z",
    }  # fmt: skip


def _target(account: Account, target: str) -> Json:
    return account.ref(account.schedules.get(target) or account.users[target])


def policy(account: Account, held: Policy) -> Json:
    def rule(one: Rule) -> Json:
        targets = [_target(account, t) for t in one.targets if t in account.schedules or t in account.users]
        return {"id": one.id, "escalation_delay_in_minutes": one.delay_min, "targets": targets}

    using = [account.ref(s) for s in account.services.values() if s.policy_id == held.id]
    return {
        **_whole(account, held), "name": held.name, "escalation_rules": [rule(r) for r in held.rules],
        "services": using, "num_loops": held.loops, "teams": [], "description": None,
        "on_call_handoff_notifications": "if_has_services", "privilege": None,
    }  # fmt: skip


def schedule(account: Account, held: Schedule, span: tuple[float, float] | None) -> Json:
    """With `span`, who is on call in it."""
    policies = [p for p in account.policies.values() if any(held.id in r.targets for r in p.rules)]
    users = [account.ref(account.users[u]) for u in held.user_ids if u in account.users]
    body: Json = {
        **_whole(account, held), "name": held.name, "time_zone": "Etc/UTC", "description": None, "teams": [],
        "escalation_policies": [account.ref(p) for p in policies], "users": users,
    }  # fmt: skip
    if span is None:
        return body
    since, until = span
    entries = [
        {"start": stamp(max(s.start, since)), "end": stamp(min(s.end, until)),
         "user": account.ref(account.users[s.user_id])}
        for s in shifts(held, since, until)
        if s.user_id in account.users
    ]  # fmt: skip
    rendered = {"rendered_schedule_entries": entries, "rendered_coverage_percentage": 100.0}
    layer = {
        "id": f"{held.id}L", "name": "Weekly", "start": stamp(held.starts_at), "end": None,
        "rotation_virtual_start": stamp(held.starts_at), "rotation_turn_length_seconds": int(held.turn_s),
        "users": [{"user": u} for u in users], "restrictions": [], **rendered,
    }  # fmt: skip
    final = {"name": "Final Schedule", **rendered}
    overrides = {"name": "Overrides", "rendered_schedule_entries": [], "rendered_coverage_percentage": 0.0}
    return {**body, "schedule_layers": [layer], "final_schedule": final, "overrides_subschedule": overrides}


def integration_ref(account: Account, held: Service) -> Json:
    """As `agent` of what monitoring did."""
    path = f"services/{held.id}/integrations/{held.integration_id}"
    page = f"{account.web_url}/{path}"
    return {"id": held.integration_id, "type": "inbound_integration_reference", "summary": "Prometheus",
            "self": f"{account.api_url}/{path}", "html_url": page}  # fmt: skip


def integration(account: Account, held: Service) -> Json:
    return {
        **integration_ref(account, held), "type": "events_api_v2_inbound_integration", "name": "Prometheus",
        "service": account.ref(held), "created_at": stamp(held.created_at), "vendor": None,
        "integration_key": held.routing_key,
    }  # fmt: skip


def service(account: Account, held: Service, incidents: Sequence[Incident], *, with_integrations: bool) -> Json:
    """`incidents` are those of this service, oldest first."""
    statuses = {i.status for i in incidents}
    status = "critical" if "triggered" in statuses else "warning" if "acknowledged" in statuses else "active"
    reference = {**integration_ref(account, held), "type": "events_api_v2_inbound_integration_reference"}
    return {
        **_whole(account, held), "name": held.name, "description": held.description, "status": status,
        "created_at": stamp(held.created_at), "auto_resolve_timeout": None,
        "acknowledgement_timeout": held.acknowledgement_timeout_s,
        "last_incident_timestamp": _at(incidents[-1].created_at) if incidents else None, "teams": [],
        "escalation_policy": account.ref(account.policies[held.policy_id]),
        "incident_urgency_rule": {"type": "constant", "urgency": "severity_based"}, "support_hours": None,
        "scheduled_actions": [], "addons": [], "alert_creation": "create_alerts_and_incidents",
        "alert_grouping_parameters": {"type": None, "config": None}, "response_play": None,
        "integrations": [integration(account, held) if with_integrations else reference],
    }  # fmt: skip


def incident(account: Account, held: Incident) -> Json:
    counts = {name: sum(name in ("all", a.status) for a in held.alerts.values()) for name in ZERO_COUNTS}
    return {
        **_whole(account, held), "incident_number": held.number, "title": held.title, "description": held.title,
        "created_at": stamp(held.created_at), "updated_at": stamp(held.updated_at), "status": held.status,
        "incident_key": held.key, "service": account.ref(held.service), "assignments": _assignments(account, held),
        "assigned_via": "escalation_policy" if held.level else "direct_assignment",
        "last_status_change_at": stamp(held.changed_at), "last_status_change_by": held.changed_by,
        "resolved_at": _at(held.resolved_at), "first_trigger_log_entry": _first_entry(account, held),
        "alert_counts": counts, "is_mergeable": held.is_open, "escalation_policy": account.ref(held.policy),
        "teams": [], "impacted_services": [account.ref(held.service)], "pending_actions": _pending(held),
        "acknowledgements": [{"at": stamp(at), "acknowledger": who} for who, at in held.acknowledged],
        "basic_alert_grouping": None, "alert_grouping": None, "incidents_responders": _responders(held),
        "responder_requests": held.requests, "subscriber_requests": [],
        "priority": priority(account, held.priority) if held.priority else None,
        "resolve_reason": held.resolve_reason, "urgency": held.urgency, "conference_bridge": None,
        "incident_type": {"name": "incident_default"},
        **({"body": {"type": "incident_body", "details": held.body}} if held.body else {}),
    }  # fmt: skip


def _assignments(account: Account, held: Incident) -> list[Json]:
    return [{"at": stamp(at), "assignee": account.ref(account.users[u])} for u, at in held.assigned.items()]


def _pending(held: Incident) -> list[Json]:
    due = (("unacknowledge", held.unacknowledges_at), ("escalate", held.escalates_at))
    return [{"type": kind, "at": stamp(at)} for kind, at in due if at is not None]


def _responders(held: Incident) -> list[Json]:
    targets = (t["responder_request_target"] for r in held.requests for t in r["responder_request_targets"])
    return [one for target in targets for one in target["incidents_responders"]]


def _first_entry(account: Account, held: Incident) -> Json:
    entry = held.log[0]
    return {"id": entry["id"], "type": "trigger_log_entry_reference", "summary": entry["summary"],
            "self": f"{account.api_url}/log_entries/{entry['id']}",
            "html_url": f"{account.page_of(held)}/log_entries/{entry['id']}"}  # fmt: skip


def log_entry(account: Account, held: Incident, entry: Json) -> Json:
    return {
        **{k: v for k, v in entry.items() if k != "at"}, "self": f"{account.api_url}/log_entries/{entry['id']}",
        "html_url": None, "created_at": stamp(entry["at"]), "service": account.ref(held.service),
        "incident": account.ref(held), "teams": [], "contexts": [], "event_details": {},
    }  # fmt: skip


def trigger_channel(held: Alert) -> Json:
    """What monitoring said, as the first log entry keeps it."""
    event, payload = held.event, held.event["payload"]
    return {
        "summary": held.summary, "client": event.get("client"), "client_url": event.get("client_url"),
        "details": payload.get("custom_details", {}),
        "cef_details": {
            "summary": held.summary, "severity": payload["severity"], "source_origin": payload["source"],
            "source_component": payload.get("component"), "service_group": payload.get("group"),
            "event_class": payload.get("class"), "dedup_key": held.key, "client": event.get("client"),
            "client_url": event.get("client_url"), "details": payload.get("custom_details", {}),
            "contexts": _contexts(event),
        },
    }  # fmt: skip


def _contexts(event: Json) -> list[Json]:
    links = [{"type": "link", **link} for link in event.get("links") or []]
    return links + [{"type": "image", **image} for image in event.get("images") or []]


def alert(account: Account, within: Incident, held: Alert) -> Json:
    path = f"alerts/{held.id}"
    channel = trigger_channel(held)
    return {
        "id": held.id, "type": "alert", "summary": held.summary, "self": f"{account.api_url}/{path}",
        "html_url": f"{account.web_url}/{path}", "created_at": stamp(held.created_at),
        "updated_at": stamp(held.resolved_at or held.created_at), "resolved_at": _at(held.resolved_at),
        "status": held.status, "alert_key": held.key, "suppressed": False, "service": account.ref(held.service),
        "severity": held.event["payload"]["severity"], "privileged": None, "alert_grouping": None,
        "integration": {**integration_ref(account, held.service),
                        "type": "events_api_v2_inbound_integration_reference"},
        "incident": account.ref(within), "first_trigger_log_entry": _first_entry(account, within),
        "body": {"type": "alert_body", "contexts": _contexts(held.event), "details": channel["details"],
                 "cef_details": channel["cef_details"]},
    }  # fmt: skip


def note(held: Note) -> Json:
    channel = {"id": None, "summary": "The PagerDuty website or APIs", "type": held.channel, "self": None,
               "html_url": None}  # fmt: skip
    return {"id": held.id, "user": held.author, "content": held.text, "created_at": stamp(held.created_at),
            "channel": channel}  # fmt: skip


def status_update(held: Note) -> Json:
    return {"id": held.id, "message": held.text, "created_at": stamp(held.created_at), "sender": held.author}


def responder_request(
    account: Account, within: Incident, targets: Sequence[tuple[User | Policy, list[User]]], message: str,
    actor: Actor, now: float,
) -> Json:  # fmt: skip
    def asked(one: User) -> Json:
        return {"state": "pending", "user": account.ref(one), "incident": account.ref(within),
                "updated_at": stamp(now), "message": message, "requester": actor.agent,
                "requested_at": stamp(now)}  # fmt: skip

    listed = [
        {"responder_request_target": {"type": target.kind, "id": target.id, "summary": target.summary,
                                      "incidents_responders": [asked(u) for u in users]}}
        for target, users in targets
    ]  # fmt: skip
    return {"incident": account.ref(within), "requester": actor.agent, "requested_at": stamp(now),
            "message": message, "responder_request_targets": listed}  # fmt: skip


# what webhooks carry


def _short(account: Account, held: Incident) -> Json:
    """In webhooks the summary of an incident is its title."""
    return {**account.ref(held), "summary": held.title}


def webhook_incident(account: Account, held: Incident) -> Json:
    return {
        "id": held.id, "type": "incident", "self": account.ref(held)["self"], "html_url": account.page_of(held),
        "number": held.number, "status": held.status, "incident_key": held.key, "created_at": stamp(held.created_at),
        "reopened_at": _at(held.reopened_at), "title": held.title, "service": account.ref(held.service),
        "assignees": [account.ref(account.users[u]) for u in held.assigned],
        "escalation_policy": account.ref(held.policy), "teams": [],
        "priority": account.ref(held.priority) if held.priority else None, "urgency": held.urgency,
        "conference_bridge": None, "resolve_reason": held.resolve_reason,
        "incident_type": {"name": "incident_default"},
    }  # fmt: skip


def webhook_note(account: Account, within: Incident, held: Note) -> Json:
    return {"incident": _short(account, within), "id": held.id, "content": held.text, "trimmed": False,
            "type": "incident_note"}  # fmt: skip


def webhook_status_update(account: Account, within: Incident, held: Note) -> Json:
    return {"incident": _short(account, within), "id": held.id, "message": held.text, "trimmed": False,
            "type": "incident_status_update"}  # fmt: skip


def responder(account: Account, within: Incident, asked: User, target: User | Policy, message: str) -> Json:
    policy_ref = account.ref(target) if isinstance(target, Policy) else None
    return {"incident": _short(account, within), "user": account.ref(asked), "escalation_policy": policy_ref,
            "message": message, "state": "pending", "type": "incident_responder"}  # fmt: skip
