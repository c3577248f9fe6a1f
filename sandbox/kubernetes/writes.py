"""Changes: patches, updates, deletions, scaling and evictions, checked as Kubernetes checks them."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from sandbox.kubernetes import patches
from sandbox.kubernetes.bookkeeping import selected, step_budget
from sandbox.kubernetes.errors import (
    Refusal,
    already_exists,
    bad_request,
    conflict,
    invalid,
    modified,
    not_found,
)
from sandbox.kubernetes.managers import signed
from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.resources import Json, Resource
from sandbox.kubernetes.validation import problems
from sandbox.kubernetes.workloads import delete_pod

_PATCHES = {
    "application/json-patch+json": patches.json_patch,
    "application/merge-patch+json": patches.merge,
    "application/strategic-merge-patch+json": patches.strategic,
}


@dataclass
class Writer:
    """Writes to one set of objects at one time; `dry` says what would happen and stores nothing."""

    objects: Objects
    now: float
    dry: bool = False
    manager: str = "unknown"  # in whose name fields are changed

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Raises: Refusal (404)."""
        found = self.objects.find(resource.plural, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return found

    def create(self, resource: Resource, namespace: str, body: Json) -> Json:
        """Raises: Refusal (400, 409, 422)."""
        meta = body.setdefault("metadata", {})
        if body.get("kind") not in (None, resource.kind) or meta.get("namespace") not in (None, namespace):
            raise bad_request("the object provided does not match the kind or the namespace of the request")
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = f"{meta['generateName']}{self.objects.version:05x}"
        name = meta.get("name", "")
        if self.objects.find(resource.plural, namespace, name) is not None:
            raise already_exists(resource, name)
        meta["namespace"] = namespace
        wanted = {**_without_nulls(body), "status": {}}
        self._check(resource, name, wanted, None)
        wanted = signed(None, wanted, self.manager, self.now)
        return wanted if self.dry else self.objects.put(resource.plural, wanted, self.now)

    def patch(self, resource: Resource, namespace: str, name: str, kind: str, body: Any) -> Json:
        """Raises: Refusal (400, 404, 409, 415, 422)."""
        before = self.get(resource, namespace, name)
        return self._store(resource, before, _patched(before, kind, body))

    def update(self, resource: Resource, namespace: str, name: str, body: Json) -> Json:
        """Raises: Refusal (404, 409, 422)."""
        return self._store(resource, self.get(resource, namespace, name), body)

    def _store(self, resource: Resource, before: Json, after: Json) -> Json:
        after = _without_nulls(after)
        meta, name = before["metadata"], before["metadata"]["name"]
        own = after.get("metadata", {})
        if own.get("resourceVersion") not in (None, meta["resourceVersion"]):
            raise modified(resource, name)
        if own.get("uid") not in (None, meta["uid"]):
            raise conflict(resource, name, f"Precondition failed: UID in precondition: {own['uid']}")
        if own.get("name") not in (None, name) or own.get("namespace") not in (None, meta.get("namespace")):
            raise bad_request("the name of the object does not match the name on the URL")
        kept = {k: meta[k] for k in ("name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation")
                if k in meta}  # fmt: skip
        if "managedFields" in meta:  # whatever was sent: it is the server's to write
            kept["managedFields"] = meta["managedFields"]
        wanted = signed(before, {**after, "metadata": {**own, **kept}}, self.manager, self.now)
        if "status" in before:
            wanted["status"] = before["status"]
        self._check(resource, name, wanted, before)
        if not self.dry:
            return self.objects.put(resource.plural, wanted, self.now)
        wanted["metadata"]["generation"] = meta.get("generation", 1) + (before.get("spec") != wanted.get("spec"))
        return wanted

    def _check(self, resource: Resource, name: str, wanted: Json, before: Json | None) -> None:
        causes = problems(resource, wanted, before)
        if causes:
            raise invalid(resource, name, causes)

    def delete(self, resource: Resource, namespace: str, name: str, options: Json) -> Json:
        """Raises: Refusal (404, 409). What the object owned goes with it."""
        found = self.get(resource, namespace, name)
        wanted = options.get("preconditions") or {}
        if wanted.get("uid") not in (None, found["metadata"]["uid"]):
            raise conflict(resource, name, f"Precondition failed: UID in precondition: {wanted['uid']}")
        if wanted.get("resourceVersion") not in (None, found["metadata"]["resourceVersion"]):
            raise conflict(resource, name, "the ResourceVersion in the precondition does not match")
        if resource.kind == "Pod":
            if not self.dry:
                delete_pod(self.objects, found, self.now, options.get("gracePeriodSeconds"))
            return self.objects.find(resource.plural, namespace, name) or found
        if not self.dry:
            self.objects.remove(resource.plural, namespace, name)
        details = {"name": name, "group": resource.group, "kind": resource.plural, "uid": found["metadata"]["uid"]}
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def scale(self, resource: Resource, namespace: str, name: str, kind: str | None, body: Any) -> Json:
        """The Scale of a workload; changed by a patch of that `kind`, or by a whole new Scale when `kind` is None."""
        before = self.get(resource, namespace, name)
        wanted = body if kind is None else _patched(scale_of(before), kind, body)
        asked = wanted.get("metadata", {}).get("resourceVersion")
        if asked not in (None, before["metadata"]["resourceVersion"]):
            raise modified(resource, name)
        replicas = wanted.get("spec", {}).get("replicas", 0)
        after = copy.deepcopy(before)
        after["spec"]["replicas"] = replicas
        return scale_of(self._store(resource, before, after))

    def evict(self, resource: Resource, namespace: str, name: str, body: Json) -> Json:
        """Delete a pod if its disruption budgets allow it. Raises: Refusal (404, 429)."""
        pod = self.get(resource, namespace, name)
        budgets = [b for b in self.objects.list("poddisruptionbudgets", namespace) if pod in self._covered(b)]
        for budget in budgets:
            if not budget["status"]["disruptionsAllowed"]:
                raise _too_many_disruptions(budget)
        self.delete(resource, namespace, name, body.get("deleteOptions") or {})
        for budget in budgets:  # at once, so that the next eviction meets what is left
            step_budget(self.objects, budget, self.now)
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}

    def _covered(self, budget: Json) -> list[Json]:
        return selected(self.objects, budget["metadata"]["namespace"], budget["spec"]["selector"]["matchLabels"])


def _too_many_disruptions(budget: Json) -> Refusal:
    status = budget["status"]
    words = (
        f"The disruption budget {budget['metadata']['name']} needs {status['desiredHealthy']} healthy pods "
        f"and has {status['currentHealthy']} currently"
    )
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return Refusal(429, "TooManyRequests", message, causes=[{"reason": "DisruptionBudget", "message": words}])


def scale_of(workload: Json) -> Json:
    """The Scale that stands for a workload."""
    meta = workload["metadata"]
    labels = workload["spec"]["selector"]["matchLabels"]
    kept = {k: meta[k] for k in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    return {
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept,
        "spec": {"replicas": workload["spec"]["replicas"]},
        "status": {"replicas": workload.get("status", {}).get("replicas", 0),
                   "selector": ",".join(f"{k}={v}" for k, v in labels.items())},
    }  # fmt: skip


def _without_nulls(value: Any) -> Any:
    """Typed clients write null for what is unset; Kubernetes does not store it."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _patched(before: Json, kind: str, body: Any) -> Json:
    apply = _PATCHES.get(kind)
    if apply is None:
        message = (
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(_PATCHES)}"
        )
        raise Refusal(415, "UnsupportedMediaType", message)
    try:
        result = apply(before, body)
    except patches.BadPatch as error:
        raise bad_request(str(error)) from error
    if not isinstance(result, dict):
        raise bad_request("the patch does not leave an object")
    return result


def read_body(text: bytes) -> Any:
    """Raises: Refusal (400)."""
    try:
        return json.loads(text) if text else {}
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from error
