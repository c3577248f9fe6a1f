"""The SRE_CONFIG file of the pretend company: its service map, who approves, and how far the bot may go."""

from __future__ import annotations

from typing import Any

from sandbox.alert_rules import RULES
from sandbox.services import BATCH, BATCH_CRONJOB, NAMESPACE, SERVICES

CLUSTER = "shop-eu"
SETTLE_S, COOLDOWN_S = 10, 30  # minutes in a real company; nobody waits so long at a demonstration


def catalogue(contexts: dict[str, str], channel: str | None, approver_groups: tuple[str, ...]) -> dict[str, Any]:
    """The file's content, for `core.settings.Config`."""
    services: dict[str, Any] = {
        s.name: {
            "cluster": CLUSTER, "namespace": NAMESPACE, "workloads": [f"{s.kind}/{s.name}"],
            "depends_on": [c.to for c in s.calls], "state": s.state, "tags": list(s.tags), "owners": [s.team],
        }
        for s in SERVICES
    }  # fmt: skip
    services[BATCH] = {
        "cluster": CLUSTER, "namespace": NAMESPACE, "workloads": [f"CronJob/{BATCH_CRONJOB}"],
        "depends_on": ["orders-db"], "state": "none", "owners": ["S0SHOP"],
    }  # fmt: skip
    content: dict[str, Any] = {
        "clusters": {CLUSTER: {**contexts, "environment": "production"}},
        "services": services,
        "approvers": {"groups": list(approver_groups), "four_eyes": ["drain_node"]},
        "autonomy": {
            "mode": "assist",
            "alert_types": sorted({r.alert for r in RULES}),
            "namespaces": [NAMESPACE],
            "settle_s": SETTLE_S,
            "cooldown_s": COOLDOWN_S,
        },
    }
    # Short, so that a demonstration need not wait until quiet is believed.
    content["grouping"] = {"quiet_s": 20}
    return {**content, "channels": {"fallback": channel}} if channel else content
