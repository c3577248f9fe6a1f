"""Small readings of the API's raw JSON. Fields may be absent or null; nothing here raises for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Obj = dict[str, Any]
Key = tuple[str, str]  # namespace and name


def name_of(obj: Obj) -> str:
    return str(obj["metadata"].get("name", ""))


def namespace_of(obj: Obj) -> str:
    """The namespace; "" for cluster-wide objects."""
    return obj["metadata"].get("namespace") or ""


def key_of(obj: Obj) -> Key:
    return namespace_of(obj), name_of(obj)


def labels_of(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("annotations") or {}


def spec_of(obj: Obj) -> Obj:
    return obj.get("spec") or {}


def status_of(obj: Obj) -> Obj:
    return obj.get("status") or {}


def is_leaving(obj: Obj) -> bool:
    """Whether it is being deleted; what such objects do on their way out is no fault."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def moment(text: str | None) -> datetime | None:
    """The aware time that an RFC 3339 text says; None for absent or malformed ones."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def created_at(obj: Obj) -> datetime | None:
    return moment(obj["metadata"].get("creationTimestamp"))


def age_s(obj: Obj, now: datetime) -> float:
    """Seconds since it was created; very old when it does not say."""
    return since_s(created_at(obj), now)


def since_s(at: datetime | None, now: datetime) -> float:
    """Seconds from `at` to now, never negative; infinite when unknown."""
    return max((now - at).total_seconds(), 0.0) if at else float("inf")


def condition(obj: Obj, kind: str) -> Obj:
    """The condition of that type; empty when there is none."""
    return next((c for c in status_of(obj).get("conditions") or () if c.get("type") == kind), {})


def is_true(obj: Obj, kind: str) -> bool:
    return bool(condition(obj, kind).get("status") == "True")


def controller_of(obj: Obj) -> tuple[str, str] | None:
    """Kind and name of the object that controls it, if one does."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference.get("kind", "")), str(reference.get("name", ""))
    return None


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a service's selector picks an object with these labels."""
    return all(labels.get(name) == value for name, value in selector.items())


def containers_of(pod_spec: Obj) -> Iterator[Obj]:
    """Every container's specification, init containers first."""
    yield from pod_spec.get("initContainers") or ()
    yield from pod_spec.get("containers") or ()


def statuses_of(pod: Obj) -> Iterator[tuple[Obj, bool]]:
    """Every container's status and whether it is an init container, in the order in which they start."""
    status = status_of(pod)
    for each in status.get("initContainerStatuses") or ():
        yield each, True
    for each in status.get("containerStatuses") or ():
        yield each, False


def template_of(workload: Obj) -> Obj:
    """The pod template of a workload; empty when it has none."""
    return spec_of(workload).get("template") or {}


def sentence(*parts: object) -> str:
    """Parts joined into one line; empty parts and repetitions are left out."""
    said: list[str] = []
    for part in parts:
        text = " ".join(str(part or "").split()).rstrip(".;: ")
        if text and not any(text in other for other in said):
            said.append(text)
    return "; ".join(said)


def plural(number: int, noun: str) -> str:
    """ "1 pod", "2 pods"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Iterable[str], limit: int = 3) -> str:
    """The first names, and how many more there are."""
    all_names = sorted(set(names))
    more = len(all_names) - limit
    return ", ".join(all_names[:limit]) + (f" and {more} more" if more > 0 else "")


def duration(seconds: float) -> str:
    """ "40 s", "5 min", "3 h", "6 days"; what began nobody knows when has lasted "a long time"."""
    if seconds == float("inf"):
        return "a long time"
    for size, unit in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{int(seconds // {'days': 86_400, 'h': 3_600, 'min': 60}[unit])} {unit}"
    return f"{int(seconds)} s"
