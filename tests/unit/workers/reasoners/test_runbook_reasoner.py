"""What the runbook reasoner says of whole cases."""

from __future__ import annotations

import pytest

from bench.diagnosis import Play, faults, healthy, unknown, verdict
from core.diagnosis import Case, Draft
from core.errors import Unreachable
from core.settings import Config, Service
from tests.unit.workers.reasoners.scenes import Scene
from workers.ports import Step
from workers.reasoners.runbooks import RunbookReasoner
from workers.runbook import Runbook, parse_runbook

D = "Deployment/checkout"
MAP = Config(services={
    "checkout": Service(namespace="shop", workloads=(D,), depends_on=("payments",)),
    "payments": Service(namespace="shop", workloads=("Deployment/payments",)),
})  # fmt: skip


def explained(case: Case, config: Config | None = None, own: tuple[Runbook, ...] = ()) -> Draft:
    return RunbookReasoner(config or Config(), lambda: own).explain(case, lambda step: None)


def statement(case: Case, config: Config | None = None) -> str:
    draft = explained(case, config)
    assert draft.root_cause
    return draft.root_cause.statement


@pytest.mark.parametrize("play", [*faults(), *healthy(), *unknown()], ids=lambda p: f"{p.group}: {p.name}")
def test_it_names_the_cause_and_nothing_else(play: Play) -> None:
    right, diagnosis = verdict(play)
    assert right, diagnosis
    assert not diagnosis.struck, "its own claims rest on the evidence"


def test_a_bad_release_is_told_with_its_rollout_and_its_log_line_and_rolled_back() -> None:
    scene = Scene().crash_loop(D, '2026-03-02T11:55:01Z panic: parse CART_URL: invalid port ":80a"').short(D, 3, 1)
    scene.change(D, "image shop/checkout:1.8.3 shop/checkout:1.8.4", "env CART_URL")
    draft = explained(scene.case("checkout answers 5xx"))
    assert draft.root_cause
    assert draft.root_cause.statement == (
        "checkout cannot start since the 11:54 UTC rollout, revision 17 → 18 (image 1.8.3 → 1.8.4 and env CART_URL "
        'added), because a setting it needs is missing or wrong: `panic: parse CART_URL: invalid port ":80a"`'
    )
    assert (draft.root_cause.target, draft.root_cause.namespace) == (D, "shop")
    assert [(a.kind, a.namespace, a.name, a.params) for a in draft.actions] == [
        ("rollback_deployment", "shop", "checkout", {})
    ]
    assert draft.confidence >= 0.9


def test_every_claim_cites_what_shows_it() -> None:
    scene = Scene().crash_loop(D, "FATAL: no region").short(D).change(D, "env REGION")
    draft = explained(scene.case("checkout is down"))
    shown = {e.id: f"{e.query} {e.excerpt}" for e in scene.evidence}
    said = {claim.text: " ".join(shown[i] for i in claim.evidence) for claim in draft.claims}
    [log] = [text for text in said if "logs `FATAL: no region`" in text]
    assert "FATAL: no region" in said[log]
    [rollout] = [text for text in said if "rollout" in text]
    assert "revision 17 to 18" in said[rollout]


def test_a_bare_crash_loop_is_a_weak_cause() -> None:
    draft = explained(Scene().crash_loop(D).short(D).case("checkout?"))
    assert draft.root_cause
    assert draft.confidence == 0.6
    assert "nothing read says why" in draft.root_cause.statement


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (Scene().image_pull(D, "nginx:tpyo"), "`nginx:tpyo`"),
        (Scene().config_missing(D), "ConfigMap settings does not exist in shop"),
        (Scene().config_missing(D, "couldn't find key URL in Secret shop/db"), "key URL of Secret db"),
        (Scene().out_of_memory(D, "96Mi"), "its limit of 96Mi"),
        (Scene().crash_loop(D, "starting", exit_code=3), "exits with 3"),
        (Scene().crash_loop(D, "dial tcp: lookup db-2 on 10.96.0.10:53: no such host"), "the host db-2"),
        (Scene().unready(D), "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    ],
)
def test_the_statement_names_the_specifics(scene: Scene, words: str) -> None:
    assert words in statement(scene.case("checkout?"))


def test_self_naming_reasons_are_strong() -> None:
    for scene in (Scene().image_pull(D, "a:b"), Scene().config_missing(D), Scene().out_of_memory(D)):
        assert explained(scene.case("checkout?")).confidence >= 0.9


def test_a_dependency_that_failed_first_outranks_the_loud_service() -> None:
    scene = Scene().unready(D, minutes=4).short(D, minutes=4).alert("HighErrorRate", deployment="checkout")
    scene.out_of_memory("Deployment/payments", minutes=7).short("Deployment/payments", minutes=6)
    draft = explained(scene.case("checkout answers 5xx", service="checkout"), MAP)
    assert draft.root_cause
    assert (draft.root_cause.condition, draft.root_cause.target) == ("OOMKilled", "Deployment/payments")
    assert any("Deployment/checkout depends on payments" in claim.text for claim in draft.claims)


def test_a_fault_of_its_own_is_not_blamed_on_a_dependency() -> None:
    scene = Scene().image_pull(D, "checkout:typo").short(D)
    scene.crash_loop("Deployment/payments", "panic: boom", minutes=30).short("Deployment/payments")
    draft = explained(scene.case("checkout is down", service="checkout"), MAP)
    assert draft.root_cause
    assert draft.root_cause.target == D


def test_a_panic_of_its_own_is_not_blamed_on_a_dependency() -> None:
    scene = Scene().crash_loop(D, "panic: index out of range").short(D)
    scene.crash_loop("Deployment/payments", "panic: boom", minutes=30).short("Deployment/payments")
    draft = explained(scene.case("checkout is down", service="checkout"), MAP)
    assert draft.root_cause
    assert draft.root_cause.target == D


def test_a_dependency_that_failed_later_is_not_the_cause() -> None:
    scene = Scene().unready(D, minutes=60).short(D, minutes=60)
    scene.image_pull("Deployment/payments", "pay:9", minutes=5).short("Deployment/payments", minutes=5)
    draft = explained(scene.case("checkout is down", service="checkout"), MAP)
    assert draft.root_cause
    assert draft.root_cause.target == D


def test_a_healthy_looking_caller_with_errors_is_traced_to_what_it_calls() -> None:
    """The cluster shows the call; no catalogue is needed."""
    scene = Scene().workload(D).reading("checkout", "error_ratio", 0.3, 0.001)
    scene.crash_loop("Deployment/payments", "panic: boom").short("Deployment/payments")
    case = scene.case("checkout answers 5xx")
    calls = ((f"shop/{D}", "shop/Deployment/payments"),)
    case = case.model_copy(update={"observation": case.observation.model_copy(update={"calls": calls})})
    draft = explained(case)
    assert draft.root_cause
    assert draft.root_cause.target == "Deployment/payments"


def test_a_partly_failing_dependency_is_not_blamed_for_nothing() -> None:
    scene = Scene().workload(D).reading("checkout", "error_ratio", 0.001, 0.001)
    scene.crash_loop("Deployment/payments", "panic: boom").short("Deployment/payments", 3, 2)
    draft = explained(scene.case("is checkout ok?", service="checkout"), MAP)
    assert draft.root_cause is None
    assert draft.known


def test_another_namespace_is_not_blamed() -> None:
    scene = Scene().workload(D)
    scene.finding("CrashLoopBackOff", "Deployment/payments", "container app exited with 1", pods=2, namespace="billing")
    draft = explained(scene.case("checkout is slow"))
    assert draft.root_cause is None
    assert draft.known


def test_errors_after_a_rollout_without_a_finding_are_the_releases() -> None:
    scene = Scene().workload(D).reading("checkout", "error_ratio", 0.08, 0.002).change(D, "image a:1 a:2")
    draft = explained(scene.case("checkout answers 5xx"))
    assert draft.root_cause
    assert draft.root_cause.condition == "HighErrorRatio"
    assert "5xx 8 % (normal 0.2 %)" in draft.root_cause.statement
    assert [action.kind for action in draft.actions] == ["rollback_deployment"]


def test_saturation_proposes_more_replicas() -> None:
    scene = Scene().workload(D, 4).reading("checkout", "latency_p95_s", 2.4, 0.2)
    scene.reading("checkout", "cpu_saturation", 0.98, 0.4).reading("checkout", "request_rate", 90, 40)
    draft = explained(scene.case("checkout is slow"))
    assert [(action.kind, action.params) for action in draft.actions] == [("scale_deployment", {"replicas": 6})]


def test_a_memory_limit_is_doubled_only_when_no_rollout_lowered_it() -> None:
    raised = explained(Scene().out_of_memory(D, "64Mi").case("checkout?"))
    assert [(a.kind, a.params) for a in raised.actions] == [
        ("set_resources", {"container": "app", "memory_limit": "128Mi"})
    ]
    lowered = explained(Scene().out_of_memory(D).change(D, "memory limit 256Mi 64Mi").case("checkout?"))
    assert [action.kind for action in lowered.actions] == ["rollback_deployment"]


def test_the_first_revision_cannot_be_rolled_back() -> None:
    scene = Scene().crash_loop(D, "panic: boom").change(D, first=True)
    assert explained(scene.case("checkout?")).actions == ()


def test_only_deployments_are_rolled_back() -> None:
    owner = "StatefulSet/checkout"
    assert (
        explained(Scene().crash_loop(owner, "panic: boom").change(owner, "image a:1 a:2").case("checkout?")).actions
        == ()
    )


def test_a_node_that_is_lost_is_cordoned() -> None:
    scene = Scene().finding("NodeNotReady", "Node/worker-1", "Kubelet stopped posting node status.", namespace="")
    draft = explained(scene.case("KubeNodeNotReady", namespace=None))
    assert [(a.kind, a.namespace, a.name) for a in draft.actions] == [("cordon_node", "", "worker-1")]


def test_an_alert_about_a_disk_names_the_disks_owner() -> None:
    scene = Scene().alert(
        "NodeFilesystemAlmostOutOfSpace", "/dev/sda1 has 3 % left", namespace="", instance="db-3:9100"
    )
    draft = explained(scene.case("NodeFilesystemAlmostOutOfSpace", namespace=None))
    assert draft.root_cause
    assert (draft.root_cause.condition, draft.root_cause.target) == ("DiskFull", "Instance/db-3")


def test_health_is_told_in_figures() -> None:
    scene = Scene().workload(D, 4).reading("checkout", "error_ratio", 0.002, 0.001)
    scene.reading("checkout", "latency_p95_s", 0.18, 0.17)
    draft = explained(scene.case("is checkout ok?"))
    assert [claim.text for claim in draft.claims] == [
        "checkout looks healthy: 4 of 4 pods ready for 6 days, 5xx 0.2 % (normal 0.1 %), p95 180 ms (normal 170 ms)"
    ]
    assert len(draft.claims[0].evidence) == 3


def test_other_faults_are_said_not_to_belong_to_a_healthy_service() -> None:
    scene = Scene().workload(D).crash_loop("Deployment/batch").short("Deployment/batch")
    [other] = explained(scene.case("is checkout ok?")).ruled_out
    assert other.text == "Deployment/batch shows CrashLoopBackOff, but nothing seen ties it to checkout"


def test_dependencies_that_are_well_are_ruled_out() -> None:
    scene = Scene().workload("Deployment/payments").out_of_memory(D).short(D)
    draft = explained(scene.case("checkout is down", service="checkout"), MAP)
    assert "payments: 3 of 3 pods are ready" in [claim.text for claim in draft.ruled_out]


def test_consequences_of_the_cause_are_not_called_unrelated() -> None:
    scene = Scene().unready(D, minutes=4).short(D)
    scene.image_pull("Deployment/payments", "pay:9", minutes=6).short("Deployment/payments")
    draft = explained(scene.case("checkout is down", service="checkout"), MAP)
    assert draft.ruled_out == ()


def test_not_knowing_names_three_places_to_look() -> None:
    scene = Scene().workload(D).reading("checkout", "error_ratio", 0.2, 0.001)
    draft = explained(scene.case("checkout answers 5xx"))
    assert (draft.known, draft.root_cause, draft.confidence) == (False, None, 0.0)
    assert len(draft.look_next) == 3
    assert "checkout: 5xx 20 % (normal 0.1 %)" in [claim.text for claim in draft.claims]


def test_a_name_that_was_not_seen_is_not_answered_for_another_without_saying_so() -> None:
    scene = Scene().workload(D).crash_loop("Deployment/certs", "panic: boom").short("Deployment/certs")
    draft = explained(scene.case("Why is personal-certs-validator in a crash loop?"))
    assert (draft.root_cause, draft.known) == (None, False)
    assert draft.note == "Nothing called personal-certs-validator was seen in shop; what is listed is about others."
    assert draft.claims[0].text.startswith("2 pods of Deployment/certs show CrashLoopBackOff")


def test_an_alert_explains_itself_even_when_its_service_label_names_an_exporter() -> None:
    scene = Scene().workload(D).crash_loop("Deployment/batch", "panic: boom")
    scene.alert(
        "NodeFilesystemAlmostOutOfSpace", "3 % left", namespace="", instance="db-3:9100", service="node-exporter"
    )
    draft = explained(scene.case("NodeFilesystemAlmostOutOfSpace", service="node-exporter"))
    assert draft.root_cause
    assert draft.root_cause.condition == "DiskFull"


def test_a_lower_case_name_is_not_taken_for_a_setting() -> None:
    draft = explained(Scene().crash_loop(D, "fatal: missing field payment_id in request").case("checkout?"))
    assert draft.runbook == "crash-loop"


def test_foreign_text_is_cleaned_and_cut() -> None:
    line = "panic: \x1b[31m\u202eevil\u2066 `rm -rf` " + "x" * 900
    said = statement(Scene().crash_loop(D, line).case("checkout?"))
    assert len(said) < 400
    assert not any(char in said for char in "\x1b\u202e\u2066\n")
    assert said.count("`") == 2


def test_the_teams_own_runbook_takes_part_and_may_replace_a_starter() -> None:
    text = """---
title: Basket lost
cause: {condition: BasketLost, statement: "{name} lost its basket"}
signals:
  - {finding: CrashLoopBackOff, required: true, weight: 0.6}
  - {log: basket lost, required: true, weight: 0.9}
---
Find the basket.
"""
    scene = Scene().crash_loop(D, "fatal: basket lost").short(D)
    for runbook_id in ("basket", "crash-loop"):
        own = (parse_runbook(runbook_id, "team/basket.md", text),)
        draft = explained(scene.case("checkout?"), own=own)
        assert draft.runbook == runbook_id
        assert draft.root_cause
        assert draft.root_cause.statement == "checkout lost its basket"
        assert draft.root_cause.condition == "CrashLoopBackOff", "Kubernetes has a word for it"


def test_runbooks_that_cannot_be_read_leave_the_starter_set() -> None:
    def gone() -> tuple[Runbook, ...]:
        raise Unreachable("The memory does not answer; start it.")

    draft = RunbookReasoner(Config(), gone).explain(Scene().out_of_memory(D).case("checkout?"), lambda step: None)
    assert draft.root_cause
    assert draft.could_not_read == ("your own runbooks (The memory does not answer; start it.)",)


def test_consequences_are_one_claim() -> None:
    draft = explained(Scene().out_of_memory(D).short(D).case("checkout?"))
    assert draft.claims[-1].text == (
        "Follows from it: CrashLoopBackOff of Deployment/checkout, ReplicasMismatch of Deployment/checkout "
        "and NoEndpoints of Service/checkout"
    )


def test_a_question_about_a_namespace_is_told_of_every_separate_fault() -> None:
    scene = Scene().out_of_memory(D).short(D).image_pull("Deployment/web", "a:b").short("Deployment/web")
    draft = explained(scene.case("what is wrong here?"))
    assert "Also wrong, separately: OOMKilled of Deployment/checkout" in [claim.text for claim in draft.claims]


def test_progress_is_shown() -> None:
    steps: list[Step] = []
    RunbookReasoner(Config(), lambda: ()).explain(Scene().case(), steps.append)
    assert [step.status for step in steps] == ["running", "done"]
