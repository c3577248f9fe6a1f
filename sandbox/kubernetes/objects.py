"""Kubernetes objects as the API stores them: JSON, versioned, with the changes that watches follow."""

from __future__ import annotations

import copy
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sandbox.kubernetes.resources import STORED, Json

KEPT_CHANGES = 4096  # older resourceVersions are answered with 410 Gone


def stamp(time: float) -> str:
    """Unix seconds as Kubernetes writes times."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unstamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@dataclass(frozen=True)
class Change:
    """One change of one object, with the object before it."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    plural: str
    object: Json
    before: Json | None


class Objects:
    """Every object, by plural, namespace and name. What is handed out is shared: copy before changing it."""

    def __init__(self) -> None:
        self._held: dict[str, dict[tuple[str, str], Json]] = {plural: {} for plural in STORED}
        self.version = 1000
        self.changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self.listeners: set[Callable[[], None]] = set()

    def list(self, plural: str, namespace: str | None = None) -> list[Json]:
        """In the order of namespace and name."""
        held = self._held[plural]
        return [held[key] for key in sorted(held) if namespace is None or key[0] == namespace]

    def find(self, plural: str, namespace: str, name: str) -> Json | None:
        return self._held[plural].get((namespace, name))

    def owned(self, plural: str, owner: Json) -> Iterator[Json]:
        """The objects that `owner` controls."""
        uid = owner["metadata"]["uid"]
        for found in self.list(plural, owner["metadata"].get("namespace")):
            if any(o["uid"] == uid for o in found["metadata"].get("ownerReferences", ())):
                yield found

    def put(self, plural: str, wanted: Json, now: float) -> Json:
        """Store an object; nothing happens when it is as it was. Returns what is stored now."""
        meta = wanted["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        before = self._held[plural].get(key)
        if before is not None and before == wanted:
            return before
        stored = copy.deepcopy(wanted)
        kind = STORED[plural]
        self.version += 1
        stored |= {"apiVersion": kind.group_version, "kind": kind.kind}
        own = stored["metadata"]
        own.setdefault("creationTimestamp", stamp(now))
        own.setdefault("uid", _uid(plural, *key, str(self.version)))
        if "spec" in stored:
            changed = before is None or before.get("spec") != stored["spec"]
            own["generation"] = (before["metadata"].get("generation", 0) if before else 0) + changed
        own["resourceVersion"] = str(self.version)
        self._held[plural][key] = stored
        self._note(Change(self.version, "MODIFIED" if before else "ADDED", plural, stored, before))
        return stored

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Safe to repeat."""
        gone = self._held[plural].pop((namespace, name), None)
        if gone is not None:
            self.version += 1
            last = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
            self._note(Change(self.version, "DELETED", plural, last, gone))

    def _note(self, change: Change) -> None:
        self.changes.append(change)
        for listener in tuple(self.listeners):
            listener()


def _uid(*parts: str) -> str:
    text = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
