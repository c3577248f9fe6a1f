"""The pretend company's cluster as it lives: objects, controllers, kubelet, traffic and logs, moved on in small steps.

Nothing here reads a clock or a network. The same steps from the same start give the same world.
"""

from __future__ import annotations

import copy
from collections import Counter

from sandbox.faults import Fault, restore
from sandbox.kubernetes.bookkeeping import selected
from sandbox.kubernetes.controllers import step_controllers
from sandbox.kubernetes.deployments import step_deployment, step_replica_set
from sandbox.kubernetes.jobs import step_cron_job, step_job
from sandbox.kubernetes.kubelet import Kubelet
from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.scheduler import schedule
from sandbox.kubernetes.statefulsets import step_stateful_set
from sandbox.kubernetes.workloads import is_ready
from sandbox.logs import batch_words, lines_of
from sandbox.manifests import HOUR_S, apply_all, template
from sandbox.services import BATCH_EVERY_MIN, BATCH_IMAGE, NAMESPACE, SERVICES, Service, service_of
from sandbox.tenants import apply_tenants
from sandbox.traffic import Flow, flows

STEP_S = 0.25
IDLE_S = 5.0  # controllers look again after so long even if nothing has changed, for their deadlines
LOG_HISTORY_S = 300


class World:
    """The cluster at one time, `time` in Unix seconds."""

    def __init__(self, start: float, tenants: int = 0) -> None:
        self.time = start
        self.objects = Objects()
        self.kubelet = Kubelet(self.objects)
        self._tenants = tenants
        self._before_faults: list[Json] = []  # what each fault changed as it found it, oldest first
        self._seen = (0, start)
        self._live_until_now()

    def advance(self, seconds: float) -> None:
        self.advance_to(self.time + seconds)

    def advance_to(self, time: float) -> None:
        while self.time < time:
            before = self.time
            self.time = min(time, before + STEP_S)
            self._step()
            if int(self.time) != int(before):
                self._write_logs(int(before))

    def inject(self, fault: Fault) -> None:
        """Begin a fault. Raises: LookupError when what it changes is not there."""
        self._before_faults.append(fault.apply(self.objects, self.time))

    def heal(self) -> None:
        """Undo every injected fault."""
        while self._before_faults:
            restore(self.objects, self._before_faults.pop(), self.time)

    def ready(self) -> Counter[str]:
        """Ready pods by service."""
        pods = self.objects.list("pods", NAMESPACE)
        return Counter(p["metadata"]["labels"].get("app", "") for p in pods if is_ready(p))

    def flows(self) -> dict[str, Flow]:
        """The traffic of every service now."""
        return flows(self.ready(), self.time)

    def is_running(self, pod: Json, container: Json) -> bool:
        life = self.kubelet.lives.get((pod["metadata"]["uid"], container["name"]))
        return life is not None and life.stage == "running"

    def age_of_run(self, pod: Json, container: Json) -> float:
        """Seconds since a running container was last started."""
        return self.time - self.kubelet.lives[pod["metadata"]["uid"], container["name"]].since

    def pods_of(self, service: str) -> list[Json]:
        """The pods of one service."""
        return selected(self.objects, NAMESPACE, {"app": service})

    def _step(self) -> None:
        version, at = self._seen
        if self.objects.version != version or self.time - at >= IDLE_S:
            self._seen = (self.objects.version, self.time)  # before the round: what it changes needs another one
            step_controllers(self.objects, self.time)
        self._place()
        self.kubelet.step(self.time)

    def _place(self) -> None:
        for pod in self.objects.list("pods"):
            if "nodeName" not in pod["spec"] and "deletionTimestamp" not in pod["metadata"]:
                schedule(self.objects, pod, self.time)

    def _live_until_now(self) -> None:
        """Everything that happened before the start: releases, pods that have run for days, jobs that have ended."""
        start = self.time
        apply_all(self.objects, start)
        for service in SERVICES:
            self._release_all(service, start)
        coredns = self.objects.list("deployments", "kube-system")[0]
        self._roll_out(coredns, start - 240 * HOUR_S)
        for tenant in apply_tenants(self.objects, self._tenants, start):
            self._roll_out(tenant, start - 70 * HOUR_S)
        every_s = BATCH_EVERY_MIN * 60
        for runs_ago in (3, 2, 1, 0):
            due = (start // every_s - runs_ago) * every_s
            if due + 60 < start:
                self._run_batch(due)
        self.time = start
        step_controllers(self.objects, start)
        self.kubelet.step(start)
        for second in range(int(start) - LOG_HISTORY_S, int(start)):
            self._write_logs(second)

    def _release_all(self, service: Service, start: float) -> None:
        for release in service.releases:
            at = start - release.hours_ago * HOUR_S
            plural = f"{service.kind.lower()}s"
            body = copy.deepcopy(self.objects.find(plural, NAMESPACE, service.name) or {})
            body["metadata"].setdefault("annotations", {})["kubernetes.io/change-cause"] = release.note
            body["spec"]["template"] = template(service, release)
            workload = self.objects.put(plural, body, at)
            if service.kind == "StatefulSet":
                step_stateful_set(self.objects, workload, at)
                self._settle(at)
                step_stateful_set(self.objects, workload, at + 60)
            else:
                self._roll_out(workload, at)

    def _roll_out(self, deployment: Json, at: float) -> None:
        """Bring a Deployment's latest revision to its end, in the past."""
        meta = deployment["metadata"]
        for second in range(60):
            held = self.objects.find("deployments", meta["namespace"], meta["name"]) or deployment
            step_deployment(self.objects, held, at + second)
            for replica_set in list(self.objects.owned("replicasets", held)):
                step_replica_set(self.objects, replica_set, at + second)
            self._settle(at + second)
            if second and _settled(held):
                return

    def _settle(self, at: float) -> None:
        """Let pods that are new run since `at`, and those that are to go be gone."""
        self.time = at
        for pod in self.objects.list("pods"):
            if "deletionTimestamp" in pod["metadata"]:
                self.objects.remove("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
            elif "nodeName" not in pod["spec"]:
                self.kubelet.settle(schedule(self.objects, pod, at), at)

    def _run_batch(self, due: float) -> None:
        for cron_job in self.objects.list("cronjobs"):
            step_cron_job(self.objects, cron_job, due + 1)
        for seconds in (1, 2, 3, 40, 41):
            self.time = due + seconds
            for job in self.objects.list("jobs"):
                step_job(self.objects, job, self.time)
            self._place()
            self.kubelet.step(self.time)

    def _write_logs(self, second: int) -> None:
        seen = flows(self.ready(), float(second))
        for pod in self.objects.list("pods"):
            for container in pod["spec"]["containers"]:
                life = self.kubelet.lives.get((pod["metadata"]["uid"], container["name"]))
                if life is None or life.stage != "running" or second < life.since:
                    continue
                service = service_of(container["image"])
                if container["image"] == BATCH_IMAGE:
                    life.log.add(second, *batch_words(int(second - life.since)))
                elif service is not None and is_ready(pod):
                    life.log.add(
                        second, *lines_of(service.software, pod["metadata"]["name"], seen[service.name], second)
                    )


def _settled(deployment: Json) -> bool:
    conditions = deployment["status"]["conditions"]
    return any(c["type"] == "Progressing" and c["reason"] == "NewReplicaSetAvailable" for c in conditions)
