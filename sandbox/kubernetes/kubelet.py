"""The pretended nodes: pulls images, starts containers, restarts those that end, and writes down what happened."""

from __future__ import annotations

import copy
import hashlib
import math
from dataclasses import dataclass, field
from typing import Literal

from sandbox.kubernetes.events import record
from sandbox.kubernetes.objects import Objects, stamp
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import condition, is_going
from sandbox.logs import Log, first_words
from sandbox.programs import Run, start
from sandbox.services import is_in_registry

PULL_S = 0.4
STOP_S = 0.8  # how long these programs take to end once they are asked to
BACKOFF_S, LONGEST_BACKOFF_S = 10.0, 300.0  # the kubelet's own
CALM_S = 600.0  # after so long without a crash the back-off begins anew


@dataclass
class Life:
    """One container of one pod, from its first pull to its end."""

    stage: Literal["pulling", "unpulled", "running", "crashed", "ended"] = "pulling"
    since: float = 0.0
    until: float = 0.0  # when the next thing is due in this stage
    restarts: int = 0
    failures: int = 0  # in a row, for the back-off
    run: Run = field(default_factory=Run)
    log: Log = field(default_factory=Log)
    previous: Log | None = None
    last: Json | None = None  # how the run before ended


class Kubelet:
    """All nodes at once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.lives: dict[tuple[str, str], Life] = {}  # by the pod's uid and the container's name
        self._stopping: dict[str, float] = {}  # by the pod's uid: since when
        self._quiet: dict[str, tuple[str, float]] = {}  # by the pod's uid: until when nothing is due in this version

    def step(self, now: float) -> None:
        """Move every pod that is on a node to `now`; nothing moves on a node that is down."""
        down = {n["metadata"]["name"] for n in self._objects.list("nodes") if _is_down(n)}
        for pod in self._objects.list("pods"):
            meta = pod["metadata"]
            if pod["spec"].get("nodeName") in down:
                self._quiet.pop(meta["uid"], None)
            elif is_going(pod):
                self._stop(pod, now)
            elif "nodeName" in pod["spec"] and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                version, until = self._quiet.get(meta["uid"], ("", 0.0))
                if version != meta["resourceVersion"] or now >= until:
                    self._live_pod(pod, now)

    def _live_pod(self, pod: Json, now: float) -> None:
        for container in pod["spec"]["containers"]:
            self._live(pod, container, now)
        stored = self._objects.put("pods", self._with_status(pod, now), now)
        uid = pod["metadata"]["uid"]
        due = min(_due(self.lives[uid, c["name"]], now) for c in pod["spec"]["containers"])
        self._quiet[uid] = (stored["metadata"]["resourceVersion"], due)

    def settle(self, pod: Json, since: float) -> None:
        """Make a placed pod one that has been running since `since`."""
        for container in pod["spec"]["containers"]:
            run = start(container)
            life = self.lives[pod["metadata"]["uid"], container["name"]] = Life("running", since, since, run=run)
            life.log.add(since, *first_words(container["image"], pod["metadata"]["name"]))
        body = self._with_status(self._with_status(pod, since), since + 30)
        body["metadata"]["creationTimestamp"] = stamp(since - 2)
        self._objects.put("pods", body, since)

    def _stop(self, pod: Json, now: float) -> None:
        meta = pod["metadata"]
        since = self._stopping.setdefault(meta["uid"], now)
        if "nodeName" in pod["spec"] and pod["status"].get("phase") not in ("Succeeded", "Failed"):
            if since == now:
                names = ", ".join(c["name"] for c in pod["spec"]["containers"])
                record(self._objects, pod, "Normal", "Killing", f"Stopping container {names}", now)
            if now - since < min(STOP_S, meta["deletionGracePeriodSeconds"]):
                return
        del self._stopping[meta["uid"]]
        self._quiet.pop(meta["uid"], None)
        self._objects.remove("pods", meta["namespace"], meta["name"])
        for container in pod["spec"]["containers"]:
            self.lives.pop((meta["uid"], container["name"]), None)

    def _live(self, pod: Json, container: Json, now: float) -> None:
        """Whatever is due in one container's life."""
        key = (pod["metadata"]["uid"], container["name"])
        life = self.lives.get(key)
        if life is None:
            life = self.lives[key] = Life(since=now, until=now + PULL_S)
            record(self._objects, pod, "Normal", "Pulling", f'Pulling image "{container["image"]}"', now)
        if now < life.until:
            return
        if life.stage in ("pulling", "unpulled"):
            self._pull(pod, container, life, now)
        elif life.stage == "crashed":
            if life.failures > 1:
                self._back_off(pod, container, now)
            life.restarts += 1
            self._run(pod, container, life, now)
        elif life.stage == "running" and life.run.ends_after_s is not None:
            self._end(pod, container, life, now)

    def _pull(self, pod: Json, container: Json, life: Life, now: float) -> None:
        image = container["image"]
        if is_in_registry(image):
            record(self._objects, pod, "Normal", "Pulled", f'Successfully pulled image "{image}" in 412ms', now)
            self._run(pod, container, life, now)
            return
        life.failures += 1
        wait = min(BACKOFF_S * 2 ** (life.failures - 1), LONGEST_BACKOFF_S)
        life.stage, life.since, life.until = "unpulled", now, now + wait
        reason = f'failed to resolve reference "{image}": {image}: not found'
        message = f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": {reason}'
        record(self._objects, pod, "Warning", "Failed", f'Failed to pull image "{image}": {message}', now)
        record(self._objects, pod, "Warning", "Failed", "Error: ErrImagePull", now)
        record(self._objects, pod, "Normal", "BackOff", f'Back-off pulling image "{image}"', now)
        record(self._objects, pod, "Warning", "Failed", "Error: ImagePullBackOff", now)

    def _run(self, pod: Json, container: Json, life: Life, now: float) -> None:
        life.run = start(container)
        life.stage, life.since = "running", now
        life.until = now + (life.run.ends_after_s or 0.0)
        if life.log.lines:
            life.previous, life.log = life.log, Log()
        life.log.add(now, *first_words(container["image"], pod["metadata"]["name"]))
        record(self._objects, pod, "Normal", "Created", f"Created container {container['name']}", now)
        record(self._objects, pod, "Normal", "Started", f"Started container {container['name']}", now)

    def _end(self, pod: Json, container: Json, life: Life, now: float) -> None:
        life.log.add(now, *life.run.last_words)
        if now - life.since > CALM_S:
            life.failures = 0
        life.last = {"terminated": {
            "exitCode": life.run.exit_code, "reason": life.run.reason, "startedAt": stamp(life.since),
            "finishedAt": stamp(now), "containerID": _container_id(pod, container, life.restarts),
        }}  # fmt: skip
        life.since = now
        policy = pod["spec"].get("restartPolicy", "Always")
        if policy == "Never" or (policy == "OnFailure" and not life.run.exit_code):
            life.stage = "ended"
            return
        life.failures += 1
        life.stage = "crashed"
        # The first restart comes at once; the back-off begins with the second.
        life.until = now + (0.2 if life.failures == 1 else _backoff(life.failures))
        if life.failures > 1:
            self._back_off(pod, container, now)

    def _back_off(self, pod: Json, container: Json, now: float) -> None:
        message = f"Back-off restarting failed container {container['name']} in pod {_pod_id(pod)}"
        record(self._objects, pod, "Warning", "BackOff", message, now)

    def _with_status(self, pod: Json, now: float) -> Json:
        """The pod with the status that its containers' lives make."""
        meta, body = pod["metadata"], copy.deepcopy(pod)
        lives = {c["name"]: self.lives[meta["uid"], c["name"]] for c in pod["spec"]["containers"]}
        statuses = [_container_status(pod, c, lives[c["name"]], now) for c in pod["spec"]["containers"]]
        held = pod["status"].get("conditions", [])
        ready = all(s["ready"] for s in statuses)
        ended = all("terminated" in s["state"] for s in statuses)
        names = [s["name"] for s in statuses if not s["ready"]]
        why = "" if ready else f"containers with unready status: [{' '.join(names)}]"
        word = "" if ready else "PodCompleted" if ended else "ContainersNotReady"
        truth = "True" if ready else "False"
        body["status"] |= {
            "phase": _phase(statuses, lives),
            "hostIP": f"10.0.0.{10 + int(pod['spec']['nodeName'].rpartition('-')[2])}",
            "podIP": _pod_ip(pod),
            "podIPs": [{"ip": _pod_ip(pod)}],
            "startTime": pod["status"].get("startTime", stamp(now)),
            "containerStatuses": statuses,
            "conditions": [
                condition("Initialized", "True", "PodCompleted" if ended else "", "", held, now),
                condition("Ready", truth, word, why, held, now),
                condition("ContainersReady", truth, word, why, held, now),
                condition("PodScheduled", "True", "", "", held, now),
            ],
        }
        return body


def _is_down(node: Json) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "Unknown" for c in node["status"]["conditions"])


def _due(life: Life, now: float) -> float:
    """When something may next change in a container's life."""
    if life.stage == "ended":
        return math.inf
    if life.stage != "running":
        return life.until
    ready_at = life.since + life.run.ready_after_s
    ends_at = life.until if life.run.ends_after_s is not None else math.inf
    return min(ready_at, ends_at) if now < ready_at else ends_at


def _backoff(failures: int) -> float:
    return min(BACKOFF_S * 2.0 ** (failures - 2), LONGEST_BACKOFF_S)


def _pod_id(pod: Json) -> str:
    meta = pod["metadata"]
    return f"{meta['name']}_{meta['namespace']}({meta['uid']})"


def _container_id(pod: Json, container: Json, restarts: int) -> str:
    return "containerd://" + _digest(f"{_pod_id(pod)}/{container['name']}/{restarts}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _pod_ip(pod: Json) -> str:
    host = int(pod["metadata"]["uid"][:6], 16)
    return f"10.244.{int(pod['spec']['nodeName'].rpartition('-')[2]) - 1}.{2 + host % 250}"


def _phase(statuses: list[Json], lives: dict[str, Life]) -> str:
    if all(life.stage == "ended" for life in lives.values()):
        failed = any(s["state"]["terminated"]["exitCode"] for s in statuses)
        return "Failed" if failed else "Succeeded"
    started = all(life.stage not in ("pulling", "unpulled") for life in lives.values())
    return "Running" if started else "Pending"


def _container_status(pod: Json, container: Json, life: Life, now: float) -> Json:
    running = life.stage == "running"
    ready = running and now - life.since >= life.run.ready_after_s
    pulled = life.stage not in ("pulling", "unpulled")
    status: Json = {
        "name": container["name"], "image": container["image"], "ready": ready, "started": running,
        "imageID": f"{container['image'].rpartition(':')[0]}@sha256:{_digest(container['image'])}" if pulled else "",
        "restartCount": life.restarts, "state": _state(pod, container, life), "lastState": {},
    }  # fmt: skip
    if pulled:
        status["containerID"] = _container_id(pod, container, life.restarts)
    if life.last and life.stage != "ended" and "terminated" not in status["state"]:
        status["lastState"] = life.last
    return status


def _state(pod: Json, container: Json, life: Life) -> Json:
    name, image = container["name"], container["image"]
    if life.stage == "running":
        return {"running": {"startedAt": stamp(life.since)}}
    if life.stage == "pulling":
        return {"waiting": {"reason": "ContainerCreating"}}
    if life.stage == "unpulled":
        return {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
    if life.stage == "crashed" and life.failures > 1:
        message = f"back-off {_delay(life)} restarting failed container={name} pod={_pod_id(pod)}"
        return {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
    return life.last or {}


def _delay(life: Life) -> str:
    minutes, seconds = divmod(round(_backoff(life.failures)), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
