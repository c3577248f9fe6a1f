from __future__ import annotations

import pytest

from core.diagnosis import Subject
from core.observation import Observation
from core.settings import Config, Service
from tests.unit.workers.triage.scene import (
    NOW,
    Obj,
    Scene,
    deployment,
    endpoints,
    looping,
    make,
    pod_of,
    running,
    service,
)
from workers.loop.observe import observe
from workers.triage.focus import namespaces_of

CATALOGUE = Config(
    services={
        "checkout": Service(namespace="shop", workloads=("Deployment/checkout",), depends_on=("payments",)),
        "payments": Service(namespace="billing", workloads=("Deployment/payments",), depends_on=("ledger",)),
        "ledger": Service(namespace="books"),
    }
)


def calling(name: str, **env: str) -> Obj:
    """A healthy deployment with this environment."""
    made = deployment(name, ready=1)
    variables = [{"name": key, "value": value} for key, value in env.items()]
    made["spec"]["template"]["spec"] = {"containers": [{"name": "app", "env": variables}]}
    return made


def broken(name: str) -> tuple[Obj, Obj, Obj]:
    """A deployment whose pod crash-loops, and its service."""
    made = deployment(name, ready=1)  # keeps a ready count, so that only the crash is a finding
    return made, pod_of(made, looping()), service(name)


def observed(subject: Subject, *objects: Obj, config: Config = CATALOGUE) -> Observation:
    return observe(subject, Scene(*objects), None, None, NOW, config)


def owners(seen: Observation) -> list[str]:
    return list(dict.fromkeys(f.owner for f in seen.findings if f.condition == "CrashLoopBackOff"))


@pytest.mark.parametrize(
    ("subject", "namespaces"),
    [
        (Subject(text=""), ()),
        (Subject(text="", namespace="shop"), ("shop",)),
        (Subject(text="", service="checkout"), ("shop", "billing", "books")),
        (Subject(text="", service="checkout", namespace="staging"), ("staging", "billing", "books")),
        (Subject(text="", service="unknown"), ()),
        (Subject(text="", namespace="shop", target="Node/node-1"), ()),
    ],
)
def test_only_the_namespaces_in_question_are_read(subject: Subject, namespaces: tuple[str, ...]) -> None:
    assert set(namespaces_of(subject, CATALOGUE)) == set(namespaces)


def test_the_target_comes_first_then_what_it_needs_then_its_neighbours() -> None:
    subject = Subject(text="why is checkout slow", namespace="shop", target="Deployment/checkout")
    checkout = calling("checkout", PAYMENTS_URL="http://payments:8080/v1")
    mine = checkout, pod_of(checkout, looping()), service("checkout")

    seen = observed(subject, *broken("aaa"), *mine, *broken("payments"), config=Config())

    assert owners(seen) == ["Deployment/checkout", "Deployment/payments", "Deployment/aaa"]


def test_what_the_catalogue_says_is_needed_is_looked_at_in_its_own_namespace() -> None:
    payments = deployment("payments", ready=1)
    payments["metadata"]["namespace"] = "billing"
    pod = pod_of(payments, looping())
    pod["metadata"]["namespace"] = "billing"
    subject = Subject(text="", namespace="shop", service="checkout")
    spaces = [make("Namespace", name, None) for name in ("shop", "billing", "books")]

    seen = observed(subject, *broken("aaa"), calling("checkout"), payments, pod, *spaces)

    assert owners(seen) == ["Deployment/payments", "Deployment/aaa"]


@pytest.mark.parametrize(
    "subject",
    [
        Subject(text="", target="Deployment/web"),
        Subject(text="", target="Pod/web-7d7d7-x1"),
        Subject(text="", target="Pod/web-6c6c6-gone1"),
        Subject(text="", target="Service/web"),
        Subject(text="", service="web"),
        Subject(text="what is the issue with web?"),
        Subject(text="Pod shop/web-7d7d7-x1 is crash looping."),
    ],
    ids=["workload", "pod", "pod that is gone", "service", "name", "words", "pod in words"],
)
def test_a_target_is_found_by_whatever_names_it(subject: Subject) -> None:
    seen = observed(subject, *broken("aaa"), *broken("web"), config=Config())

    assert owners(seen) == ["Deployment/web", "Deployment/aaa"]


def test_a_name_in_a_label_is_enough() -> None:
    named = deployment("release-web", ready=1, labels={"app.kubernetes.io/name": "storefront"})

    seen = observed(
        Subject(text="", service="storefront"), *broken("aaa"), named, pod_of(named, looping()), config=Config()
    )

    assert owners(seen)[0] == "Deployment/release-web"


def test_the_health_of_what_was_asked_about_is_told_even_when_all_is_well() -> None:
    web = deployment("web", desired=2, ready=2)
    pods = pod_of(web, running(since=4000), name="web-7d7d7-a"), pod_of(web, running(since=9000), name="web-7d7d7-b")

    seen = observed(Subject(text="", namespace="shop", service="web"), web, *pods, make("Namespace", "shop", None))

    [workload] = seen.workloads
    assert (workload.owner, workload.desired, workload.ready, seen.findings) == ("Deployment/web", 2, 2, ())
    assert workload.ready_since is not None
    assert (NOW - workload.ready_since).total_seconds() == 4000


@pytest.mark.parametrize(
    ("env", "calls"),
    [
        ({"API": "http://api:80/v1"}, True),
        ({"DSN": "postgres://user:secret@api/db"}, True),
        ({"PEERS": "api.shop.svc.cluster.local"}, True),
        ({"API_HOST": "api"}, True),
        ({"TARGETS": "other:80,api:80"}, True),
        ({"MODE": "api"}, False),
        ({"ELSEWHERE": "http://api.billing:80/"}, False),
    ],
)
def test_who_calls_whom_is_read_from_values_written_as_hosts(env: dict[str, str], calls: bool) -> None:
    api = deployment("api", ready=1)
    objects = calling("web", **env), api, pod_of(api, running()), service("api"), endpoints("api", ready=1)

    seen = observed(Subject(text="", namespace="shop"), *objects, make("Namespace", "shop", None))

    assert seen.calls == ((("shop/Deployment/web", "shop/Deployment/api"),) if calls else ())
    assert "secret" not in seen.model_dump_json()
