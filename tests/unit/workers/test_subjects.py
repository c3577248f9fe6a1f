"""Words become the subject that was meant, and nothing else."""

from __future__ import annotations

import pytest

from core.incident import Alert, Incident
from core.settings import Config, Service
from tests.conftest import NOON
from workers.subjects import subject_of, subject_of_incident

CONFIG = Config(
    services={
        "checkout": Service(namespace="shop", workloads=("Deployment/checkout",)),
        "carts": Service(namespace="shop", workloads=("StatefulSet/cart-redis",)),
    }
)


@pytest.mark.parametrize(
    ("text", "namespace", "service", "target"),
    [
        ("checkout 5xx", "shop", "checkout", "Deployment/checkout"),
        ("why is Checkout slow?", "shop", "checkout", "Deployment/checkout"),
        ("cart-redis does not start", "shop", "carts", "StatefulSet/cart-redis"),
        ("deployment/api in namespace prod", "prod", None, "Deployment/api"),
        ("pods in the prod namespace crash", "prod", None, None),
        ("pod api-7d9f8c6b5-x2x2x restarts", None, None, "Pod/api-7d9f8c6b5-x2x2x"),
        ("the deployment named 'app' is down", None, None, None),
        ("the deployment is slow", None, None, None),
        ("node node-3 not ready", None, None, "Node/node-3"),
        ("what is wrong?", None, None, None),
        ("anything wrong in shop?", "shop", None, None),
        ("", None, None, None),
        ("../../etc/passwd <!channel>", None, None, None),
    ],
)
def test_words_select(text: str, namespace: str | None, service: str | None, target: str | None) -> None:
    found = subject_of(text, CONFIG)
    assert (found.namespace, found.service, found.target) == (namespace, service, target)
    assert found.text == text


def test_the_namespace_that_was_given_wins() -> None:
    assert subject_of("checkout in namespace prod", CONFIG, "staging").namespace == "staging"


def test_an_alerts_labels_name_the_target() -> None:
    alert = Alert(
        fingerprint="f", name="KubePodCrashLooping", status="firing", starts_at=NOON,
        labels={"namespace": "shop", "pod": "checkout-1", "deployment": "checkout"},
    )  # fmt: skip
    incident = Incident(id="INC-1", title="t", source="alertmanager", opened_at=NOON, namespace="shop", alerts=(alert,))
    assert subject_of_incident(incident, CONFIG).target == "Deployment/checkout"
    odd = alert.model_copy(update={"labels": {"pod": "../../secrets"}})
    assert subject_of_incident(incident.model_copy(update={"alerts": (odd,)}), CONFIG).target is None
