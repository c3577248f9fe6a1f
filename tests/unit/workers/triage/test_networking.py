from __future__ import annotations

import pytest

from core.errors import Forbidden
from tests.unit.workers.triage.scene import (
    Obj,
    deployment,
    endpoints,
    found,
    looping,
    make,
    only,
    pod_of,
    running,
    seen,
    service,
    waiting,
)

WEB = deployment(ready=1)


def test_a_service_whose_pods_all_fail_has_no_endpoints_after_the_cause() -> None:
    web = deployment()
    pod = pod_of(web, looping())

    findings = seen(web, pod, service(), endpoints(unready=1)).findings

    assert [f.condition for f in findings] == ["CrashLoopBackOff", "ReplicasMismatch", "NoEndpoints"]
    assert findings[-1].owner == "Service/web"
    assert findings[-1].harms == ("shop/Deployment/web",)


def test_a_selector_that_matches_nothing_names_what_there_is() -> None:
    finding = only(WEB, pod_of(WEB, running()), service("shop-front", selector={"app": "wev"}))

    assert finding.condition == "NoEndpoints"
    assert finding.message == "its selector app=wev matches no pod; pods here have app=web"


def test_ready_pods_without_the_port_are_told_apart() -> None:
    ported = service(ports=[{"port": 80, "targetPort": "http"}])

    assert (
        "its selector finds 1 ready pod, but none offers port http" in only(WEB, pod_of(WEB, running()), ported).message
    )


@pytest.mark.parametrize(
    "resting",
    [
        service("manual", selector={}),
        service("away", type="ExternalName"),
        service("peers", clusterIP="None"),
        service("new", age=5),
    ],
    ids=["no selector", "external name", "headless and empty", "new"],
)
def test_services_that_are_empty_by_design_are_no_faults(resting: Obj) -> None:
    assert found(resting) == []


def test_a_service_of_a_workload_scaled_to_zero_rests() -> None:
    assert found(deployment(desired=0), service()) == []


def test_a_service_of_a_workload_without_pods_has_no_endpoints() -> None:
    assert found(deployment(desired=1), service()) == [
        ("ReplicasMismatch", "Deployment/web"),
        ("NoEndpoints", "Service/web"),
    ]


def test_a_service_whose_pods_are_starting_is_no_fault() -> None:
    web = deployment(age=20)

    assert found(web, pod_of(web, waiting("ContainerCreating"), age=20), service(), endpoints(unready=1)) == []


def test_a_service_for_a_role_that_no_pod_holds_just_now_is_by_design() -> None:
    db = make("StatefulSet", "db", spec={"replicas": 1}, status={"readyReplicas": 1})
    replicas = service("db-replicas", selector={"app": "db", "role": "replica"})

    assert found(db, pod_of(db, running(), name="db-0"), replicas) == []


def test_leader_election_endpoints_are_no_service() -> None:
    assert found(endpoints("leader-election")) == []


def test_without_the_list_of_pods_no_selector_is_called_wrong() -> None:
    refused = {"pods": Forbidden("pods", "forbidden: this account may not list them")}

    assert found(service("shop-front"), refuse=refused) == []


def ingress(backend: Obj, **spec: object) -> Obj:
    rules = [{"host": "shop.example", "http": {"paths": [{"path": "/cart", "backend": backend}]}}]
    return make("Ingress", "front", spec={"rules": rules, **spec})


def to(name: str, /, **port: object) -> Obj:
    return {"service": {"name": name, "port": port}}


SERVED = service(ports=[{"port": 80, "name": "http"}]), endpoints(ready=1)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (to("gone", number=80), "shop.example/cart is sent to service gone, which does not exist"),
        ({"serviceName": "gone", "servicePort": 80}, "service gone, which does not exist"),
        (to("web", number=8080), "shop.example/cart is sent to port 8080 of service web, which has 80, http"),
        (to("web", name="https"), "port https of service web"),
    ],
)
def test_a_backend_that_is_not_there_is_named(backend: Obj, words: str) -> None:
    finding = only(ingress(backend), *SERVED)

    assert (finding.condition, finding.owner) == ("IngressBackendMissing", "Ingress/front")
    assert words in finding.message


@pytest.mark.parametrize(
    "backend",
    [
        to("web", number=80),
        to("web", name="http"),
        {"serviceName": "web", "servicePort": "http"},
        to("redirect", name="use-annotation"),
        {"resource": {"kind": "StorageBucket", "name": "static"}},
    ],
)
def test_a_backend_that_is_there_is_no_fault(backend: Obj) -> None:
    assert found(ingress(backend), *SERVED) == []


def test_a_missing_default_backend_is_named() -> None:
    finding = only(ingress(to("web", number=80), defaultBackend=to("gone", number=80)), *SERVED)

    assert "everything else is sent to service gone" in finding.message


def test_without_the_list_of_services_no_backend_is_called_missing() -> None:
    refused = {"services": Forbidden("services", "forbidden: this account may not list them")}

    assert found(ingress(to("gone", number=80)), refuse=refused) == []
