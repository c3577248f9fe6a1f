"""How often the runbook reasoner is right: `python -m bench.diagnosis [RECORDINGS.jsonl]`.

Plays every fault in every surrounding (alone, beside an unrelated fault, behind a loud caller), healthy namespaces
with things that people mistake for trouble, and trouble that nothing read explains. With a file of recorded
kubectl output it also prints what is said of each recording beside what was expected.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.recorded import recorded_case
from core.diagnosis import Case, Diagnosis
from core.settings import Config, Service
from tests.unit.workers.reasoners.scenes import Scene
from workers.loop.reason import Floors, reason
from workers.reasoners.runbooks import RunbookReasoner

FLOORS = Floors(confidence=0.82, similarity=0.65)
NAMES = ("ledger", "media-encoder", "cart", "geo-lookup")


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong with an owner, and how it should be named."""

    condition: str
    tell: Callable[[Scene, str], object]
    target: str = "{owner}"
    kind: str = "Deployment"
    serves: bool = True  # callers notice


def _probe_kills(scene: Scene, owner: str) -> None:
    scene.finding("Unhealthy", owner, "a probe keeps failing (9 times); Liveness probe failed: HTTP probe failed with "
                  "statuscode: 404", pods=2)  # fmt: skip
    scene.finding("CrashLoopBackOff", owner, "container app exited with 137 (killed); restarted 6 times", pods=2)
    scene.log(owner, "listening on :8080", "GET /metrics 200")


def _claim(scene: Scene, owner: str) -> None:
    name = owner.partition("/")[2]
    scene.finding("PVCPending", f"PersistentVolumeClaim/{name}-data", "its storage class gold does not exist; "
                  'storageclass.storage.k8s.io "gold" not found')  # fmt: skip
    scene.unscheduled(owner, "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.")


def _quota(scene: Scene, owner: str) -> None:
    said = 'pods "x-7d9f-" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4'
    scene.finding("QuotaExceeded", owner, said).finding("ReplicaFailure", owner, said)


def _webhook(scene: Scene, owner: str) -> None:
    said = 'Internal error occurred: failed calling webhook "v.policy.io": Post "https://policy.policy.svc:443/v"'
    scene.finding("WebhookUnavailable", owner, said).finding("ReplicaFailure", owner, said)


def _node(scene: Scene, owner: str) -> None:
    scene.finding("NodeNotReady", "Node/worker-7", "NodeStatusUnknown; Kubelet stopped posting node status.", minutes=8,
                  namespace="", harms=(f"{scene.namespace}/{owner}",))  # fmt: skip
    scene.finding("Unhealthy", owner, "container app is not ready for 5 min", pods=2)


def _selector(scene: Scene, owner: str) -> None:
    name = owner.partition("/")[2]
    scene.workload(owner).silent(name, f"its selector app={name}-v2 matches no pod; pods here have app={name}")


def _ingress(scene: Scene, owner: str) -> None:
    name = owner.partition("/")[2]
    scene.workload(owner)
    scene.finding("IngressBackendMissing", f"Ingress/{name}", f"shop.example/ is sent to port 8080 of service {name}, "
                  "which has 80")  # fmt: skip


def _job(scene: Scene, owner: str) -> None:
    said = "BackoffLimitExceeded; Job has reached the specified backoff limit; container main exited with 1 (Error)"
    scene.finding("JobFailed", owner, said, severity="warning")
    scene.log(
        owner, "migrating", "psycopg2.OperationalError: could not connect to server: Connection refused", previous=False
    )


def _cron(scene: Scene, owner: str) -> None:
    scene.finding("CronJobInvalid", owner, "schedule '0 25 * * *' has '25' as its hour, which goes from 0 to 23",
                  severity="warning")  # fmt: skip


FAULTS: dict[str, Fault] = {
    "crash after rollout": Fault("CrashLoopBackOff", lambda s, o: s.crash_loop(
        o, "starting", "panic: parse CACHE_URL: invalid port").change(o, "image app:1 app:2", "env CACHE_URL")),
    "crash, exception": Fault("CrashLoopBackOff", lambda s, o: s.crash_loop(
        o, "Traceback (most recent call last):", '  File "main.py", line 3', "ZeroDivisionError: division by zero")),
    "crash, setting missing": Fault("CrashLoopBackOff", lambda s, o: s.crash_loop(
        o, "Environment variable REGION is undefined", exit_code=0)),
    "crash, certificate": Fault("CrashLoopBackOff", lambda s, o: s.crash_loop(
        o, "tls: failed to verify certificate: x509: certificate has expired or is not yet valid")),
    "crash, outside database": Fault("CrashLoopBackOff", lambda s, o: s.crash_loop(
        o, "dial tcp 10.9.8.7:5432: connect: connection refused")),
    "crash, host name": Fault("CrashLoopBackOff", lambda s, o: s.crash_loop(
        o, "dial tcp: lookup db-prod-2 on 10.96.0.10:53: no such host")),
    "crash, silent": Fault("CrashLoopBackOff", lambda s, o: s.crash_loop(o, "started")),
    "command missing": Fault("CrashLoopBackOff", lambda s, o: s.finding(
        "CrashLoopBackOff", o, 'init container app exited with 128 (the command cannot be executed); failed to create '
        'containerd task: exec: "wge": executable file not found in $PATH: unknown', pods=1, container="app")),
    "memory limit": Fault("OOMKilled", lambda s, o: s.out_of_memory(o, "100Mi")),
    "memory limit lowered": Fault("OOMKilled", lambda s, o: s.out_of_memory(o).change(o, "memory limit 256Mi 64Mi")),
    "image tag": Fault("ImagePullBackOff", lambda s, o: s.image_pull(o, "registry.example/app:typo")),
    "image denied": Fault("ImagePullBackOff", lambda s, o: s.image_pull(
        o, "acme/secret:1", "pull access denied, repository does not exist or may require authorization")),
    "image, rate limit": Fault("ImagePullBackOff", lambda s, o: s.image_pull(
        o, "redis:7", "toomanyrequests: You have reached your pull rate limit")),
    "config map": Fault("CreateContainerConfigError", lambda s, o: s.config_missing(o)),
    "secret key": Fault("CreateContainerConfigError", lambda s, o: s.config_missing(
        o, "couldn't find key DB_URL in Secret shop/db-creds")),
    "no room": Fault("Unschedulable", lambda s, o: s.unscheduled(
        o, "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "4 Insufficient nvidia.com/gpu. preemption: not helpful")),
    "no such node": Fault("Unschedulable", lambda s, o: s.unscheduled(
        o, "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.")),
    "readiness": Fault("Unhealthy", lambda s, o: s.unready(o)),
    "liveness kills": Fault("Unhealthy", _probe_kills),
    "volume claim": Fault("PVCPending", _claim, target="PersistentVolumeClaim/{name}-data", kind="StatefulSet"),
    "mount": Fault("FailedMount", lambda s, o: s.finding(
        "FailedMount", o, 'MountVolume.SetUp failed for volume "c" : configmap "app-config" not found', pods=2)),
    "sandbox": Fault("FailedCreatePodSandBox", lambda s, o: s.finding(
        "FailedCreatePodSandBox", o, 'Failed to create pod sandbox: plugin type="calico" failed (add)', pods=1)),
    "quota": Fault("QuotaExceeded", _quota),
    "webhook": Fault("WebhookUnavailable", _webhook),
    "account missing": Fault("ReplicaFailure", lambda s, o: s.finding(
        "ReplicaFailure", o, 'pods "x-" is forbidden: error looking up service account: serviceaccount "x" not found')),
    "node": Fault("NodeNotReady", _node, target="Node/worker-7"),
    "selector": Fault("NoEndpoints", _selector, target="Service/{name}"),
    "ingress": Fault("IngressBackendMissing", _ingress, target="Ingress/{name}", serves=False),
    "job": Fault("JobFailed", _job, kind="Job", serves=False),
    "cron job": Fault("CronJobInvalid", _cron, kind="CronJob", serves=False),
}  # fmt: skip
_SHORT_ANYWAY = {"selector", "ingress"}  # the workload itself is well


@dataclass(frozen=True)
class Play:
    """One case and what must be said of it: a (condition, target), nothing wrong, or not known."""

    group: str
    name: str
    case: Case
    config: Config
    cause: tuple[str, str] | None
    known: bool = True


def faults() -> Iterator[Play]:
    """Every fault in every surrounding."""
    for number, (label, fault) in enumerate(FAULTS.items()):
        name = NAMES[number % len(NAMES)]
        owner = f"{fault.kind}/{name}"
        cause = fault.condition, fault.target.format(owner=owner, name=name)

        def scene(owner: str = owner, fault: Fault = fault, label: str = label) -> Scene:
            told = Scene().workload("Deployment/storefront").workload("Deployment/search")
            fault.tell(told, owner)
            if fault.kind in ("Deployment", "StatefulSet") and label not in _SHORT_ANYWAY:
                told.short(owner)
            return told

        yield Play("asked by name", label, scene().case(f"What is the issue with {name}?"), Config(), cause)
        yield Play("asked of the namespace", label, scene().case("what is wrong here?"), Config(), cause)
        noisy = (
            scene().image_pull("Deployment/nightly-report", "nope:1", minutes=900).short("Deployment/nightly-report")
        )
        yield Play("beside another fault", label, noisy.case(f"why is {name} failing"), Config(), cause)
        if fault.serves:
            loud = scene().unready("Deployment/web", minutes=4).short("Deployment/web", minutes=4)
            loud.log("Deployment/web", f"ERROR GET http://{name}:8080/v1: connection refused", previous=False)
            loud.alert("HighErrorRate", "web answers 31 % with 5xx", deployment="web")
            yield Play("loud caller, its log names it", label, loud.case("web is down"), Config(), cause)
            listed = scene().unready("Deployment/web", minutes=4).short("Deployment/web", minutes=4)
            yield Play("loud caller, catalogue", label, listed.case("web is down", service="web"), _needs(owner), cause)


def _needs(owner: str) -> Config:
    name = owner.partition("/")[2]
    return Config(services={
        "web": Service(namespace="shop", workloads=("Deployment/web",), depends_on=(name, "search")),
        name: Service(namespace="shop", workloads=(owner,)),
        "search": Service(namespace="shop", workloads=("Deployment/search",)),
    })  # fmt: skip


def healthy() -> Iterator[Play]:
    """Nothing is wrong with what was asked about."""

    def well() -> Scene:
        return Scene().workload("Deployment/cart", 4).workload("Deployment/search")

    cases: dict[str, Case] = {
        "plain": well().case("why is cart slow?"),
        "whole namespace": well().case("anything wrong?"),
        "with metrics": well().reading("cart", "error_ratio", 0.002, 0.001).reading(
            "cart", "latency_p95_s", 0.18, 0.17).case("cart feels slow"),
        "neighbour crash-loops": well().crash_loop("Deployment/batch", "panic: boom").short("Deployment/batch").case(
            "is cart ok?"),
        "neighbour pulls nothing": well().image_pull("Deployment/batch", "x:1").case("what is wrong with cart?"),
        "old evictions": well().finding("Evicted", "Deployment/cart", "The node was low on resource: memory.", pods=3,
                                        minutes=4000, severity="warning").case("cart?"),
        "autoscaler note": well().finding("HPALimited", "HorizontalPodAutoscaler/cart", "TooManyReplicas",
                                          severity="info").case("is the namespace fine?"),
        "handled exceptions": well().log("Deployment/cart", "INFO payment exception handled", "INFO payment exception "
                                         "handled for order 2", previous=False).case("cart logs exceptions"),
        "one lost connection": well().log("Deployment/cart", "WARN connection reset by peer, retrying",
                                          previous=False).case("is cart ok?"),
        "rollout long ago": well().change("Deployment/cart", "image a:1 a:2", minutes=600).case("cart broken?"),
        "watchdog fires": well().alert("Watchdog", "always on", namespace="").case("anything wrong?"),
        "alert of another": well().alert("KubePodCrashLooping", "batch", deployment="batch").crash_loop(
            "Deployment/batch").case("is cart ok?"),
        "needs what is well": well().case("cart slow?", service="cart"),
        "old failed job": well().finding("JobFailed", "Job/import", "BackoffLimitExceeded", minutes=5000,
                                         severity="info").case("all well?"),
    }  # fmt: skip
    config = Config(services={"cart": Service(namespace="shop", workloads=("Deployment/cart",), depends_on=("search",)),
                              "search": Service(namespace="shop", workloads=("Deployment/search",))})  # fmt: skip
    for label, case in cases.items():
        yield Play("healthy", label, case, config, None)


def unknown() -> Iterator[Play]:
    """Something is wrong or cannot be seen, and no runbook says why."""
    unread = Scene().workload("Deployment/cart")
    unread.unread.append("pods in shop (forbidden: grant list on pods)")
    cases = {
        "errors without a reason": Scene().workload("Deployment/cart").reading("cart", "error_ratio", 0.2, 0.001).case(
            "cart answers 5xx"),
        "alert nobody knows": Scene().workload("Deployment/cart").alert(
            "CartScoreDrift", "scores drift", deployment="cart").case("CartScoreDrift", target="Deployment/cart"),
        "no such name": Scene().workload("Deployment/cart").case("what is wrong with pod golden-eagle?"),
        "pods unreadable": unread.case("is cart ok?"),
        "nothing was read": Scene().case("what is wrong with cart?"),
    }  # fmt: skip
    for label, case in cases.items():
        yield Play("not known", label, case, Config(), None, known=False)


def verdict(play: Play) -> tuple[bool, Diagnosis]:
    """Whether the diagnosis is the one that it should be."""
    diagnosis, _, _ = reason(RunbookReasoner(play.config, lambda: ()), play.case, lambda step: None, floors=FLOORS)
    cause = diagnosis.root_cause
    said = (cause.condition, cause.target) if cause else None
    well = diagnosis.status == "diagnosed" and cause is None
    return said == play.cause and (play.cause is not None or well == play.known), diagnosis


def main(recordings: list[str]) -> None:
    plays = [*faults(), *healthy(), *unknown()]
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    sure: list[float] = []
    began = time.perf_counter()
    for play in plays:
        good, diagnosis = verdict(play)
        total[play.group] += 1
        right[play.group] += good
        if play.cause and good:
            sure.append(diagnosis.confidence)
        if not good:
            cause = diagnosis.root_cause
            print(
                f"  wrong: {play.group}: {play.name}: {(cause.condition, cause.target) if cause else diagnosis.status}"
            )
    took = (time.perf_counter() - began) / len(plays)
    for group, number in total.items():
        print(f"{right[group]:3} of {number:3}  {group}")
    false = total["healthy"] - right["healthy"]
    print(f"false causes on healthy: {false} of {total['healthy']}; {took * 1000:.1f} ms a case")
    print(f"sure enough to act on: {sum(c >= FLOORS.confidence for c in sure)} of {len(sure)} right causes")
    for path in recordings:
        _recorded(Path(path))


def _recorded(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        case = recorded_case(row)
        diagnosis, _, _ = reason(RunbookReasoner(Config(), lambda: ()), case, lambda step: None, floors=FLOORS)
        cause = diagnosis.root_cause
        print(f"{row['id']}\n  said:     {cause.statement if cause else diagnosis.status} ({diagnosis.confidence:.2f})")
        print(f"  expected: {' | '.join(row['expected'])[:300]}")


if __name__ == "__main__":
    main(sys.argv[1:])
