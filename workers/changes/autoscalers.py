"""HorizontalPodAutoscalers: whether what a workload was scaled to is what they want."""

from __future__ import annotations

import time

from core.errors import Absent, Forbidden, Transient
from workers.ports import Cluster
from workers.triage.objects import Obj, name_of, namespace_of, spec_of, status_of

_VERSIONS = ("v2", "v1", "v2beta2")
_KEPT_S = 2.0  # a list; when many workloads of a namespace are scaled at once it is read once


class Autoscalers:
    """Reads them when a workload was scaled: following them all would mean a change of each every 15 s."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._held: dict[str, tuple[float, list[Obj]]] = {}

    def want(self, kind: str, workload: Obj, *, sure: bool) -> bool | None:
        """Whether its autoscaler wants as many as it has; None when it has none, or they may not be read.

        Args:
            sure: False: an autoscaler that does not say so yet may say it in a moment, since it writes down what it
                wants after it has scaled.

        Raises: Transient then; ToolError, Unreachable.
        """
        now = spec_of(workload).get("replicas")
        for found in self._of(namespace_of(workload)):
            aim = spec_of(found).get("scaleTargetRef") or {}
            if (aim.get("kind"), aim.get("name")) == (kind, name_of(workload)):
                wanted = status_of(found).get("desiredReplicas") == now
                if not wanted and not sure:
                    self._held.pop(namespace_of(workload), None)
                    raise Transient(f"The autoscaler of {name_of(workload)} has not said yet what it wants.")
                return wanted
        return None

    def _of(self, namespace: str) -> list[Obj]:
        at, held = self._held.get(namespace, (0.0, []))
        if time.monotonic() - at > _KEPT_S:
            served = (v for v in _VERSIONS if self._cluster.serves(f"autoscaling/{v}", "horizontalpodautoscalers"))
            version = next(served, None)
            path = f"/apis/autoscaling/{version}/namespaces/{namespace}/horizontalpodautoscalers"
            try:
                held = list(self._cluster.items(path)) if version else []
            except (Forbidden, Absent):
                held = []
            self._held[namespace] = (time.monotonic(), held)
        return held
