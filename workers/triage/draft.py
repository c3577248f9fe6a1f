"""A finding before it is ranked and numbered, with the reads that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from core.observation import Condition
from workers.triage.events import Warned
from workers.triage.objects import Obj, is_true, key_of, plural, status_of
from workers.triage.snapshot import Snapshot

Place = tuple[str, str]  # namespace and owner: ("shop", "Deployment/checkout")
Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True)
class Source:
    """One read that somebody could repeat, and how to show what it said; shown only if it is cited."""

    path: str  # "/api/v1/namespaces/shop/pods/checkout-1", with its query if it has one
    show: Callable[[], str]


@dataclass(frozen=True)
class Draft:
    condition: Condition
    severity: Severity
    kind: str
    namespace: str
    name: str
    owner: str
    message: str
    since: datetime | None = None
    container: str | None = None
    touches: frozenset[Place] = frozenset()  # the workloads that it harms, beside its own owner
    sources: tuple[Source, ...] = ()

    @property
    def places(self) -> frozenset[Place]:
        """Its owner and the workloads that it harms."""
        return self.touches | {(self.namespace, self.owner)}


def object_source(snap: Snapshot, kind: str, obj: Obj, **shown: object) -> Source:
    """The object itself. `shown` is what matters of it; without any, its status."""
    what: Mapping[str, object] = shown or {"status": status_of(obj)}
    return Source(snap.path(kind, *key_of(obj)), lambda: compact(what))


def events_source(snap: Snapshot, kind: str, obj: Obj) -> tuple[Source, ...]:
    """The object's warning events; nothing when there are none."""
    namespace, name = key_of(obj)
    warned = snap.events.of(kind, namespace, name)
    if not warned:
        return ()
    where = f"/namespaces/{namespace}" if namespace else ""
    path = f"/api/v1{where}/events?fieldSelector=involvedObject.name={name},type=Warning"
    return (Source(path, lambda: "\n".join(_line(w) for w in warned)),)


def compact(value: object) -> str:
    """JSON without what is empty, on one line."""
    import orjson

    return orjson.dumps(_without_empty(value), default=str).decode()


def _without_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _without_empty(v) for key, v in value.items()}
        return {key: v for key, v in kept.items() if v not in (None, "", {}, [])}
    if isinstance(value, list | tuple):
        return [_without_empty(v) for v in value]
    return value


def _line(warned: Warned) -> str:
    at = f"{warned.last:%H:%M:%S} UTC " if warned.last else ""
    times = f" ({plural(warned.count, 'time')})" if warned.count > 1 else ""
    return f"{at}{warned.reason}{times}: {warned.message}"


def severity_of(snap: Snapshot, namespace: str, owner: str) -> Severity:
    """Critical when no pod of the workload is ready, a warning while others carry on; nobody waits for a job."""
    if owner.startswith(("Job/", "CronJob/")):
        return "warning"
    return "warning" if any_ready(snap.pods_of(namespace, owner)) else "critical"


def any_ready(pods: Iterable[Obj]) -> bool:
    return any(is_true(pod, "Ready") for pod in pods)
