from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import Absent, BadQuestion, ToolError
from workers.adapters.recorded import RecordedCluster
from workers.tools.describe import kubernetes_describe
from workers.tools.events import kubernetes_events
from workers.tools.kinds import Served, is_secret, resolve
from workers.tools.kubernetes import kubernetes_get, kubernetes_list
from workers.tools.logs import kubernetes_logs
from workers.tools.manifest import as_yaml
from workers.tools.registry import ToolContext
from workers.tools.rollouts import rollout_history
from workers.tools.usage import amount, kubernetes_top

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Obj = dict[str, Any]


def ago(**delta: float) -> str:
    return (NOW - timedelta(**delta)).isoformat().replace("+00:00", "Z")


def made(api: str, kind: str, name: str, namespace: str | None = "shop", meta: Obj | None = None, **rest: Any) -> Obj:
    metadata = {"name": name, "uid": f"{kind}-{name}", "creationTimestamp": ago(hours=3), **(meta or {})}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def pod(name: str, ready: bool, restarts: int = 0, labels: Obj | None = None, **state: Obj) -> Obj:
    last = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": ago(minutes=4)}} if restarts else {}
    status = {"name": "app", "ready": ready, "restartCount": restarts, "image": "shop/checkout:1.8.4",
              "state": state or {"running": {"startedAt": ago(hours=2)}}, "lastState": last}  # fmt: skip
    limits = {"limits": {"memory": "128Mi", "cpu": "500m"}, "requests": {"memory": "64Mi"}}
    app = {"name": "app", "image": "shop/checkout:1.8.4", "resources": limits, "env": [{"name": "A", "value": "hush"}]}
    spec = {"nodeName": "node-1", "containers": [app]}
    running = {"phase": "Running", "containerStatuses": [status]}
    return made("v1", "Pod", name, meta={"labels": labels or {"app": "checkout"}}, spec=spec, status=running)


def replica_set(revision: int, image: str, env: list[Obj]) -> Obj:
    template = {"metadata": {}, "spec": {"containers": [{"name": "app", "image": image, "env": env}]}}
    meta = {
        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        "ownerReferences": [
            {"uid": "Deployment-checkout", "kind": "Deployment", "name": "checkout", "controller": True}
        ],
        "creationTimestamp": ago(hours=9 - revision),
    }
    return made("apps/v1", "ReplicaSet", f"checkout-{revision}", meta=meta, spec={"template": template})


@pytest.fixture
def ctx(tmp_path: Path) -> ToolContext:
    template = {"spec": {"containers": [{"name": "app", "image": "shop/checkout:1.8.4"}]}}
    unavailable = {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"}
    conditions = [
        {"type": "Progressing", "status": "True", "lastTransitionTime": ago(minutes=9)},
        {**unavailable, "lastTransitionTime": ago(minutes=5)},
    ]
    deployment = made(
        "apps/v1", "Deployment", "checkout",
        spec={"replicas": 2, "selector": {"matchLabels": {"app": "checkout"}}, "template": template},
        status={"readyReplicas": 1, "updatedReplicas": 2, "conditions": conditions},
    )  # fmt: skip
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}
    about = {"kind": "Pod", "name": "checkout-b", "namespace": "shop"}
    warning = {"type": "Warning", "reason": "BackOff", "involvedObject": about}
    pulled = {"type": "Normal", "reason": "Pulled", "message": "Pulled", "involvedObject": about}
    events = [
        made("v1", "Event", "a", message="Back-off\nrestarting", count=12, lastTimestamp=ago(minutes=1), **warning),
        made("v1", "Event", "b", lastTimestamp=ago(hours=1), **pulled),
        made("v1", "Event", "c", message="Back-off restarting", count=3, lastTimestamp=ago(minutes=6), **warning),
    ]
    metrics = made("metrics.k8s.io/v1beta1", "Pod", "checkout-a",
                   containers=[{"name": "app", "usage": {"cpu": "250000000n", "memory": "120Mi"}}])  # fmt: skip
    node = [{"type": "MemoryPressure", "status": "True", "reason": "Low"}, {"type": "Ready", "status": "True"}]
    service = {"type": "ClusterIP", "selector": {"app": "chekout"}, "ports": [{"port": 80}]}
    objects = [
        deployment,
        pod("checkout-a", True),
        pod("checkout-b", False, 7, waiting=waiting),
        *events,
        metrics,
        made("v1", "Service", "web", spec=service),
        replica_set(2, "shop/checkout:1.8.4", [{"name": "CART_URL", "value": "hush"}]),
        replica_set(1, "shop/checkout:1.8.3", []),
        made("v1", "Node", "node-1", None, status={"conditions": node}),
    ]
    (tmp_path / "all.json").write_text(json.dumps({"items": objects}))
    logs = tmp_path / "logs"
    logs.mkdir()
    busy = [f"2026-03-02T12:00:{i % 60:02d}Z request {i} done" for i in range(60)]
    busy[30] = "panic: no space left"
    (logs / "shop_checkout-b_app.log").write_text("\n".join(busy))
    (logs / "shop_checkout-b_app.previous.log").write_text("started\npanic: parse CART_URL\n")
    (logs / "shop_checkout-a_app.log").write_text("fine\n")
    return ToolContext(cluster=RecordedCluster(tmp_path), metrics=None, alerts=None, memory=None, now=lambda: NOW)  # type: ignore[arg-type]


def test_a_list_puts_what_is_in_trouble_first(ctx: ToolContext) -> None:
    result = kubernetes_list.run(ctx, kind="po", namespace="shop")
    assert result.text == (
        "2 pods, 1 of them in trouble\n"
        "shop/checkout-b  Running, CrashLoopBackOff, 0/1 ready, 7 restarts, the last 4 min ago, node-1, 3 h old\n"
        "shop/checkout-a  Running, 1/1 ready, node-1, 3 h old"
    )
    assert result.query == "GET /api/v1/namespaces/shop/pods"
    assert kubernetes_list.run(ctx, kind="Deployment").text.splitlines()[1] == (
        "shop/checkout  1/2 ready, shop/checkout:1.8.4, 3 h old"
    )
    assert "node-1  MemoryPressure=True (Low), 3 h old" in kubernetes_list.run(ctx, kind="nodes").text
    assert kubernetes_list.run(ctx, kind="Pod", limit=1).text.endswith("and 1 more")


def test_a_description_has_state_belongings_and_events(ctx: ToolContext) -> None:
    text = kubernetes_describe.run(ctx, kind="Pod", name="checkout-b", namespace="shop").text
    assert "container app: waiting (CrashLoopBackOff: back-off 5m0s), not ready, 7 restarts" in text
    assert "  ended before: exit 137 (OOMKilled), 4 min ago" in text
    assert "! 60 s ago, 15 times  Pod/checkout-b  BackOff: Back-off restarting" in text
    text = kubernetes_describe.run(ctx, kind="deploy", name="checkout", namespace="shop").text
    assert text.index("! Available=False (MinimumReplicasUnavailable), for 5 min") < text.index(
        "Progressing=True, for 9 min"
    )
    assert "pods: 2\n  shop/checkout-b" in text


def test_one_object_is_yaml_without_noise_and_values(ctx: ToolContext) -> None:
    text = kubernetes_get.run(ctx, kind="Pod", name="checkout-a", namespace="shop").text
    assert "name: A" in text
    assert "hush" not in text
    assert "uid" not in text
    assert "phase: Running" in text


def test_what_a_manifest_may_tell() -> None:
    hidden = as_yaml({"spec": {"env": [{"name": "A", "value": "x"}, {"name": "B", "valueFrom": {"y": 1}}], "env2": 1}})
    assert (
        hidden
        == "spec:\n  env:\n  - name: A\n    value: '[masked]'\n  - name: B\n    valueFrom:\n      y: 1\n  env2: 1\n"
    )
    assert as_yaml({"a": None, "metadata": {"managedFields": [1], "annotations": {"x": "y"}}}) == (
        "metadata:\n  annotations:\n    x: y\n"
    )


def test_logs_of_a_workload_are_those_of_its_worst_pods(ctx: ToolContext) -> None:
    text = kubernetes_logs.run(ctx, namespace="shop", target="Deployment/checkout").text
    assert text.startswith("shop/checkout-b  Running, CrashLoopBackOff")
    assert "checkout-a" not in text
    assert text.index("around the errors:") < text.index("panic: no space left") < text.index("all lines:")
    assert "(the line above, 30 times in all)" in text
    before = kubernetes_logs.run(ctx, namespace="shop", target="checkout-b", previous=True).text
    assert before.endswith("container app, the run before: 2 lines\nstarted\npanic: parse CART_URL")
    none = kubernetes_logs.run(ctx, namespace="shop", target="Pod/checkout-a", previous=True).text
    assert none.endswith("no container of it was restarted")
    chosen = kubernetes_logs.run(ctx, namespace="shop", target="Pod/checkout-b", containing="PANIC")
    assert chosen.text.endswith("container app: 1 lines\npanic: no space left")
    assert chosen.query == "logs of Pod/checkout-b in shop, last 200 lines, containing 'PANIC'"


def test_events_are_joined_and_the_latest_come_first(ctx: ToolContext) -> None:
    assert kubernetes_events.run(ctx, namespace="shop").text == (
        "! 60 s ago, 15 times  Pod/checkout-b  BackOff: Back-off restarting\n60 min ago  Pod/checkout-b  Pulled: Pulled"
    )


def test_rollouts_name_the_fields_and_never_the_values(ctx: ToolContext) -> None:
    text = rollout_history.run(ctx, kind="Deployment", name="checkout", namespace="shop").text
    assert text == (
        "2 revisions are kept\n\n"
        "Deployment/checkout: revision 1 to 2 at 2026-03-02 05:00:00 UTC\n"
        "image of container app changed: shop/checkout:1.8.3 -> shop/checkout:1.8.4\n"
        "env CART_URL of container app added\n\n"
        "oldest kept: revision 1, images shop/checkout:1.8.3"
    )


def test_usage_is_told_against_its_limits(ctx: ToolContext) -> None:
    assert kubernetes_top.run(ctx, of="pods", namespace="shop").text == (
        "shop/checkout-a app: cpu 250m (50% of its limit 500m, requests nothing), "
        "memory 120Mi (94% of its limit 128Mi, requests 64Mi)"
    )
    with pytest.raises(ToolError, match="no metrics server; ask Prometheus instead"):
        kubernetes_top.run(ctx, of="nodes")


def test_a_service_that_selects_nothing_says_which_labels_there_are(
    ctx: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = RecordedCluster.items

    def selecting(self: RecordedCluster, path: str, **query: str | int) -> Any:
        return iter(()) if query.get("labelSelector") == "app=chekout" else recorded(self, path, **query)

    monkeypatch.setattr(RecordedCluster, "items", selecting)
    text = kubernetes_describe.run(ctx, kind="svc", name="web", namespace="shop").text
    assert "pods: 0\n  wants app=chekout; pods there have app: checkout\n" in text


@pytest.mark.parametrize(
    ("written", "served"),
    [
        ("Pod", Served("Pod", "pods", "v1")),
        (" DEPLOY ", Served("Deployment", "deployments", "apps/v1")),
        ("ingresses", Served("Ingress", "ingresses", "networking.k8s.io/v1")),
        ("node", Served("Node", "nodes", "v1", namespaced=False)),
    ],
)
def test_kinds_are_known_by_all_their_names(ctx: ToolContext, written: str, served: Served) -> None:
    assert ctx.cluster
    assert resolve(ctx.cluster, written) == served


class Discovering:
    """An API that serves one custom kind and an aggregated group that is down."""

    def serves(self, group_version: str, resource: str) -> bool:
        return False

    def get(self, path: str, **query: str | int) -> Obj:
        if path == "/apis/down.io/v1":
            raise ToolError("down.io", "no answer")
        rollouts = {"kind": "Rollout", "name": "rollouts", "singularName": "rollout", "shortNames": ["ro"]}
        groups = [
            {"name": name, "preferredVersion": {"groupVersion": f"{name}/v1"}} for name in ("down.io", "argoproj.io")
        ]
        return {
            "/apis": {"groups": groups},
            "/api/v1": {"resources": []},
            "/apis/argoproj.io/v1": {"resources": [{**rollouts, "namespaced": True, "verbs": ["list"]}]},
        }[path]


@pytest.mark.parametrize("written", ["rollouts.argoproj.io", "Rollout", "ro"])
def test_custom_kinds_are_discovered(written: str) -> None:
    found = resolve(Discovering(), written)  # type: ignore[arg-type]
    assert found == Served("Rollout", "rollouts", "argoproj.io/v1")
    assert found.path("shop", "web") == "/apis/argoproj.io/v1/namespaces/shop/rollouts/web"
    with pytest.raises(BadQuestion, match="serves nothing of that name"):
        resolve(Discovering(), "widgets")  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["Secret", "secrets", "SECRETS", "secret.v1", " Secret ", "Secret/db"])
def test_secrets_are_known_by_all_their_names(written: str) -> None:
    assert is_secret(written)


def test_what_cannot_be_read_is_told(ctx: ToolContext) -> None:
    with pytest.raises(BadQuestion, match="its namespace is needed"):
        kubernetes_get.run(ctx, kind="Pod", name="checkout-a")
    with pytest.raises(Absent):
        kubernetes_get.run(ctx, kind="Pod", name="nope", namespace="shop")
    with pytest.raises(ToolError, match="never read here"):
        kubernetes_get.run(ctx, kind="secrets", name="db", namespace="shop")


@pytest.mark.parametrize(
    ("written", "value"),
    [("250m", 0.25), ("1", 1), ("128Mi", 134217728), ("1G", 1e9), ("5n", 5e-9), ("x", None), ("", None)],
)
def test_quantities(written: str, value: float | None) -> None:
    found = amount(written)
    assert (float(found) if found is not None else None) == value
