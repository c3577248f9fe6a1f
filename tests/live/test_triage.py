"""Triage on a real control plane: each broken thing by its exact condition and owner, and nothing of what is well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.diagnosis import Subject
from core.errors import ConfigError, Unreachable
from core.model import utc_now
from core.observation import Finding, Observation
from core.settings import Config
from tests.live.lab import Lab, Obj, altered, container_of, cron_job, ingress, job, reader, service, workload
from tests.live.stack import eventually
from workers.loop.observe import observe, triage
from workers.triage.objects import is_true, name_of, status_of
from workers.triage.workloads import count_of

pytestmark = pytest.mark.live

WITHIN_S = 90.0
LATER = timedelta(seconds=60)  # looked at as if so much later: what is young now is over its grace then


def later(lab: Lab, namespace: str) -> Observation:
    return triage(lab.cluster, namespace, utc_now() + LATER, with_logs=False)


def first_of(lab: Lab, namespace: str, owner: str, condition: str) -> Finding:
    """The owner's first finding, once there is one of that condition."""

    def found() -> Finding | None:
        findings = [f for f in later(lab, namespace).findings if f.owner == owner]
        return findings[0] if any(f.condition == condition for f in findings) else None

    return eventually(found, WITHIN_S, f"{condition} of {owner}")


BROKEN = (
    (workload("crash", "crash", replicas=2), "CrashLoopBackOff", "Deployment/crash", "exited with 1"),
    (workload("hungry", "oom", memory="64Mi"), "OOMKilled", "Deployment/hungry", "memory limit of 64Mi"),
    (workload("hungry-db", "oom", memory="64Mi", kind="StatefulSet"), "OOMKilled", "StatefulSet/hungry-db", "64Mi"),
    (workload("typo", "imagepull"), "ImagePullBackOff", "Deployment/typo", "manifest unknown"),
    (workload("unset", "config"), "CreateContainerConfigError", "Deployment/unset", 'configmap "settings" not found'),
    (workload("sick", "unready"), "Unhealthy", "Deployment/sick", "Readiness probe failed"),
    (workload("tape", nodeSelector={"disk": "tape"}), "Unschedulable", "Deployment/tape", "nodes are available"),
    (workload("migrating", initContainers=[{**container_of("crash"), "name": "migrate"}]),
     "CrashLoopBackOff", "Deployment/migrating", "init container migrate"),
    (job("import", "crash"), "JobFailed", "Job/import", "exited with 1"),
    (job("report", "oom", memory="100Mi"), "OOMKilled", "Job/report", "memory limit of 100Mi"),
    (cron_job("leap", "0 0 30 2 *", "done"), "CronJobInvalid", "CronJob/leap", "never fires"),
    ({"kind": "Pod", "metadata": {"name": "alone"}, "spec": {"containers": [container_of("crash")]}},
     "CrashLoopBackOff", "Pod/alone", "exited with 1"),
    ({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "no-such-class",
        "resources": {"requests": {"storage": "1Gi"}}}},
     "PVCPending", "PersistentVolumeClaim/data", "no-such-class does not exist"),
    (service("mislabelled", {"app": "nothing-has-this"}), "NoEndpoints", "Service/mislabelled", "matches no pod"),
    (ingress("front", to="gone"), "IngressBackendMissing", "Ingress/front", "service gone, which does not exist"),
)  # fmt: skip


@pytest.fixture(scope="module")
def broken(lab: Lab) -> Iterator[str]:
    with lab.namespace("broken") as namespace:
        lab.apply(namespace, *(case[0] for case in BROKEN), service("crash"), service("typo"))
        yield namespace


@pytest.mark.parametrize(("condition", "owner", "words"), [pytest.param(*c[1:], id=c[2]) for c in BROKEN])
def test_what_is_broken_is_named_with_its_owner(lab: Lab, broken: str, condition: str, owner: str, words: str) -> None:
    finding = first_of(lab, broken, owner, condition)

    assert (finding.condition, finding.owner, finding.namespace) == (condition, owner, broken)
    assert words in finding.message


def test_what_follows_from_a_cause_comes_after_it(lab: Lab, broken: str) -> None:
    first_of(lab, broken, "Service/typo", "NoEndpoints")
    findings = later(lab, broken).findings
    order = [f.condition for f in findings if f.owner == "Deployment/typo" or "Deployment/typo" in " ".join(f.harms)]

    assert order[0] == "ImagePullBackOff"
    assert {"ReplicasMismatch", "NoEndpoints"} <= set(order[1:])


def _everywhere(lab: Lab, behaviour: str) -> Obj:
    """A daemon set for one node: the launcher does not place its pods on the nodes that they are meant for."""
    return workload("agent", behaviour, kind="DaemonSet", nodeSelector={"kubernetes.io/hostname": lab.node})


def test_a_daemon_set_owns_its_pods(lab: Lab) -> None:
    with lab.namespace("daemon") as namespace:
        lab.apply(namespace, _everywhere(lab, "crash"))

        assert first_of(lab, namespace, "DaemonSet/agent", "CrashLoopBackOff").kind == "Pod"


def test_a_cron_job_owns_what_its_jobs_do(lab: Lab) -> None:
    with lab.namespace("cron") as namespace:
        lab.apply(namespace, cron_job("nightly", "* * * * *", "crash"))

        finding = first_of(lab, namespace, "CronJob/nightly", "JobFailed")

        assert finding.kind == "Job"
        assert finding.name.startswith("nightly-")


def test_a_full_quota_is_the_cause_of_missing_pods(lab: Lab) -> None:
    with lab.namespace("full") as namespace:
        lab.apply(namespace, {"kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}})
        eventually(lambda: "hard" in _quota(lab, namespace).get("status", {}), WITHIN_S, "the quota's status")
        lab.apply(namespace, workload("wide", replicas=3), workload("deep", replicas=3, kind="StatefulSet"))

        for owner in ("Deployment/wide", "StatefulSet/deep"):
            finding = first_of(lab, namespace, owner, "QuotaExceeded")
            assert finding.condition == "QuotaExceeded"
            assert "exceeded quota: few" in finding.message


def _quota(lab: Lab, namespace: str) -> dict[str, object]:
    return lab.cluster.get(f"/api/v1/namespaces/{namespace}/resourcequotas/few")


def test_an_autoscaler_without_metrics_is_limited(lab: Lab) -> None:
    with lab.namespace("scaled") as namespace:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "absent"}
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
        spec = {"maxReplicas": 3, "scaleTargetRef": target, "metrics": [{"type": "Resource", "resource": cpu}]}
        lab.apply(namespace, {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "wide"}, "spec": spec})

        finding = first_of(lab, namespace, "HorizontalPodAutoscaler/wide", "HPALimited")

        assert "FailedGetScale" in finding.message


def test_a_webhook_that_nobody_answers_is_found_in_the_whole_cluster(lab: Lab) -> None:
    with lab.namespace("hooked") as namespace:
        hook = {
            "name": "guard.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {"service": {"namespace": namespace, "name": "guard"}},
            "namespaceSelector": {"matchLabels": {"guarded-by-test": namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        }  # fmt: skip
        name = f"guard-{namespace}"
        lab.apply("", {"kind": "ValidatingWebhookConfiguration", "metadata": {"name": name}, "webhooks": [hook]})
        try:
            findings = triage(lab.cluster, None, utc_now() + LATER, with_logs=False).findings
        finally:
            lab.call("DELETE", f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}")

        [finding] = [f for f in findings if f.name == name]
        assert (finding.condition, finding.severity) == ("WebhookUnavailable", "warning")
        assert f"service {namespace}/guard, which does not exist" in finding.message


def test_a_node_that_is_not_ready_is_found_and_a_cordoned_one_is_not(lab: Lab) -> None:
    said = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
    }
    lab.apply("", {"kind": "Node", "metadata": {"name": "lost"}, "spec": {"unschedulable": True}})
    lab.apply("", {"kind": "Node", "metadata": {"name": "resting"}, "spec": {"unschedulable": True}})
    try:
        lab.patch("Node", "", "lost", {"status": {"conditions": [said]}}, "status")
        lab.patch("Node", "", "resting", {"status": {"conditions": [{**said, "status": "True"}]}}, "status")
        findings = triage(lab.cluster, None, utc_now(), with_logs=False).findings
    finally:
        lab.call("DELETE", "/api/v1/nodes/lost")
        lab.call("DELETE", "/api/v1/nodes/resting")

    nodes = [(f.condition, f.owner) for f in findings if f.kind == "Node" and f.name in ("lost", "resting")]
    assert nodes == [("NodeNotReady", "Node/lost")]


HEALTHY = (
    workload("web", replicas=3, env={"API_URL": "http://api:80/"}), service("web"), ingress("front", to="web"),
    workload("api", replicas=2), service("api"), workload("db", kind="StatefulSet"), service("db", clusterIP="None"),
    workload("resting", replicas=0), service("resting"),
    service("peers", {"app": "peers"}, clusterIP="None"), service("by-hand", {}),
    {"kind": "Service", "metadata": {"name": "away"}, "spec": {"type": "ExternalName", "externalName": "example.org"}},
    {"kind": "Endpoints", "metadata": {
        "name": "leader", "annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}},
    {"kind": "ConfigMap", "metadata": {"name": "unused"}, "data": {"key": "value"}},
    {"kind": "Pod", "metadata": {"name": "once"}, "spec": {
        "restartPolicy": "Never", "containers": [container_of("done")]}},
    job("finished", "done"), cron_job("regular", "* * * * *", "done"),
    workload("prepared", initContainers=[{**container_of("done"), "name": "prepare"}]),
)  # fmt: skip


def test_a_healthy_namespace_has_no_finding_from_its_first_second_on(lab: Lab) -> None:
    with lab.namespace("healthy") as namespace:
        lab.apply(namespace, *HEALTHY, _everywhere(lab, "ok"))

        def all_ready() -> bool:
            seen = triage(lab.cluster, namespace, utc_now())
            assert (seen.findings, seen.could_not_read) == ((), ())
            return _ready(lab, namespace)

        eventually(all_ready, WITHIN_S, "a healthy namespace that is ready")
        assert triage(lab.cluster, namespace, utc_now() + timedelta(hours=1)).findings == ()


def _ready(lab: Lab, namespace: str) -> bool:
    """Whether every workload has its pods, and every pod is ready or has done its work."""
    root = f"/apis/apps/v1/namespaces/{namespace}"
    short = [
        name_of(w)
        for kind, resource in (
            ("Deployment", "deployments"),
            ("StatefulSet", "statefulsets"),
            ("DaemonSet", "daemonsets"),
        )
        for w in lab.cluster.items(f"{root}/{resource}")
        if (count := count_of(kind, w)).ready < count.desired or not status_of(w).get("observedGeneration")
    ]
    pods = list(lab.cluster.items(f"/api/v1/namespaces/{namespace}/pods"))
    return not short and all(is_true(p, "Ready") or status_of(p).get("phase") == "Succeeded" for p in pods)


def test_a_failed_job_that_was_run_again_is_history(lab: Lab) -> None:
    with lab.namespace("rerun") as namespace:
        lab.apply(namespace, job("sync-1", "crash"))
        first_of(lab, namespace, "Job/sync-1", "JobFailed")
        time.sleep(1.1)  # creation times are whole seconds
        lab.apply(namespace, job("sync-2", "done"))

        eventually(lambda: later(lab, namespace).findings == (), WITHIN_S, "a namespace without findings")


def test_the_rollout_its_fields_and_the_masked_log_are_evidence(lab: Lab) -> None:
    with lab.namespace("rolled") as namespace:
        lab.apply(namespace, workload("shop", replicas=2, env={"SECRET_KEY": "aaaa"}), service("shop"))
        eventually(lambda: _ready(lab, namespace), WITHIN_S, "the first revision")
        log = "starting\npanic: parse CART_URL: invalid port ':80a'\npassword=hunter2secret"
        second = container_of(
            "crash", {"CART_URL": "http://cart:80a", "SECRET_KEY": "bbbb", "LAB_LOG": log}, memory="128Mi"
        )
        second["image"] = "busybox:1.37"
        lab.patch("Deployment", namespace, "shop", {"spec": {"template": {"spec": {"containers": [second]}}}})
        first_of(lab, namespace, "Deployment/shop", "CrashLoopBackOff")

        subject = Subject(text="shop is down", namespace=namespace, target="Deployment/shop")
        seen = observe(subject, lab.cluster, None, None, utc_now(), Config())

        change = seen.changes[0]
        assert (change.owner, change.from_revision, change.to_revision) == ("Deployment/shop", "1", "2")
        fields = {(f.field, f.verb, f.before, f.after) for f in change.fields}
        assert fields == {
            ("image", "changed", "busybox:1.36", "busybox:1.37"),
            ("command", "changed", "sleep 100000", 'sh -c echo "$LAB_LOG"; exit 1'),
            ("env LAB_BEHAVIOUR", "changed", None, None), ("env SECRET_KEY", "changed", None, None),
            ("env CART_URL", "added", None, None), ("env LAB_LOG", "added", None, None),
            ("memory limit", "added", None, "128Mi"),
        }  # fmt: skip
        [excerpt] = [log for log in seen.logs if log.owner == "Deployment/shop"]
        assert any("invalid port" in line for line in excerpt.lines)
        whole = seen.model_dump_json()
        assert "hunter2secret" not in whole
        assert "bbbb" not in whole
        ids = {e.id for e in seen.evidence}
        cited = {i for part in (*seen.findings, *seen.changes, *seen.logs, *seen.workloads) for i in part.evidence}
        assert cited == ids


def test_what_an_account_may_not_read_is_listed_and_the_rest_goes_on(lab: Lab, tmp_path: Path) -> None:
    with lab.namespace("narrow") as namespace:
        lab.apply(
            namespace, workload("crash", "crash"), {"kind": "ServiceAccount", "metadata": {"name": "reader"}},
            {"kind": "Role", "metadata": {"name": "reader"}, "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
                {"apiGroups": ["apps"], "resources": ["deployments", "replicasets"], "verbs": ["list"]}]},
            {"kind": "RoleBinding", "metadata": {"name": "reader"},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
             "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}]},
        )  # fmt: skip
        first_of(lab, namespace, "Deployment/crash", "CrashLoopBackOff")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = lab.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token", request)["status"][
            "token"
        ]
        narrow = reader(altered(lab.kubeconfig, tmp_path, lambda c: c["users"][0].update(user={"token": token})))

        seen = triage(narrow, namespace, utc_now() + LATER)

        assert seen.findings[0].condition == "CrashLoopBackOff"
        assert seen.findings[0].owner == "Deployment/crash"
        who = f"system:serviceaccount:{namespace}:reader"
        for name in (f"events in {namespace}", f"services in {namespace}", "nodes"):
            assert f"{name} (forbidden: {who} may not list them)" in seen.could_not_read
        assert any(line.startswith(f"logs of {namespace}/crash-") and who in line for line in seen.could_not_read)
        assert not any("pods in" in line or "deployments in" in line for line in seen.could_not_read)


def test_a_namespace_that_does_not_exist_is_said_to_be_absent(lab: Lab) -> None:
    seen = triage(lab.cluster, "no-such-namespace", utc_now())

    assert "namespaces no-such-namespace (there is none)" in seen.could_not_read


def test_a_wrong_token_gives_one_sentence(lab: Lab, tmp_path: Path) -> None:
    wrong = reader(altered(lab.kubeconfig, tmp_path, lambda c: c["users"][0].update(user={"token": "wrong"})))

    with pytest.raises(Unreachable) as refused:
        triage(wrong, None, utc_now())

    context = wrong.name
    assert str(refused.value) == (
        f"The Kubernetes API of context {context} at {wrong.server} does not accept these credentials (401); "
        "renew them in the kubeconfig."
    )


def test_an_untrusted_certificate_gives_one_sentence(lab: Lab, tmp_path: Path) -> None:
    def forget(content: dict[str, list[dict[str, dict[str, str]]]]) -> None:
        for key in ("certificate-authority", "certificate-authority-data"):
            content["clusters"][0]["cluster"].pop(key, None)

    doubted = reader(altered(lab.kubeconfig, tmp_path, forget))

    with pytest.raises(Unreachable, match="fails the TLS check; check certificate-authority and the address"):
        triage(doubted, None, utc_now())


def test_a_missing_kubeconfig_or_context_gives_one_sentence(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere does not exist; set KUBECONFIG"):
        reader(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"has no context 'gone'; it has: "):
        reader(altered(lab.kubeconfig, tmp_path, lambda c: c.update({"current-context": "gone"})))
