"""The API's refusals, as Kubernetes' Status objects."""

from __future__ import annotations

from typing import Any

from sandbox.kubernetes.resources import Json, Resource


class Refusal(Exception):
    """An answer other than success: its HTTP status and the Status object that says why."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status: Json = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "details": details, "code": code,
        }  # fmt: skip


def not_found(resource: Resource, name: str) -> Refusal:
    message = f'{resource.qualified} "{name}" not found'
    return Refusal(404, "NotFound", message, name=name, group=resource.group, kind=resource.plural)


def already_exists(resource: Resource, name: str) -> Refusal:
    message = f'{resource.qualified} "{name}" already exists'
    return Refusal(409, "AlreadyExists", message, name=name, group=resource.group, kind=resource.plural)


def conflict(resource: Resource, name: str, why: str) -> Refusal:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refusal(409, "Conflict", message, name=name, group=resource.group, kind=resource.plural)


def modified(resource: Resource, name: str) -> Refusal:
    """The writer saw an older version."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def invalid(resource: Resource, name: str, causes: list[tuple[str, str, str]]) -> Refusal:
    """`causes` are (field, reason, message), as `("spec.replicas", "FieldValueInvalid", "must be …")`."""
    listed = [{"field": f, "reason": r, "message": m} for f, r, m in causes]
    words = ", ".join(f"{f}: {m}" for f, _, m in causes)
    text = words if len(causes) == 1 else f"[{words}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = {"name": name, "group": resource.group, "kind": resource.kind, "causes": listed}
    return Refusal(422, "Invalid", f'{kind} "{name}" is invalid: {text}', **details)


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def expired(message: str) -> Refusal:
    """What was asked for is older than what is kept."""
    return Refusal(410, "Expired", message)


def not_allowed() -> Refusal:
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
