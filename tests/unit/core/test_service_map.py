"""One map: what is written, and what was seen, which only adds."""

from __future__ import annotations

from core.service_map import Edge, Source, service_map
from core.settings import Config, Service

CONFIG = Config(
    services={
        "storefront": Service(depends_on=("checkout",)),
        "checkout": Service(namespace="shop", workloads=("Deployment/checkout-web",), depends_on=("payments", "redis")),
        "payments": Service(cluster="eu", namespace="pay", workloads=("Deployment/payments",), depends_on=("redis",)),
        "redis": Service(workloads=("StatefulSet/redis",), depends_on=("storefront",)),  # a circle
    }
)


def edge(caller: str, called: str, source: Source = "Istio", cluster: str = "") -> Edge:
    return Edge(caller=caller, called=called, source=source, at=0.0, cluster=cluster)


def test_who_depends_on_it_includes_those_who_depend_on_them() -> None:
    known = service_map(CONFIG)
    assert known.depending_on({"payments"}) == ("checkout", "redis", "storefront")
    assert known.depending_on({"search"}) == ()
    assert known.depending_on(()) == ()


def test_what_was_seen_completes_what_is_written_and_says_who_saw_it() -> None:
    seen = (edge("shop/mail", "pay/payments", "Linkerd"), edge("shop/checkout-web", "pay/payments"))
    known = service_map(CONFIG, seen)
    assert known.depending_on({"payments"}) == ("checkout", "redis", "shop/mail", "storefront")
    assert known.seen_by == {("shop/mail", "payments"): "Linkerd"}  # the other is written, and stays that
    assert known.distance("shop/mail", "redis", 2) == 2
    assert known.needed_by("shop/mail", 2) == ["payments", "redis"]


def test_workloads_are_told_apart_by_namespace_and_cluster() -> None:
    seen = (edge("a/x", "other/checkout-web"), edge("a/y", "pay/payments", cluster="us"),
            edge("a/y", "pay/payments", cluster="eu"), edge("a/z", "any/storefront"))  # fmt: skip
    known = service_map(CONFIG, seen, "eu")
    assert known.called_by["other/checkout-web"] == {"a/x"}
    assert known.called_by["us/pay/payments"] == {"us/a/y"}
    assert known.called_by["payments"] == {"checkout", "a/y"}
    assert known.called_by["storefront"] == {"redis", "a/z"}  # it has no workloads of another name
    assert service_map(CONFIG, seen).called_by["pay/payments"] == {"a/y"}


def test_a_workload_that_calls_itself_depends_on_nothing() -> None:
    assert service_map(CONFIG, (edge("b/redis", "b/redis"), edge("a/x", "a/x"))).seen_by == {}
