"""What each difference between what was remembered and what is heard is told as, and what is never told."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.change_events import ChangeEvent
from core.errors import Absent, ToolError
from core.settings import Config, Service
from tests.conftest import NOON
from workers.changes.comparing import Comparison
from workers.changes.kinds import PATHS, Kind
from workers.changes.stream import Change, Page

Obj = dict[str, Any]
CONFIG = Config(services={"checkout": Service(namespace="shop", workloads=("Deployment/checkout",))})
_PLURALS = {"replicasets": "ReplicaSet", "controllerrevisions": "ControllerRevision",
            "horizontalpodautoscalers": "HorizontalPodAutoscaler", "statefulsets": "StatefulSet",
            "daemonsets": "DaemonSet", "deployments": "Deployment"}  # fmt: skip


def stamp(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Desk:
    """A comparison with a cluster that it may read, and all that it told."""

    name, server = "desk", "https://desk.invalid"

    def __init__(self, *, first: bool = False) -> None:
        self.now = NOON
        self.objects: list[Obj] = []
        self.events: dict[str, ChangeEvent] = {}
        self.broken = False
        self.rows: dict[str, str] = {}
        self.comparison = self.again(set() if first else set(PATHS))

    def again(self, known: set[Kind]) -> Comparison:
        """Another process, that remembers the same."""
        self.comparison = Comparison(
            "eu", CONFIG, self, self.rows, "pepper", known, lambda e: self.events.update({e.id: e}), lambda: self.now
        )
        return self.comparison

    def see(self, obj: Obj, kind: str = "MODIFIED", minutes: float | None = None) -> list[ChangeEvent]:
        """What one event made it tell, newly or anew."""
        if minutes is not None:
            self.now = NOON + timedelta(minutes=minutes)
        before = dict(self.events)
        self.comparison.take(Change(obj["kind"], kind, copy.deepcopy(obj), obj["metadata"]["resourceVersion"]))  # type: ignore[arg-type]
        return [event for key, event in self.events.items() if before.get(key) != event]

    def list(self, kind: Kind, *objects: Obj, since: datetime | None = None) -> list[ChangeEvent]:
        before = dict(self.events)
        self.comparison.take_page(Page(kind, copy.deepcopy(list(objects)), True, True, "1"), since)
        return [event for key, event in self.events.items() if before.get(key) != event]

    def get(self, path: str, **query: str | int) -> Obj:
        parent, _, name = path.rpartition("/")
        for obj in self.items(parent):
            if obj["metadata"]["name"] == name:
                return obj
        raise Absent(path, "there is none")

    def items(self, path: str, **query: str | int) -> Iterator[Obj]:
        if self.broken:
            raise ToolError(path, "the API server failed (500)")
        return iter([o for o in self.objects if o["kind"] == _PLURALS[path.rpartition("/")[2]]])

    def serves(self, group_version: str, resource: str) -> bool:
        return group_version == "autoscaling/v2"

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        return ""


_versions = iter(range(1, 10**9))


def template(tag: str, env: dict[str, str] | None = None, **more: Any) -> Obj:
    variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
    container = {"name": "app", "image": f"shop/checkout:{tag}", "env": variables, **more}
    return {"metadata": {"labels": {"app": "checkout"}}, "spec": {"containers": [container]}}


def workload(
    tag: str = "1.8.3", *, kind: str = "Deployment", revision: int = 1, replicas: int = 4, meta: Obj | None = None,
    env: dict[str, str] | None = None, notes: dict[str, str] | None = None,
) -> Obj:  # fmt: skip
    annotations = {"deployment.kubernetes.io/revision": str(revision), **(notes or {})}
    return {
        "kind": kind,
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "u1", "annotations": annotations,
                     "resourceVersion": str(next(_versions)), "creationTimestamp": stamp(-10000), **(meta or {})},
        "status": {},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "checkout"}},
                 "template": template(tag, env)},
    }  # fmt: skip


def replica_set(number: int, tag: str, made: float, env: dict[str, str] | None = None, **notes: str) -> Obj:
    return {
        "kind": "ReplicaSet",
        "metadata": {"name": f"checkout-{tag}", "namespace": "shop", "uid": f"rs{tag}",
                     "creationTimestamp": stamp(made),
                     "annotations": {"deployment.kubernetes.io/revision": str(number), **notes},
                     "ownerReferences": [{"uid": "u1", "controller": True, "kind": "Deployment", "name": "checkout"}]},
        "spec": {"template": template(tag, env)},
    }  # fmt: skip


def hand(manager: str, minutes: float, *path: str) -> list[Obj]:
    fields: Obj = {}
    inner = fields
    for step in path:
        inner = inner.setdefault(f"f:{step}", {})
    return [{"manager": manager, "time": stamp(minutes), "fieldsV1": fields}]


def brief(events: list[ChangeEvent]) -> list[tuple[str, str, str, str]]:
    return [(e.kind, e.target, e.title, e.by) for e in events]


def rolled_out(desk: Desk) -> list[ChangeEvent]:
    """1.8.4 two minutes before noon, by maria."""
    desk.see(workload())
    desk.objects = [replica_set(1, "1.8.3", -9000), replica_set(2, "1.8.4", -2, {"CART_URL": "redis://s3cr3t"})]
    managed = hand("kubectl-maria", -2, "spec", "template")
    return desk.see(workload("1.8.4", revision=2, meta={"managedFields": managed}))


def test_a_rollout_is_told_once_with_its_fields_and_who_did_it() -> None:
    desk = Desk()
    [event] = rolled_out(desk)
    assert event.model_dump(exclude_defaults=True, exclude={"id", "fields"}) == {
        "kind": "deploy", "at": NOON - timedelta(minutes=2), "cluster": "eu", "namespace": "shop",
        "target": "Deployment/checkout", "service": "checkout", "title": "image 1.8.3 → 1.8.4 and env CART_URL added",
        "from_revision": "1", "to_revision": "2", "version": "1.8.4", "by": "kubectl-maria",
    }  # fmt: skip
    assert [(f.field, f.before, f.after) for f in event.fields] == [
        ("image", "shop/checkout:1.8.3", "shop/checkout:1.8.4"), ("env CART_URL", None, None),
    ]  # fmt: skip
    assert desk.see(workload("1.8.4", revision=2)) == []


def test_two_processes_tell_the_same_rollout_under_one_id() -> None:
    one, other = Desk(), Desk()
    assert [e.id for e in rolled_out(one)] == [e.id for e in rolled_out(other)]


def test_a_scaling_that_left_the_time_of_the_write_before_it_is_of_now() -> None:
    desk = Desk()
    managed = hand("kubectl-patch", 0, "spec", "replicas")
    desk.see(workload(meta={"managedFields": managed}))
    [event] = desk.see(workload(replicas=6, meta={"managedFields": managed}), minutes=1)
    assert event.at == NOON + timedelta(minutes=1)


def test_a_template_that_returns_to_an_older_revision_is_a_rollback() -> None:
    desk = Desk()
    rolled_out(desk)
    desk.objects = [desk.objects[1], replica_set(3, "1.8.3", -9000)]
    managed = hand("kubectl-rollout", 5, "spec", "template")
    [event] = desk.see(workload(revision=3, meta={"managedFields": managed}), minutes=5)
    assert (event.kind, event.version, event.by) == ("rollback", "1.8.3", "kubectl-rollout")
    assert event.title == "back to 1.8.3: image 1.8.4 → 1.8.3 and env CART_URL removed"
    assert event.at == NOON + timedelta(minutes=5)


def test_a_release_that_is_tried_once_more_is_a_deploy_of_now() -> None:
    desk = Desk()
    desk.see(workload(revision=3))
    desk.objects = [replica_set(3, "1.8.3", -9000), replica_set(4, "1.8.4", -50)]
    [event] = desk.see(workload("1.8.4", revision=4, meta={"managedFields": hand("argocd", -1, "spec", "template")}))
    assert (event.kind, event.at) == ("deploy", NOON - timedelta(minutes=1))


def test_what_the_bot_did_is_told_as_its_own_and_what_a_person_does_next_is_not() -> None:
    desk = Desk()
    desk.see(workload())
    mark = {"sre-bot.io/action": "ACT-7-1"}
    managed = {"managedFields": hand("OpenAPI-Generator", 0, "spec", "template")}
    desk.see(workload("1.8.4", notes=mark, meta=managed))  # written; the controller has not taken it up yet
    desk.objects = [replica_set(1, "1.8.3", -9000), replica_set(2, "1.8.4", 0)]
    [ours] = desk.see(workload("1.8.4", revision=2, notes=mark, meta=managed))
    desk.objects.append(replica_set(3, "1.8.5", 1))
    managed = {"managedFields": hand("kubectl-edit", 1, "spec", "template")}
    [theirs] = desk.see(workload("1.8.5", revision=3, notes=mark, meta=managed), minutes=1)
    assert (ours.by, theirs.by) == ("sre-bot", "kubectl-edit")


def test_rollouts_while_nobody_watched_are_caught_up_with_their_times() -> None:
    desk = Desk()
    desk.see(workload())
    desk.objects = [replica_set(1, "1.8.3", -9000), replica_set(2, "1.8.4", -50), replica_set(3, "1.8.5", -20)]
    desk.again(set(PATHS))
    events = desk.list("Deployment", workload("1.8.5", revision=3))
    assert [(e.version, e.at) for e in events] == [
        ("1.8.4", NOON - timedelta(minutes=50)), ("1.8.5", NOON - timedelta(minutes=20)),
    ]  # fmt: skip


def test_a_first_start_tells_the_rollouts_of_a_day_and_nothing_else() -> None:
    desk = Desk(first=True)
    desk.objects = [replica_set(1, "1.8.3", -9000), replica_set(2, "1.8.4", -50)]
    young = workload("1.8.4", revision=2)
    young["status"] = {"conditions": [{"type": "Progressing", "lastUpdateTime": stamp(-49)}]}
    assert [e.version for e in desk.list("Deployment", young)] == ["1.8.4"]
    assert desk.list("ConfigMap", config({"A": "1"})) == [] and desk.list("Node", node()) == []


def test_a_restart_and_a_first_rollout_have_words_of_their_own() -> None:
    desk = Desk()
    desk.objects = [replica_set(1, "1.8.3", -1)]
    [first] = desk.see(workload(), "ADDED")
    restarted = replica_set(2, "1.8.3", 0)
    restarted["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    desk.objects.append(restarted)
    [second] = desk.see(workload(revision=2))
    assert (first.title, second.title) == ("first rollout, image 1.8.3", "restarted, every pod is replaced")


def test_a_read_that_fails_is_made_again() -> None:
    desk = Desk()
    desk.see(workload())
    desk.objects, desk.broken = [replica_set(1, "1.8.3", -9000), replica_set(2, "1.8.4", -2)], True
    assert desk.see(workload("1.8.4", revision=2)) == []
    desk.broken = False
    desk.comparison.try_again()
    assert [e.version for e in desk.events.values()] == ["1.8.4"]


def test_a_stateful_set_tells_by_its_controller_revisions() -> None:
    desk = Desk()
    held = workload(kind="StatefulSet")
    owner = [{"uid": "u1", "controller": True, "kind": "StatefulSet", "name": "checkout"}]

    def revision(number: int, tag: str, made: float) -> Obj:
        return {"kind": "ControllerRevision", "revision": number, "data": {"spec": {"template": template(tag)}},
                "metadata": {"name": f"r-{tag}", "namespace": "shop", "uid": f"r{tag}", "ownerReferences": owner,
                             "creationTimestamp": stamp(made), "resourceVersion": str(next(_versions))}}  # fmt: skip

    one, two = revision(1, "1.8.3", -9000), revision(2, "1.8.4", 0)
    desk.list("StatefulSet", held)
    desk.objects = [held, one]
    desk.see(one, "ADDED")
    desk.events.clear()
    desk.objects = [held, one, two]
    [event] = desk.see(two, "ADDED")
    assert (event.kind, event.target, event.title) == ("deploy", "StatefulSet/checkout", "image 1.8.3 → 1.8.4")
    back = revision(3, "1.8.3", -9000)
    desk.objects = [held, two, back]
    [event] = desk.see(back)
    assert (event.kind, event.version) == ("rollback", "1.8.3")


def test_scaling_by_hand_names_the_hand() -> None:
    desk = Desk()
    desk.see(workload())
    managed = hand("kubectl-scale", 0, "spec", "replicas")
    events = desk.see(workload(replicas=6, meta={"managedFields": managed}))
    assert brief(events) == [("scale", "Deployment/checkout", "replicas 4 → 6", "kubectl-scale")]


def autoscaler(wants: int) -> Obj:
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "hpa", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "checkout"}},
            "status": {"desiredReplicas": wants}}  # fmt: skip


def test_an_autoscaler_to_and_fro_is_one_change() -> None:
    desk = Desk()
    desk.see(workload())
    for minutes, replicas in ((1, 6), (4, 8), (7, 4)):
        desk.objects = [autoscaler(replicas)]
        desk.comparison._autoscalers._held.clear()
        desk.see(workload(replicas=replicas), minutes=minutes)
    assert brief(list(desk.events.values())) == [
        ("scale", "Deployment/checkout", "replicas 4 → 4 (3 times in 6 min)", "HPA")
    ]
    desk.objects = [autoscaler(6)]
    desk.comparison._autoscalers._held.clear()
    desk.see(workload(replicas=6), minutes=30)
    assert [e.title for e in desk.events.values()][1:] == ["replicas 4 → 6"]


def test_an_autoscaler_that_writes_down_later_what_it_wants_is_asked_again() -> None:
    desk = Desk()
    desk.see(workload())
    desk.objects = [autoscaler(4)]
    assert desk.see(workload(replicas=6)) == []
    desk.objects = [autoscaler(6)]
    desk.comparison.try_again()
    assert brief(list(desk.events.values())) == [("scale", "Deployment/checkout", "replicas 4 → 6", "HPA")]


def test_a_workload_that_is_gone_is_told() -> None:
    desk = Desk()
    desk.see(workload())
    assert brief(desk.list("Deployment")) == [("deploy", "Deployment/checkout", "removed", "")]
    assert desk.rows == {}


def config(data: dict[str, str], name: str = "settings", minutes: float = 0) -> Obj:
    return {"kind": "ConfigMap", "data": data,
            "metadata": {"name": name, "namespace": "shop", "uid": "c1", "resourceVersion": str(next(_versions)),
                         "managedFields": hand("kubectl-edit", minutes, "data")}}  # fmt: skip


def test_config_changes_name_keys_and_who_uses_them() -> None:
    desk = Desk()
    user = workload()
    user["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "settings"}}]
    desk.see(user)
    desk.again(set(PATHS) - {"ConfigMap"})
    assert desk.list("ConfigMap", config({"LEVEL": "info", "OLD": "x"})) == []
    [event] = desk.see(config({"LEVEL": "debug", "NEW": "y"}, minutes=20), minutes=20)
    assert (event.kind, event.service, event.by) == ("config", "checkout", "kubectl-edit")
    assert event.title == "LEVEL changed, NEW added and OLD removed; used by Deployment/checkout"


def test_what_was_changed_to_and_fro_within_minutes_is_one_change() -> None:
    desk = Desk()
    desk.see(config({"LEVEL": "info"}, minutes=-60), "ADDED")
    desk.events.clear()
    for minutes, data in ((1, {"LEVEL": "debug", "TRY": "1"}), (2, {"LEVEL": "debug"}), (3, {"LEVEL": "warn"})):
        desk.see(config(data, minutes=minutes), minutes=minutes)
    assert [e.title for e in desk.events.values()] == ["LEVEL changed"]


def test_what_programs_write_for_themselves_is_no_change() -> None:
    desk = Desk()
    desk.see(config({"a": "1"}, "ingress-controller-leader"), "ADDED")
    desk.see(config({"a": "2"}, "cluster-autoscaler-status"), "ADDED")
    assert desk.events == {} and desk.rows == {}


def node(ready: str = "True", since: float = -9000, kubelet: str = "v1.28.8", **spec: Any) -> Obj:
    return {
        "kind": "Node", "spec": spec,
        "metadata": {"name": "node-3", "uid": "n3", "resourceVersion": str(next(_versions))},
        "status": {"nodeInfo": {"kubeletVersion": kubelet, "kernelVersion": "6.1"},
                   "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": stamp(since),
                                   "message": "Kubelet stopped posting node status."}]},
    }  # fmt: skip


def test_a_node_that_goes_and_comes_is_one_change() -> None:
    desk = Desk()
    desk.list("Node", node())
    desk.events.clear()
    [gone] = desk.see(node("Unknown", 1), minutes=1)
    [back] = desk.see(node("True", 35), minutes=35)
    assert gone.title == "not ready: Kubelet stopped posting node status"
    assert (back.id, back.at, back.title) == (gone.id, gone.at, "was not ready for 34 min, ready again")


def test_cordons_versions_arrivals_and_departures_of_nodes_are_told() -> None:
    desk = Desk()
    [added] = desk.see(node(), "ADDED")
    [cordoned] = desk.see(node(unschedulable=True))
    [upgraded] = desk.see(node(unschedulable=True, kubelet="v1.28.9"))
    [uncordoned] = desk.see(node(kubelet="v1.28.9"))
    [removed] = desk.see(node(kubelet="v1.28.9"), "DELETED")
    assert [e.title for e in (added, cordoned, upgraded, uncordoned, removed)] == [
        "node added, v1.28.8", "cordoned", "kubelet v1.28.8 → v1.28.9", "uncordoned", "node removed",
    ]  # fmt: skip


def job(number: int, minutes: float) -> Obj:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached it",
              "lastTransitionTime": stamp(minutes)}  # fmt: skip
    return {"kind": "Job", "status": {"conditions": [failed]},
            "metadata": {"name": f"sync-{number}", "namespace": "shop", "uid": f"j{number}",
                         "resourceVersion": str(next(_versions)),
                         "ownerReferences": [{"kind": "CronJob", "name": "sync", "controller": True}]}}  # fmt: skip


def test_failures_of_a_cron_job_within_minutes_are_one_change() -> None:
    desk = Desk()
    [one] = desk.see(job(1, 0))
    [two] = desk.see(job(2, 5), minutes=5)
    assert (one.kind, one.target, one.title) == (
        "job_failed", "CronJob/sync", "sync-1 failed: BackoffLimitExceeded Job has reached it",
    )  # fmt: skip
    assert (two.id, two.title) == (one.id, "2 runs failed, the last sync-2: BackoffLimitExceeded Job has reached it")
    assert desk.see(job(2, 5)) == []


def chart(version: str, name: str = "checkout") -> Obj:
    held = workload(meta={"labels": {"helm.sh/chart": f"shop-{version}", "app.kubernetes.io/version": version}},
                    notes={"meta.helm.sh/release-name": "shop"})  # fmt: skip
    held["metadata"] |= {"name": name, "uid": name}
    return held


def test_a_release_of_several_workloads_is_told_once() -> None:
    desk = Desk()
    desk.list("Deployment", chart("1.0"), chart("1.0", "cart"))
    desk.events.clear()
    events = [e for each in (chart("1.1"), chart("1.0", "cart"), chart("1.1", "cart")) for e in desk.see(each)]
    assert brief(events) == [("release", "Release/shop", "chart shop-1.0 → shop-1.1", "Helm")]


SECRETS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=12, max_size=40).map(lambda t: f"zq{t}")


@given(old=SECRETS, new=SECRETS, name=st.sampled_from(["PASSWORD", "CART_URL", "LEVEL", "a.yaml"]))
def test_no_value_of_a_variable_or_a_config_map_is_ever_told_or_remembered(old: str, new: str, name: str) -> None:
    desk = Desk()
    desk.see(workload(env={name: old}))
    cause = f"kubectl set env deployment/checkout {name}={new} --record=true"
    desk.objects = [
        replica_set(1, "1.8.3", -9000, {name: old}),
        replica_set(2, "1.8.4", -3, {name: new}, **{"kubernetes.io/change-cause": cause}),
        replica_set(3, "1.8.5", -2, {name: old}, **{"kubernetes.io/change-cause": f"set it to {old} again"}),
    ]
    desk.see(workload("1.8.5", revision=3, env={name: old}))
    desk.see(config({name: old}), "ADDED")
    desk.see(config({name: new}))
    desk.see(config({name: new}), "DELETED")
    told = json.dumps([e.model_dump_json() for e in desk.events.values()]) + json.dumps(desk.rows)
    assert len(desk.events) >= 4
    assert old not in told and new not in told
