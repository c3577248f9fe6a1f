"""What is an action, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from core.catalogue import CATALOGUE, Fault, read, target
from core.diagnosis import Action

MATCHERS = [
    {"name": "alertname", "value": "KubePodCrashLooping", "isRegex": False, "isEqual": True},
    {"name": "pod", "value": "checkout-.*", "isRegex": True, "isEqual": True},
]

WRONG_MINUTES = (None, 0, -5, 241, "30", 30.0, True)
WRONG_QUANTITIES = ("0", "0Mi", "0.0Gi", "-1Gi", "1e9", 512, "")


def action(kind: str, params: Any = None, namespace: str = "shop", name: str = "checkout") -> Action | Fault:
    return read({"kind": kind, "namespace": namespace, "name": name, "params": {} if params is None else params})


GOOD: list[tuple[str, dict[str, Any], str, str]] = [
    ("restart_pod", {}, "shop", "checkout-7d9f-x2x4z"),
    ("restart_deployment", {}, "shop", "checkout"),
    ("scale_deployment", {"replicas": 6}, "shop", "checkout"),
    ("scale_deployment", {"replicas": 0}, "shop", "checkout"),
    ("rollback_deployment", {}, "shop", "checkout"),
    ("rollback_deployment", {"revision": 17}, "shop", "checkout"),
    ("rollback_release", {"revision": 3}, "shop", "checkout"),
    ("cordon_node", {}, "", "node-3.eu-west.internal"),
    ("uncordon_node", {}, "", "node-3"),
    ("drain_node", {}, "", "node-3"),
    ("silence_alert", {"matchers": MATCHERS, "duration_minutes": 240}, "shop", "KubePodCrashLooping"),
    ("rerun_job", {}, "shop", "report-27839"),
    ("rotate_credentials", {"template": "rotate-db"}, "shop", "checkout"),
    ("shift_traffic", {"template": "shift", "to": "eu-west-2"}, "shop", "checkout"),
    ("delete_namespace", {}, "", "shop"),
    ("delete_namespace", {}, "shop", "shop"),
    ("uninstall_release", {}, "shop", "checkout"),
    ("set_resources", {"container": "app", "memory_limit": "512Mi", "cpu_limit": "500m"}, "shop", "checkout"),
]


@pytest.mark.parametrize(("kind", "params", "namespace", "name"), GOOD)
def test_an_action_of_the_catalogue_is_read(kind: str, params: dict[str, Any], namespace: str, name: str) -> None:
    found = action(kind, params, namespace, name)
    assert found == Action.model_validate({"kind": kind, "namespace": namespace, "name": name, "params": params})
    assert read(found.model_dump()) == found  # reading again changes nothing


def test_every_kind_has_an_example_here() -> None:
    assert {kind for kind, *_ in GOOD} == set(CATALOGUE)


@pytest.mark.parametrize(
    "written",
    [
        MATCHERS,
        ['alertname="KubePodCrashLooping"', 'pod=~"checkout-.*"'],
        ["alertname=KubePodCrashLooping", " pod =~ checkout-.*"],
    ],
)
def test_matchers_have_one_form_however_written(written: Any) -> None:
    found = action("silence_alert", {"matchers": written, "duration_minutes": 30})
    assert isinstance(found, Action)
    assert found.params["matchers"] == MATCHERS


def test_matchers_may_be_labels_and_values() -> None:
    found = action("silence_alert", {"matchers": {"alertname": "KubePodCrashLooping"}, "duration_minutes": 30})
    assert isinstance(found, Action)
    assert found.params["matchers"] == MATCHERS[:1]


@pytest.mark.parametrize(
    "matchers",
    [
        None, [], {}, "alertname=A", 1, [1], [None], [""], ["alertname"], {"alertname": ""}, {"alertname": 1},
        {"severity": "critical"}, ["alertname=~A"], ["alertname!=A"], ["alertname!~A"], ['alertname=""'],
        [{"name": "alertname", "value": ".*", "isRegex": True}],
        [{"name": "alertname", "value": "A", "isEqual": False}],
        [{"name": "alertname", "value": "A", "isRegex": "false"}], [{"name": "alertname", "value": "A", "more": 1}],
        [{"name": "alertname"}], [{"name": "a-b", "value": "A"}, *MATCHERS], MATCHERS * 11,
    ],
)  # fmt: skip
def test_a_silence_names_one_alert_exactly(matchers: Any) -> None:
    found = action("silence_alert", {"matchers": matchers, "duration_minutes": 30})
    assert isinstance(found, Fault)
    assert found.code == "action.params"


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        *[("scale_deployment", {"replicas": n}) for n in (None, True, False, "0", "3", 0.0, 3.0, -1, 1001, 2**64, [3])],
        ("scale_deployment", {}),
        ("scale_deployment", {"replicas": 3, "force": True}),
        *[("rollback_deployment", {"revision": r}) for r in (None, 0, -1, "17", 17.0, True)],
        ("restart_deployment", {"force": True}),
        ("restart_deployment", {"": None}),
        *[("silence_alert", {"matchers": MATCHERS, "duration_minutes": m}) for m in WRONG_MINUTES],
        ("silence_alert", {"matchers": MATCHERS}),
        ("rotate_credentials", {}),
        ("rotate_credentials", {"template": ""}),
        ("rotate_credentials", {"template": "a; rm -rf /"}),
        ("shift_traffic", {"template": "shift"}),
        ("shift_traffic", {"template": "shift", "to": "eu\n"}),
        ("shift_traffic", {"template": "shift", "to": ""}),
        ("set_resources", {"container": "app"}),
        ("set_resources", {"memory_limit": "1Gi"}),
        *[("set_resources", {"container": "app", "memory_limit": q}) for q in WRONG_QUANTITIES],
    ],
)  # fmt: skip
def test_params_of_another_form_are_refused(kind: str, params: dict[str, Any]) -> None:
    found = action(kind, params)
    assert isinstance(found, Fault)
    assert found.code == "action.params"
    assert found.why.startswith(f"{kind}: ")


@pytest.mark.parametrize(
    ("kind", "namespace", "name"),
    [
        ("restart_deployment", "", "checkout"),
        ("restart_deployment", "shop", ""),
        ("restart_deployment", "shop", "checkout\n"),
        ("restart_deployment", "shop", "../secrets/x"),
        ("restart_deployment", "shop", "Checkout"),
        ("restart_deployment", "shop", "a" * 254),
        ("restart_deployment", "shop/pods", "checkout"),
        ("restart_deployment", "sh.op", "checkout"),
        ("restart_deployment", "*", "checkout"),
        ("drain_node", "shop", "node-1"),
        ("delete_namespace", "web", "shop"),
        ("delete_namespace", "shop", ""),
        ("silence_alert", "", "KubePodCrashLooping"),
    ],
)
def test_a_target_that_its_kind_cannot_have_is_refused(kind: str, namespace: str, name: str) -> None:
    params = {"matchers": MATCHERS, "duration_minutes": 5} if kind == "silence_alert" else {}
    found = action(kind, params, namespace, name)
    assert isinstance(found, Fault)
    assert found.code == "action.target"


@pytest.mark.parametrize("kind", ["", "Restart_Pod", "restart_pod ", "exec", "delete_pod", "apply"])
def test_a_kind_outside_the_catalogue_is_refused(kind: str) -> None:
    found = action(kind)
    assert isinstance(found, Fault)
    assert found.code == "action.unknown_kind"


def test_a_target_reads_as_people_write_it() -> None:
    found = action("cordon_node", namespace="", name="node-3")
    assert isinstance(found, Action)
    assert target(found) == "Node/node-3"
