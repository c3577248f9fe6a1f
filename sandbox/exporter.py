"""What the company's exporters show: its services, cAdvisor, kube-state-metrics, the nodes. Real names and labels.

Numbers may be arrays, one value for each time, which is how the hours before the start are made at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sandbox.kubernetes.quantities import amount
from sandbox.kubernetes.resources import Json
from sandbox.kubernetes.workloads import is_ready
from sandbox.prometheus.tsdb import LabelPairs
from sandbox.services import Service, service_of
from sandbox.traffic import Flow, Number, wave
from sandbox.world import World

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # Prometheus' defaults
SPREAD = 0.55  # of the logarithm of answer times
MIB = 2.0**20


@dataclass(frozen=True, slots=True)
class Reading:
    """One series now. A counter's number is how much it grows a second; a gauge's is its value."""

    name: str
    labels: LabelPairs
    kind: Literal["counter", "gauge"]
    number: Number


METADATA: dict[str, tuple[str, str]] = {
    "up": ("gauge", "Whether the last scrape of the target succeeded."),
    "http_requests_total": ("counter", "Requests answered, by status code."),
    "http_request_duration_seconds": ("histogram", "Time to answer a request."),
    "http_requests_in_flight": ("gauge", "Requests being answered now."),
    "redis_up": ("gauge", "Whether Redis answers."),
    "redis_commands_processed_total": ("counter", "Commands processed."),
    "redis_memory_used_bytes": ("gauge", "Memory that Redis uses."),
    "pg_up": ("gauge", "Whether PostgreSQL answers."),
    "pg_stat_activity_count": ("gauge", "Open connections."),
    "pg_stat_database_xact_commit": ("counter", "Transactions committed."),
    "container_memory_working_set_bytes": ("gauge", "Current working set of the container."),
    "container_cpu_usage_seconds_total": ("counter", "Cumulative cpu time consumed."),
    "container_cpu_cfs_periods_total": ("counter", "Number of elapsed enforcement period intervals."),
    "container_cpu_cfs_throttled_periods_total": ("counter", "Number of throttled period intervals."),
    "kube_pod_info": ("gauge", "Information about pod."),
    "kube_pod_labels": ("gauge", "Kubernetes labels converted to Prometheus labels."),
    "kube_pod_status_phase": ("gauge", "The pods current phase."),
    "kube_pod_status_ready": ("gauge", "Describes whether the pod is ready to serve requests."),
    "kube_pod_container_status_ready": ("gauge", "Describes whether the containers readiness check succeeded."),
    "kube_pod_container_status_restarts_total": ("counter", "The number of container restarts per container."),
    "kube_pod_container_status_waiting_reason": ("gauge", "The reason the container is in waiting state."),
    "kube_pod_container_status_last_terminated_reason": ("gauge", "The last reason the container was terminated."),
    "kube_pod_container_resource_requests": ("gauge", "The number of requested request resource by a container."),
    "kube_pod_container_resource_limits": ("gauge", "The number of requested limit resource by a container."),
    "kube_deployment_spec_replicas": ("gauge", "Number of desired pods for a deployment."),
    "kube_deployment_status_replicas": ("gauge", "The number of replicas per deployment."),
    "kube_deployment_status_replicas_ready": ("gauge", "The number of ready replicas per deployment."),
    "kube_deployment_status_replicas_available": ("gauge", "The number of available replicas per deployment."),
    "kube_deployment_status_replicas_unavailable": ("gauge", "The number of unavailable replicas per deployment."),
    "kube_deployment_status_replicas_updated": ("gauge", "The number of updated replicas per deployment."),
    "kube_deployment_metadata_generation": ("gauge", "Sequence number of the desired state."),
    "kube_deployment_status_observed_generation": ("gauge", "The generation observed by the controller."),
    "kube_statefulset_replicas": ("gauge", "Number of desired pods for a StatefulSet."),
    "kube_statefulset_status_replicas_ready": ("gauge", "The number of ready replicas per StatefulSet."),
    "kube_job_status_failed": ("gauge", "The number of pods which reached Phase Failed."),
    "kube_job_status_succeeded": ("gauge", "The number of pods which reached Phase Succeeded."),
    "kube_node_status_condition": ("gauge", "The condition of a cluster node."),
    "kube_node_status_allocatable": ("gauge", "The allocatable resources of a node."),
    "node_memory_MemTotal_bytes": ("gauge", "Memory information field MemTotal_bytes."),
    "node_memory_MemAvailable_bytes": ("gauge", "Memory information field MemAvailable_bytes."),
    "node_load1": ("gauge", "1m load average."),
}


def pairs(**labels: str) -> LabelPairs:
    return tuple(sorted(labels.items()))


def readings(world: World, flows: dict[str, Flow], at: Number) -> Iterator[Reading]:
    """Every series that the company shows, under these flows, which may be of one time or of many."""
    ready = world.ready()
    memory: dict[str, Number] = {}
    for pod in world.objects.list("pods"):
        for container in pod["spec"]["containers"]:
            service = service_of(container["image"])
            if world.is_running(pod, container):
                load = flows[service.name].load if service else 0.2
                used = _memory(world, pod, container, service, at)
                node = pod["spec"]["nodeName"]
                memory[node] = memory.get(node, 0.0) + used
                yield from _cadvisor(pod, container, service, used, load, at)
                if service:
                    flow = flows[service.name]
                    share = 1 / ready[service.name] if is_ready(pod) else 0.0
                    yield from _own(service, pod, flow, share, at)
        yield from _pod_state(pod, at)
    yield from _workloads(world, at)
    yield from _nodes(world, memory, at)
    for job in ("kube-state-metrics", "kubernetes-nodes-cadvisor"):
        yield Reading("up", pairs(job=job, instance=f"{job}:8080"), "gauge", 1.0 + 0.0 * at)


def _memory(world: World, pod: Json, container: Json, service: Service | None, at: Number) -> Number:
    """The working set: rising while the program starts, then where it usually is."""
    need = (service.memory_mib if service else 24) * MIB
    limit = amount(container["resources"].get("limits", {}).get("memory", "1Ti"))
    age = world.age_of_run(pod, container)
    warm = min(1.0, 0.3 + 0.7 * age / 1.2)
    return np.minimum(limit, need * warm * wave(pod["metadata"]["name"] + "memory", at, 0.03))


def _cadvisor(
    pod: Json, container: Json, service: Service | None, used: Number, load: Number, at: Number
) -> Iterator[Reading]:
    meta = pod["metadata"]
    labels = pairs(
        namespace=meta["namespace"], pod=meta["name"], container=container["name"], node=pod["spec"]["nodeName"],
        job="kubernetes-nodes-cadvisor",
    )  # fmt: skip
    cores = (service.cpu_limit_m if service else 500) / 1000
    cpu = np.minimum(cores, cores * (0.04 + 0.75 * load) * wave(meta["name"] + "cpu", at, 0.06))
    throttled = 10 * np.clip((cpu / cores - 0.7) / 0.3, 0.0, 1.0)
    yield Reading("container_memory_working_set_bytes", labels, "gauge", used)
    yield Reading("container_cpu_usage_seconds_total", labels, "counter", cpu)
    yield Reading("container_cpu_cfs_periods_total", labels, "counter", 10.0 + 0.0 * at)
    yield Reading("container_cpu_cfs_throttled_periods_total", labels, "counter", throttled)


def _own(service: Service, pod: Json, flow: Flow, share: float, at: Number) -> Iterator[Reading]:
    """What one pod shows of itself, given its share of the requests."""
    meta = pod["metadata"]
    target = {
        "namespace": meta["namespace"], "service": service.name, "pod": meta["name"], "job": service.name,
        "instance": f"{pod['status'].get('podIP', '')}:{service.port}",
    }  # fmt: skip
    labels = pairs(**target)
    rps = flow.rps * share
    yield Reading("up", labels, "gauge", 1.0 + 0.0 * at)
    if service.speaks_http:
        yield from _http(target, flow, rps)
    elif service.software == "redis":
        yield Reading("redis_up", labels, "gauge", 1.0 + 0.0 * at)
        yield Reading("redis_commands_processed_total", labels, "counter", rps)
        yield Reading("redis_memory_used_bytes", labels, "gauge", 96 * MIB * wave("carts", at, 0.04))
    else:
        yield Reading("pg_up", labels, "gauge", 1.0 + 0.0 * at)
        yield Reading("pg_stat_activity_count", labels, "gauge", np.round(18 + 12 * flow.load * wave("pg", at, 0.2)))
        yield Reading("pg_stat_database_xact_commit", labels, "counter", rps)


def _http(target: dict[str, str], flow: Flow, rps: Number) -> Iterator[Reading]:
    for code, ratio in _codes(flow).items():
        yield Reading("http_requests_total", pairs(**target, code=code), "counter", rps * ratio)
    for bound in BUCKETS:
        below = _share_below(bound, flow.latency_s)
        yield Reading("http_request_duration_seconds_bucket", pairs(**target, le=f"{bound:g}"), "counter", rps * below)
    yield Reading("http_request_duration_seconds_bucket", pairs(**target, le="+Inf"), "counter", rps)
    labels = pairs(**target)
    mean = flow.latency_s * math.exp(SPREAD**2 / 2)
    yield Reading("http_request_duration_seconds_sum", labels, "counter", rps * mean)
    yield Reading("http_request_duration_seconds_count", labels, "counter", rps)
    yield Reading("http_requests_in_flight", labels, "gauge", np.round(rps * mean))


def _codes(flow: Flow) -> dict[str, Number]:
    """The share of answers by status code: refused by itself 503, failed in what it calls 502, its own bugs 500."""
    called: Number = 1.0
    for ratio in flow.failed_calls.values():
        called = called * (1 - ratio)
    passed = 1 - flow.shed
    bad_gateway = passed * (1 - called)
    own = np.maximum(0.0, flow.fail_ratio - flow.shed - bad_gateway)
    fine = 1 - flow.fail_ratio
    return {"200": fine * 0.992, "404": fine * 0.008, "500": own, "502": bad_gateway, "503": flow.shed}


def _share_below(bound: float, median: Number) -> Number:
    """The share of answers faster than `bound`, of a log-normal spread (by its logistic likeness)."""
    return 1 / (1 + np.exp(-1.702 * (math.log(bound) - np.log(median)) / SPREAD))


def _pod_state(pod: Json, at: Number) -> Iterator[Reading]:
    """kube-state-metrics of one pod."""
    meta, status = pod["metadata"], pod["status"]
    own = {"namespace": meta["namespace"], "pod": meta["name"], "job": "kube-state-metrics"}
    still = 0.0 * at
    owner = (meta.get("ownerReferences") or [{"kind": "<none>", "name": "<none>"}])[0]
    info = pairs(**own, node=pod["spec"].get("nodeName", ""), created_by_kind=owner["kind"],
                 created_by_name=owner["name"], pod_ip=status.get("podIP", ""))  # fmt: skip
    yield Reading("kube_pod_info", info, "gauge", 1.0 + still)
    labels = {f"label_{k.replace('/', '_').replace('.', '_').replace('-', '_')}": v for k, v in meta["labels"].items()}
    yield Reading("kube_pod_labels", pairs(**own, **labels), "gauge", 1.0 + still)
    for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
        yield Reading(
            "kube_pod_status_phase", pairs(**own, phase=phase), "gauge", float(phase == status["phase"]) + still
        )
    for truth in ("true", "false"):
        value = float(is_ready(pod) == (truth == "true"))
        yield Reading("kube_pod_status_ready", pairs(**own, condition=truth), "gauge", value + still)
    for container in pod["spec"]["containers"]:
        for kind in ("requests", "limits"):
            for resource, text in container["resources"].get(kind, {}).items():
                unit = {"cpu": "core", "memory": "byte"}[resource]
                labels = {**own, "container": container["name"], "resource": resource, "unit": unit}
                yield Reading(f"kube_pod_container_resource_{kind}", pairs(**labels), "gauge", amount(text) + still)
    for held in status.get("containerStatuses", ()):
        yield from _container_state({**own, "container": held["name"]}, held, still)


def _container_state(own: dict[str, str], status: Json, still: Number) -> Iterator[Reading]:
    labels = pairs(**own)
    yield Reading("kube_pod_container_status_ready", labels, "gauge", float(status["ready"]) + still)
    yield Reading("kube_pod_container_status_restarts_total", labels, "gauge", float(status["restartCount"]) + still)
    waiting = status["state"].get("waiting")
    if waiting:
        reason = pairs(**own, reason=waiting["reason"])
        yield Reading("kube_pod_container_status_waiting_reason", reason, "gauge", 1.0 + still)
    ended = status["lastState"].get("terminated")
    if ended:
        reason = pairs(**own, reason=ended["reason"])
        yield Reading("kube_pod_container_status_last_terminated_reason", reason, "gauge", 1.0 + still)


def _workloads(world: World, at: Number) -> Iterator[Reading]:
    for kind, plural in (("deployment", "deployments"), ("statefulset", "statefulsets")):
        for found in world.objects.list(plural):
            labels = pairs(**{"namespace": found["metadata"]["namespace"], kind: found["metadata"]["name"],
                              "job": "kube-state-metrics"})  # fmt: skip
            for name, value in _replicas(kind, found).items():
                yield Reading(f"kube_{kind}_{name}", labels, "gauge", float(value) + 0.0 * at)
    for job in world.objects.list("jobs"):
        labels = pairs(
            namespace=job["metadata"]["namespace"], job_name=job["metadata"]["name"], job="kube-state-metrics"
        )
        for state in ("failed", "succeeded"):
            yield Reading(f"kube_job_status_{state}", labels, "gauge", float(job["status"].get(state, 0)) + 0.0 * at)


def _replicas(kind: str, found: Json) -> dict[str, Any]:
    status, spec = found["status"], found["spec"]
    if kind == "statefulset":
        return {"replicas": spec["replicas"], "status_replicas_ready": status["readyReplicas"]}
    return {
        "spec_replicas": spec["replicas"],
        "status_replicas": status.get("replicas", 0),
        "status_replicas_ready": status.get("readyReplicas", 0),
        "status_replicas_available": status.get("availableReplicas", 0),
        "status_replicas_unavailable": status.get("unavailableReplicas", 0),
        "status_replicas_updated": status.get("updatedReplicas", 0),
        "metadata_generation": found["metadata"]["generation"],
        "status_observed_generation": status.get("observedGeneration", 0),
    }


def _nodes(world: World, memory: dict[str, Number], at: Number) -> Iterator[Reading]:
    for node in world.objects.list("nodes"):
        name = node["metadata"]["name"]
        for held in node["status"]["conditions"]:
            for truth in ("true", "false", "unknown"):
                labels = pairs(node=name, condition=held["type"], status=truth, job="kube-state-metrics")
                value = float(held["status"].lower() == truth)
                yield Reading("kube_node_status_condition", labels, "gauge", value + 0.0 * at)
        for resource, unit in (("cpu", "core"), ("memory", "byte"), ("pods", "integer")):
            labels = pairs(node=name, resource=resource, unit=unit, job="kube-state-metrics")
            size = amount(node["status"]["allocatable"][resource])
            yield Reading("kube_node_status_allocatable", labels, "gauge", size + 0.0 * at)
        labels = pairs(instance=f"{name}:9100", job="node-exporter", node=name)
        total = amount(node["status"]["capacity"]["memory"])
        left = total - 900 * MIB - memory.get(name, 0.0)
        yield Reading("node_memory_MemTotal_bytes", labels, "gauge", total + 0.0 * at)
        yield Reading("node_memory_MemAvailable_bytes", labels, "gauge", left + 0.0 * at)
        yield Reading("node_load1", labels, "gauge", 1.4 * wave(name + "load", at, 0.3))
        yield Reading("up", labels, "gauge", 1.0 + 0.0 * at)
