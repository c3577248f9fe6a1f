from pathlib import Path

import pytest

from core.backstage import read_catalogue
from core.errors import ConfigError
from core.settings import Service, load_config

CHECKOUT = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: checkout
  annotations:
    backstage.io/kubernetes-namespace: shop
    backstage.io/kubernetes-cluster: prod-eu
    pagerduty.com/service-id: PABC123
    pagerduty.com/integration-key: never-kept
    sre-bot/workloads: Deployment/checkout-web, StatefulSet/checkout-queue
  tags: [tier1]
spec:
  type: service
  lifecycle: production
  owner: team-shop
  dependsOn: [component:default/payments, "resource:orders-db", component:gone]
  consumesApis: [catalog-api]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments, tags: [payment]}
spec: {type: service, owner: team-pay}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: catalog}
spec: {type: service, providesApis: [default/catalog-api]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: orders-db}
spec: {type: database}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: shared-lib}
spec: {type: library}
"""


def write(folder: Path, text: str, name: str = "catalog-info.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_components_and_resources_are_services_with_what_they_depend_on(tmp_path: Path) -> None:
    found = read_catalogue([write(tmp_path, CHECKOUT)], ["prod-eu"])
    assert found.services == {
        "checkout": {
            "namespace": "shop", "pagerduty": "PABC123", "cluster": "prod-eu", "tags": ["tier1"],
            "workloads": ["Deployment/checkout-web", "StatefulSet/checkout-queue"],
            "depends_on": ["catalog", "payments", "orders-db"],
        },
        "payments": {"tags": ["payment"]},
        "catalog": {},
        "orders-db": {"state": "persistent"},
    }  # fmt: skip
    assert found.unknown == ("component:gone",)


def test_a_cluster_that_nobody_configured_is_left_out(tmp_path: Path) -> None:
    assert "cluster" not in read_catalogue([write(tmp_path, CHECKOUT)]).services["checkout"]


def test_folders_and_locations_lead_to_files_and_addresses_are_only_named(tmp_path: Path) -> None:
    write(tmp_path / "org" / "payments", CHECKOUT.split("---")[1])
    location = """
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: all}
spec:
  targets: ["./*/catalog-info.yaml", "https://git.example/catalog-info.yaml", "./all.yaml"]
"""
    found = read_catalogue([write(tmp_path / "org", location, "all.yaml")])
    assert set(found.services) == {"payments"}
    assert found.not_read == ("https://git.example/catalog-info.yaml",)
    assert set(read_catalogue([tmp_path]).services) == {"payments"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: [", "catalog-info.yaml is not valid YAML at line 1; correct it."),
        (CHECKOUT.replace("name: checkout", "label: x"), "document 1: metadata.name is missing or not a name."),
        (CHECKOUT.replace("name: catalog}", "name: payments}"), "document 3: payments is described by"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_catalogue([write(tmp_path, text)])
    assert said in str(raised.value)
    assert "catalog-info.yaml" in str(raised.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file"):
        read_catalogue([tmp_path / "nowhere.yaml"])


def test_what_is_written_of_a_service_goes_before_what_backstage_says(tmp_path: Path) -> None:
    write(tmp_path / "catalogue", CHECKOUT)
    services = "{checkout: {namespace: till}, web: {depends_on: [checkout]}}"
    config = load_config(write(tmp_path, f"backstage: [catalogue]\nservices: {services}", "sre.yaml"))
    assert config.services["checkout"].namespace == "till"
    assert config.services["checkout"].pagerduty == "PABC123"
    assert config.services["checkout"].depends_on == ("catalog", "payments", "orders-db")
    assert config.services["web"] == Service(depends_on=("checkout",))
    assert config.services["orders-db"].state == "persistent"


def test_what_backstage_says_is_checked_like_what_is_written(tmp_path: Path) -> None:
    write(tmp_path, CHECKOUT.replace("Deployment/checkout-web", "checkout-web"))
    with pytest.raises(ConfigError, match=r"services\.checkout\.workloads: write 'checkout-web' as Kind/name"):
        load_config(write(tmp_path, "backstage: [catalog-info.yaml]", "sre.yaml"))
