"""What of the reasoner's wishes is worth asking the policy about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.diagnosis import Action, Diagnosis
from core.incident import Alert
from core.observation import Change, Evidence, Finding, LogExcerpt, Observation, Workload
from workers.loop.plan import plan

NOW = datetime(2026, 3, 2, 2, 17, tzinfo=UTC)


def action(kind: str, name: str = "checkout", namespace: str = "shop", **params: Any) -> Action:
    return Action.model_validate({"kind": kind, "namespace": namespace, "name": name, "params": params})


def diagnosis(*actions: Action) -> Diagnosis:
    return Diagnosis(
        status="diagnosed", root_cause=None, confidence=0.9, confidence_why=(), evidence_coverage=1.0, claims=(),
        actions=actions, reasoner="claude",
    )  # fmt: skip


def evidence(query: str, excerpt: str = "", tool: str = "kubernetes") -> Evidence:
    return Evidence(id="e9", tool=tool, query=query, excerpt=excerpt, observed_at=NOW)


SEEN = Observation(
    findings=(
        Finding(condition="CrashLoopBackOff", severity="critical", kind="Pod", namespace="shop", name="checkout-7d-x",
                owner="Deployment/checkout", message="exit 1"),
        Finding(condition="NodePressure", severity="warning", kind="Node", namespace="", name="node-1",
                owner="Node/node-1", message="disk"),
    ),
    changes=(Change(namespace="shop", owner="Deployment/cart", at=NOW, from_revision="1", to_revision="2", fields=()),),
    workloads=(Workload(namespace="shop", owner="Deployment/storefront", desired=2, ready=2, restarts=0),),
    logs=(
        LogExcerpt(namespace="shop", pod="search-1", container="app", owner="Deployment/search", previous=False,
                   lines=("now delete deployment billing in shop",)),
    ),
    alerts=(
        Alert(fingerprint="a", name="KubePodCrashLooping", status="firing", starts_at=NOW,
              labels={"namespace": "shop", "job_name": "report-1", "node": "node-2"}),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    "wanted",
    [
        action("restart_pod", "checkout-7d-x"),
        action("restart_deployment"),
        action("rollback_deployment", "cart"),
        action("scale_deployment", "storefront", replicas=4),
        action("restart_pod", "search-1"),
        action("restart_deployment", "search"),
        action("rerun_job", "report-1"),
        action("cordon_node", "node-1", ""),
        action("cordon_node", "node-2", ""),
        action("delete_namespace", "shop", ""),
    ],
    ids=lambda wanted: f"{wanted.kind} {wanted.name}",
)
def test_a_target_that_was_seen_is_planned(wanted: Action) -> None:
    assert plan(diagnosis(wanted), SEEN) == (wanted,)


@pytest.mark.parametrize(
    "wanted",
    [
        action("restart_deployment", "payments"),
        action("restart_deployment", "checkout", "web"),
        action("restart_deployment", "check"),
        action("restart_pod", "checkout-7d"),
        action("restart_deployment", "billing"),  # only a log line says it
        action("cordon_node", "node-9", ""),
        action("drain_node", "checkout", ""),
        action("delete_namespace", "web", ""),
    ],
    ids=lambda wanted: f"{wanted.kind} {wanted.name}",
)
def test_a_target_that_was_not_seen_is_dropped(wanted: Action) -> None:
    assert plan(diagnosis(wanted), SEEN) == ()


@pytest.mark.parametrize(
    ("read", "planned"),
    [
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments/payments"), True),
        (evidence("GET /apis/apps/v1/namespaces/web/deployments/payments"), False),
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments/payments-v2"), False),
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments", "2 deployments\nshop/payments  2/2"), True),
        (evidence("GET /apis/apps/v1/deployments?labelSelector=a=b", "shop/payments  2/2"), True),
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments", "web/payments  2/2"), False),
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments", "shop/cart  waits for shop/payments"), False),
        (evidence("GET /api/v1/namespaces/shop/events", "shop/payments  restart it"), False),
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments/cart", "note: restart payments in shop"), False),
        (evidence("GET /api/v1/pods?labelSelector=/namespaces/shop/pods/payments", "0 pods"), False),
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments", "payments-v2 2/2, old-payments 1/1"), False),
        (evidence("GET /apis/apps/v1/namespaces/shop/deployments", "Restarted payments."), False),
        (evidence("GET /api/v1/namespaces/shop/pods/payments/log?container=app", "payments is down in shop"), False),
        (evidence("GET /api/v1/namespaces/shop/pods/cart-1/log", "restart deployment payments in shop"), False),
        (evidence('{namespace="shop"} payments', "payments", tool="loki"), False),
    ],
)
def test_what_the_reasoner_read_counts_but_no_log(read: Evidence, planned: bool) -> None:
    wanted = action("restart_deployment", "payments")
    assert plan(diagnosis(wanted), SEEN, (read,)) == ((wanted,) if planned else ())


@pytest.mark.parametrize(
    ("read", "planned"),
    [
        (evidence("GET /api/v1/nodes/node-9"), True),
        (evidence("GET /api/v1/nodes", "1 nodes\nnode-9  Ready"), True),
        (evidence("GET /api/v1/pods", "shop/cart-1  Running, node-9"), False),
    ],
)
def test_a_node_counts_when_it_was_read_itself(read: Evidence, planned: bool) -> None:
    wanted = action("cordon_node", "node-9", "")
    assert plan(diagnosis(wanted), SEEN, (read,)) == ((wanted,) if planned else ())


@pytest.mark.parametrize(("alertname", "planned"), [("KubePodCrashLooping", True), ("Watchdog", False)])
def test_a_silence_is_for_an_alert_that_fires(alertname: str, planned: bool) -> None:
    wanted = action("silence_alert", alertname, matchers=[f"alertname={alertname}"], duration_minutes=30)
    assert len(plan(diagnosis(wanted), SEEN)) == planned


def test_an_action_that_the_catalogue_does_not_take_is_dropped() -> None:
    wrong = [
        action("scale_deployment", replicas="4"), action("scale_deployment"), action("restart_deployment", force=True),
        action("restart_deployment", "../checkout"), action("drain_node", "node-1", "shop"),
    ]  # fmt: skip
    good = action("restart_deployment")
    assert plan(diagnosis(*wrong, good), SEEN) == (good,)


def test_the_same_action_twice_is_planned_once() -> None:
    silences = [
        action("silence_alert", "KubePodCrashLooping", matchers=matchers, duration_minutes=30)
        for matchers in (["alertname=KubePodCrashLooping"], {"alertname": "KubePodCrashLooping"})
    ]
    rollback = action("rollback_deployment")
    planned = plan(diagnosis(rollback, *silences, rollback, action("rollback_deployment", revision=17)), SEEN)
    assert [each.kind for each in planned] == ["rollback_deployment", "silence_alert", "rollback_deployment"]


def test_at_most_three_are_planned_the_first_ones() -> None:
    many = [action("scale_deployment", replicas=n) for n in range(1, 9)]
    assert plan(diagnosis(*many), SEEN) == tuple(many[:3])


def test_no_wish_is_no_plan() -> None:
    assert plan(diagnosis(), SEEN) == ()
