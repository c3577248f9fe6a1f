"""What no configuration turns off."""

from __future__ import annotations

from typing import Any

import pytest

from core.diagnosis import Action, Decision
from tests.unit.policies.cases import good_approval, policy, safe_action, safe_facts

WATCHDOG = ["alertname=Watchdog", "namespace=shop"]


def decided(action: dict[str, Any] | None = None, tags: list[str] | None = None, **facts: Any) -> Decision:
    """The decision on the safe action with these parts changed."""
    held = {**safe_facts(), **facts}
    if tags is not None:
        held["service_tags"] = tags
    return policy().decide({**safe_action(), **(action or {})}, held)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("payments", "person.payments"),
        ("payment-pipeline", "person.payments"),
        ("PAYMENTS", "person.payments"),
        ("tier1/PaymentGateway", "person.payments"),
        ("pay_ments", "person.payments"),
        ("ｐａｙｍｅｎｔｓ", "person.payments"),
        ("pay\u200bments", "person.payments"),
        ("pci", "person.payments"),
        ("billing", "person.payments"),
        ("database", "person.database"),
        ("orders-db", "person.database"),
        ("ordersdb", "person.database"),
        ("PostgreSQL", "person.database"),
        ("MSSQL", "person.database"),
        ("schema-migrations", "person.database"),
        ("auth", "person.access"),
        ("rbac", "person.access"),
        ("cloud-IAM", "person.access"),
        ("oauth2-proxy", "person.access"),
        ("security", "person.security_control"),
        ("WAF", "person.security_control"),
        ("falco", "person.security_control"),
        ("pаyments", "person.unreadable_tag"),  # the second letter is Cyrillic
    ],
)
def test_a_tag_makes_it_a_persons_in_every_mode(tag: str, code: str) -> None:
    decision = decided(tags=["tier1", tag])
    assert (decision.verdict, decision.codes) == ("ask", (code,))
    assert decided(tags=[tag], approval=good_approval()).verdict == "allow"


@pytest.mark.parametrize("tag", ["authors", "tier1", "paywall", "display", "opaque", "cart", "dbaas", "eu-west"])
def test_other_tags_do_not(tag: str) -> None:
    assert decided(tags=[tag]).verdict == "allow"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"name": "payments-api"}, "person.payments"),
        ({"namespace": "payments"}, "person.payments"),
        ({"kind": "rerun_job", "name": "orders-db-migrate-7"}, "person.database"),
        ({"name": "keycloak"}, "person.access"),
        ({"kind": "scale_deployment", "params": {"replicas": 0}}, "person.scale_to_zero"),
        ({"kind": "delete_namespace", "name": "shop"}, "person.delete_namespace"),
        ({"kind": "delete_namespace", "namespace": "", "name": "shop"}, "person.delete_namespace"),
        ({"kind": "uninstall_release"}, "person.uninstall_release"),
        ({"kind": "set_resources", "params": {"container": "app", "memory_limit": "1Gi"}}, "person.set_resources"),
        ({"kind": "rotate_credentials", "params": {"template": "rotate"}}, "person.access"),
        ({"kind": "shift_traffic", "params": {"template": "shift", "to": "eu-west-2"}}, "person.failover"),
        (
            {"kind": "silence_alert", "params": {"duration_minutes": 5, "matchers": WATCHDOG}},
            "person.security_control",
        ),
    ],
)  # fmt: skip
def test_what_the_action_is_makes_it_a_persons(action: dict[str, Any], code: str) -> None:
    decision = decided(action)
    assert (decision.verdict, decision.codes) == ("ask", (code,))
    assert decided(action, approval=good_approval()).verdict == "allow"


@pytest.mark.parametrize("replicas", [0.0, "0", True, False, None, -1, 3.0, "3", [3], 10**30, float("nan")])
def test_a_replica_count_that_is_no_whole_number_is_never_done(replicas: object) -> None:
    decision = decided({"kind": "scale_deployment", "params": {"replicas": replicas}}, approval=good_approval())
    assert decision.verdict == "deny"
    assert decision.codes in {("action.params",), ("malformed",)}


def test_scaling_to_some_is_within_the_limits() -> None:
    assert decided({"kind": "scale_deployment", "params": {"replicas": 6}}).verdict == "allow"


@pytest.mark.parametrize(
    "action", [{"name": "sre-bot-web"}, {"name": "sre_bot".replace("_", "-")}, {"namespace": "sre-bot"}]
)
def test_nobody_lets_the_bot_act_on_its_own_installation(action: dict[str, Any]) -> None:
    decision = decided(action, approval=good_approval())
    assert (decision.verdict, decision.codes) == ("deny", ("never.own_installation",))
    assert decided(tags=["SRE Bot"]).codes == ("never.own_installation",)


def test_an_action_of_core_is_read_like_a_mapping() -> None:
    action = Action.model_validate(safe_action())
    assert policy().decide(action, safe_facts()) == policy().decide(safe_action(), safe_facts())
