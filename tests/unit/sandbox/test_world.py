"""What somebody rolls out decides what happens, and only the right repair ends it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from sandbox.faults import BAD_DEPLOY, FAULTS, IMAGE_TYPO, MEMORY_LIMIT, QUIET_DEPENDENCY, UNSCHEDULABLE, Rollout
from sandbox.kubernetes.deployments import revision
from sandbox.kubernetes.events import forget_old
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import delete_pod
from sandbox.services import NAMESPACE, SERVICES
from sandbox.world import World

START = 1_790_000_000.0
NORMAL = {s.name: s.replicas for s in SERVICES}


@pytest.fixture(scope="module")
def pristine() -> World:
    return World(START)


@pytest.fixture
def world(pristine: World) -> World:
    return copy.deepcopy(pristine)


def ready(world: World) -> dict[str, int]:
    return {name: count for name, count in world.ready().items() if name in NORMAL and count}


def trouble(world: World, service: str) -> set[str]:
    """What Kubernetes says of the service's pods that are not ready."""
    found = set()
    for pod in world.pods_of(service):
        for held in pod["status"].get("containerStatuses", ()):
            found.add(held["state"].get("waiting", {}).get("reason"))
            found.add(held["lastState"].get("terminated", {}).get("reason"))
        found |= {c["reason"] for c in pod["status"].get("conditions", ()) if c["status"] == "False" and "reason" in c}
    return found - {None}


def deployment(world: World, name: str) -> Json:
    found = world.objects.find("deployments", NAMESPACE, name)
    assert found is not None
    return copy.deepcopy(found)


def set_container(world: World, name: str, change: Callable[[Json], None]) -> None:
    held = deployment(world, name)
    change(held["spec"]["template"]["spec"]["containers"][0])
    world.objects.put("deployments", held, world.time)


def roll_back(world: World, name: str) -> None:
    """As `kubectl rollout undo` does: the template of the revision before, without its hash."""
    held = deployment(world, name)
    older = sorted(world.objects.owned("replicasets", held), key=revision)[-2]
    template = copy.deepcopy(older["spec"]["template"])
    del template["metadata"]["labels"]["pod-template-hash"]
    held["spec"]["template"] = template
    world.objects.put("deployments", held, world.time)


def test_the_company_starts_healthy_and_stays_so(world: World) -> None:
    for _ in range(2):
        assert ready(world) == NORMAL
        for held in world.objects.list("deployments"):
            reasons = {c["type"]: c["reason"] for c in held["status"]["conditions"]}
            assert reasons == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}
            assert held["status"]["observedGeneration"] == held["metadata"]["generation"]
        world.advance(300)
    assert all(flow.fail_ratio < 0.01 for flow in world.flows().values())


def test_the_same_steps_make_the_same_world() -> None:
    one, other = World(START), World(START)
    for held in (one, other):
        held.inject(BAD_DEPLOY)
        held.advance(30)
    assert one.objects.list("pods") == other.objects.list("pods")


def test_releases_before_the_start_are_revisions(world: World) -> None:
    sets = sorted(world.objects.owned("replicasets", deployment(world, "checkout")), key=revision)
    images = [s["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2] for s in sets]
    assert images == ["1.8.1", "1.8.2", "1.8.3"]
    assert [s["spec"]["replicas"] for s in sets] == [0, 0, 4]
    assert [s["metadata"]["annotations"]["kubernetes.io/change-cause"].partition(":")[0] for s in sets][-1] == (
        "release 1.8.3"
    )


@pytest.mark.parametrize(
    ("fault", "expected", "left_ready"),
    [
        (BAD_DEPLOY, {"CrashLoopBackOff", "Error", "ContainersNotReady"}, 2),
        (MEMORY_LIMIT, {"CrashLoopBackOff", "OOMKilled", "ContainersNotReady"}, 1),
        (IMAGE_TYPO, {"ImagePullBackOff", "ContainersNotReady"}, 3),
        (UNSCHEDULABLE, {"Unschedulable"}, 3),
        (QUIET_DEPENDENCY, {"CrashLoopBackOff", "Error", "ContainersNotReady"}, None),
    ],
    ids=lambda value: value.name if isinstance(value, Rollout) else "",
)
def test_a_fault_shows_as_kubernetes_says_it(
    world: World, fault: Rollout, expected: set[str], left_ready: int | None
) -> None:
    world.inject(fault)
    world.advance(6)
    assert trouble(world, fault.deployment) == expected
    assert ready(world).get(fault.deployment) == left_ready
    others = {k: v for k, v in ready(world).items() if k != fault.deployment}
    assert others == {k: v for k, v in NORMAL.items() if k != fault.deployment}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda f: f.name)
def test_restarting_pods_does_not_end_a_fault(world: World, fault: Rollout) -> None:
    world.inject(fault)
    world.advance(6)
    before = trouble(world, fault.deployment)
    for pod in world.pods_of(fault.deployment):
        if not any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"]):
            delete_pod(world.objects, pod, world.time)
    world.advance(8)
    assert trouble(world, fault.deployment) == before


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda f: f.name)
def test_a_rolling_restart_does_not_end_a_fault(world: World, fault: Rollout) -> None:
    world.inject(fault)
    world.advance(6)
    before = trouble(world, fault.deployment)
    held = deployment(world, fault.deployment)
    held["spec"]["template"]["metadata"].setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = "now"
    world.objects.put("deployments", held, world.time)
    world.advance(10)
    assert before <= trouble(world, fault.deployment)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda f: f.name)
def test_a_rollback_ends_a_fault(world: World, fault: Rollout) -> None:
    world.inject(fault)
    world.advance(30)
    roll_back(world, fault.deployment)
    world.advance(20)
    assert ready(world) == NORMAL
    assert trouble(world, fault.deployment) == set()
    assert int(
        deployment(world, fault.deployment)["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    ) >= 4 or (fault.deployment in ("search", "cart-redis"))


def test_healing_undoes_every_fault(world: World) -> None:
    for fault in FAULTS.values():
        world.inject(fault)
    world.advance(10)
    world.heal()
    world.advance(30)
    assert ready(world) == NORMAL


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        (
            BAD_DEPLOY,
            lambda c: c.update(env=[*c["env"][:-1], {"name": "CART_URL", "value": "redis://cart-redis:6379/0"}]),
        ),
        (MEMORY_LIMIT, lambda c: c["resources"]["limits"].update(memory="1Gi")),
        (IMAGE_TYPO, lambda c: c.update(image=c["image"].replace("4.12.o", "4.12.0"))),
        (UNSCHEDULABLE, lambda c: c["resources"].update(requests={"memory": "384Mi"}, limits={"memory": "512Mi"})),
        (QUIET_DEPENDENCY, lambda c: c["args"].__setitem__(-1, "always")),
    ],
    ids=lambda value: value.name if isinstance(value, Rollout) else "",
)
def test_mending_the_template_ends_a_fault(world: World, fault: Rollout, change: Callable[[Json], None]) -> None:
    world.inject(fault)
    world.advance(10)
    set_container(world, fault.deployment, change)
    world.advance(20)
    assert ready(world) == NORMAL


def test_a_memory_limit_that_is_still_too_low_does_not_help(world: World) -> None:
    world.inject(MEMORY_LIMIT)
    world.advance(6)
    set_container(world, "search", lambda c: c["resources"]["limits"].update(memory="640Mi"))
    world.advance(10)
    assert "OOMKilled" in trouble(world, "search")


def test_callers_of_a_dead_dependency_fail_and_say_whom_they_miss(world: World) -> None:
    world.inject(QUIET_DEPENDENCY)
    world.advance(10)
    flows = world.flows()
    assert flows["checkout"].fail_ratio > 0.5
    assert 0.05 < flows["storefront"].fail_ratio < 0.5
    assert flows["search"].fail_ratio < 0.01
    pod = world.pods_of("checkout")[0]
    words = "\n".join(text for _, text in world.kubelet.lives[pod["metadata"]["uid"], "checkout"].log.lines[-20:])
    assert "cart-redis:6379: connect: connection refused" in words


def test_crashes_back_off_longer_each_time(world: World) -> None:
    world.inject(BAD_DEPLOY)
    world.advance(100)
    crashing = [p for p in world.pods_of("checkout") if not _is_old(p)]
    held = crashing[0]["status"]["containerStatuses"][0]
    assert 3 <= held["restartCount"] <= 5
    assert "back-off" in held["state"]["waiting"]["message"]
    assert world.kubelet.lives[crashing[0]["metadata"]["uid"], "checkout"].previous is not None


def _is_old(pod: Json) -> bool:
    return bool(pod["spec"]["containers"][0]["image"].endswith("1.8.3"))


def test_a_rollout_that_does_not_get_on_exceeds_its_deadline(world: World) -> None:
    world.inject(IMAGE_TYPO)
    world.advance(140)
    conditions = {c["type"]: c for c in deployment(world, "storefront")["status"]["conditions"]}
    assert conditions["Progressing"]["reason"] == "ProgressDeadlineExceeded"
    assert conditions["Available"]["status"] == "True"


def test_a_rollout_never_takes_more_pods_away_than_it_may(world: World) -> None:
    set_container(world, "catalog", lambda c: c.update(image=c["image"].replace("9.2.1", "9.3.0")))
    least, most = 99, 0
    for _ in range(60):
        world.advance(0.25)
        least = min(least, ready(world)["catalog"])
        most = max(most, sum("deletionTimestamp" not in p["metadata"] for p in world.pods_of("catalog")))
    assert (least, most) == (3, 4)
    assert {p["spec"]["containers"][0]["image"].rpartition(":")[2] for p in world.pods_of("catalog")} == {"9.3.0"}


def test_a_deleted_pod_of_a_stateful_set_comes_back_under_its_name(world: World) -> None:
    (pod,) = world.pods_of("orders-db")
    delete_pod(world.objects, pod, world.time)
    world.advance(6)
    (again,) = world.pods_of("orders-db")
    assert again["metadata"]["name"] == "orders-db-0"
    assert again["metadata"]["uid"] != pod["metadata"]["uid"]
    assert ready(world) == NORMAL


def test_the_batch_job_runs_every_quarter_of_an_hour_and_keeps_three(world: World) -> None:
    world.advance(1900)
    jobs = world.objects.list("jobs", NAMESPACE)
    done = [j for j in jobs if "completionTime" in j["status"]]
    assert len(done) == 3
    assert all(j["status"]["succeeded"] == 1 for j in done)
    pods = [p for p in world.pods_of("batch") if p["status"]["phase"] == "Succeeded"]
    assert len(pods) == 3


def test_pods_are_not_placed_on_a_cordoned_node(world: World) -> None:
    for name in ("node-1", "node-2"):
        node = copy.deepcopy(world.objects.find("nodes", "", name))
        assert node is not None
        node["spec"]["unschedulable"] = True
        world.objects.put("nodes", node, world.time)
    for pod in world.pods_of("checkout"):
        delete_pod(world.objects, pod, world.time)
    world.advance(6)
    assert {p["spec"].get("nodeName") for p in world.pods_of("checkout")} == {"node-3"}


def test_events_are_counted_and_forgotten_after_an_hour(world: World) -> None:
    world.inject(BAD_DEPLOY)
    world.advance(60)
    backoffs = [e for e in world.objects.list("events", NAMESPACE) if e["reason"] == "BackOff"]
    assert backoffs
    assert all(e["count"] > 1 and e["type"] == "Warning" for e in backoffs)
    forget_old(world.objects, world.time + 3601)
    assert world.objects.list("events", NAMESPACE) == []
