from __future__ import annotations

import pytest

from core.labels import cluster_of, namespace_of, service_of, severity_of, target_of, worst
from core.settings import Cluster, Config, Service

CONFIG = Config(
    clusters={"prod-eu": Cluster(), "prod-us": Cluster()},
    services={
        "checkout": Service(cluster="prod-eu", namespace="shop", workloads=("Deployment/checkout-api",)),
        "redis": Service(namespace="shop", workloads=("StatefulSet/redis",)),
        "billing": Service(),
    },
)


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "critical"}, "SEV2"),
        ({"severity": "Warning"}, "SEV3"),
        ({"severity": " page "}, "SEV2"),
        ({"priority": "P1"}, "SEV1"),
        ({"level": "info"}, "SEV4"),
        ({"severity": "none"}, "SEV4"),
        ({"severity": "purple"}, "SEV3"),
        ({}, "SEV3"),
    ],
)
def test_severity_is_read_in_the_words_that_rule_sets_use(labels: dict[str, str], severity: str) -> None:
    assert severity_of(labels) == severity


def test_the_worst_severity_wins() -> None:
    assert worst(["SEV3", "SEV2", "SEV4"]) == "SEV2"
    assert worst([]) == "SEV4"


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "checkout"}, "checkout"),
        ({"app": "billing", "job": "redis"}, "billing"),
        ({"namespace": "shop", "deployment": "checkout-api"}, "checkout"),
        ({"namespace": "shop", "pod": "checkout-api-6d5f7c9b4-x2z9q"}, "checkout"),
        ({"namespace": "shop", "pod": "redis-0", "job": "kube-state-metrics"}, "redis"),
        ({"namespace": "shop", "container": "checkout-api"}, "checkout"),
        ({"namespace": "monitoring", "service": "redis"}, None),
        ({"cluster": "prod-us", "service": "checkout"}, None),
        ({"job": "node-exporter"}, None),
        ({}, None),
    ],
)
def test_service_is_the_one_that_the_labels_mean(labels: dict[str, str], service: str | None) -> None:
    assert service_of(labels, CONFIG) == service


def test_target_is_the_workload_before_its_pod_and_never_a_path() -> None:
    assert target_of({"pod": "x-1", "deployment": "x"}) == "Deployment/x"
    assert target_of({"node": "node-3"}) == "Node/node-3"
    assert target_of({"pod": "../../secrets"}) is None


def test_namespace_is_that_of_the_object_not_of_its_exporter() -> None:
    assert namespace_of({"namespace": "monitoring", "exported_namespace": "shop"}) == "shop"
    assert namespace_of({}) is None


def test_cluster_is_known_only_where_clusters_are_configured() -> None:
    assert cluster_of({"cluster": "prod-us"}, CONFIG, None) == "prod-us"
    assert cluster_of({}, CONFIG, "checkout") == "prod-eu"
    assert cluster_of({"cluster": "whatever"}, Config(), None) is None
