"""Which metrics a Prometheus has of a service's requests, and by which labels they name the service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workers.ports import Series

# Asked of Prometheus once; what fits is chosen below.
WANTED = (
    r".*(request|handled|http|rpc).*(_total|_count|_bucket)|.*_requests|container_cpu_usage_seconds_total"
    r"|container_memory_working_set_bytes|container_cpu_cfs_(throttled_)?periods_total|kube_pod_container_resource_limits"
)
_COUNTER = re.compile(
    r"(?:.*_)?requests?(?:_\w*)?_(?:total|count)|(?:.*_)?requests|grpc_server_handled_total|http_server_\w*_count"
)
_LATENCY = re.compile(
    r".*(?:request|http|rpc|handling|server)\w*(?:duration|latency|time|seconds|milliseconds|ms)\w*_bucket"
)
# Of infrastructure, of what the service itself calls, and of parts of requests.
_NOT = re.compile(
    r"(?:prometheus|promhttp|alertmanager|apiserver|kubelet|etcd|rest_client|kube|coredns|go|process|container|node|net_conntrack"
    r"|grafana|scheduler|workqueue|authentication|authorization)_.*"
    r"|.*(?:client|outbound|upstream|egress|error|exception|failed|failure|retr|dropped|size|bytes|in_flight|_sum).*"
)
_FIRST = ("http_requests_total", "http_server", "http_request", "grpc_server", "istio_requests_total")
_OWN_NAMES = (
    "service", "app", "application", "service_name", "app_kubernetes_io_name", "kubernetes_name", "exported_service",
    "destination_workload", "destination_service_name", "deployment", "workload", "job", "exported_job", "container",
    "component", "name",
)  # fmt: skip
_NAMESPACES = ("namespace", "exported_namespace", "kubernetes_namespace", "k8s_namespace_name",
               "destination_workload_namespace", "destination_service_namespace")  # fmt: skip
_CODES = ("code", "status", "status_code", "http_status_code", "http_response_status_code", "response_code",
          "http_status", "statusCode", "grpc_code", "rpc_grpc_status_code", "outcome", "result", "success")  # fmt: skip
_HTTP_CODE = re.compile(r"[1-5](?:\d\d|xx)", re.IGNORECASE)
_SERVING_WINDOW = "1h"
_GRPC_ERRORS = "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss"  # those that are the server's own
_WORD_ERRORS = "error|ERROR|failure|FAILURE|failed|fail|exception|SERVER_ERROR|false"


class Instants(Protocol):
    """What is needed of Prometheus here."""

    def instant(self, query: str, at: datetime | None = None) -> tuple[Series, ...]: ...


@dataclass(frozen=True)
class Asked:
    """A service, and the names that its metrics may carry."""

    label: str  # what people call it
    namespace: str
    owner: str  # "Deployment/checkout"
    names: frozenset[str]
    is_meant: bool = True  # not merely one that the meant one depends on

    @property
    def pods(self) -> str:
        """A regular expression of its pods' names, as its kind of workload names them."""
        kind, _, name = self.owner.partition("/")
        plain = re.sub(r"[.]", r"[.]", name)
        return plain + {
            "Deployment": "-[a-z0-9]+-[a-z0-9]{5}", "StatefulSet": "-[0-9]+", "DaemonSet": "-[a-z0-9]{5}", "Pod": "",
        }.get(kind, "-.+")  # fmt: skip


@dataclass(frozen=True)
class Requests:
    """A metric that counts or times the requests of one service."""

    metric: str
    matchers: str  # 'namespace="shop",service="checkout"'
    errors: str = ""  # 'code=~"5.."'; "" when no label tells

    def select(self, more: str = "") -> str:
        """The metric with its matchers."""
        return f"{self.metric}{{{','.join(filter(None, (self.matchers, more)))}}}"


def counters(names: Iterable[str]) -> list[str]:
    """Those of the names that count requests served, the likeliest first."""
    return sorted((n for n in names if _COUNTER.fullmatch(n) and not _NOT.fullmatch(n)), key=_likelihood)


def histograms(names: Iterable[str]) -> list[str]:
    """Those of the names that are buckets of the time to answer, the likeliest first."""
    return sorted((n for n in names if _LATENCY.fullmatch(n) and not _NOT.fullmatch(n)), key=_likelihood)


def _likelihood(name: str) -> tuple[int, int, str]:
    return next((i for i, first in enumerate(_FIRST) if name.startswith(first)), len(_FIRST)), len(name), name


def find_requests(metrics: Instants, candidates: list[str], asked: Asked, at: datetime) -> Requests | None:
    """The first of these metrics that names the service in one of its labels, or else its pods; None when none does.

    Raises: ToolError, Unreachable.
    """
    if not candidates:
        return None
    alternatives = "|".join(candidates)
    by = ", ".join(("__name__", *_NAMESPACES, *_OWN_NAMES, *_CODES))
    rows = metrics.instant(f'count by ({by}) ({{__name__=~"{alternatives}"}})', at)
    for metric in candidates:
        of_metric = [row.labels for row in rows if row.labels.get("__name__") == metric]
        if found := _named(metric, of_metric, asked):
            return found
    by = ", ".join(("__name__", *_CODES))
    rows = metrics.instant(f'count by ({by}) ({{__name__=~"{alternatives}",pod=~"{asked.pods}"}})', at)
    for metric in candidates:
        if of_metric := [row.labels for row in rows if row.labels.get("__name__") == metric]:
            return Requests(metric, f'pod=~"{asked.pods}"', _errors(of_metric))
    return None


def serving(metrics: Instants, candidates: list[str], at: datetime, most: int) -> list[tuple[str, str]]:
    """Namespace ("" where none is said) and name of what serves most requests, by the first of these metrics that names
    anything. Raises: ToolError, Unreachable.
    """
    by = ", ".join((*_NAMESPACES, *_OWN_NAMES))
    for metric in candidates:
        rows = metrics.instant(f"topk({most}, sum by ({by}) (rate({metric}[{_SERVING_WINDOW}])))", at) if most else ()
        found = {
            (next((row.labels[ns] for ns in _NAMESPACES if row.labels.get(ns)), ""), name)
            for row in rows
            if (name := next((row.labels[own] for own in _OWN_NAMES if row.labels.get(own)), ""))
        }
        if found:
            return sorted(found)
    return []


def _named(metric: str, rows: list[dict[str, str]], asked: Asked) -> Requests | None:
    here = [row for row in rows if _may_be_in(row, asked.namespace)]
    for label in _OWN_NAMES:
        if matching := [row for row in here if row.get(label) in asked.names]:
            matchers = [f'{label}="{matching[0][label]}"']
            matchers += [f'{ns}="{asked.namespace}"' for ns in _NAMESPACES if matching[0].get(ns) == asked.namespace][
                :1
            ]
            if metric.startswith("istio_"):  # a mesh counts each request at both ends
                matchers.append('reporter="destination"')
            return Requests(metric, ",".join(matchers), _errors(matching))
    return None


def _may_be_in(row: Mapping[str, str], namespace: str) -> bool:
    """Whether its namespace labels do not say another one; a scrape through a gateway may add that of the gateway."""
    said = [row[label] for label in _NAMESPACES if row.get(label)]
    return not said or not namespace or namespace in said


def _errors(rows: list[dict[str, str]]) -> str:
    """The matcher that picks failed requests."""
    for label in _CODES:
        values = {row[label] for row in rows if row.get(label)}
        if any(_HTTP_CODE.fullmatch(value) for value in values):
            return f'{label}=~"5..|5xx|5XX"'
        if values and "grpc" in label:
            return f'{label}=~"{_GRPC_ERRORS}"'
        if values & set(_WORD_ERRORS.split("|")):
            return f'{label}=~"{_WORD_ERRORS}"'
    return ""


def latest(series: Iterable[Series]) -> Iterator[float]:
    """The last value of each."""
    return (each.points[-1][1] for each in series if each.points)
