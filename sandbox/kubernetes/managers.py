"""Who changed which fields of an object, as Kubernetes writes it down in `managedFields`."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.kubernetes.objects import stamp
from sandbox.kubernetes.resources import Json

_BODIES = ("spec", "data")


def signed(before: Json | None, after: Json, manager: str, now: float) -> Json:
    """`after` with the fields that differ from `before` in its manager's name. Fields are told apart down to the
    second level, as "spec.template"."""
    changed = [
        (body, key)
        for body in _BODIES
        for key in {**_part(before, body), **_part(after, body)}
        if _part(before, body).get(key) != _part(after, body).get(key)
    ]
    if not changed:
        return after
    entries = [_without(entry, changed) for entry in copy.deepcopy(after["metadata"].get("managedFields") or [])]
    own = next((e for e in entries if e["manager"] == manager), None)
    if own is None:
        own = {"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {}}
        entries.append(own)
    own["time"] = stamp(now)
    for body, key in changed:
        if key in _part(after, body):
            own["fieldsV1"].setdefault(f"f:{body}", {})[f"f:{key}"] = {}
    kept = [entry for entry in entries if entry["fieldsV1"]]
    return {**after, "metadata": {**after["metadata"], "managedFields": kept}}


def manager_of(user_agent: str) -> str:
    """The name that Kubernetes gives who names none: the program, from its User-Agent."""
    return user_agent.partition("/")[0][:128] or "unknown"


def _part(obj: Json | None, body: str) -> Json:
    found: Any = (obj or {}).get(body)
    return found if isinstance(found, dict) else {}


def _without(entry: Json, fields: list[tuple[str, str]]) -> Json:
    for body, key in fields:
        held = entry["fieldsV1"].get(f"f:{body}", {})
        held.pop(f"f:{key}", None)
        if not held:
            entry["fieldsV1"].pop(f"f:{body}", None)
    return entry
