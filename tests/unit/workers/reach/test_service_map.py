"""Which service a workload belongs to."""

from __future__ import annotations

import pytest

from core.settings import Config, Service
from workers.reach.service_map import service_of

CONFIG = Config(
    services={
        "storefront": Service(depends_on=("checkout",)),
        "checkout": Service(namespace="shop", workloads=("Deployment/checkout",), depends_on=("payments", "redis")),
        "payments": Service(namespace="pay", workloads=("Deployment/checkout",), depends_on=("redis",)),
        "redis": Service(workloads=("StatefulSet/redis",), depends_on=("storefront",)),  # a circle
        "search": Service(cluster="prod-us", namespace="shop", workloads=("Deployment/search",)),
    }
)


@pytest.mark.parametrize(
    ("place", "cluster", "wanted"),
    [
        (("shop", "Deployment/checkout"), None, "checkout"),
        (("shop", "Deployment/checkout"), "prod-eu", "checkout"),
        (("pay", "Deployment/checkout"), None, "payments"),
        (("other", "Deployment/checkout"), None, None),
        (("anywhere", "StatefulSet/redis"), None, "redis"),
        (("anywhere", "Deployment/redis"), None, None),
        (("shop", "Deployment/search"), None, "search"),
        (("shop", "Deployment/search"), "prod-us", "search"),
        (("shop", "Deployment/search"), "prod-eu", None),
    ],
)
def test_a_workload_belongs_to_the_service_that_lists_it(
    place: tuple[str, str], cluster: str | None, wanted: str | None
) -> None:
    assert service_of(place, cluster, CONFIG) == wanted
