"""What all changes of one cluster share: its name, its services, ids that never repeat, foreign text made safe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.change_events import ChangeEvent
from core.labels import service_of
from core.mask import mask
from core.settings import Config
from workers.reasoners.words import clean

LONGEST_TITLE = 300
LONGEST_NOTE = 200


@dataclass(frozen=True)
class Place:
    """One cluster, seen at one time."""

    cluster: str  # catalogue name; "" is the one that has no name
    config: Config
    now: datetime
    since: datetime | None = None  # of a list: what is new in it happened after that

    def event(self, *identity: object, kind: str, target: str, namespace: str = "", **facts: Any) -> ChangeEvent:
        """A change. `identity` tells it from every other in this cluster, whoever sees it and however often."""
        known = {"service": self.service(namespace, target), **facts}
        known["at"] = min(known.get("at") or self.now, self.now)
        known["title"] = said(str(known.get("title", "")), LONGEST_TITLE)
        return ChangeEvent.model_validate(
            {"id": self.ident(kind, *identity), "kind": kind, "cluster": self.cluster, "namespace": namespace,
             "target": target, **known}
        )  # fmt: skip

    def ident(self, *identity: object) -> str:
        text = "\n".join([self.cluster, *map(str, identity)])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def service(self, namespace: str, target: str) -> str | None:
        """The catalogue's service that a workload belongs to."""
        kind, _, name = target.partition("/")
        if not namespace or kind in ("Node", "ConfigMap"):
            return None
        label = {"Job": "job_name"}.get(kind, kind.lower())
        labels = {"namespace": namespace, label: name, "app": name}
        return service_of(labels | ({"cluster": self.cluster} if self.cluster else {}), self.config)


def said(text: str, limit: int = LONGEST_NOTE) -> str:
    """Foreign text: masked, on one line, cut."""
    return clean(mask(text), limit)
