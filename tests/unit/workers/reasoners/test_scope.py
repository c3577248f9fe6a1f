"""Whom a question is about."""

from __future__ import annotations

import pytest

from core.settings import Config, Service
from tests.unit.workers.reasoners.scenes import Scene
from workers.reasoners.scope import alert_names, needs, scope_of, without_suffix

MAP = Config(services={
    "shopfront": Service(namespace="shop", workloads=("Deployment/checkout-web",), depends_on=("basket",)),
    "basket": Service(workloads=("StatefulSet/redis",), depends_on=("storage",)),
    "storage": Service(),
})  # fmt: skip


def scene() -> Scene:
    told = Scene().workload("Deployment/checkout").workload("Deployment/checkout-worker").workload("Job/app")
    return told.crash_loop("Deployment/search-engine-service", pods=1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("why is checkout slow?", {"checkout"}),
        ("what's wrong with checkout-worker", {"checkout-worker"}),
        ("checkout-7d9f4b8c6d-x2x4z keeps dying", set()),
        ("What is the issue with the search-engine pod", {"search-engine-service"}),
        ("Please fix the error in the deployment named 'app'", {"app"}),
        ("is checkout broken because of app?", {"checkout", "app"}),
        ("what is wrong?", set()),
        ("my service is down and the image is bad", set()),
    ],
)
def test_names_in_the_text(text: str, names: set[str]) -> None:
    assert scope_of(scene().case(text), Config()).names == names


def test_a_pod_means_its_owner() -> None:
    case = scene().case("?", target="Pod/search-engine-service-7d9f4b8c6d-x0z4k")
    assert scope_of(case, Config()).names == {"search-engine-service"}
    gone = scene().case("?", target="Pod/checkout-7d9f4b8c6d-x2x4z")
    assert scope_of(gone, Config()).names == {"checkout"}


def test_a_target_that_was_not_seen_does_not_hide_a_name_in_the_text() -> None:
    case = scene().case("the deployment named 'app' is broken", target="Deployment/named")
    assert scope_of(case, Config()).names == {"app"}


def test_a_catalogue_service_means_its_workloads() -> None:
    case = Scene().workload("Deployment/checkout-web").case("slow", service="shopfront")
    scope = scope_of(case, MAP)
    assert scope.names == {"shopfront", "checkout-web"}
    assert scope.holds("shop", "Deployment/checkout-web")
    assert not scope.holds("other", "Deployment/checkout-web")


def test_a_namespace_in_the_text_is_one_that_was_seen() -> None:
    case = Scene("orders").workload("Deployment/webapp").case("webapp in the orders namespace", namespace=None)
    assert scope_of(case, Config()).namespace == "orders"


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ("Why is personal-certs-validator in a crash loop?", "personal-certs-validator"),
        ("what is the issue with golden-eagle?", "golden-eagle"),
        ("the on-call said it is out-of-memory", None),
        ("why is checkout down", None),
    ],
)
def test_a_name_that_nothing_has(text: str, unseen: str | None) -> None:
    assert scope_of(scene().case(text), Config()).unseen == unseen


def test_needs_are_followed_through() -> None:
    assert needs(["shopfront"], MAP) == {"basket", "storage", "redis"}


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        ("checkout-7d9f4b8c6d-x2x4z", "checkout"), ("redis-0", "redis"), ("agent-x2x4z", "agent"),
        ("report-29012345-x2x4z", "report"), ("payments-cache", "payments-cache"), ("checkout", "checkout"),
    ],
)  # fmt: skip
def test_a_pod_without_its_suffix(pod: str, owner: str) -> None:
    assert without_suffix(pod) == owner


def test_an_alert_names_its_objects() -> None:
    [alert] = Scene().alert("X", pod="checkout-7d9f4b8c6d-x2x4z", instance="10.0.0.1:9100", team="a").alerts
    assert alert_names(alert) >= {"checkout", "checkout-7d9f4b8c6d-x2x4z", "10.0.0.1"}
    assert "a" not in alert_names(alert)
