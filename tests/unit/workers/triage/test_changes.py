from __future__ import annotations

from core.diagnosis import Subject
from core.observation import Change, FieldChange
from core.settings import Config
from tests.unit.workers.triage.scene import NOW, Obj, Scene, ago, deployment, make
from workers.loop.observe import observe
from workers.triage.differences import differences

REVISION, DESIRED = "deployment.kubernetes.io/revision", "deployment.kubernetes.io/desired-replicas"


def template(image: str = "shop/web:1", **container: object) -> Obj:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image, **container}]},
    }


def replica_set(web: Obj, revision: int, age: float, image: str, desired: int = 2) -> Obj:
    notes = {REVISION: str(revision), DESIRED: str(desired)}
    spec = {"replicas": 0, "template": template(image)}
    return make("ReplicaSet", f"web-{revision}", by=web, age=age, labels={"app": "web"}, annotations=notes, spec=spec)


def changes(*objects: Obj, target: str = "Deployment/web") -> tuple[Change, ...]:
    subject = Subject(text="", namespace="shop", target=target)
    return observe(subject, Scene(*objects), None, None, NOW, Config()).changes


def test_the_last_rollouts_of_a_day_are_told_newest_first() -> None:
    web = deployment("web", ready=1)
    sets = [replica_set(web, n, age, f"shop/web:{n}") for n, age in ((3, 200_000), (4, 9000), (5, 300))]

    found = changes(web, *sets)

    assert [(c.from_revision, c.to_revision) for c in found] == [("4", "5"), ("3", "4")]
    assert found[0].fields == (
        FieldChange(field="image", container="web", verb="changed", before="shop/web:4", after="shop/web:5"),
    )
    assert (NOW - found[0].at).total_seconds() == 300


def test_a_rollback_happened_when_the_old_revision_was_taken_up_again() -> None:
    said = {"type": "Progressing", "status": "True", "lastUpdateTime": ago(120)}
    web = deployment("web", ready=1, conditions=[said])
    bad, good_again = replica_set(web, 18, 900, "shop/web:2"), replica_set(web, 19, 90_000, "shop/web:1")

    [change] = changes(web, bad, good_again)

    assert (change.from_revision, change.to_revision) == ("18", "19")
    assert (NOW - change.at).total_seconds() == 120


def test_the_first_revision_of_a_new_workload_is_a_change_without_fields() -> None:
    web = deployment("web", ready=1, age=600)

    [change] = changes(web, replica_set(web, 1, 600, "shop/web:1"))

    assert (change.from_revision, change.to_revision, change.fields) == (None, "1", ())


def test_a_changed_number_of_replicas_is_a_field() -> None:
    web = deployment("web", ready=1)
    sets = replica_set(web, 1, 90_000, "shop/web:1", desired=2), replica_set(web, 2, 60, "shop/web:1", desired=5)

    assert changes(web, *sets)[0].fields == (FieldChange(field="replicas", verb="changed", before="2", after="5"),)


def test_stateful_and_daemon_sets_are_compared_by_their_controller_revisions() -> None:
    db = make(
        "StatefulSet",
        "db",
        spec={"replicas": 1, "selector": {"matchLabels": {"app": "db"}}},
        status={"readyReplicas": 1},
    )
    revisions = [
        make("ControllerRevision", f"db-{n}", by=db, age=age, labels={"app": "db"}, revision=n,
             data={"spec": {"template": template(f"db:{n}")}})
        for n, age in ((1, 90_000), (2, 60))
    ]  # fmt: skip

    [change] = changes(db, *revisions, target="StatefulSet/db")

    assert [(f.field, f.before, f.after) for f in change.fields] == [("image", "db:1", "db:2")]


def test_revisions_of_others_with_the_same_labels_are_left_out() -> None:
    web, other = deployment("web", ready=1), deployment("other", ready=1)
    stranger = replica_set(other, 9, 60, "other:1")

    assert changes(web, replica_set(web, 1, 90_000, "shop/web:1"), stranger) == ()


def fields(before: Obj, after: Obj) -> set[tuple[str, str, str | None, str | None]]:
    return {(f.field, f.verb, f.before, f.after) for f in differences(before, after)}


def test_values_of_the_environment_and_of_arguments_are_never_kept() -> None:
    old = template(env=[{"name": "A", "value": "one"}, {"name": "B", "value": "two"}], args=["--key=three"])
    new = template(env=[{"name": "A", "value": "four"}, {"name": "C", "value": "five"}], args=["--key=six"])

    assert fields(old, new) == {
        ("env A", "changed", None, None), ("env B", "removed", None, None), ("env C", "added", None, None),
        ("args", "changed", None, None),
    }  # fmt: skip


def test_limits_command_probes_and_sources_are_told_by_name() -> None:
    probe = {"httpGet": {"path": "/healthz", "port": 80}}
    old = template(resources={"limits": {"memory": "1Gi"}}, command=["serve"], readinessProbe=probe)
    new = template(
        resources={"limits": {"memory": "64Mi"}, "requests": {"cpu": "1"}}, command=["serv"],
        readinessProbe={"httpGet": {"path": "/ready", "port": 80}}, envFrom=[{"secretRef": {"name": "keys"}}],
    )  # fmt: skip

    assert fields(old, new) == {
        ("memory limit", "changed", "1Gi", "64Mi"), ("cpu request", "added", None, "1"),
        ("command", "changed", "serve", "serv"), ("env from secret keys", "added", None, None),
        ("readiness probe", "changed", '{"httpGet":{"path":"/healthz","port":80}}',
         '{"httpGet":{"path":"/ready","port":80}}'),
    }  # fmt: skip


def test_containers_volumes_and_the_pods_own_settings_are_compared() -> None:
    old, new = template(), template()
    new["spec"]["containers"].append({"name": "proxy", "image": "proxy:2"})
    new["spec"]["volumes"] = [{"name": "config", "configMap": {"name": "settings"}}]
    new["spec"]["nodeSelector"] = {"disk": "ssd"}
    new["spec"]["securityContext"] = {"runAsUser": 0}
    new["metadata"]["annotations"] = {"checksum/config": "abc"}

    assert fields(old, new) == {
        ("container", "added", None, "proxy:2"), ("volume config", "added", None, None),
        ("node selector", "added", None, '{"disk":"ssd"}'), ("security context", "added", None, None),
        ("annotation checksum/config", "added", None, None),
    }  # fmt: skip


def test_equal_templates_differ_in_nothing() -> None:
    hashed = template()
    hashed["metadata"]["labels"] = {"app": "web", "pod-template-hash": "7d7d7"}

    assert fields(template(), hashed) == set()
