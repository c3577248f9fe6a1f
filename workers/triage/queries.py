"""The PromQL of a service's requests, errors, latency and saturation, over a window of somebody's choice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from workers.triage.metricnames import Asked, Requests

WINDOW = "3m"  # of rates: three scrapes a minute apart
_CONTAINERS = 'container!="",container!="POD"'
_LIMITS = "kube_pod_container_resource_limits"


class Share(NamedTuple):
    """A query for how much is used of what there is, from 0 to 1."""

    name: str
    query: str
    words: str


def served(requests: Requests, window: str = WINDOW) -> str:
    """Requests a second."""
    return f"sum(rate({requests.select()}[{window}]))"


def failed(requests: Requests, window: str = WINDOW) -> str:
    """Failed requests a second; no data when none ever failed."""
    return f"sum(rate({requests.select(requests.errors)}[{window}]))"


def error_ratio(requests: Requests, window: str = WINDOW) -> str:
    return f"{failed(requests, window)} / {served(requests, window)}"


def latency_p95(buckets: Requests, window: str = WINDOW) -> str:
    """Seconds, whatever the histogram's own unit."""
    return f"histogram_quantile(0.95, sum by (le) (rate({buckets.select()}[{window}]))){_unit(buckets)}"


def saturation(asked: Asked, names: Collection[str], window: str = WINDOW) -> Iterator[Share]:
    """CPU and memory of its fullest container against the limit, and throttling, where these metrics exist."""
    where = f'namespace="{asked.namespace}",pod=~"{asked.pods}"'
    kinds = (
        ("cpu_saturation", "container_cpu_usage_seconds_total", "cpu", f"rate({{}}[{window}])", "of its CPU limit"),
        ("memory_saturation", "container_memory_working_set_bytes", "memory", "{}", "of its memory limit"),
    )
    for name, metric, resource, used, words in kinds:
        if metric in names and _LIMITS in names:
            of_each = f"sum by (pod, container) ({used.format(f'{metric}{{{where},{_CONTAINERS}}}')})"
            limits = f'sum by (pod, container) ({_LIMITS}{{{where},resource="{resource}"}})'
            yield Share(name, f"max({of_each} / {limits})", f"{words}, in its fullest container")
    periods, throttled = "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"
    if periods in names and throttled in names:
        share = " / ".join(f"sum(rate({m}{{{where},{_CONTAINERS}}}[{window}]))" for m in (throttled, periods))
        yield Share("cpu_throttled", share, "of its CPU periods throttled")


def _unit(buckets: Requests) -> str:
    """What turns the histogram's unit into seconds."""
    if "milli" in buckets.metric or "_ms_" in buckets.metric:
        return " / 1e3"
    return " / 1e6" if "micro" in buckets.metric or "_us_" in buckets.metric else ""
