"""Every action on a real control plane, done with the operator's own account and rights."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from tests.contract.actions_contract import ActionsContract, Doing
from tests.live.accounts import OPERATOR, installed
from tests.live.lab import Lab, container_of, cron_job, job, service, workload
from tests.live.stack import eventually
from workers.actions import drain
from workers.actions.base import Means
from workers.actions.rollouts import is_complete
from workers.adapters.kubernetes import open_as_operator
from workers.adapters.kubernetes_write import open_writer
from workers.reach.groups import Reads
from workers.reach.rollout import deployed_at
from workers.reach.touch import touched
from workers.triage.objects import is_leaving, is_true, name_of

pytestmark = pytest.mark.live

WITHIN_S = 60.0
Obj = dict[str, Any]


class LiveStage:
    def __init__(self, lab: Lab, namespace: str, settings: Settings) -> None:
        self.lab, self.namespace = lab, namespace
        cluster, writer = open_as_operator(settings), open_writer(settings)
        self.means = Means(settings=settings, cluster=cluster, writer=writer, silences=None)
        self._numbers = itertools.count(1)

    def deployment(self) -> str:
        name = f"web-{next(self._numbers)}"
        made = workload(name, replicas=2)
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}"
        self.lab.apply(self.namespace, made)
        self.eventually(lambda: is_complete(self.lab.cluster.get(path)), f"{name} is complete")
        container = container_of("ok") | {"image": "busybox:1.37"}
        self.somebody(path, {"spec": {"template": {"spec": {"containers": [container]}}}})
        self.eventually(lambda: is_complete(self.lab.cluster.get(path)), f"{name} is complete again")
        return name

    def somebody(self, path: str, body: Obj) -> None:
        self.lab.call("PATCH", path, body)

    def node(self) -> str:
        self.deployment()
        pods = self.lab.cluster.items(f"/api/v1/namespaces/{self.namespace}/pods")
        return next(str(p["spec"]["nodeName"]) for p in pods if p["status"].get("phase") == "Running")

    def reopen(self, node: str) -> None:
        self.lab.patch("Node", "", node, {"spec": {"unschedulable": None}})

    def ended_job(self) -> str:
        name = f"report-{next(self._numbers)}"
        self.lab.apply(self.namespace, job(name, "done"))
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{name}"
        self.eventually(lambda: is_true(self.lab.cluster.get(path), "Complete"), f"{name} ended")
        return name

    def hook(self, kind: str) -> str:
        name = f"hook-{next(self._numbers)}"
        made = cron_job(name, "0 0 1 1 *", "done")
        made["metadata"]["annotations"] = {"sre-bot.io/hook": kind}
        made["spec"]["suspend"] = True
        self.lab.apply(self.namespace, made)
        return name

    def eventually(self, ask: Callable[[], object], what: str) -> None:
        eventually(ask, WITHIN_S, what)


@pytest.fixture(scope="module")
def stage(lab: Lab, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStage]:
    with lab.namespace("acting") as namespace:
        path = installed(lab, kubeconfig, namespace, tmp_path_factory.mktemp("accounts"))
        settings = Settings(data_dir=path.parent, kubeconfig=str(path), kube_write_context=OPERATOR)
        yield LiveStage(lab, namespace, settings)


class TestRealControlPlane(ActionsContract):
    def test_a_pod_that_nothing_would_make_anew_is_left(self, stage: LiveStage, lab: Lab) -> None:
        lab.apply(stage.namespace, {"kind": "Pod", "metadata": {"name": "lonely"},
                                    "spec": {"containers": [container_of("ok")]}})  # fmt: skip
        path = f"/api/v1/namespaces/{stage.namespace}/pods/lonely"
        stage.eventually(lambda: lab.cluster.get(path)["spec"].get("nodeName"), "it is placed")
        doing = Doing(stage, "restart_pod", "lonely")
        assert "no controller" in doing.dry_run().says
        node = lab.cluster.get(path)["spec"]["nodeName"]
        draining = Doing(stage, "drain_node", node, namespace="")
        assert "lonely" in draining.dry_run().says
        lab.call("DELETE", path, {"gracePeriodSeconds": 0})
        stage.eventually(lambda: doing.found("ACT-1"), "it is gone")

    def test_a_disruption_budget_is_heeded_and_told(
        self, stage: LiveStage, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drain, "WAIT_S", 1.0)
        monkeypatch.setattr(drain, "_EVERY_S", 0.3)
        node = lab.node
        web = workload("guarded", replicas=2, nodeSelector={"kubernetes.io/hostname": node})
        path = f"/apis/apps/v1/namespaces/{stage.namespace}/deployments/guarded"
        lab.apply(stage.namespace, web, budget("guarded", "guarded", 1))
        stage.eventually(lambda: is_complete(lab.cluster.get(path)), "both pods run there")
        budgets = f"/apis/{budget_version(lab)}/namespaces/{stage.namespace}/poddisruptionbudgets/guarded"
        stage.eventually(lambda: lab.cluster.get(budgets)["status"].get("disruptionsAllowed"), "its budget counts them")
        doing = Doing(stage, "drain_node", node, namespace="")
        assert doing.dry_run().passed
        said = doing.execute("ACT-2")
        try:
            assert "the drain is not complete." in said
            assert f"{stage.namespace}/guarded-" in said
            assert doing.act.settled(doing.action, doing.target, "ACT-2", stage.means) is False
            query = {"labelSelector": "app=guarded", "fieldSelector": f"spec.nodeName={node}"}
            left = lab.cluster.items(f"/api/v1/namespaces/{stage.namespace}/pods", **query)
            assert len([p for p in left if not p["metadata"].get("deletionTimestamp")]) == 1
            assert "hold back" in Doing(stage, "drain_node", node, namespace="").dry_run().says
        finally:
            stage.reopen(node)
            lab.call("DELETE", path, {"propagationPolicy": "Foreground"})

    def test_what_a_daemon_set_keeps_there_stays(self, stage: LiveStage, lab: Lab) -> None:
        lab.apply(stage.namespace, workload("agent", kind="DaemonSet"))
        pods = f"/api/v1/namespaces/{stage.namespace}/pods"

        def agents() -> list[Obj]:
            return [p for p in lab.cluster.items(pods, labelSelector="app=agent") if p["spec"].get("nodeName")]

        stage.eventually(agents, "the daemon set runs")
        node = agents()[0]["spec"]["nodeName"]
        assert not [p for p in Doing(stage, "drain_node", node, namespace="").target.facts["pods"] if "agent" in p]

    def test_a_node_with_pods_of_others_is_left_to_a_person(self, stage: LiveStage, lab: Lab) -> None:
        with lab.namespace("elsewhere") as other:
            lab.apply(other, workload("other"))
            pods = f"/api/v1/namespaces/{other}/pods"
            stage.eventually(lambda: any(p["spec"].get("nodeName") for p in lab.cluster.items(pods)), "it is placed")
            node = next(lab.cluster.items(pods))["spec"]["nodeName"]
            doing = Doing(stage, "drain_node", node, namespace="")
            assert f"{other}/other-" in (says := doing.dry_run().says)
            assert "Forbidden" in says

    def test_a_rerun_of_a_cron_jobs_job_keeps_its_owner(self, stage: LiveStage, lab: Lab) -> None:
        lab.apply(stage.namespace, cron_job("nightly", "* * * * *", "done") | {})
        lab.patch("CronJob", stage.namespace, "nightly", {"spec": {"suspend": True}})
        version = "v1" if lab.cluster.serves("batch/v1", "cronjobs") else "v1beta1"
        owner = lab.cluster.get(f"/apis/batch/{version}/namespaces/{stage.namespace}/cronjobs/nightly")
        reference = {"apiVersion": f"batch/{version}", "kind": "CronJob", "name": "nightly",
                     "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}  # fmt: skip
        first = job("nightly-1", "done")
        first["metadata"]["ownerReferences"] = [reference]
        lab.apply(stage.namespace, first)
        jobs = f"/apis/batch/v1/namespaces/{stage.namespace}/jobs"
        stage.eventually(lambda: is_true(lab.cluster.get(f"{jobs}/nightly-1"), "Complete"), "it ended")
        Doing(stage, "rerun_job", "nightly-1").execute("ACT-3")
        (kept,) = lab.cluster.get(f"{jobs}/nightly-1-act-3")["metadata"]["ownerReferences"]
        assert (kept["name"], kept["uid"]) == ("nightly", owner["metadata"]["uid"])

    def test_how_far_each_reaches_is_read_with_the_operators_rights(self, stage: LiveStage, lab: Lab) -> None:
        name = stage.deployment()
        lab.apply(stage.namespace, service(name))
        pods = stage.means.cluster.items(f"/api/v1/namespaces/{stage.namespace}/pods", labelSelector=f"app={name}")
        pod = next(name_of(each) for each in pods if not is_leaving(each))
        template = {"template": stage.hook("shift_traffic"), "to": "eu-2"}
        for kind, target, params in (
            ("rollback_deployment", name, {}), ("scale_deployment", name, {"replicas": 3}), ("restart_pod", pod, {}),
            ("set_resources", name, {"container": "app", "memory_limit": "1Gi"}), ("shift_traffic", name, template),
            ("rerun_job", stage.ended_job(), {}),
        ):  # fmt: skip
            action = Doing(stage, kind, target, **params).action
            reads = Reads(stage.means.cluster)
            found = touched(action, reads)
            assert found.pods >= 1
            deployed_at(action, found, reads)

    def test_limits_of_a_stateful_set_are_set(self, stage: LiveStage, lab: Lab) -> None:
        lab.apply(stage.namespace, workload("db", kind="StatefulSet", memory="64Mi"))
        path = f"/apis/apps/v1/namespaces/{stage.namespace}/statefulsets/db"
        stage.eventually(lambda: is_complete(lab.cluster.get(path)), "it is complete")
        doing = Doing(stage, "set_resources", "db", container="app", memory_limit="128Mi")
        assert "memory limit 64Mi → 128Mi" in doing.dry_run().change
        doing.execute("ACT-4")
        doing.settle("ACT-4")
        doing.undo("ACT-4")
        pod = name_of(next(lab.cluster.items(f"/api/v1/namespaces/{stage.namespace}/pods", labelSelector="app=db")))
        assert pod == "db-0"


def budget_version(lab: Lab) -> str:
    return next(v for v in ("policy/v1", "policy/v1beta1") if lab.cluster.serves(v, "poddisruptionbudgets"))


def budget(name: str, app: str, available: int) -> Obj:
    spec = {"minAvailable": available, "selector": {"matchLabels": {"app": app}}}
    return {"kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}
