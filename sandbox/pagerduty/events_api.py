"""The Events API v2: what monitoring posts, checked as PagerDuty checks it (its page "Events API v2")."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from sandbox.pagerduty import render
from sandbox.pagerduty.account import Account
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.errors import InvalidEvent
from sandbox.pagerduty.model import Actor, Json, Service, Urgency, stamp

LARGEST_BYTES = 512 * 1024
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "warning", "error", "info")
_KEY_LENGTH, _LONGEST_KEY, _LONGEST_SUMMARY = 32, 255, 1024


def checked_alert_event(account: Account, event: Any) -> tuple[Service, Json]:
    """The event with a `dedup_key`, and the service that it is for. Raises: InvalidEvent."""
    event, service = _routed(account, event)
    action = event.get("event_action")
    errors = []
    if action not in ACTIONS:
        errors.append(_one_of("event_action", action, ACTIONS))
    key = event.get("dedup_key")
    if key is not None and not (isinstance(key, str) and len(key) <= _LONGEST_KEY):
        errors.append(f"'dedup_key' is invalid (must be a string of at most {_LONGEST_KEY} characters)")
    if action == "trigger":
        errors += _payload_errors(event.get("payload"), needs=("summary", "source", "severity"))
        errors += _list_errors(event, "links", "href") + _list_errors(event, "images", "src")
    elif not key:
        errors.append("'dedup_key' is missing or blank")
    if errors:
        raise InvalidEvent(*errors)
    return service, {**event, "dedup_key": key or uuid.uuid4().hex}


def checked_change_event(account: Account, event: Any) -> tuple[Service, Json]:
    """Raises: InvalidEvent."""
    event, service = _routed(account, event)
    errors = _payload_errors(event.get("payload"), needs=("summary",)) + _list_errors(event, "links", "href")
    if errors:
        raise InvalidEvent(*errors)
    return service, event


def apply(desk: Desk, service: Service, event: Json) -> None:
    """Let a checked alert event take effect; what refers to nothing open is dropped, as in PagerDuty."""
    client = {"name": event["client"], "url": event.get("client_url")} if event.get("client") else None
    actor = Actor(render.integration_ref(desk.account, service), "events", client)
    key = event["dedup_key"]
    if event["event_action"] == "trigger":
        desk.trigger(service, key, event, actor, _urgency(event["payload"]["severity"]))
    elif event["event_action"] == "resolve":
        desk.end_alert(service, key, actor)
    elif incident := desk.open_with_key(service, key):
        desk.acknowledge(incident, actor)


def keep_change(desk: Desk, service: Service, event: Json) -> None:
    payload, kept = event["payload"], {k: event[k] for k in ("links", "images") if event.get(k)}
    desk.changes.append({
        "id": uuid.uuid4().hex, "type": "change_event", "summary": payload["summary"],
        "timestamp": payload.get("timestamp") or stamp(desk.now), "source": payload.get("source"),
        "custom_details": payload.get("custom_details", {}), "services": [desk.account.ref(service)], **kept,
    })  # fmt: skip


def _routed(account: Account, event: Any) -> tuple[Json, Service]:
    if not isinstance(event, dict):
        raise InvalidEvent("Event object format is unrecognized")
    key = event.get("routing_key")
    if not isinstance(key, str) or not key.strip():
        raise InvalidEvent("'routing_key' is missing or blank")
    if len(key) != _KEY_LENGTH:
        raise InvalidEvent(f"Length of 'routing_key' is incorrect (should be {_KEY_LENGTH} characters)")
    service = account.by_routing_key(key)
    if service is None:
        raise InvalidEvent("Invalid routing key")
    return event, service


def _payload_errors(payload: Any, needs: tuple[str, ...]) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [f"'payload.{name}' is missing or blank" for name in needs if not _is_text(payload.get(name))]
    severity = payload.get("severity")
    if "severity" in needs and _is_text(severity) and severity not in SEVERITIES:
        errors.append(_one_of("payload.severity", severity, SEVERITIES))
    if _is_text(payload.get("summary")) and len(payload["summary"]) > _LONGEST_SUMMARY:
        errors.append(f"'payload.summary' is too long (at most {_LONGEST_SUMMARY} characters)")
    if not isinstance(payload.get("custom_details", {}), dict):
        errors.append("'payload.custom_details' is invalid (must be an object)")
    return errors


def _list_errors(event: Json, name: str, needs: str) -> list[str]:
    listed = event.get(name) or []
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        return [f"'{name}' is invalid (must be a list of objects)"]
    return [f"'{name}.{needs}' is missing or blank" for item in listed if not _is_text(item.get(needs))]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if not _is_text(value):
        return f"'{name}' is missing or blank"
    listed = ", ".join(f"'{a}'" for a in allowed[:-1])
    return f"'{name}' is invalid (must be one of the following: {listed} or '{allowed[-1]}')"


def _urgency(severity: Literal["critical", "error", "warning", "info"]) -> Urgency:
    """As a service with severity-based urgency maps it."""
    return "high" if severity in ("critical", "error") else "low"
