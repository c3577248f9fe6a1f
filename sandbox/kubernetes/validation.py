"""What Kubernetes would not store: the fields that repairs touch, checked with its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sandbox.kubernetes.quantities import amount
from sandbox.kubernetes.resources import Json, Resource

Cause = tuple[str, str, str]  # field, reason, message
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_POD_FIELDS = ("image",)  # what may change in a container of a pod that exists


def problems(resource: Resource, wanted: Json, before: Json | None) -> list[Cause]:
    """Everything that is wrong with an object, or with how it differs from the one before."""
    return list(_problems(resource, wanted, before))


def _invalid(field: str, why: str) -> Cause:
    return field, "FieldValueInvalid", f"Invalid value: {why}"


def _problems(resource: Resource, wanted: Json, before: Json | None) -> Iterator[Cause]:
    name = wanted["metadata"].get("name", "")
    if not name:
        yield "metadata.name", "FieldValueRequired", "Required value: name or generateName is required"
    elif not _NAME.fullmatch(name):
        yield _invalid("metadata.name", f'"{name}": a lowercase RFC 1123 subdomain must consist of lower case letters')
    spec = wanted.get("spec")
    if not isinstance(spec, dict):
        return
    if resource.plural in ("deployments", "statefulsets", "replicasets"):
        yield from _replicas(spec.get("replicas"))
        if before is not None and spec.get("selector") != before["spec"].get("selector"):
            yield _invalid("spec.selector", f"{spec.get('selector')}: field is immutable")
        yield from _template(spec, "spec.template")
    elif resource.plural == "jobs":
        if before is not None and spec.get("template") != before["spec"].get("template"):
            yield _invalid("spec.template", "field is immutable")
        yield from _template(spec, "spec.template")
    elif resource.plural == "cronjobs":
        yield from _template(spec.get("jobTemplate", {}).get("spec", {}), "spec.jobTemplate.spec.template")
    elif resource.plural == "pods" and before is not None:
        yield from _pod_change(spec, before["spec"])


def _replicas(value: Any) -> Iterator[Cause]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _invalid("spec.replicas", f"{value!r}: must be an integer")
    elif value < 0:
        yield _invalid("spec.replicas", f"{value}: must be greater than or equal to 0")


def _template(spec: Json, path: str) -> Iterator[Cause]:
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    if any(labels.get(k) != v for k, v in wanted.items()):
        yield _invalid(f"{path}.metadata.labels", f"{labels}: `selector` does not match template `labels`")
    containers = (template.get("spec") or {}).get("containers") or []
    if not containers:
        yield f"{path}.spec.containers", "FieldValueRequired", "Required value"
    for index, container in enumerate(containers):
        yield from _container(container, f"{path}.spec.containers[{index}]")


def _container(container: Json, path: str) -> Iterator[Cause]:
    for field in ("name", "image"):
        if not container.get(field):
            yield f"{path}.{field}", "FieldValueRequired", "Required value"
    resources = container.get("resources") or {}
    sizes: dict[tuple[str, str], float] = {}
    for kind in ("requests", "limits"):
        for name, text in (resources.get(kind) or {}).items():
            try:
                sizes[kind, name] = amount(text)
            except ValueError as error:
                yield _invalid(f"{path}.resources.{kind}[{name}]", f'"{text}": {error}')
    for (kind, name), size in sizes.items():
        limit = sizes.get(("limits", name))
        if kind == "requests" and limit is not None and size > limit:
            most = resources["limits"][name]
            why = f'"{resources["requests"][name]}": must be less than or equal to {name} limit of {most}'
            yield _invalid(f"{path}.resources.requests", why)


def _pod_change(after: Json, before: Json) -> Iterator[Cause]:
    def fixed(spec: Json) -> Json:
        containers = [{k: v for k, v in c.items() if k not in _POD_FIELDS} for c in spec.get("containers", [])]
        return {**spec, "containers": containers}

    if fixed(after) != fixed(before):
        why = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
        yield "spec", "FieldValueForbidden", why
