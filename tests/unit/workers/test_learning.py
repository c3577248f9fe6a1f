"""Who calls whom is learned from a mesh's metrics and from ingresses; it only ever makes the bot more careful."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from core.learned import KEPT_S
from core.records import Records
from core.service_map import Edge
from sandbox.prometheus.api import PrometheusApi
from sandbox.prometheus.rules import RuleEngine
from sandbox.prometheus.tsdb import Tsdb
from tests.conftest import NOON
from tests.unit.core.test_correlate import fires, why
from tests.unit.workers.loop.test_validate import ROLLBACK, STORED, config, proposed
from tests.unit.workers.reach.held import HeldCluster, deployment, made, stateful_set
from workers.adapters.prometheus import Prometheus
from workers.learning import by_ingress, by_mesh, services_in

START = 1_700_000_000.0
BEHIND = {"data/orders": frozenset({"data/orders-db"})}


def istio(source: str, destination: str, **more: str) -> dict[str, str]:
    (here, caller), (there, called) = source.split("/"), destination.split("/")
    return {"reporter": "destination", "source_workload": caller, "source_workload_namespace": here,
            "source_principal": f"spiffe://cluster.local/ns/{here}/sa/{caller}", "destination_workload": called,
            "destination_workload_namespace": there, "destination_service_name": called,
            "destination_service_namespace": there, "request_protocol": "http", "response_code": "200",
            "response_flags": "-", "connection_security_policy": "mutual_tls", **more}  # fmt: skip


SAMPLES: list[tuple[str, dict[str, str], bool]] = [  # and whether there is traffic
    ("istio_requests_total", istio("shop/storefront", "shop/checkout"), True),
    ("istio_requests_total", istio("shop/storefront", "shop/checkout", reporter="source", response_code="503"), True),
    ("istio_requests_total", istio("unknown/unknown", "shop/storefront"), True),
    ("istio_requests_total", istio("shop/old", "shop/checkout"), False),
    ("istio_requests_total", istio("shop/bad\nname", "shop/checkout"), True),
    ("istio_requests_total", istio("shop/checkout", "unknown/unknown", destination_service_name="orders",
                                   destination_service_namespace="data", response_flags="UH"), True),
    ("istio_requests_total", istio("shop/checkout", "unknown/unknown", destination_service_name="PassthroughCluster"),
     True),
    ("istio_tcp_sent_bytes_total", istio("shop/checkout", "data/cart-redis", request_protocol="tcp"), True),
    ("response_total", {"direction": "outbound", "namespace": "mesh", "deployment": "web", "dst_namespace": "mesh",
                        "dst_deployment": "voting", "dst_service": "voting-svc", "classification": "success"}, True),
    ("request_total", {"direction": "outbound", "namespace": "mesh", "deployment": "voting", "dst_namespace": "mesh",
                       "dst_statefulset": "store", "authority": "store.mesh.svc.cluster.local:6379"}, True),
    ("response_total", {"direction": "inbound", "namespace": "mesh", "deployment": "voting", "dst_namespace": "mesh",
                        "dst_deployment": "web"}, True),
    ("request_total", {"job": "somebody-elses", "namespace": "mesh", "deployment": "plain"}, True),
]  # fmt: skip


@pytest.fixture
def metrics() -> Iterator[Prometheus]:
    """The sandbox's Prometheus with what meshes report over ten minutes."""
    tsdb = Tsdb()
    for name, labels, busy in SAMPLES:
        series = tsdb.series(name, tuple(sorted(labels.items())))
        series.times.extend(START + 15 * i for i in range(41))
        series.values.extend(100.0 + i * busy for i in range(41))
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(PrometheusApi(tsdb, RuleEngine(tsdb, ()), lambda: START + 600, {}).app())
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield Prometheus(f"http://127.0.0.1:{runner.addresses[0][1]}")
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_meshes_say_who_called_whom(metrics: Prometheus) -> None:
    assert set(by_mesh(metrics, BEHIND)) == {
        ("shop/storefront", "shop/checkout", "Istio"), ("shop/checkout", "data/orders-db", "Istio"),
        ("shop/checkout", "data/cart-redis", "Istio"), ("mesh/web", "mesh/voting", "Linkerd"),
        ("mesh/voting", "mesh/store", "Linkerd"),
    }  # fmt: skip


def ingress(name: str, **spec: Any) -> dict[str, Any]:
    return made("Ingress", name, "shop", spec=spec)


def test_an_ingress_depends_on_the_workloads_behind_its_services() -> None:
    def backend(name: str) -> dict[str, Any]:
        return {"service": {"name": name, "port": {"number": 80}}}

    cluster = HeldCluster(
        *deployment("checkout", 2), *stateful_set("db"),
        ingress("web", rules=[{"http": {"paths": [{"path": "/", "backend": backend("checkout")},
                                                  {"path": "/x", "backend": {"resource": {"kind": "Bucket"}}}]}}, {}]),
        ingress("rest", defaultBackend=backend("nobody")),
    )  # fmt: skip
    behind = services_in(cluster)
    assert behind["shop/checkout"] == {"shop/checkout"}
    assert set(by_ingress(cluster, behind)) == {("shop/Ingress/web", "shop/checkout", "Kubernetes")}


def test_what_was_seen_is_known_for_a_week(records: Records) -> None:
    now = records.now().timestamp()
    edge = Edge(caller="a/x", called="a/y", source="Istio", at=now, cluster="eu")
    later = edge.model_copy(update={"caller": "a/z", "at": now + KEPT_S - 1})
    records.learned.note("eu", [edge], now)
    records.learned.note("eu", [later], now + KEPT_S - 1)
    assert set(records.learned.edges(now + KEPT_S - 1)) == {edge, later}
    assert records.learned.edges(now + KEPT_S) == (later,)


def test_an_alert_of_a_neighbour_in_the_mesh_joins_and_says_who_saw_it(records: Records) -> None:
    fires(records, "HighErrorRate", deployment="payments", namespace="shop")
    assert fires(records, "HighErrorRate", 20, deployment="mail", namespace="shop").id == "INC-2"
    edge = Edge(caller="shop/checkout", called="shop/payments", source="Istio", at=NOON.timestamp())
    records.learned.note("", [edge], NOON.timestamp())
    joined = fires(records, "HighErrorRate", 40, deployment="checkout", namespace="shop")
    assert joined.id == "INC-1"
    assert why(records, joined) == "shop/checkout depends on shop/payments (Istio saw it call), 40 s apart"


def test_what_was_seen_never_makes_an_action_look_safer() -> None:
    """Whatever edges are added, everything downstream stays so, and the verdict gets no milder."""
    order = ("allow", "ask", "deny")
    places = ["shop/checkout", "shop/storefront", "shop/db", "shop/cron", "pay/payments", "shop/Ingress/web"]
    every = [Edge(caller=a, called=b, source="Istio", at=0.0) for a, b in itertools.permutations(places, 2)]
    chance = random.Random(7)
    changed = 0
    for _ in range(60):
        picked = chance.sample(every, chance.randint(1, 6))
        held = config(autonomy={"namespaces": chance.choice([("shop",), ("web",)])})
        before = proposed(ROLLBACK, held=held)
        after = proposed(ROLLBACK, held=held, standing=replace(STORED, edges=tuple(picked)))
        assert before.blast_radius and after.blast_radius
        assert set(before.blast_radius.downstream) <= set(after.blast_radius.downstream)
        assert set(before.decision.codes) <= set(after.decision.codes)
        assert order.index(before.decision.verdict) <= order.index(after.decision.verdict)
        changed += before.decision.verdict != after.decision.verdict
    assert changed  # some did matter


def test_an_ingress_is_named_and_keeps_no_state() -> None:
    edge = Edge(caller="shop/Ingress/web", called="shop/checkout", source="Kubernetes", at=0.0)
    proposal = proposed(ROLLBACK, standing=replace(STORED, edges=(edge,)))
    assert proposal.decision.verdict == "allow"
    assert proposal.blast_radius is not None
    assert proposal.blast_radius.downstream == ("shop/Ingress/web", "storefront")
