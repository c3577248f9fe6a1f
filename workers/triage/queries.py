"""The PromQL of a service's requests, errors, latency and saturation, over a window of somebody's choice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from workers.triage.metricnames import Asked, Requests

WINDOW = "3m"  # of rates: three scrapes a minute apart
_CONTAINERS = 'container!="",container!="POD"'
_LIMITS = "kube_pod_container_resource_limits"
_USED = {
    "cpu": ("container_cpu_usage_seconds_total", "rate({}[{}])", "of its CPU limit"),
    "memory": ("container_memory_working_set_bytes", "{}", "of its memory limit"),
}


class Share(NamedTuple):
    """A query for how much is used of what there is, from 0 to 1."""

    name: str
    query: str
    words: str


def served(requests: Requests, window: str = WINDOW, by: Collection[str] = ()) -> str:
    """Requests a second, in all or by these labels."""
    return f"{_by('sum', by)}(rate({requests.select()}[{window}]))"


def failed(requests: Requests, window: str = WINDOW, by: Collection[str] = ()) -> str:
    """Failed requests a second; no data when none ever failed."""
    return f"{_by('sum', by)}(rate({requests.select(requests.errors)}[{window}]))"


def error_ratio(requests: Requests, window: str = WINDOW) -> str:
    return f"{failed(requests, window)} / {served(requests, window)}"


def latency_p95(buckets: Requests, window: str = WINDOW, by: Collection[str] = ()) -> str:
    """Seconds, whatever the histogram's own unit."""
    rates = f"{_by('sum', ('le', *by))}(rate({buckets.select()}[{window}]))"
    return f"histogram_quantile(0.95, {rates}){_unit(buckets)}"


def saturation(asked: Asked, names: Collection[str], window: str = WINDOW) -> Iterator[Share]:
    """CPU and memory of its fullest container against the limit, and throttling, where these metrics exist."""
    where = f'namespace="{asked.namespace}",pod=~"{asked.pods}"'
    for resource, (metric, _, words) in _USED.items():
        if metric in names and _LIMITS in names:
            fullest = used_of_limit(resource, where, window)
            yield Share(f"{resource}_saturation", fullest, f"{words}, in its fullest container")
    periods, throttled = "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"
    if periods in names and throttled in names:
        share = " / ".join(f"sum(rate({m}{{{where},{_CONTAINERS}}}[{window}]))" for m in (throttled, periods))
        yield Share("cpu_throttled", share, "of its CPU periods throttled")


def used_of_limit(resource: str, where: str, window: str = WINDOW, by: tuple[str, ...] = ()) -> str:
    """How much of its limit of "cpu" or "memory" the fullest container uses, in all or by these labels of pods."""
    metric, used, _ = _USED[resource]
    each = dict.fromkeys((*by, "pod", "container"))
    of_each = f"{_by('sum', each)}({used.format(f'{metric}{{{where},{_CONTAINERS}}}', window)})"
    limits = f'{_by("sum", each)}({_LIMITS}{{{where},resource="{resource}"}})'
    return f"{_by('max', by)}({of_each} / {limits})"


def _by(operator: str, labels: Collection[str]) -> str:
    return f"{operator} by ({', '.join(labels)}) " if labels else operator


def _unit(buckets: Requests) -> str:
    """What turns the histogram's unit into seconds."""
    if "milli" in buckets.metric or "_ms_" in buckets.metric:
        return " / 1e3"
    return " / 1e6" if "micro" in buckets.metric or "_us_" in buckets.metric else ""
