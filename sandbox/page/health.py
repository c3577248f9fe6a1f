"""How the pretend company's services are, for the page: what a person at a good dashboard would see, no causes."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from sandbox.kubernetes.objects import unstamp
from sandbox.kubernetes.workloads import is_ready
from sandbox.services import BATCH, BATCH_CRONJOB, BATCH_EVERY_MIN, NAMESPACE, SERVICES, Service
from sandbox.slack.model import Json
from sandbox.traffic import Flow, flows
from sandbox.world import World

STEP_S, POINTS = 2.0, 120  # of the sparklines: four minutes
FAILING, STRAINED = 0.05, 0.01  # share of requests: as the alert HighErrorRate has it, and what is worth a look
SLOW = 3.0  # times the usual latency
_GRACE_S = 8.0  # a pod may take so long to become ready


class Health:
    """The state of every service now, and its last minutes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sampled_at = world.time
        self._errors: dict[str, deque[float]] = {}
        self._latency: dict[str, deque[float]] = {}
        times = world.time - STEP_S * np.arange(POINTS - 1, -1, -1)
        for name, flow in flows(world.ready(), times).items():
            self._errors[name] = deque(map(float, flow.fail_ratio), POINTS)
            self._latency[name] = deque(map(float, flow.latency_s), POINTS)
        self._usual = {name: float(np.median(past)) for name, past in self._latency.items()}

    def services(self) -> list[Json]:
        """One entry a service, callers before callees; takes a sample for the sparklines when one is due."""
        current = self._world.flows()
        if self._world.time - self._sampled_at >= STEP_S:
            self._sampled_at = self._world.time
            for name, flow in current.items():
                self._errors[name].append(float(flow.fail_ratio))
                self._latency[name].append(float(flow.latency_s))
        return [*(self._service(service, current[service.name]) for service in SERVICES), self._batch()]

    def _service(self, service: Service, flow: Flow) -> Json:
        pods = [pod for pod in self._world.pods_of(service.name) if "deletionTimestamp" not in pod["metadata"]]
        ready = sum(map(is_ready, pods))
        stuck = sum(not is_ready(pod) and self._age_s(pod) > _GRACE_S for pod in pods)
        wanted = self._wanted(service)
        state, why = self._state(service, flow, ready, wanted, stuck)
        return {
            "name": service.name, "state": state, "why": why, "ready": ready, "wanted": wanted,
            "depends_on": [call.to for call in service.calls], "keeps_state": service.state != "none",
            "rps": round(float(flow.rps), 1), "error_ratio": round(float(flow.fail_ratio), 4),
            "latency_s": round(float(flow.latency_s), 4) if ready else None,
            "errors": [round(value, 4) for value in self._errors[service.name]],
            "latency": [round(value, 4) for value in self._latency[service.name]],
        }  # fmt: skip

    def _state(self, service: Service, flow: Flow, ready: int, wanted: int, stuck: int) -> tuple[str, str]:
        pods = f"{ready} of {wanted} pods ready"
        if not ready:
            return "down", f"None of its {wanted} pods is ready." if wanted > 1 else "Its only pod is not ready."
        if flow.fail_ratio > FAILING:
            return "failing", f"{flow.fail_ratio:.0%} of requests fail; {pods}."
        if flow.fail_ratio > STRAINED:
            return "degraded", f"{flow.fail_ratio:.1%} of requests fail; {pods}."
        if flow.latency_s > SLOW * self._usual[service.name]:
            return "degraded", f"Slow: {flow.latency_s * 1000:.0f} ms; {pods}."
        if ready < wanted:
            return "degraded", f"{pods}."
        if stuck:
            return "degraded", f"{pods}, and {stuck} of a newer release {'do' if stuck > 1 else 'does'} not start."
        return "healthy", f"{pods}."

    def _wanted(self, service: Service) -> int:
        found = self._world.objects.find(f"{service.kind.lower()}s", NAMESPACE, service.name)
        return int(found["spec"]["replicas"]) if found else 0

    def _age_s(self, pod: Any) -> float:
        return float(self._world.time - unstamp(pod["metadata"]["creationTimestamp"]))

    def _batch(self) -> Json:
        """The eighth service answers no requests: a job that runs by the clock."""
        runs = [
            job
            for job in self._world.objects.list("jobs", NAMESPACE)
            if any(owner["name"] == BATCH_CRONJOB for owner in job["metadata"].get("ownerReferences", ()))
        ]
        ended = [job for job in runs if job["status"].get("succeeded") or job["status"].get("failed")]
        failed = bool(ended) and not ended[-1]["status"].get("succeeded")
        why = f"Runs every {BATCH_EVERY_MIN} minutes; the last run {'failed' if failed else 'went well'}."
        return {
            "name": BATCH, "state": "degraded" if failed else "healthy", "why": why, "ready": None, "wanted": None,
            "depends_on": ["orders-db"], "keeps_state": False, "rps": None, "error_ratio": None, "latency_s": None,
            "errors": [], "latency": [],
        }  # fmt: skip
