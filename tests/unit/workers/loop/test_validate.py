"""Facts are computed from the cluster and the catalogue; what cannot be read never allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.diagnosis import Action, Claim, Diagnosis, Proposal, Recall, RootCause, RunbookHit, Subject
from core.observation import Observation
from core.settings import Approvers, Autonomy, Cluster, Config, Service, Settings
from tests.unit.workers.reach.held import NOW, HeldCluster, deployment, made, stateful_set
from workers.loop.validate import validate
from workers.standing import Approval, Standing

STORED = Standing(paused=False, in_freeze=False, actions_taken=0, alert_types=("KubePodCrashLooping",))
APPROVAL = Approval(
    by="U0MARIA", groups=("S0ONCALL",), on_call=False, requested_by="bot", age_s=20, digest_matches=True
)


def config(**changes: Any) -> Config:
    services = {
        "checkout": Service(namespace="shop", workloads=("Deployment/checkout",), state="none", tags=("tier1",)),
        "storefront": Service(
            namespace="shop", workloads=("Deployment/storefront",), state="none", depends_on=("checkout",)
        ),
        "db": Service(namespace="shop", workloads=("StatefulSet/db",), state="persistent"),
        **changes.pop("services", {}),
    }
    autonomy = {"mode": "autonomous", "alert_types": ("KubePodCrashLooping",), "namespaces": ("shop",)}
    autonomy |= changes.pop("autonomy", {})
    return Config(
        clusters={"prod-eu": Cluster(), "stage": Cluster(environment="staging")}, services=services,
        approvers=Approvers(groups=("S0ONCALL",)), autonomy=Autonomy.model_validate(autonomy),
    )  # fmt: skip


def diagnosis(confidence: float = 0.93, coverage: float = 1.0) -> Diagnosis:
    cause = RootCause(
        condition="CrashLoopBackOff", target="Deployment/checkout", namespace="shop", statement="It cannot start."
    )
    return Diagnosis(
        status="diagnosed", root_cause=cause, confidence=confidence, confidence_why=(), evidence_coverage=coverage,
        claims=(Claim(text="a", evidence=("e2", "e1")), Claim(text="b", evidence=("e1", "e3"))), reasoner="runbooks",
    )  # fmt: skip


def recalled(score: float = 0.78) -> Recall:
    return Recall(runbooks=(RunbookHit(id="r", title="Bad rollout", score=score, path="r.md"),))


def action(kind: str, name: str = "checkout", namespace: str = "shop", **params: Any) -> Action:
    return Action.model_validate({"kind": kind, "namespace": namespace, "name": name, "params": params})


def shop() -> HeldCluster:
    return HeldCluster(
        made("Node", "node-1", None), *deployment("checkout", 4), *deployment("storefront", 2), *stateful_set("db")
    )


def proposed(
    wanted: Action, *, cluster: HeldCluster | None = None, standing: Standing = STORED, held: Config | None = None,
    said: Diagnosis | None = None, recall: Recall | None = None, seen: Observation | None = None,
    where: str = "prod-eu",
) -> Proposal:  # fmt: skip
    settings = Settings(data_dir=Path("/nonexistent"), config=held or config())
    (proposal,) = validate(
        (wanted,), said or diagnosis(), recall or recalled(), seen or Observation(), Subject(text="?", cluster=where),
        cluster or shop(), settings, standing, NOW,
    )  # fmt: skip
    return proposal


def outcome(wanted: Action, **parts: Any) -> tuple[str, tuple[str, ...]]:
    decision = proposed(wanted, **parts).decision
    return decision.verdict, decision.codes


ROLLBACK = action("rollback_deployment")


def test_a_fresh_bad_deploy_is_rolled_back_alone_where_the_limits_allow() -> None:
    proposal = proposed(ROLLBACK)
    assert (proposal.decision.verdict, proposal.decision.codes) == ("allow", ())
    assert proposal.blast_radius is not None
    assert proposal.blast_radius.model_dump() == {"pods": 4, "services": 1, "downstream": ("storefront",)}
    assert (proposal.target, proposal.reason) == ("Deployment/checkout", "It cannot start.")
    assert proposal.evidence == ("e2", "e1", "e3")


def test_a_new_install_proposes_and_denies() -> None:
    verdict, codes = outcome(ROLLBACK, held=Config(), standing=STORED)
    assert verdict == "deny"
    assert {"mode.shadow", "namespace.not_listed"} <= set(codes)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ({"said": diagnosis(confidence=0.8)}, ("ask", ("confidence.below_floor",))),
        ({"said": diagnosis(coverage=0.5)}, ("ask", ("evidence.below_floor",))),
        ({"recall": recalled(0.6)}, ("ask", ("similarity.below_floor",))),
        ({"recall": Recall()}, ("ask", ("similarity.below_floor",))),
        (
            {"standing": Standing(paused=True, in_freeze=False, alert_types=STORED.alert_types)},
            ("deny", ("paused.on",)),
        ),
        ({"standing": Standing(paused=False, in_freeze=True, alert_types=STORED.alert_types)}, ("ask", ("freeze.on",))),
        ({"held": config(autonomy={"namespaces": ("web",)})}, ("deny", ("namespace.not_listed",))),
        ({"held": config(autonomy={"namespaces": ()})}, ("deny", ("namespace.not_listed",))),
    ],
)
def test_each_limit_is_asked_with_its_own_fact(parts: dict[str, Any], wanted: tuple[str, tuple[str, ...]]) -> None:
    assert outcome(ROLLBACK, **parts) == wanted


@pytest.mark.parametrize(
    ("alert_types", "enabled"),
    [
        (("KubePodCrashLooping",), True),
        (("KubePodCrashLooping", "TargetDown"), False),
        (("TargetDown",), False),
        ((), False),
    ],
)
def test_the_bot_acts_alone_only_when_every_alert_is_of_a_listed_type(
    alert_types: tuple[str, ...], enabled: bool
) -> None:
    standing = Standing(paused=False, in_freeze=False, alert_types=alert_types)
    codes = () if enabled else ("environment.production", "mode.alert_type_not_listed")
    assert outcome(ROLLBACK, standing=standing)[1] == codes


@pytest.mark.parametrize(
    ("where", "codes"),
    [
        ("stage", ("mode.assist",)),
        ("prod-eu", ("environment.production", "mode.assist")),
        ("unheard-of", ("environment.production", "mode.assist")),
    ],
)
def test_a_cluster_that_nobody_described_is_production(where: str, codes: tuple[str, ...]) -> None:
    assert outcome(ROLLBACK, held=config(autonomy={"mode": "assist"}), where=where) == ("ask", codes)


def test_the_mode_that_was_set_by_command_counts_before_the_configurations() -> None:
    standing = Standing(mode="shadow", paused=False, in_freeze=False, alert_types=STORED.alert_types)
    assert outcome(ROLLBACK, standing=standing)[0] == "deny"


def test_an_approval_answers_what_is_asked() -> None:
    assist = config(autonomy={"mode": "assist"})
    standing = Standing(paused=False, in_freeze=False, approval=APPROVAL)
    assert outcome(ROLLBACK, held=assist, standing=standing) == ("allow", ())
    assert outcome(ROLLBACK, held=assist)[0] == "ask"


def test_an_old_deploy_is_not_rolled_back_alone() -> None:
    cluster = HeldCluster(*deployment("checkout", 4, deployed=31))
    assert outcome(ROLLBACK, cluster=cluster) == ("ask", ("deploy_age.too_old_to_roll_back",))


def test_too_many_pods_are_asked_about() -> None:
    assert outcome(ROLLBACK, cluster=HeldCluster(*deployment("checkout", 6))) == ("ask", ("blast_radius.pods",))


@pytest.mark.parametrize("state", [None, "memory", "persistent"])
def test_a_service_that_may_keep_state_is_asked_about(state: Any) -> None:
    service = Service(namespace="shop", workloads=("Deployment/checkout",), state=state)
    assert outcome(ROLLBACK, held=config(services={"checkout": service})) == ("ask", ("state.stateful",))


def test_a_volume_with_data_counts_whatever_the_catalogue_says() -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "x"}}
    cluster = HeldCluster(*deployment("checkout", 2, volumes=(volume,)))
    assert outcome(ROLLBACK, cluster=cluster) == ("ask", ("state.stateful",))


@pytest.mark.parametrize("state", [None, "memory", "persistent"])
def test_state_in_what_depends_on_it_is_asked_about(state: Any) -> None:
    services = {"ledger": Service(depends_on=("storefront",), state=state)}  # through storefront
    proposal = proposed(ROLLBACK, held=config(services=services))
    assert proposal.decision.codes == ("state.downstream_stateful",)
    assert proposal.blast_radius is not None
    assert proposal.blast_radius.downstream == ("ledger", "storefront")


def test_what_the_catalogue_does_not_list_may_keep_state() -> None:
    cluster = HeldCluster(*deployment("unlisted", 2))
    proposal = proposed(action("rollback_deployment", "unlisted"), cluster=cluster)
    assert proposal.decision.codes == ("state.downstream_stateful", "state.stateful")
    assert proposal.blast_radius is not None
    assert proposal.blast_radius.services == 1  # the Kubernetes Service in front of it


def test_a_caller_that_was_seen_counts_beside_the_service_map() -> None:
    calls = (("shop/Deployment/cron", "shop/Deployment/checkout"), ("shop/Deployment/checkout", "shop/StatefulSet/db"))
    proposal = proposed(ROLLBACK, seen=Observation(calls=calls))
    assert proposal.decision.codes == ("state.downstream_stateful",)
    assert proposal.blast_radius is not None
    assert proposal.blast_radius.downstream == ("shop/Deployment/cron", "storefront")


def test_the_payment_pipeline_is_known_by_tag_or_name_also_when_it_only_depends_on_the_target() -> None:
    tagged = Service(namespace="shop", workloads=("Deployment/checkout",), state="none", tags=("payment-pipeline",))
    behind = {"payments": Service(depends_on=("checkout",), state="none")}
    for services in ({"checkout": tagged}, behind):
        assert outcome(ROLLBACK, held=config(services=services)) == ("ask", ("person.payments",))


def test_a_drain_needs_every_namespace_that_it_empties() -> None:
    cluster = shop()
    drain = action("drain_node", "node-1", "")
    assert "namespace.not_listed" not in outcome(drain, cluster=cluster)[1]
    cluster.objects += deployment("dns", 1, namespace="kube-system")
    verdict, codes = outcome(drain, cluster=cluster)
    assert verdict == "deny"
    assert "namespace.not_listed" in codes
    everywhere = config(autonomy={"namespaces": ("shop", "kube-system")})
    assert "namespace.not_listed" not in outcome(drain, cluster=cluster, held=everywhere)[1]


def test_cordoning_reaches_nothing_and_is_within_the_limits() -> None:
    proposal = proposed(action("cordon_node", "node-1", ""))
    assert proposal.decision.verdict == "allow"
    assert proposal.blast_radius is not None
    assert proposal.blast_radius.pods == 0
    assert outcome(action("cordon_node", "node-1", ""), held=config(autonomy={"namespaces": ()}))[0] == "deny"


@pytest.mark.parametrize("refused", ["deployments", "pods", "services", "replicasets"])
def test_what_may_not_be_read_denies(refused: str) -> None:
    cluster = shop()
    cluster.refuse = frozenset({refused})
    proposal = proposed(ROLLBACK, cluster=cluster)
    assert proposal.decision.verdict == "deny"
    assert "deploy_age.unknown" in proposal.decision.codes
    assert (proposal.blast_radius is None) == (refused != "replicasets")
    assert proposal.target == "Deployment/checkout"


def test_a_cluster_that_is_gone_denies() -> None:
    cluster = shop()
    cluster.gone = True
    proposal = proposed(ROLLBACK, cluster=cluster)
    assert proposal.blast_radius is None
    assert proposal.decision.codes == (
        "blast_radius.unknown", "deploy_age.unknown", "service_tags.unknown", "state.downstream_unknown",
        "state.unknown",
    )  # fmt: skip


def test_a_target_that_is_gone_denies() -> None:
    assert outcome(action("restart_pod", "checkout-gone"))[0] == "deny"


@pytest.mark.parametrize("name", ["paused", "in_freeze", "actions_taken"])
def test_what_nobody_could_say_denies(name: str) -> None:
    standing = replace(STORED, **{name: None})  # type: ignore[arg-type]
    assert outcome(ROLLBACK, standing=standing)[0] == "deny"


def test_clocks_that_differ_a_little_are_no_reason_to_deny() -> None:
    assert outcome(ROLLBACK, cluster=HeldCluster(*deployment("checkout", 4, deployed=-0.5)))[0] == "allow"
    assert outcome(ROLLBACK, cluster=HeldCluster(*deployment("checkout", 4, deployed=-5)))[1] == ("deploy_age.unknown",)


def test_no_action_reads_nothing() -> None:
    cluster = shop()
    settings = Settings(data_dir=Path("/nonexistent"))
    assert validate((), diagnosis(), recalled(), Observation(), Subject(text="?"), cluster, settings, STORED, NOW) == ()
    assert cluster.reads == []


def test_without_a_cluster_at_this_moment_every_action_is_denied_and_the_rest_goes_on() -> None:
    settings = Settings(data_dir=Path("/nonexistent"), config=config())
    given = (recalled(), Observation(), Subject(text="?", cluster="prod-eu"))
    (found,) = validate((action("restart_deployment"),), diagnosis(), *given, None, settings, STORED, NOW)
    assert found.blast_radius is None
    assert found.target == "Deployment/checkout"
    assert found.decision.verdict == "deny"
    assert "blast_radius.unknown" in found.decision.codes
