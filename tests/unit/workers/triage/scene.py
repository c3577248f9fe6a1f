"""A cluster of objects in memory, as an API server would list them, and builders of its objects."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import Absent, SreError
from core.observation import Finding, Observation
from workers.loop.observe import triage
from workers.triage.resources import BY_KIND

NOW = datetime(2026, 3, 2, 2, 17, tzinfo=UTC)
Obj = dict[str, Any]
_CHANGES = "/apis/apps/v1"


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Scene:
    """Implements workers.ports.Cluster.

    Args:
        refuse: What reading a resource raises, by its plural name.
        texts: Logs by pod and container; `previous` ones by "pod/container/previous".
        hang: Resources that never answer until `release` is set.
    """

    name = "scene"
    server = "https://scene.invalid:6443"

    def __init__(
        self, *objects: Obj, refuse: Mapping[str, SreError] | None = None, texts: Mapping[str, str] | None = None,
        hang: frozenset[str] = frozenset(), served: frozenset[str] | None = None,
    ) -> None:  # fmt: skip
        self.objects = objects
        self.refuse = dict(refuse or {})
        self.texts = dict(texts or {})
        self.hang = hang
        self.served = served
        self.release = threading.Event()
        self.paths: list[str] = []

    def get(self, path: str, **query: str | int) -> Obj:
        parent, _, name = path.rpartition("/")
        for obj in self._listed(parent):
            if obj["metadata"]["name"] == name:
                return obj
        raise Absent(path, "there is none")

    def items(self, path: str, **query: str | int) -> Iterator[Obj]:
        wanted = dict(pair.split("=") for pair in str(query.get("labelSelector", "")).split(",") if pair)
        for obj in self._listed(path):
            if wanted.items() <= (obj["metadata"].get("labels") or {}).items():
                yield obj

    def serves(self, group_version: str, resource: str) -> bool:
        return self.served is None or f"{group_version}/{resource}" in self.served

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        name = f"{pod}/{container}{'/previous' if previous else ''}"
        if name not in self.texts:
            raise Absent(f"log of pods {namespace}/{pod}", "there is none")
        return "\n".join(self.texts[name].splitlines()[-lines:])

    def _listed(self, path: str) -> list[Obj]:
        self.paths.append(path)
        resource = path.rpartition("/")[2]
        if resource in self.hang:
            self.release.wait(20)
        if resource in self.refuse:
            raise self.refuse[resource]
        namespace = path.split("/namespaces/")[1].split("/", maxsplit=1)[0] if "/namespaces/" in path else None
        return [
            o for o in self.objects
            if _plural(o["kind"]) == resource and namespace in (None, o["metadata"].get("namespace"))
        ]  # fmt: skip


def _plural(kind: str) -> str:
    if kind in BY_KIND:
        return BY_KIND[kind].name
    return {"Namespace": "namespaces", "ControllerRevision": "controllerrevisions"}[kind]


def seen(*objects: Obj, namespace: str | None = None, logs: bool = False, **more: Any) -> Observation:
    """What triage sees of these objects."""
    made = objects if namespace is None else (*objects, make("Namespace", namespace, None))
    return triage(Scene(*made, **more), namespace, NOW, with_logs=logs)


def found(*objects: Obj, **more: Any) -> list[tuple[str, str]]:
    """Condition and owner of each finding, in order."""
    return [(f.condition, f.owner) for f in seen(*objects, **more).findings]


def only(*objects: Obj, **more: Any) -> Finding:
    """The one finding."""
    [finding] = seen(*objects, **more).findings
    return finding


def make(
    kind: str, name: str, namespace: str | None = "shop", *, age: float = 86_400, by: Obj | None = None, **parts: Any
) -> Obj:
    """One object `age` seconds old; `labels` and `annotations` go to its metadata."""
    metadata: Obj = {
        "name": name, "uid": f"{kind}/{namespace}/{name}", "creationTimestamp": ago(age),
        "labels": parts.pop("labels", {}), "annotations": parts.pop("annotations", {}),
    }  # fmt: skip
    if namespace:
        metadata["namespace"] = namespace
    if by:
        metadata["ownerReferences"] = [
            {"kind": by["kind"], "name": by["metadata"]["name"], "uid": by["metadata"]["uid"], "controller": True}
        ]
    return {"kind": kind, "metadata": metadata, "spec": {}, "status": {}, **parts}


def deployment(name: str = "web", *, desired: int = 1, ready: int = 0, age: float = 86_400, **parts: Any) -> Obj:
    labels = {"app": name}
    spec = {"replicas": desired, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}
    status = {"replicas": desired, "readyReplicas": ready, "conditions": parts.pop("conditions", [])}
    return make("Deployment", name, age=age, spec={**spec, **parts.pop("spec", {})}, status=status, **parts)


def pod_of(owner: Obj | None, status: Obj, *, name: str = "", age: float = 86_400, spec: Obj | None = None) -> Obj:
    """A pod of a deployment (through its replica set), of another controller, or of nobody."""
    labels = {}
    by = owner
    if owner:
        app = owner["metadata"]["name"]
        labels = {"app": app}
        name = name or f"{app}-7d7d7-x1"
    if owner and owner["kind"] == "Deployment":
        labels["pod-template-hash"] = "7d7d7"
        by = make("ReplicaSet", f"{app}-7d7d7", by=owner)
    full = {"nodeName": "node-1", "restartPolicy": "Always", "containers": [{"name": "app", "image": "shop/app:1.0"}]}
    return make("Pod", name or "alone", age=age, by=by, labels=labels, spec={**full, **(spec or {})}, status=status)


def running(*, ready: bool = True, since: float = 80_000, phase: str = "Running", **container: Any) -> Obj:
    """The status of a pod whose one container runs, changed by `container`."""
    state = {"running": {"startedAt": ago(since)}}
    status = {"name": "app", "ready": ready, "restartCount": 0, "state": state, "lastState": {}, **container}
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": ago(since),
                   **({} if ready else {"message": "containers with unready status: [app]"})}]  # fmt: skip
    return {"phase": phase, "conditions": conditions, "containerStatuses": [status]}


def waiting(reason: str, message: str = "", *, phase: str = "Pending", **container: Any) -> Obj:
    state = {"waiting": {"reason": reason, "message": message}}
    return running(ready=False, since=300, phase=phase, state=state, **container)


def ended(code: int, reason: str = "Error", *, ago_s: float = 60, ran_s: float = 2, **more: Any) -> Obj:
    """A container's `terminated` state."""
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "startedAt": ago(ago_s + ran_s),
            "finishedAt": ago(ago_s),
            **more,
        }
    }


def looping(code: int = 1, reason: str = "Error", *, restarts: int = 5, **more: Any) -> Obj:
    """The status of a pod that crash-loops."""
    said = "back-off 5m0s restarting failed container=app"
    return waiting(
        "CrashLoopBackOff", said, phase="Running", restartCount=restarts, lastState=ended(code, reason, **more)
    )


def event(about: Obj, reason: str, message: str, *, count: int = 1, last: float = 30, first: float = 300) -> Obj:
    meta = about["metadata"]
    name = f"{meta['name']}.{reason}.{last}"
    return make(
        "Event", name, meta.get("namespace") or "default", type="Warning", reason=reason, message=message, count=count,
        firstTimestamp=ago(first), lastTimestamp=ago(last),
        involvedObject={"kind": about["kind"], "name": meta["name"], "namespace": meta.get("namespace", "")},
    )  # fmt: skip


def job(
    name: str, *, age: float = 600, by: Obj | None = None, failed: bool = False, complete: bool = False, **status: Any
) -> Obj:
    said = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
    conditions = [{"type": "Failed", "status": "True", "lastTransitionTime": ago(age / 2), **said}] if failed else []
    conditions += [{"type": "Complete", "status": "True", "lastTransitionTime": ago(age / 2)}] if complete else []
    template = {"spec": {"containers": [{"name": "app", "image": "shop/app:1.0"}]}}
    spec = {"backoffLimit": 6, "template": template}
    return make("Job", name, age=age, by=by, spec=spec, status={"conditions": conditions, **status})


def service(name: str = "web", *, age: float = 86_400, **spec: Any) -> Obj:
    return make("Service", name, age=age, spec={"selector": {"app": name}, "ports": [{"port": 80}], **spec})


def endpoints(name: str = "web", *, ready: int = 0, unready: int = 0) -> Obj:
    side = {"addresses": [{"ip": "10.1.0.1"}] * ready, "notReadyAddresses": [{"ip": "10.1.0.2"}] * unready}
    subsets = [{**{k: v for k, v in side.items() if v}, "ports": [{"port": 80}]}] if ready or unready else None
    return make("Endpoints", name, subsets=subsets)


def node(name: str = "node-1", *, age: float = 86_400, **conditions: str) -> Obj:
    said = [
        {"type": kind, "status": status, "reason": f"{kind}Reason", "message": f"{kind} says so.",
         "lastTransitionTime": ago(300)}
        for kind, status in ({"Ready": "True"} | conditions).items()
    ]  # fmt: skip
    return make("Node", name, None, age=age, status={"conditions": said})
