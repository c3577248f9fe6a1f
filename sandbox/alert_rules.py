"""The company's alert rules. Their windows are short, so that a demonstration need not wait."""

from __future__ import annotations

from sandbox.prometheus.rules import Rule

RUNBOOKS = "https://wiki.shop.example/runbooks"
# kube-state-metrics knows pods, not services; the pod's label says whose it is.
_WHOSE = "* on (namespace, pod) group_left (label_app) kube_pod_labels"
_OF_POD = {"service": "{{ $labels.label_app }}"}


def _rule(alert: str, expr: str, for_s: float, severity: str, summary: str, text: str, **labels: str) -> Rule:
    annotations = {"summary": summary, "description": text, "runbook_url": f"{RUNBOOKS}/{alert}"}
    return Rule(alert, expr, for_s, {"severity": severity, **labels}, annotations)


RULES = (
    _rule(
        "KubePodCrashLooping",
        "(max_over_time(kube_pod_container_status_waiting_reason"
        f'{{reason="CrashLoopBackOff",namespace="shop"}}[30s]) >= 1) {_WHOSE}',
        0, "warning", "Pod {{ $labels.namespace }}/{{ $labels.pod }} is crash looping.",
        "Container {{ $labels.container }} of pod {{ $labels.namespace }}/{{ $labels.pod }} is in CrashLoopBackOff.",
        **_OF_POD,
    ),
    _rule(
        "ContainerOOMKilled",
        '(kube_pod_container_status_last_terminated_reason{reason="OOMKilled",namespace="shop"} '
        f"and on (namespace, pod, container) changes(kube_pod_container_status_restarts_total[2m]) > 0) {_WHOSE}",
        0, "warning", "Container {{ $labels.container }} of {{ $labels.pod }} was killed for using too much memory.",
        "Container {{ $labels.container }} in pod {{ $labels.namespace }}/{{ $labels.pod }} reached its memory limit.",
        **_OF_POD,
    ),
    _rule(
        "KubePodNotReady",
        '(max by (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Unknown",namespace="shop"}) > 0) '
        f"{_WHOSE}",
        3, "warning", "Pod {{ $labels.namespace }}/{{ $labels.pod }} has not become ready.",
        "Pod {{ $labels.namespace }}/{{ $labels.pod }} has been in a non-ready state since it was made.",
        **_OF_POD,
    ),
    _rule(
        "KubeDeploymentReplicasMismatch",
        'kube_deployment_spec_replicas{namespace="shop"} > kube_deployment_status_replicas_available{namespace="shop"}',
        5, "warning", "Deployment {{ $labels.namespace }}/{{ $labels.deployment }} has too few replicas.",
        "Deployment {{ $labels.namespace }}/{{ $labels.deployment }} wants {{ $value }} replicas and has fewer.",
        service="{{ $labels.deployment }}",
    ),
    _rule(
        "HighErrorRate",
        'sum by (namespace, service) (rate(http_requests_total{code=~"5.."}[30s])) '
        "/ sum by (namespace, service) (rate(http_requests_total[30s])) > 0.05",
        1, "critical", "{{ $labels.service }} answers {{ $value | humanizePercentage }} of requests with 5xx.",
        "More than 5 % of the requests to {{ $labels.service }} end in an error.",
    ),
    _rule(
        "HighLatency",
        "histogram_quantile(0.95, sum by (namespace, service, le) "
        "(rate(http_request_duration_seconds_bucket[1m]))) > 2",
        20, "warning", "{{ $labels.service }} is slow: p95 is {{ $value | humanizeDuration }}.",
        "The slowest twentieth of the requests to {{ $labels.service }} takes longer than 2 seconds.",
    ),
    _rule(
        "ServiceDown",
        'kube_deployment_status_replicas_ready{namespace="shop"} == 0',
        2, "critical", "No pod of {{ $labels.deployment }} is ready.",
        "Deployment {{ $labels.namespace }}/{{ $labels.deployment }} has no pod that can answer.",
        service="{{ $labels.deployment }}",
    ),
    _rule(
        "KubeJobFailed",
        'kube_job_status_failed{namespace="shop"} > 0',
        0, "warning", "Job {{ $labels.namespace }}/{{ $labels.job_name }} failed.",
        "A pod of the job {{ $labels.namespace }}/{{ $labels.job_name }} failed.", service="batch",
    ),
    _rule(
        "KubeNodeNotReady",
        'kube_node_status_condition{condition="Ready",status="true"} == 0',
        0, "critical", "Node {{ $labels.node }} is not ready.",
        "Node {{ $labels.node }} has been unready for a while.",
    ),
)  # fmt: skip
