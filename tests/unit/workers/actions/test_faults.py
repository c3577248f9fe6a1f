"""Actions over a faulty API server: which error comes out, and that nothing that may have happened is tried again."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.diagnosis import Action
from core.errors import Changed, Refused, SreError, Transient, Unclear, Unreachable
from core.remediation import DryRun
from core.settings import Settings
from tests.unit.workers.adapters.faulty import Answer, Asked, Faulty, served
from workers.actions import drain
from workers.actions.base import MARK, Means
from workers.actions.catalogue import ACTIONS
from workers.adapters.kubernetes import KubernetesCluster
from workers.adapters.kubernetes_write import KubernetesWriter

Obj = dict[str, Any]
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
NODE = "/api/v1/nodes/node-1"


def deployment() -> Obj:
    return {
        "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "5", "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}},
                                             "spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
        "status": {"observedGeneration": 1},
    }  # fmt: skip


def pod(name: str) -> Obj:
    owner = {"kind": "ReplicaSet", "name": "web-1", "uid": "r1", "controller": True}
    meta = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "ownerReferences": [owner]}
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": "node-1"}, "status": {"phase": "Running"}}


class Shop:
    """A cluster of a few objects; `write` answers what is more than a dry run."""

    def __init__(self, api: Faulty, folder: Path) -> None:
        from kubernetes.client import Configuration

        self.held: dict[str, Obj] = {
            WEB: deployment(),
            NODE: {"kind": "Node", "metadata": {"name": "node-1", "uid": "n1", "resourceVersion": "7"}, "spec": {}},
            "/api/v1/namespaces/shop/pods/web-1-a": pod("web-1-a"),
        }
        self.write: Any = None
        self.dry: Answer = None
        self.api = api
        api.route = self.route
        configuration = Configuration(host=api.url)
        self.means = Means(
            settings=Settings(data_dir=folder), cluster=KubernetesCluster("lab", configuration),
            writer=KubernetesWriter("lab", Configuration(host=api.url)), silences=None,
        )  # fmt: skip

    def route(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            if asked.path == "/api/v1/pods":
                return 200, {"items": [pod("web-1-a"), pod("web-1-b")]}, {}
            if asked.path == "/api/v1":
                version = {"name": "pods/eviction", "group": "policy", "version": "v1"}
                return 200, {"resources": [version]}, {}
            if asked.path.startswith("/apis/autoscaling"):
                return 200, {"items": []}, {}
            found = self.held.get(asked.path)
            return (200, found, {}) if found else (404, {"reason": "NotFound"}, {})
        if "dryRun" in asked.query:
            return self.dry or (200, self.held.get(asked.path, {}), {})
        answer: Answer = self.write(asked)
        return answer

    def doing(self, kind: str, name: str, namespace: str = "shop", **params: Any) -> tuple[Any, Action, Any]:
        action = Action.model_validate({"kind": kind, "namespace": namespace, "name": name, "params": params})
        act = ACTIONS[action.kind]
        return act, action, act.prepare(action, self.means)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with served() as api:
        yield Shop(api, tmp_path)


OUTCOMES: list[tuple[Answer, type[SreError], int]] = [
    ((403, {"reason": "Forbidden"}, {}), Refused, 1),
    ((422, {"reason": "Invalid"}, {}), Refused, 1),
    ((429, {"reason": "TooManyRequests"}, {}), Transient, 1),
    ((503, {}, {"Retry-After": "1"}), Transient, 1),
    ((500, {"reason": "InternalError"}, {}), Unclear, 1),
    ((504, {"reason": "Timeout"}, {}), Unclear, 1),
    (None, Unclear, 1),
    ((409, {"reason": "Conflict"}, {}), Transient, 5),  # refused for certain, so it is safe to look and try again
]


@pytest.mark.parametrize(("answer", "error", "writes"), OUTCOMES)
@pytest.mark.parametrize(
    ("kind", "name", "namespace", "params"),
    [
        ("restart_deployment", "web", "shop", {}),
        ("scale_deployment", "web", "shop", {"replicas": 3}),
        ("set_resources", "web", "shop", {"container": "web", "memory_limit": "1Gi"}),
        ("cordon_node", "node-1", "", {}),
    ],
)
def test_a_patch_that_fails_says_how_and_is_sent_no_more_than_is_safe(
    shop: Shop, kind: str, name: str, namespace: str, params: Obj, answer: Answer, error: type[SreError], writes: int
) -> None:
    act, action, target = shop.doing(kind, name, namespace, **params)
    shop.write = lambda asked: answer
    with pytest.raises(error) as raised:
        act.execute(action, target, "ACT-1", shop.means)
    assert type(raised.value) is error
    assert len(shop.api.writes) == writes


@pytest.mark.parametrize(("answer", "error"), [(a, e) for a, e, _ in OUTCOMES if e is not Transient])
def test_a_pods_deletion_is_sent_once(shop: Shop, answer: Answer, error: type[SreError]) -> None:
    act, action, target = shop.doing("restart_pod", "web-1-a")
    shop.write = lambda asked: answer
    with pytest.raises(error):
        act.execute(action, target, "ACT-1", shop.means)
    assert len(shop.api.writes) == 1


def test_a_conflict_on_a_pod_is_another_pod(shop: Shop) -> None:
    act, action, target = shop.doing("restart_pod", "web-1-a")
    shop.write = lambda asked: (409, {"reason": "Conflict"}, {})
    with pytest.raises(Changed, match="another pod has its name"):
        act.execute(action, target, "ACT-1", shop.means)


def test_after_a_conflict_a_change_of_somebody_elses_is_noticed(shop: Shop) -> None:
    act, action, target = shop.doing("restart_deployment", "web")

    def first(asked: Asked) -> Answer:
        shop.held[WEB]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "4"
        return 409, {"reason": "Conflict"}, {}

    shop.write = first
    with pytest.raises(Changed, match="web changed since this was proposed: revision 4 is rolling out"):
        act.execute(action, target, "ACT-1", shop.means)
    assert len(shop.api.writes) == 1


def test_after_a_conflict_the_write_carries_the_newer_version(shop: Shop) -> None:
    act, action, target = shop.doing("restart_deployment", "web")

    def once(asked: Asked) -> Answer:
        if len(shop.api.writes) > 1:
            return 200, shop.held[WEB], {}
        shop.held[WEB]["metadata"]["resourceVersion"] = "6"
        return 409, {"reason": "Conflict"}, {}

    shop.write = once
    act.execute(action, target, "ACT-1", shop.means)
    assert [write.body[0]["value"] for write in shop.api.writes] == ["5", "6"]


def test_a_write_whose_answer_was_lost_is_found(shop: Shop) -> None:
    act, action, target = shop.doing("restart_deployment", "web")

    def stored(asked: Asked) -> Answer:
        shop.held[WEB]["metadata"]["annotations"] = asked.body[1]["value"]
        return None

    shop.write = stored
    assert act.found(action, target, "ACT-1", shop.means) is False
    with pytest.raises(Unclear):
        act.execute(action, target, "ACT-1", shop.means)
    assert act.found(action, target, "ACT-1", shop.means) is True
    assert "already" in act.execute(action, target, "ACT-1", shop.means)
    assert len(shop.api.writes) == 1


def test_a_write_that_somebody_elses_followed_cannot_be_told(shop: Shop) -> None:
    act, action, target = shop.doing("restart_deployment", "web")
    changed = copy.deepcopy(shop.held[WEB])
    changed["metadata"]["annotations"] |= {MARK: "ACT-2", "deployment.kubernetes.io/revision": "5"}
    shop.held[WEB] = changed
    assert act.found(action, target, "ACT-1", shop.means) is None
    changed["metadata"]["uid"] = "u2"
    with pytest.raises(Changed, match="made anew"):
        act.execute(action, target, "ACT-1", shop.means)


def test_a_target_that_is_still_in_motion_is_looked_at_later(shop: Shop) -> None:
    shop.held[WEB]["metadata"]["generation"] = 2
    with pytest.raises(Transient, match="web was changed just now"):
        shop.doing("restart_deployment", "web")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, {"reason": "Forbidden"}, {}), "Forbidden"),
        ((422, {"reason": "Invalid", "message": "s3cret"}, {}), "Invalid"),
    ],
)
def test_a_dry_run_that_is_refused_did_not_pass(shop: Shop, answer: Answer, says: str) -> None:
    act, action, target = shop.doing("restart_deployment", "web")
    shop.dry = answer
    tried: DryRun = act.dry_run(action, target, shop.means)
    assert not tried.passed
    assert says in tried.says
    assert "s3cret" not in tried.says
    assert shop.api.writes == []


def test_who_may_set_it_back_is_said(shop: Shop) -> None:
    shop.held[WEB]["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "shop"}
    act, action, target = shop.doing("restart_deployment", "web")
    assert act.dry_run(action, target, shop.means).change == (
        "Flux keeps this workload as it is in Git and may set it back",
    )


def test_a_drain_that_breaks_off_tells_how_far_it_came(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "_EVERY_S", 0.05)
    act, action, target = shop.doing("drain_node", "node-1", "")

    def gone(asked: Asked) -> Answer:
        if asked.path == NODE:
            return 200, shop.held[NODE], {}
        shop.api.route = lambda later: (500, {}, {}) if later.method == "GET" else (429, {}, {})
        return 201, {}, {}

    shop.write = gone
    said = act.execute(action, target, "ACT-1", shop.means)
    assert said.startswith("Cordoned node-1 and evicted 1 pod; then it broke off: ")


def test_an_eviction_whose_answer_is_lost_ends_the_drain(shop: Shop) -> None:
    act, action, target = shop.doing("drain_node", "node-1", "")
    shop.write = lambda asked: (200, shop.held[NODE], {}) if asked.path == NODE else None
    with pytest.raises(Unclear):
        act.execute(action, target, "ACT-1", shop.means)
    evictions = [each.path for each in shop.api.writes if each.path.endswith("/eviction")]
    assert evictions == ["/api/v1/namespaces/shop/pods/web-1-a/eviction"]


def test_evictions_that_are_put_off_are_tried_until_the_time_is_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "WAIT_S", 0.3)
    monkeypatch.setattr(drain, "_EVERY_S", 0.05)
    act, action, target = shop.doing("drain_node", "node-1", "")
    shop.write = lambda asked: (200, shop.held[NODE], {}) if asked.path == NODE else (429, {}, {"Retry-After": "1"})
    said = act.execute(action, target, "ACT-1", shop.means)
    assert said.startswith("Cordoned node-1 and evicted 0 pods; shop/web-1-a, shop/web-1-b stayed: ")
    assert said.endswith("the drain is not complete.")
    assert len(shop.api.writes) >= 5


def test_a_pause_ends_a_drain_at_the_next_pod(shop: Shop) -> None:
    act, action, target = shop.doing("drain_node", "node-1", "")
    shop.write = lambda asked: (200, shop.held.get(asked.path, {}), {})
    paused = replace(shop.means, stopped=lambda: len(shop.api.writes) == 2)  # the cordon and one eviction
    said = act.execute(action, target, "ACT-1", paused)
    assert said == ("Cordoned node-1 and evicted 1 pod; 1 pod stayed: the bot was paused; the drain is not complete.")
    assert len(shop.api.writes) == 2


def test_evictions_name_the_uid_and_the_version_that_the_server_serves(shop: Shop) -> None:
    act, action, target = shop.doing("drain_node", "node-1", "")
    shop.write = lambda asked: (200, shop.held.get(asked.path, {}), {})
    assert act.execute(action, target, "ACT-1", shop.means) == "Cordoned node-1 and evicted 2 pods."
    bodies = [each.body for each in shop.api.writes if each.path.endswith("/eviction")]
    assert [(b["apiVersion"], b["deleteOptions"]["preconditions"]["uid"]) for b in bodies] == [
        ("policy/v1", "uid-web-1-a"),
        ("policy/v1", "uid-web-1-b"),
    ]


def test_nothing_is_sent_when_nothing_can_be_reached(shop: Shop) -> None:
    act, action, target = shop.doing("restart_deployment", "web")
    from kubernetes.client import Configuration

    nowhere = Configuration(host="http://127.0.0.1:9")
    means = Means(
        settings=shop.means.settings, cluster=shop.means.cluster, writer=KubernetesWriter("lab", nowhere), silences=None
    )
    with pytest.raises(Unreachable):
        act.execute(action, target, "ACT-1", means)
