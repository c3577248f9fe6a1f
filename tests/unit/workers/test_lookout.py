"""What the web process is told of the cluster: where pods run, and what was rolled out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.records import Records
from core.whereabouts import KEPT_S
from tests.conftest import NOON
from workers.lookout import seen_in

AT = "2026-03-02T11:58:00Z"


def owned(kind: str, name: str, owner: str, **more: Any) -> dict[str, Any]:
    reference = {"kind": kind, "name": owner, "controller": True, "uid": "1", "apiVersion": "v1"}
    return {"metadata": {"name": name, "namespace": "shop", "ownerReferences": [reference], "creationTimestamp": AT,
                         **more}}  # fmt: skip


class Lists:
    """The lists of one cluster."""

    name = server = "test"

    def items(self, path: str, **_query: str | int) -> Iterator[dict[str, Any]]:
        revision = "deployment.kubernetes.io/revision"
        yield from {
            "/apis/apps/v1/replicasets": [
                owned("Deployment", "mail-1", "mail", annotations={revision: "9"}),
                owned("Deployment", "mail-2", "mail",
                      annotations={revision: "10", "meta.helm.sh/release-name": "shop-7"}),
                owned("Deployment", "cart-1", "cart", annotations={revision: "1"}),
            ],
            "/api/v1/pods": [
                {**owned("ReplicaSet", "mail-2-a", "mail-2"), "spec": {"nodeName": "node-3"}},
                {**owned("ReplicaSet", "mail-2-b", "mail-2"), "spec": {"nodeName": "node-1"}},
                {**owned("StatefulSet", "db-0", "db"), "spec": {"nodeName": "node-3"}},
                {**owned("ReplicaSet", "cart-1-a", "cart-1"), "spec": {}},
            ],
            "/api/v1/nodes": [{"metadata": {"name": "node-3"}, "status": {"addresses": [{"address": "10.0.0.3"}]}}],
        }[path]  # fmt: skip


def test_pods_workloads_nodes_and_rollouts_are_seen() -> None:
    seen = seen_in(Lists())  # type: ignore[arg-type]  # the lists are all that is asked for
    assert seen.pods == {"shop/mail-2-a": "node-3", "shop/mail-2-b": "node-1", "shop/db-0": "node-3"}
    assert seen.workloads == {"shop/mail": {"node-3", "node-1"}, "shop/db": {"node-3"}}
    assert seen.nodes == {"node-3": "node-3", "10.0.0.3": "node-3"}
    began = NOON.timestamp() - 120
    assert seen.rollouts == {
        "shop/mail": ("release shop-7", began), "shop/cart": ("one rollout in shop", began),
    }  # fmt: skip


def test_what_is_gone_is_known_for_an_hour_more(records: Records) -> None:
    seen, at = seen_in(Lists()), NOON.timestamp()  # type: ignore[arg-type]
    records.whereabouts.note("eu", seen, at)
    records.whereabouts.note("eu", type(seen)(), at + KEPT_S - 1)
    found = records.whereabouts.find("eu", ["shop/db-0"], ["shop/mail"], ["10.0.0.3"])
    assert (found.pods, found.workloads, found.nodes) == (
        {"shop/db-0": "node-3"}, {"shop/mail": {"node-1", "node-3"}}, {"10.0.0.3": "node-3"},
    )  # fmt: skip
    records.whereabouts.note("eu", type(seen)(), at + KEPT_S + 1)
    assert records.whereabouts.find("eu", ["shop/db-0"], [], []).pods == {}
    assert records.whereabouts.find("us", ["shop/db-0"], [], []).pods == {}
