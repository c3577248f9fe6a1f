"""What a set of alerts is about, as far as grouping asks: its cluster, services, nodes and rollouts, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from core.incident import Alert
from core.labels import Labels, cluster_of, namespace_of, owner_of, service_of, severity_of
from core.model import Model
from core.service_map import ServiceMap
from core.settings import Config
from core.whereabouts import Seen, Whereabouts

_WORKLOADS = ("deployment", "statefulset", "daemonset", "cronjob", "job_name", "horizontalpodautoscaler")
_NAMES = ("service_name", "app", "app_kubernetes_io_name", "application", "service", "component",
          "destination_service_name", "destination_workload", "workload")  # fmt: skip
# Who reports is not what is reported on: their labels come with alerts about everything.
_REPORTERS = re.compile(r"kube-state-metrics|node-exporter|blackbox|cadvisor|kubelet|prometheus-operator")
_ABOUT_NODES = re.compile(r"(?:Kube|Cluster)?(?:Node|Host|Kubelet)(?![a-z])")
DOWN = re.compile("notready|unreachable|down|unavailable", re.IGNORECASE)
_RUN = re.compile(r"-\d{8,10}$")  # of a CronJob


_MOST_NAMES = 20  # of alerts of one workload


class Trace(Model):
    """One service or workload that alerts. Times are Unix seconds, of when alerts began to fire."""

    first: float
    last: float
    on: frozenset[str] = frozenset()  # nodes that its alerting pods run on
    pods_on: frozenset[str] = frozenset()  # nodes that its pods run on, where no alert names a pod
    needs: dict[str, str] = {}  # nodes on which alone something runs that it depends on, to that
    release: str = ""  # what it was rolled out with last, and when
    rolled_out: float = 0.0
    alerts: int = 1
    says: frozenset[str] = frozenset()  # names of its alerts, the first few
    minor: bool = False  # its alerts are for information, all of them
    everywhere: bool = False  # a DaemonSet: it has a pod on every node
    whole: bool = False  # its alerts name nothing but the namespace

    def with_(self, other: Trace) -> Trace:
        latest = max(self, other, key=lambda t: t.rolled_out)
        return Trace(
            first=min(self.first, other.first), last=max(self.last, other.last), on=self.on | other.on,
            pods_on=self.pods_on | other.pods_on, needs=self.needs | other.needs,
            release=latest.release, rolled_out=latest.rolled_out, alerts=self.alerts + other.alerts,
            says=frozenset(sorted(self.says | other.says)[:_MOST_NAMES]),
            minor=self.minor and other.minor,
            everywhere=self.everywhere or other.everywhere, whole=self.whole and other.whole,
        )  # fmt: skip


class Concern(Model):
    """What an incident, or a new group, is about."""

    cluster: str = ""
    first: float
    last: float
    traces: dict[str, Trace] = {}  # by catalogue name, else by "namespace/name"
    nodes: dict[str, float] = {}  # nodes that alerts are about
    down: frozenset[str] = frozenset()  # those of them that are said not to answer
    labels: dict[str, str] = {}  # rules of the team's own, to what their labels say
    opened_at: float = 0.0
    apart: frozenset[str] = frozenset()  # keys of groups, and incidents, that a person said do not belong here

    def with_(self, other: Concern) -> Concern:
        """Both; the age stays this one's."""
        traces = dict(self.traces)
        for name, trace in other.traces.items():
            traces[name] = traces[name].with_(trace) if name in traces else trace
        return self.model_copy(
            update={
                "cluster": self.cluster or other.cluster, "first": min(self.first, other.first),
                "last": max(self.last, other.last), "traces": traces,
                "nodes": self.nodes | other.nodes, "down": self.down | other.down, "labels": other.labels | self.labels,
                "apart": self.apart | other.apart,
            }
        )  # fmt: skip


def concern_of(alerts: Iterable[Alert], config: Config, places: Whereabouts, known: ServiceMap) -> Concern:
    """What these alerts are about; those that fire, if any do. They must be of one cluster."""
    given = tuple(alerts)
    meant = tuple(a for a in given if a.status == "firing") or given
    cluster = cluster_named(meant[0].labels, config)
    seen = _looked_up(meant, config, places, known, cluster if config.clusters else "")
    traces: dict[str, Trace] = {}
    nodes: dict[str, float] = {}
    down: set[str] = set()
    for alert in meant:
        at = alert.starts_at.timestamp()
        if host := node_meant(alert):
            nodes[seen.nodes.get(host, host)] = at
            down |= {seen.nodes.get(host, host)} if DOWN.search(alert.name) else set()
        elif name := subject_name(alert, config):
            trace = _trace(alert, at, _needs(name, config, known, seen), seen)
            traces[name] = traces[name].with_(trace) if name in traces else trace
    times = [a.starts_at.timestamp() for a in meant]
    return Concern(
        cluster=cluster, first=min(times), last=max(times), traces=traces, nodes=nodes,
        down=frozenset(down),
        labels={rule: said for rule, own in config.grouping.labels.items() if (said := _agreed(meant, own.labels))},
    )  # fmt: skip


def cluster_named(labels: Labels, config: Config) -> str:
    """The cluster that an alert comes from; "" where nothing tells. Where one is configured, it is that."""
    said = labels.get("cluster") or labels.get("k8s_cluster") or labels.get("cluster_name")
    known = said or cluster_of(labels, config, service_of(labels, config))
    return known or (next(iter(config.clusters)) if len(config.clusters) == 1 else "")


def subject_name(alert: Alert, config: Config) -> str | None:
    """The catalogue's service, else the workload as "namespace/name"; None when the labels name neither."""
    service = service_of(alert.labels, config)
    if service:
        return service
    name = _name(alert.labels)
    namespace = namespace_of(alert.labels)
    if name is None and namespace is None:
        return None
    return f"{namespace or ''}/{name or alert.name}"


def _name(labels: Labels) -> str | None:
    """What the labels call the workload or service."""
    named = (v for label in _NAMES if (v := labels.get(label)) and not _REPORTERS.search(v))
    return _workload(labels) or next(named, None)


def node_meant(alert: Alert) -> str | None:
    """The node that the alert itself is about, as its labels call it. An alert about a pod is about none."""
    labels = alert.labels
    host = labels.get("node") or labels.get("nodename") or labels.get("kubernetes_node")
    if _ABOUT_NODES.match(alert.name):
        return host or labels.get("instance", "").rpartition(":")[0] or labels.get("instance") or None
    return host if host and not any(labels.get(label) for label in (*_WORKLOADS, "pod")) else None


def _workload(labels: Labels) -> str | None:
    for label in _WORKLOADS:
        if name := labels.get(label):
            return _RUN.sub("", name) if label == "job_name" else name
    pod = labels.get("pod", "")
    return owner_of(pod) if pod and not _REPORTERS.search(pod) else None


def _pod(labels: Labels) -> str | None:
    """The pod that the alert is about, as "namespace/name"; not that of the exporter which reported it."""
    pod, workload = labels.get("pod", ""), _workload(labels)
    if not pod or _REPORTERS.search(pod) or (workload and not pod.startswith(workload)):
        return None
    return f"{namespace_of(labels) or ''}/{pod}"


def _place(labels: Labels) -> str:
    return f"{namespace_of(labels) or ''}/{_workload(labels) or ''}"


def _looked_up(alerts: tuple[Alert, ...], config: Config, places: Whereabouts, known: ServiceMap, cluster: str) -> Seen:
    pods = {pod for alert in alerts if (pod := _pod(alert.labels))}
    works = {_place(alert.labels) for alert in alerts if _workload(alert.labels)}
    most = config.grouping.rules.neighbours.distance
    for name in {subject_name(alert, config) for alert in alerts} - {None}:
        for needed in (name, *known.needed_by(name or "", most)):
            works |= _workloads_of(needed, config)
    hosts = {host for alert in alerts if (host := node_meant(alert))}
    return places.find(cluster, pods, works, hosts)


def _workloads_of(name: str | None, config: Config) -> set[str]:
    """Where a service runs; what the catalogue does not list is called by its place."""
    known = config.services.get(name or "")
    if known is None:
        return {name} if name else set()
    return {f"{known.namespace or ''}/{w.partition('/')[2]}" for w in known.workloads}


def _needs(name: str, config: Config, known: ServiceMap, seen: Seen) -> dict[str, str]:
    found = {}
    for needed in known.needed_by(name, config.grouping.rules.neighbours.distance):
        nodes = frozenset[str]().union(*(seen.workloads.get(w, frozenset()) for w in _workloads_of(needed, config)))
        if node := _only(nodes):
            found[node] = needed
    return found


def _trace(alert: Alert, at: float, needs: dict[str, str], seen: Seen) -> Trace:
    pod, node = _pod(alert.labels), alert.labels.get("node")
    exact = node or (seen.pods.get(pod) if pod else None) or _only(_pods_on(alert.labels, seen))
    release, rolled_out = _rollout(alert.labels, seen)
    pods_on = frozenset() if exact or pod else _pods_on(alert.labels, seen)
    return Trace(first=at, last=at, says=frozenset({alert.name}), on=frozenset({exact} if exact else ()),
                 pods_on=pods_on, needs=needs, release=release, rolled_out=rolled_out,
                 whole=_name(alert.labels) is None, minor=severity_of(alert.labels) == "SEV4",
                 everywhere="daemonset" in alert.labels or "DaemonSet" in alert.name)  # fmt: skip


def _pods_on(labels: Labels, seen: Seen) -> frozenset[str]:
    name = _workload(labels) or next((v for label in _NAMES if (v := labels.get(label))), "")
    return seen.workloads.get(f"{namespace_of(labels) or ''}/{name}", frozenset())


def _only(nodes: frozenset[str]) -> str | None:
    """The node, where all pods of a workload are on one."""
    return next(iter(nodes)) if len(nodes) == 1 else None


def _rollout(labels: Labels, seen: Seen) -> tuple[str, float]:
    name = _workload(labels) or next((v for label in _NAMES if (v := labels.get(label))), "")
    return seen.rollouts.get(f"{namespace_of(labels) or ''}/{name}", ("", 0.0))


def _agreed(alerts: tuple[Alert, ...], labels: tuple[str, ...]) -> str:
    """What all of these alerts say in these labels, as "tenant=acme"; "" when one lacks one or they differ."""
    said: set[Mapping[str, str] | str] = {
        ", ".join(f"{name}={alert.labels[name]}" for name in labels) if all(alert.labels.get(n) for n in labels) else ""
        for alert in alerts
    }
    return str(next(iter(said))) if len(said) == 1 else ""
