"""What followed a change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from core.aftermath import Aftermath, followed_by, names_of
from core.change_events import ChangeEvent
from core.diagnosis import Action, Decision, Proposal
from core.firings import Firing
from core.incident import Alert, Incident
from core.remediation import Remediation

T = datetime(2026, 3, 2, 2, 11, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T + timedelta(minutes=minutes)


def change(kind: Any = "deploy", minutes: float = 0, **over: Any) -> ChangeEvent:
    known: dict[str, Any] = {
        "id": f"{kind}-{minutes}", "kind": kind, "at": at(minutes), "cluster": "eu", "namespace": "shop",
        "target": "Deployment/checkout", "service": "checkout", "title": "image 1.8.3 → 1.8.4",
    }  # fmt: skip
    return ChangeEvent.model_validate(known | over)


def incident(number: int, minutes: float, **over: Any) -> Incident:
    known: dict[str, Any] = {
        "id": f"INC-{number}", "title": "5xx", "service": "checkout", "cluster": "eu", "source": "alertmanager",
        "opened_at": at(minutes),
    }  # fmt: skip
    return Incident.model_validate(known | over)


def firing(minutes: float, service: str = "checkout", cluster: str = "eu") -> Firing:
    return Firing("KubePodCrashLooping", service, "SEV3", cluster, "INC-1", f"f{minutes}", at(minutes).timestamp())


def remediation(minutes: float | None, **over: Any) -> Remediation:
    action = Action(kind="rollback_deployment", namespace="shop", name="checkout", params={})
    known: dict[str, Any] = {
        "id": "ACT-1", "investigation": "INV-1", "incident": "INC-1", "number": 1, "service": "checkout",
        "cluster": "eu", "created_at": at(4), "begun_at": None if minutes is None else at(minutes),
        "proposal": Proposal(action=action, target="Deployment/checkout", reason="",
                             decision=Decision(verdict="ask", codes=(), policy_hash="")),
    }  # fmt: skip
    return Remediation.model_validate(known | over)


def test_what_began_soon_after_on_the_same_service_followed():
    found = followed_by(
        change(),
        incidents=(incident(2, 12), incident(1, 1)),
        firings=(firing(1), firing(0.5)),
        changes=(change(), change("rollback", 6)),
        remediations=(remediation(6),),
    )
    assert found == Aftermath(
        alerts=(firing(0.5), firing(1)),
        incidents=(incident(1, 1), incident(2, 12)),
        actions=(remediation(6),),
        reverts=(change("rollback", 6),),
    )
    assert found.broke and not found.is_quiet


def test_a_change_that_nothing_followed_is_quiet():
    found = followed_by(change(), changes=(change(),))
    assert found == Aftermath() and found.is_quiet and not found.broke


def test_trouble_that_began_before_the_deploy_was_not_brought_by_it():
    early = Alert(fingerprint="f", name="Slow", status="firing", starts_at=at(-1))
    assert not followed_by(change(), incidents=(incident(1, 2, alerts=(early,)),), firings=(firing(-1),)).broke


def test_nor_was_what_came_long_after():
    assert followed_by(change(), incidents=(incident(1, 30),), firings=(firing(31),)).is_quiet


def test_of_two_deploys_the_later_one_is_followed():
    both = (change(), change("deploy", 10))
    assert not followed_by(both[0], incidents=(incident(1, 11),), changes=both).broke
    assert followed_by(both[1], incidents=(incident(1, 11),), changes=both).broke


def test_an_alert_that_comes_after_the_rollback_still_followed_the_deploy():
    both = (change(), change("rollback", 6))
    assert followed_by(both[0], incidents=(incident(1, 7),), changes=both).broke


def test_a_rollback_after_the_next_deploy_does_not_take_this_one_back():
    all_three = (change(), change("deploy", 10), change("rollback", 12))
    assert followed_by(all_three[0], changes=all_three).reverts == ()
    assert followed_by(all_three[1], changes=all_three).reverts == (all_three[2],)


def test_other_services_clusters_and_merged_incidents_do_not_count():
    others = (
        incident(1, 1, service="search"),
        incident(2, 1, cluster="us"),
        incident(3, 1, state="merged"),
    )
    assert followed_by(change(), incidents=others, firings=(firing(1, "search"), firing(1, cluster="us"))).is_quiet


def test_a_workload_without_a_service_is_known_by_its_place():
    event = change(service=None)
    assert names_of(event) == {"shop/checkout"}
    assert followed_by(event, incidents=(incident(1, 1, service=None, services=("shop/checkout",)),)).broke


def test_an_action_that_was_only_proposed_did_not_follow():
    assert followed_by(change(), remediations=(remediation(None),)).actions == ()


def test_an_action_in_an_incident_that_followed_counts_whatever_it_aims_at():
    aside = remediation(
        8, service="payments", proposal=remediation(8).proposal.model_copy(update={"target": "Node/n1"})
    )
    assert followed_by(change(), incidents=(incident(1, 1),), remediations=(aside,)).actions == (aside,)
