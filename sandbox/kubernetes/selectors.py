"""Label and field selectors, as list and watch requests give them."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.kubernetes.resources import Json

Test = Callable[[Json], bool]


class BadSelector(ValueError):
    """The selector cannot be read; the message is Kubernetes' own."""


def labels(text: str) -> Test:
    """`app=checkout,tier!=db,env in (a, b),!x`. Raises: BadSelector."""
    tests = [_requirement(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]
    return lambda found: all(test(found["metadata"].get("labels") or {}) for test in tests)


def _requirement(text: str) -> Callable[[dict[str, str]], bool]:
    name = r"[A-Za-z0-9]([\w./-]*[A-Za-z0-9])?"
    if found := re.fullmatch(rf"({name})\s+(in|notin)\s+\(([^)]*)\)", text):
        key, values = found[1], {v.strip() for v in found[4].split(",")}
        wanted = found[3] == "in"
        return lambda held: (held.get(key) in values) == wanted if key in held else not wanted
    if found := re.fullmatch(rf"({name})\s*(==|=|!=)\s*([\w.-]*)", text):
        key, value, equal = found[1], found[4], found[3] != "!="
        return lambda held: (held.get(key) == value) == equal
    if found := re.fullmatch(rf"(!?)\s*({name})", text):
        key, present = found[2], not found[1]
        return lambda held: (key in held) == present
    raise BadSelector(f"unable to parse requirement: found '{text}', expected: a label selector requirement")


_ANY = ("metadata.name", "metadata.namespace")
_FIELDS = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
             "status.podIP", "status.nominatedNodeName"),
    "events": ("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
               "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
               "reportingComponent", "source", "type"),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "jobs": ("status.successful",),
    "replicasets": ("status.replicas",),
}  # fmt: skip


def fields(plural: str, text: str) -> Test:
    """`status.phase!=Running,spec.nodeName=node-1`; only the fields that Kubernetes serves. Raises: BadSelector."""
    tests: list[Test] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        found = re.fullmatch(r"([\w.]+)\s*(==|=|!=)\s*(.*)", part)
        if not found:
            raise BadSelector(f"invalid selector: '{part}'; can't understand '{part}'")
        path, equal, value = found[1], found[2] != "!=", found[3]
        if path not in (*_ANY, *_FIELDS.get(plural, ())):
            raise BadSelector(f"field label not supported: {path}")
        tests.append(_field_test(path, value, equal=equal))
    return lambda found: all(test(found) for test in tests)


def _field_test(path: str, value: str, *, equal: bool) -> Test:
    return lambda found: (_field(found, path) == value) == equal


def _field(found: Json, path: str) -> str:
    if path == "source":
        path = "source.component"
    value: object = found
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
