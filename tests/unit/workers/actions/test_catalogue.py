"""Corners of single actions, over a few objects in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.catalogue import CATALOGUE
from core.diagnosis import Action
from core.errors import Absent, Changed, Conflict, Refused, ToolError
from core.settings import Settings
from workers.actions.base import MARK, Means
from workers.actions.catalogue import ACTIONS

Obj = dict[str, Any]
POD_SPEC = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "job:1",
                                                      "env": [{"name": "SRE_TO", "value": "old"}]}]}  # fmt: skip


class Held:
    """Implements workers.ports.Cluster and Writer over objects by kind and name."""

    name, server = "held", "https://held.invalid"

    def __init__(self, *objects: Obj) -> None:
        self.objects = list(objects)
        self.taken: set[str] = set()  # names that another job has

    def get(self, path: str, **query: str | int) -> Obj:
        parent, _, name = path.rpartition("/")
        for obj in self.items(parent):
            if obj["metadata"]["name"] == name:
                return obj
        raise Absent(path, "there is none")

    def items(self, path: str, **query: str | int) -> Iterator[Obj]:
        plural = path.rpartition("/")[2]
        return (obj for obj in self.objects if obj["kind"].lower() + "s" == plural)

    def serves(self, group_version: str, resource: str) -> bool:
        return group_version.endswith("/v1")

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        return ""

    def patch(self, path: str, body: object, *, json_patch: bool = False, dry_run: bool = False) -> Obj:
        raise AssertionError(path)

    def create(self, path: str, body: Obj, *, dry_run: bool = False) -> Obj:
        if body["metadata"]["name"] in self.taken:
            raise Conflict("taken")
        if not dry_run:
            self.objects.append({**body, "metadata": {"uid": "new", **body["metadata"]}})
        return body

    def delete(self, path: str, *, uid: str, dry_run: bool = False) -> Obj:
        raise AssertionError(path)


class Shop:
    def __init__(self, folder: Path, *objects: Obj) -> None:
        self.held = Held(*objects)
        self.means = Means(settings=Settings(data_dir=folder), cluster=self.held, writer=self.held, silences=None)

    def doing(self, kind: str, name: str, **params: Any) -> tuple[Any, Action, Any]:
        action = Action.model_validate({"kind": kind, "namespace": "shop", "name": name, "params": params})
        act = ACTIONS[action.kind]
        return act, action, act.prepare(action, self.means)


def made(kind: str, name: str, spec: Obj, **more: Any) -> Obj:
    meta = {"name": name, "namespace": "shop", "uid": f"uid-{name}", **more.pop("metadata", {})}
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": meta, "spec": spec, **more}


def ended_job(name: str, **metadata: Any) -> Obj:
    template = {"metadata": {"labels": {"controller-uid": "u", "job-name": name, "app": "x"}}, "spec": POD_SPEC}
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    spec = {"selector": {"matchLabels": {"controller-uid": "u"}}, "template": template, "backoffLimit": 3}
    return made("Job", name, spec, status=done, metadata=metadata)


def cron_job(name: str, *, suspend: bool = True, **annotations: str) -> Obj:
    template = {"spec": {"template": {"spec": POD_SPEC}}}
    spec = {"schedule": "0 0 1 1 *", "suspend": suspend, "jobTemplate": template}
    hooks = {f"sre-bot.io/{key}": value for key, value in annotations.items()}
    return made("CronJob", name, spec, metadata={"annotations": hooks})


def test_there_is_one_act_for_each_kind() -> None:
    assert set(ACTIONS) == set(CATALOGUE)
    assert all(act.kind == kind for kind, act in ACTIONS.items())


def test_a_rerun_drops_what_the_controller_wrote_and_owners_that_are_gone(tmp_path: Path) -> None:
    gone = [{"kind": "CronJob", "name": "nightly", "uid": "another", "controller": True}]
    shop = Shop(tmp_path, ended_job("report", ownerReferences=gone, labels={"job-name": "report", "team": "x"}))
    act, action, target = shop.doing("rerun_job", "report")
    act.execute(action, target, "ACT-1", shop.means)
    new = shop.held.get("jobs/report-act-1")
    assert new["metadata"]["ownerReferences"] == []
    assert new["metadata"]["labels"] == {"team": "x"}
    assert new["spec"]["template"]["metadata"]["labels"] == {"app": "x"}
    assert "selector" not in new["spec"]
    assert new["metadata"]["annotations"][MARK] == "ACT-1"


def test_a_long_name_is_cut_so_that_the_id_stays_whole(tmp_path: Path) -> None:
    name = "a-rather-long-name-of-a-job-that-runs-every-night-at-three-29"
    shop = Shop(tmp_path, ended_job(name))
    act, action, target = shop.doing("rerun_job", name)
    act.execute(action, target, "ACT-12345", shop.means)
    new = shop.held.objects[-1]["metadata"]["name"]
    assert new == "a-rather-long-name-of-a-job-that-runs-every-night-at-act-12345"
    assert len(new) <= 63


def test_a_job_that_still_runs_is_not_run_a_second_time(tmp_path: Path) -> None:
    running = ended_job("report") | {"status": {"active": 1}}
    shop = Shop(tmp_path, running)
    act, action, target = shop.doing("rerun_job", "report")
    assert "has not ended" in act.dry_run(action, target, shop.means).says
    with pytest.raises(Refused):
        act.execute(action, target, "ACT-1", shop.means)


def test_anothers_job_of_that_name_is_not_taken_for_ours(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ended_job("report"))
    act, action, target = shop.doing("rerun_job", "report")
    shop.held.taken.add("report-act-1")
    with pytest.raises(Changed, match="Another job has the name"):
        act.execute(action, target, "ACT-1", shop.means)
    shop.held.objects.append(ended_job("report-act-2"))
    assert act.found(action, target, "ACT-2", shop.means) is None


def test_a_job_that_cleans_up_after_itself_cannot_be_told(tmp_path: Path) -> None:
    vanishing = ended_job("report")
    vanishing["spec"]["ttlSecondsAfterFinished"] = 60
    shop = Shop(tmp_path, vanishing)
    act, action, target = shop.doing("rerun_job", "report")
    assert act.found(action, target, "ACT-1", shop.means) is None


def test_a_template_that_was_edited_is_a_change(tmp_path: Path) -> None:
    shop = Shop(tmp_path, cron_job("rotate", hook="rotate_credentials"))
    act, action, target = shop.doing("rotate_credentials", "checkout", template="rotate")
    shop.held.objects[0]["spec"]["jobTemplate"]["spec"]["backoffLimit"] = 9
    with pytest.raises(Changed, match="CronJob/rotate was edited since this was proposed"):
        act.execute(action, target, "ACT-1", shop.means)
    shop.held.objects[0]["metadata"]["uid"] = "another"
    with pytest.raises(Changed, match="made anew"):
        act.execute(action, target, "ACT-1", shop.means)


def test_a_hooks_variables_are_ours(tmp_path: Path) -> None:
    shop = Shop(tmp_path, cron_job("shift", hook="shift_traffic"))
    act, action, target = shop.doing("shift_traffic", "checkout", template="shift", to="eu-2")
    act.execute(action, target, "ACT-1", shop.means)
    new = shop.held.get("jobs/shift-act-1")
    assert new["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {"name": "SRE_TARGET", "value": "checkout"},
        {"name": "SRE_TO", "value": "eu-2"},
    ]
    assert new["metadata"]["ownerReferences"][0]["name"] == "shift"


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (cron_job("shift"), "annotate it with sre-bot.io/hook: shift_traffic"),
        (cron_job("shift", hook="rotate_credentials"), "annotate it with sre-bot.io/hook: shift_traffic"),
        (cron_job("shift", hook="shift_traffic", suspend=False), "set its spec.suspend to true"),
    ],
)
def test_only_a_suspended_cron_job_that_is_marked_so_is_a_hook(tmp_path: Path, hook: Obj, why: str) -> None:
    with pytest.raises(ToolError) as raised:
        Shop(tmp_path, hook).doing("shift_traffic", "checkout", template="shift", to="eu-2")
    assert why in str(raised.value)


def test_an_autoscaler_is_not_worked_against(tmp_path: Path) -> None:
    web = made("Deployment", "web", {"replicas": 2, "template": {"spec": POD_SPEC}})
    reference = {"kind": "Deployment", "name": "web"}
    scaler = made("HorizontalPodAutoscaler", "web", {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 6})
    shop = Shop(tmp_path, web, scaler)
    act, action, target = shop.doing("scale_deployment", "web", replicas=9)
    tried = act.dry_run(action, target, shop.means)
    assert tried.says == (
        "The autoscaler web keeps web at 2 to 6 replicas and would set it back; change the autoscaler instead."
    )
    with pytest.raises(Refused):
        act.execute(action, target, "ACT-1", shop.means)


@pytest.mark.parametrize("owner", [None, {"kind": "Node", "name": "node-1", "controller": True}])
def test_a_pod_that_nothing_makes_anew_is_left(tmp_path: Path, owner: Obj | None) -> None:
    pod = made("Pod", "lonely", {}, metadata={"ownerReferences": [owner] if owner else []})
    shop = Shop(tmp_path, pod)
    act, action, target = shop.doing("restart_pod", "lonely")
    assert not act.dry_run(action, target, shop.means).passed
    with pytest.raises(Refused, match="no controller"):
        act.execute(action, target, "ACT-1", shop.means)
