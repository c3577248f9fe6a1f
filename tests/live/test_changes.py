"""The collector on a real control plane: what is told of rollouts, rollbacks, scaling, ConfigMaps and nodes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from core.change_events import ChangeEvent
from core.records import Records, open_records
from core.settings import load_settings
from tests.live.lab import Lab, container_of, reader, workload
from tests.live.stack import eventually
from workers.changes.collector import Collector
from workers.changes.kinds import PATHS
from workers.changes.state import watching

pytestmark = pytest.mark.live

WITHIN_S = 40.0


@pytest.fixture
def records(lab: Lab, redis_data: Path, redis_client: redis.Redis) -> Records:
    environment = {"KUBECONFIG": str(lab.kubeconfig), "SRE_DATA_DIR": str(redis_data), "HOME": "/nonexistent"}
    return open_records(load_settings(environment), redis_client)


@pytest.fixture
def collecting(lab: Lab, records: Records) -> Iterator[None]:
    stop = threading.Event()
    collector = Collector(records, "", lambda: reader(lab.kubeconfig), stop)
    collector.start()
    eventually(
        lambda: len(records.redis.keys("sre:changes-of:*")) and watching(records.redis, [""]), WITHIN_S, "a start"
    )
    held = "sre:changes-of:"
    eventually(lambda: all(records.redis.hexists(held, f"seen:{kind}") for kind in PATHS), WITHIN_S, "all kinds")
    yield
    stop.set()
    collector.join(10)
    assert not collector.is_alive()


def told(records: Records, namespace: str, **wanted: str) -> ChangeEvent:
    def found() -> ChangeEvent | None:
        now = records.now()
        all_of_them = records.changes.between(now - timedelta(hours=1), now + timedelta(minutes=1))
        mine = [e for e in all_of_them if e.namespace == namespace]
        return next((e for e in mine if all(getattr(e, name) == value for name, value in wanted.items())), None)

    return eventually(found, WITHIN_S, f"{wanted}")


def template(tag: str, env: dict[str, str]) -> dict[str, object]:
    container = {**container_of("ok", env), "image": f"busybox:{tag}"}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def test_what_is_done_to_a_workload_is_told(lab: Lab, records: Records, collecting: None) -> None:
    with lab.namespace("changes") as namespace:
        lab.apply(namespace, workload("web", replicas=2))
        first = told(records, namespace, kind="deploy", to_revision="1")
        lab.patch("Deployment", namespace, "web", template("1.37", {"TOKEN": "very-s3cret-value"}))
        second = told(records, namespace, kind="deploy", to_revision="2")
        lab.patch("Deployment", namespace, "web", template("1.36", {}))
        back = told(records, namespace, kind="rollback")
        lab.patch("Deployment", namespace, "web", {"spec": {"replicas": 3}})
        scaled = told(records, namespace, kind="scale")

    assert first.title == "first rollout, image 1.36"
    assert (second.title, second.version) == ("image 1.36 → 1.37 and env TOKEN added", "1.37")
    assert back.title == "back to 1.36: image 1.37 → 1.36 and env TOKEN removed"
    assert first.at <= second.at <= back.at
    assert scaled.title == "replicas 2 → 3"
    assert "s3cret" not in second.model_dump_json() + back.model_dump_json()


def test_stateful_sets_daemon_sets_config_maps_and_nodes_are_told(lab: Lab, records: Records, collecting: None) -> None:
    with lab.namespace("changes") as namespace:
        lab.apply(namespace, workload("db", kind="StatefulSet"), workload("agent", kind="DaemonSet"),
                  {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"LEVEL": "info"}})  # fmt: skip
        for target in ("StatefulSet/db", "DaemonSet/agent"):
            told(records, namespace, kind="deploy", target=target, to_revision="1")
        made = told(records, namespace, kind="config", title="new, with LEVEL").at
        # Kubernetes' times are whole seconds, and of two revisions made in the same one none is older.
        eventually(lambda: records.now() - made > timedelta(seconds=2), WITHIN_S, "the next second")
        for kind, name in (("StatefulSet", "db"), ("DaemonSet", "agent")):
            lab.patch(kind, namespace, name, template("1.37", {}))
            assert told(records, namespace, target=f"{kind}/{name}", to_revision="2").title == "image 1.36 → 1.37"
            lab.patch(kind, namespace, name, template("1.36", {}))
            assert told(records, namespace, target=f"{kind}/{name}", to_revision="3").kind == "rollback"
        node = lab.node
        lab.patch("Node", "", node, {"spec": {"unschedulable": True}})
        cordoned = told(records, "", kind="node", title="cordoned")
        lab.patch("Node", "", node, {"spec": {"unschedulable": None}})
        told(records, "", kind="node", title="uncordoned")
        assert cordoned.target == f"Node/{node}"
