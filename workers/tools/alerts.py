"""Read-only tools over Alertmanager."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.errors import ToolError
from core.incident import Alert
from workers.tools.registry import ToolContext, tool
from workers.tools.results import Result
from workers.triage.objects import duration, since_s

_SHOWN = 50


@tool(source="alertmanager", doing="Reading firing alerts", timeout_s=12)
def alerts_firing(ctx: ToolContext, matching: Annotated[str, Field(max_length=200)] = "") -> Result:
    """Alerts that fire now and that nobody silenced, the latest first.

    Args:
        matching: Only those with this text in a label or annotation, whatever the case; empty for all.
    """
    if ctx.alerts is None:
        raise ToolError("firing alerts", "no ALERTMANAGER_URL")
    found = [alert for alert in ctx.alerts.firing() if matching.lower() in _told(alert).lower()]
    lines = [f"for {duration(since_s(alert.starts_at, ctx.now()))}  {_told(alert)}" for alert in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN} more")
    query = "firing alerts" + (f" matching {matching!r}" if matching else "")
    return Result(query=query, text="\n".join([f"{len(found)} alerts", *lines]))


def _told(alert: Alert) -> str:
    labels = ", ".join(f"{k}={v}" for k, v in sorted(alert.labels.items()) if k != "alertname")
    return f"{alert.name} ({labels}): {alert.summary}"
