"""Learns who calls whom: from a mesh's metrics, and from what ingresses and services of Kubernetes say. No value of a
container's environment is read for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from core.errors import SreError
from core.log import get_logger
from core.service_map import INGRESS, Edge, Source
from workers.ports import Cluster, Metrics
from workers.reach.groups import RESOURCES, template_labels
from workers.triage.objects import Obj, name_of, namespace_of, selects, spec_of, template_of
from workers.world import World

log = get_logger(__name__)

LEARN_EVERY_S = 300  # who calls whom changes with deploys, and each look asks all series of a mesh
_WINDOW = "10m"  # two looks, so that one that fails loses nothing
_DUE = "sre:map:learned"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_ISTIO = ("istio_requests_total", "istio_tcp_sent_bytes_total")
_LINKERD = ("response_total", "request_total")
_ISTIO_BY = ("source_workload", "source_workload_namespace", "destination_workload", "destination_workload_namespace",
             "destination_service_name", "destination_service_namespace")  # fmt: skip
_KINDS = ("deployment", "statefulset", "daemonset", "cronjob", "k8s_job")
_LINKERD_BY = ("namespace", *_KINDS, "dst_namespace", "dst_service", *(f"dst_{kind}" for kind in _KINDS))

Behind = Mapping[str, frozenset[str]]  # Kubernetes Services as "namespace/name", to the workloads they select
Call = tuple[str, str, Source]


def learn(world: World) -> None:
    """Bring the learned part of the service map up to date, at most every five minutes. What does not answer is left
    out, and what was known of it stays until it is old."""
    records = world.records
    if not records.redis.set(_DUE, 1, nx=True, ex=LEARN_EVERY_S):
        return
    for name in (*records.settings.config.clusters, *([None] if not records.settings.config.clusters else [])):
        calls: set[Call] = set()
        behind: Behind = {}
        try:
            cluster = world.outside.cluster(name)
            behind = services_in(cluster)
            calls.update(by_ingress(cluster, behind))
        except SreError as error:
            log.warning("cluster_not_learned", cluster=name, why=str(error))
        try:
            metrics = world.outside.metrics(name)
            calls.update(by_mesh(metrics, behind) if metrics else ())
        except SreError as error:
            log.warning("mesh_not_learned", cluster=name, why=str(error))
        now = records.now().timestamp()
        edges = [Edge(caller=a, called=b, source=source, at=now, cluster=name or "") for a, b, source in sorted(calls)]
        records.learned.note(name or "", edges, now)


def services_in(cluster: Cluster) -> Behind:
    """The workloads behind each Kubernetes Service. Raises: ToolError, Unreachable."""
    workloads: dict[str, list[Obj]] = {}
    for resource in RESOURCES.values():
        for workload in cluster.items(f"/apis/apps/v1/{resource}"):
            workloads.setdefault(namespace_of(workload), []).append(workload)
    return {
        _place(service): frozenset(
            _place(w) for w in workloads.get(namespace_of(service), ())
            if selects(spec_of(service)["selector"], template_labels(template_of(w)))
        )
        for service in cluster.items("/api/v1/services") if spec_of(service).get("selector")
    }  # fmt: skip


def by_ingress(cluster: Cluster, behind: Behind) -> Iterator[Call]:
    """Which workloads each ingress sends to. Raises: ToolError, Unreachable."""
    if not cluster.serves("networking.k8s.io/v1", "ingresses"):
        return
    for ingress in cluster.items("/apis/networking.k8s.io/v1/ingresses"):
        namespace = namespace_of(ingress)
        for service in _backends(spec_of(ingress)):
            for workload in behind.get(f"{namespace}/{service}", ()):
                yield f"{namespace}/{INGRESS}{name_of(ingress)}", workload, "Kubernetes"


def by_mesh(metrics: Metrics, behind: Behind) -> Iterator[Call]:
    """Who called whom in the last minutes, by Istio and Linkerd. Raises: ToolError, Unreachable."""
    held = frozenset(metrics.names("|".join((*_ISTIO, *_LINKERD))))
    for labels in _rates(metrics, held.intersection(_ISTIO), _ISTIO_BY):
        caller = _named(labels.get("source_workload_namespace"), labels.get("source_workload"))
        called = _named(labels.get("destination_workload_namespace"), labels.get("destination_workload"))
        service = _named(labels.get("destination_service_namespace"), labels.get("destination_service_name"))
        yield from _calls(caller, called, service, behind, "Istio")
    for labels in _rates(metrics, held.intersection(_LINKERD), _LINKERD_BY, 'direction="outbound",dst_namespace!=""'):
        caller = _named(labels.get("namespace"), _first(labels, ""))
        called = _named(labels.get("dst_namespace"), _first(labels, "dst_"))
        service = _named(labels.get("dst_namespace"), labels.get("dst_service"))
        yield from _calls(caller, called, service, behind, "Linkerd")


def _rates(metrics: Metrics, names: Iterable[str], by: tuple[str, ...], only: str = "") -> Iterator[dict[str, str]]:
    """The labels of what had any traffic."""
    for name in sorted(names):
        query = f"sum by ({', '.join(by)}) (rate({name}{{{only}}}[{_WINDOW}])) > 0"
        yield from (series.labels for series in metrics.instant(query))


def _calls(caller: str | None, called: str | None, service: str | None, behind: Behind, by: Source) -> Iterator[Call]:
    """A request that met nobody names only the service; then it was for the workloads behind that."""
    for place in [called] if called else sorted(behind.get(service or "", ())):
        if caller and caller != place:
            yield caller, place, by


def _named(namespace: str | None, name: str | None) -> str | None:
    """ "shop/checkout"; None where the mesh does not know, or says what no workload can be called."""
    if not all(part and part != "unknown" and _NAME.fullmatch(part) for part in (namespace, name)):
        return None
    return f"{namespace}/{name}"


def _first(labels: Mapping[str, str], prefix: str) -> str | None:
    return next((labels[prefix + kind] for kind in _KINDS if labels.get(prefix + kind)), None)


def _backends(spec: Obj) -> Iterator[str]:
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        if name := ((backend or {}).get("service") or {}).get("name"):
            yield str(name)


def _place(obj: Obj) -> str:
    return f"{namespace_of(obj)}/{name_of(obj)}"
