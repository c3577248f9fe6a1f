"""Every tool there is. A reasoner may call these and nothing else."""

from __future__ import annotations

from workers.tools.alerts import alerts_firing
from workers.tools.describe import kubernetes_describe
from workers.tools.events import kubernetes_events
from workers.tools.kubernetes import kubernetes_get, kubernetes_list
from workers.tools.logs import kubernetes_logs
from workers.tools.memory import read_runbook, search_incidents, search_runbooks
from workers.tools.more import read_more
from workers.tools.prometheus import metric_names, prometheus_instant, prometheus_range
from workers.tools.registry import Tool
from workers.tools.rollouts import rollout_history
from workers.tools.usage import kubernetes_top

TOOLS: tuple[Tool, ...] = (
    kubernetes_describe,
    kubernetes_list,
    kubernetes_get,
    kubernetes_logs,
    kubernetes_events,
    kubernetes_top,
    rollout_history,
    prometheus_range,
    prometheus_instant,
    metric_names,
    alerts_firing,
    search_runbooks,
    read_runbook,
    search_incidents,
    read_more,
)
if len({tool.name for tool in TOOLS}) != len(TOOLS):
    raise AssertionError("two tools have the same name")
