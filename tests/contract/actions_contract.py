"""What every action does to a Kubernetes API: the same assertions on the sandbox's and on a real control plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from core.diagnosis import Action
from core.errors import Absent, Changed, Conflict, Refused, ToolError
from core.remediation import DryRun, Target
from workers.actions.base import MARK, Means
from workers.actions.catalogue import ACTIONS
from workers.actions.rollouts import revision_of
from workers.triage.objects import annotations_of, is_leaving, name_of, spec_of, status_of, template_of

Obj = dict[str, Any]
APPS = "/apis/apps/v1/namespaces"


class Stage(Protocol):
    """A cluster to act on, as the operator."""

    means: Means
    namespace: str

    def deployment(self) -> str:
        """A deployment of at least two replicas and two revisions with other images, complete and left alone."""
        ...

    def somebody(self, path: str, body: Obj) -> None:
        """A merge patch by somebody else."""
        ...

    def node(self) -> str:
        """A node with pods, all of which may be evicted."""
        ...

    def reopen(self, node: str) -> None: ...
    def ended_job(self) -> str: ...
    def hook(self, kind: str) -> str:
        """The name of a suspended CronJob that is marked as such a hook."""
        ...

    def eventually(self, ask: Callable[[], object], what: str) -> None: ...


class Doing:
    """One action, taken through its steps."""

    def __init__(self, stage: Stage, kind: str, name: str, namespace: str | None = None, **params: Any) -> None:
        where = stage.namespace if namespace is None else namespace
        self.action = Action.model_validate({"kind": kind, "namespace": where, "name": name, "params": params})
        self.stage, self.act = stage, ACTIONS[self.action.kind]
        self.target: Target = self.act.prepare(self.action, stage.means)

    def dry_run(self) -> DryRun:
        return self.act.dry_run(self.action, self.target, self.stage.means)

    def execute(self, action_id: str) -> str:
        return self.act.execute(self.action, self.target, action_id, self.stage.means)

    def found(self, action_id: str) -> bool | None:
        return self.act.found(self.action, self.target, action_id, self.stage.means)

    def undo(self, action_id: str) -> str:
        return self.act.undo(self.action, self.target, action_id, self.stage.means)

    def settle(self, action_id: str) -> None:
        self.stage.eventually(
            lambda: self.act.settled(self.action, self.target, action_id, self.stage.means) is True, "it settled"
        )


def spec_at(stage: Stage, path: str) -> Obj:
    return spec_of(stage.means.cluster.get(path))


def image_of(stage: Stage, path: str) -> str:
    containers = spec_of(template_of(stage.means.cluster.get(path)))["containers"]
    return str(containers[0]["image"])


class ActionsContract:
    def at(self, stage: Stage, name: str) -> str:
        return f"{APPS}/{stage.namespace}/deployments/{name}"

    def test_a_rollback_is_tried_done_once_found_and_taken_back(self, stage: Stage) -> None:
        name = stage.deployment()
        path, image = self.at(stage, name), image_of(stage, self.at(stage, name))
        before = stage.means.cluster.get(path)
        doing = Doing(stage, "rollback_deployment", name)
        tried = doing.dry_run()
        assert tried.passed, tried
        assert any(line.startswith("image ") and "→" in line for line in tried.change)
        assert stage.means.cluster.get(path)["spec"] == before["spec"]
        assert doing.found("ACT-1") is False

        said = doing.execute("ACT-1")
        facts = doing.target.facts
        assert said == f"Rolled {name} back from revision {facts['revision']} to {facts['to']}."
        assert image_of(stage, path) != image
        assert doing.found("ACT-1") is True
        generation = stage.means.cluster.get(path)["metadata"]["generation"]
        assert "already" in doing.execute("ACT-1")
        doing.settle("ACT-1")
        after = stage.means.cluster.get(path)
        assert after["metadata"]["generation"] <= generation + 1  # the controller writes the revision itself
        assert annotations_of(after)[MARK] == "ACT-1"
        assert (revision_of(after) or 0) > facts["revision"]

        assert doing.undo("ACT-1") == f"Rolled {name} forward to revision {facts['revision']} again."
        assert image_of(stage, path) == image
        doing.settle("ACT-1")
        assert doing.found("ACT-1") is True  # it was done, whatever came after

    def test_a_revision_that_is_gone_or_is_the_present_one_is_refused(self, stage: Stage) -> None:
        name = stage.deployment()
        with pytest.raises(Absent, match="revision 4711"):
            Doing(stage, "rollback_deployment", name, revision=4711)
        now = revision_of(stage.means.cluster.get(self.at(stage, name)))
        doing = Doing(stage, "rollback_deployment", name, revision=now)
        assert doing.dry_run() == DryRun(passed=False, says=f"{name} runs revision {now} already.")
        with pytest.raises(Refused):
            doing.execute("ACT-2")
        assert doing.found("ACT-2") is False

    def test_a_rollout_between_proposal_and_click_is_noticed(self, stage: Stage) -> None:
        name = stage.deployment()
        path = self.at(stage, name)
        doing = Doing(stage, "rollback_deployment", name)
        stage.somebody(path, {"spec": {"template": {"metadata": {"annotations": {"by": "somebody"}}}}})
        revision = doing.target.facts["revision"]
        stage.eventually(lambda: revision_of(stage.means.cluster.get(path)) != revision, "a new revision")
        with pytest.raises(Changed, match=f"{name} changed since this was proposed: revision {revision + 1} "):
            doing.execute("ACT-3")
        assert not doing.dry_run().passed
        assert MARK not in annotations_of(stage.means.cluster.get(path)) or doing.found("ACT-3") is None
        doing.settle("ACT-3")

    def test_what_is_only_status_or_a_note_changes_nothing(self, stage: Stage) -> None:
        name = stage.deployment()
        doing = Doing(stage, "restart_deployment", name)
        stage.somebody(self.at(stage, name), {"metadata": {"annotations": {"note": "seen"}}})
        assert doing.execute("ACT-4") == f"Restarted {name}, pod by pod."
        doing.settle("ACT-4")

    def test_a_restart_replaces_every_pod_once(self, stage: Stage) -> None:
        name = stage.deployment()
        tried: list[Doing] = []

        def rehearsed() -> bool:
            """A deployment is given its revision a moment after it is changed, and counts as changed by that."""
            tried.append(Doing(stage, "restart_deployment", name))
            return tried[-1].dry_run().change == ("every pod is replaced, as by kubectl rollout restart",)

        stage.eventually(rehearsed, "a dry run that passes")
        doing, before = tried[-1], self.pods(stage, name)
        assert doing.dry_run().passed
        assert self.pods(stage, name) <= before  # some of an earlier rollout may just be ending
        doing.execute("ACT-5")
        stamp = template_of(stage.means.cluster.get(self.at(stage, name)))["metadata"]["annotations"]
        doing.execute("ACT-5")
        assert template_of(stage.means.cluster.get(self.at(stage, name)))["metadata"]["annotations"] == stamp
        doing.settle("ACT-5")
        stage.eventually(lambda: not before & self.pods(stage, name), "other pods")
        assert doing.act.how_to_undo(doing.action, doing.target) is None
        with pytest.raises(Refused):
            doing.undo("ACT-5")

    def test_a_paused_deployment_is_neither_restarted_nor_rolled_back(self, stage: Stage) -> None:
        name = stage.deployment()
        stage.somebody(self.at(stage, name), {"spec": {"paused": True}})
        stage.eventually(lambda: self.is_observed(stage, name), "the pause was taken up")
        for kind in ("restart_deployment", "rollback_deployment"):
            doing = Doing(stage, kind, name)
            assert not (tried := doing.dry_run()).passed
            assert "resume it first" in tried.says
            with pytest.raises(Refused, match="paused"):
                doing.execute("ACT-6")
        stage.somebody(self.at(stage, name), {"spec": {"paused": None}})

    def test_a_deployment_is_scaled_and_scaled_back(self, stage: Stage) -> None:
        name = stage.deployment()
        path = self.at(stage, name)
        now = spec_at(stage, path)["replicas"]
        doing = Doing(stage, "scale_deployment", name, replicas=now + 1)
        assert doing.dry_run().change == (f"replicas {now} → {now + 1}",)
        assert spec_at(stage, path)["replicas"] == now
        doing.execute("ACT-7")
        assert (spec_at(stage, path)["replicas"], doing.found("ACT-7")) == (now + 1, True)
        doing.settle("ACT-7")
        assert doing.undo("ACT-7") == f"Scaled {name} back to {now} replicas."
        assert spec_at(stage, path)["replicas"] == now
        doing.undo("ACT-7")
        assert "already" in doing.execute("ACT-7")  # what was taken back is not done again either
        assert spec_at(stage, path)["replicas"] == now
        stage.eventually(lambda: self.is_observed(stage, name), "the change was taken up")
        assert not Doing(stage, "scale_deployment", name, replicas=now).dry_run().passed

    def test_what_somebody_changed_after_us_is_not_taken_back(self, stage: Stage) -> None:
        name = stage.deployment()
        path = self.at(stage, name)
        now = spec_at(stage, path)["replicas"]
        doing = Doing(stage, "scale_deployment", name, replicas=now + 1)
        doing.execute("ACT-8")
        stage.somebody(path, {"spec": {"replicas": now + 2}})
        with pytest.raises(Changed, match="ACT-8"):
            doing.undo("ACT-8")
        assert spec_at(stage, path)["replicas"] == now + 2
        stage.somebody(path, {"spec": {"replicas": now}})

    def test_scaling_by_somebody_is_a_change_for_scaling_only(self, stage: Stage) -> None:
        name = stage.deployment()
        path = self.at(stage, name)
        now = spec_at(stage, path)["replicas"]
        scaling, restarting = (
            Doing(stage, "scale_deployment", name, replicas=now + 2),
            Doing(stage, "restart_deployment", name),
        )
        stage.somebody(path, {"spec": {"replicas": now + 1}})
        with pytest.raises(Changed, match=f"it was scaled from {now} to {now + 1}"):
            scaling.execute("ACT-9")
        assert restarting.execute("ACT-9") == f"Restarted {name}, pod by pod."
        stage.somebody(path, {"spec": {"replicas": now}})

    def test_limits_are_set_and_set_back(self, stage: Stage) -> None:
        name = stage.deployment()
        path = self.at(stage, name)
        (container, *_) = spec_of(template_of(stage.means.cluster.get(path)))["containers"]
        before = container.get("resources") or {}
        doing = Doing(stage, "set_resources", name, container=container["name"], memory_limit="1234Mi")
        assert any("memory limit" in line and "1234Mi" in line for line in doing.dry_run().change)
        doing.execute("ACT-10")
        limits = spec_of(template_of(stage.means.cluster.get(path)))["containers"][0]["resources"]["limits"]
        assert limits == {**before.get("limits", {}), "memory": "1234Mi"}
        doing.undo("ACT-10")
        assert (spec_of(template_of(stage.means.cluster.get(path)))["containers"][0].get("resources") or {}) == before
        with pytest.raises(Absent):
            Doing(stage, "set_resources", name, container="nobody", memory_limit="1Gi")

    def test_limits_that_the_server_refuses_are_said_to_fail(self, stage: Stage) -> None:
        name = stage.deployment()
        path = self.at(stage, name)
        (container, *_) = spec_of(template_of(stage.means.cluster.get(path)))["containers"]
        stage.somebody(path, {"metadata": {"annotations": {"note": "x"}}})
        needs = {**container, "resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}}
        stage.somebody(path, {"spec": {"template": {"spec": {"containers": [needs]}}}})
        stage.eventually(lambda: self.is_observed(stage, name), "the change was taken up")
        doing = Doing(stage, "set_resources", name, container=container["name"], memory_limit="32Mi")
        tried = doing.dry_run()
        assert not tried.passed
        assert tried.says.endswith("Invalid")
        stage.somebody(path, {"spec": {"template": {"spec": {"containers": [container]}}}})
        doing.settle("ACT-0")

    def test_a_pod_is_deleted_once_by_its_uid(self, stage: Stage) -> None:
        name = stage.deployment()
        pod = self.pod_names(stage, name)[0]
        doing = Doing(stage, "restart_pod", pod)
        assert doing.dry_run().passed
        assert doing.found("ACT-11") is False  # so the dry run deleted nothing
        doing.execute("ACT-11")
        assert doing.found("ACT-11") is True
        assert "already" in doing.execute("ACT-11")
        stage.eventually(lambda: pod not in self.pod_names(stage, name), "the pod went")
        doing.settle("ACT-11")
        with pytest.raises(Absent):
            Doing(stage, "restart_pod", pod)

    def test_a_node_is_cordoned_and_uncordoned(self, stage: Stage) -> None:
        node = stage.node()
        path = f"/api/v1/nodes/{node}"
        cordon = Doing(stage, "cordon_node", node, namespace="")
        assert cordon.dry_run().change == ("the node takes no new pods",)
        assert not spec_at(stage, path).get("unschedulable")
        cordon.execute("ACT-12")
        assert spec_at(stage, path)["unschedulable"]
        assert "already" in cordon.execute("ACT-12")
        assert not Doing(stage, "cordon_node", node, namespace="").dry_run().passed
        late = Doing(stage, "uncordon_node", node, namespace="")
        assert cordon.undo("ACT-12") == f"Uncordoned {node} again."
        assert not spec_at(stage, path).get("unschedulable")
        with pytest.raises(Changed, match="it was uncordoned"):
            late.execute("ACT-13")

    def test_a_drained_node_keeps_nothing_that_can_go(self, stage: Stage) -> None:
        node = stage.node()
        doing = Doing(stage, "drain_node", node, namespace="")
        pods = doing.target.facts["pods"]
        assert pods
        tried = doing.dry_run()
        assert tried.passed, tried
        assert tried.change[0] == "the node takes no new pods"
        assert {line.split()[0] for line in tried.change[1:]} == set(pods)
        assert not spec_at(stage, f"/api/v1/nodes/{node}").get("unschedulable")
        assert [line.split()[0] for line in doing.dry_run().change[1:]] == [
            line.split()[0] for line in tried.change[1:]
        ]
        assert doing.found("ACT-14") is False
        said = doing.execute("ACT-14")
        assert said.startswith(f"Cordoned {node} and evicted ")
        assert doing.found("ACT-14") is True
        doing.settle("ACT-14")
        assert "already" in doing.execute("ACT-14")
        assert doing.undo("ACT-14").startswith(f"Uncordoned {node}")
        assert not spec_at(stage, f"/api/v1/nodes/{node}").get("unschedulable")

    def test_a_job_is_run_again_under_another_name_and_taken_back(self, stage: Stage) -> None:
        name = stage.ended_job()
        jobs = f"/apis/batch/v1/namespaces/{stage.namespace}/jobs"
        doing = Doing(stage, "rerun_job", name)
        (line,) = doing.dry_run().change
        assert line.startswith(f"a job from Job/{name} runs ")
        assert doing.found("ACT-15") is False
        assert doing.execute("ACT-15") == f"Started job {name}-act-15, the same as {name}."
        assert "already" in doing.execute("ACT-15")
        assert doing.found("ACT-15") is True
        made, old = (stage.means.cluster.get(f"{jobs}/{each}") for each in (f"{name}-act-15", name))
        assert made["metadata"]["uid"] != old["metadata"]["uid"]
        assert spec_of(template_of(made))["containers"] == spec_of(template_of(old))["containers"]
        doing.settle("ACT-15")
        doing.undo("ACT-15")
        with pytest.raises(Absent):
            stage.means.cluster.get(f"{jobs}/{name}-act-15")
        stage.means.cluster.get(f"{jobs}/{name}")

    def test_a_hook_becomes_a_job_that_is_told_its_target(self, stage: Stage) -> None:
        name = stage.hook("shift_traffic")
        doing = Doing(stage, "shift_traffic", "checkout", template=name, to="eu-2")
        tried = doing.dry_run()
        assert tried.passed, tried
        assert tried.change[1:] == ("SRE_TARGET is checkout", "SRE_TO is eu-2")
        assert doing.execute("ACT-16") == f"Started job {name}-act-16, which shifts the traffic of checkout to eu-2."
        job = stage.means.cluster.get(f"/apis/batch/v1/namespaces/{stage.namespace}/jobs/{name}-act-16")
        env = {e["name"]: e.get("value") for e in spec_of(template_of(job))["containers"][0]["env"]}
        assert (env["SRE_TARGET"], env["SRE_TO"]) == ("checkout", "eu-2")
        assert doing.found("ACT-16") is True
        doing.settle("ACT-16")
        with pytest.raises(ToolError, match=r"annotate it with .*: rotate_credentials"):
            Doing(stage, "rotate_credentials", "checkout", template=name)

    def test_the_server_keeps_the_preconditions(self, stage: Stage) -> None:
        name = stage.deployment()
        path, writer = self.at(stage, name), stage.means.writer
        stale = stage.means.cluster.get(path)["metadata"]["resourceVersion"]
        stage.somebody(path, {"metadata": {"annotations": {"note": stale}}})
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": stale},
            {"op": "add", "path": "/spec/replicas", "value": 9},
        ]
        for dry_run in (True, False):
            with pytest.raises(Conflict):
                writer.patch(path, patch, json_patch=True, dry_run=dry_run)
        pod = f"/api/v1/namespaces/{stage.namespace}/pods/{self.pod_names(stage, name)[0]}"
        another = "00000000-0000-4000-a000-000000000000"
        with pytest.raises(Conflict):
            writer.delete(pod, uid=another)
        meta = {"name": pod.rpartition("/")[2], "namespace": stage.namespace}
        body = {
            "apiVersion": "policy/v1" if stage.means.cluster.serves("policy/v1", "poddisruptionbudgets") else
            "policy/v1beta1", "kind": "Eviction", "metadata": meta,
            "deleteOptions": {"preconditions": {"uid": another}},
        }  # fmt: skip
        with pytest.raises(Conflict):
            writer.create(f"{pod}/eviction", body)
        assert not is_leaving(stage.means.cluster.get(pod))

    @pytest.mark.parametrize(
        ("kind", "name", "command"),
        [
            ("delete_namespace", "shop", "kubectl delete namespace shop"),
            ("uninstall_release", "shop", "helm uninstall shop --namespace "),
        ],
    )
    def test_what_only_a_person_does_is_refused(self, stage: Stage, kind: str, name: str, command: str) -> None:
        doing = Doing(stage, kind, name)
        tried = doing.dry_run()
        assert not tried.passed
        assert command in tried.says
        with pytest.raises(Refused):
            doing.execute("ACT-17")

    def pods(self, stage: Stage, name: str) -> set[str]:
        """Uids of a deployment's pods."""
        return {str(pod["metadata"]["uid"]) for pod in self._pods(stage, name)}

    def pod_names(self, stage: Stage, name: str) -> list[str]:
        return [name_of(pod) for pod in self._pods(stage, name)]

    def _pods(self, stage: Stage, name: str) -> list[Obj]:
        query = {"labelSelector": f"app={name}"}
        listed = stage.means.cluster.items(f"/api/v1/namespaces/{stage.namespace}/pods", **query)
        return [pod for pod in listed if not is_leaving(pod)]

    def is_observed(self, stage: Stage, name: str) -> bool:
        found = stage.means.cluster.get(self.at(stage, name))
        return bool(status_of(found).get("observedGeneration", 0) >= found["metadata"]["generation"])
