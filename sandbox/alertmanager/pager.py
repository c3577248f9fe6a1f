"""Alertmanager's PagerDuty receiver: the event that it sends for a group, with its default templates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from sandbox.alertmanager.model import Json

LONGEST_SUMMARY, LARGEST_EVENT = 1024, 512_000
TOO_LARGE = "Custom details have been removed because the original event exceeds the maximum size of 512KB"
SEVERITIES = ("critical", "error", "warning", "info")


@dataclass(frozen=True)
class Pager:
    """Where events go, and the routing key of each service; `otherwise` is for groups of no such service.

    Alertmanager has one receiver for each key and routes that choose by label; the outcome is the same.
    """

    url: str
    otherwise: str
    keys: Mapping[str, str] = field(default_factory=dict)

    def event(self, payload: Json) -> Json:
        """The event for what the webhook is told in `payload`."""
        firing = [a for a in payload["alerts"] if a["status"] == "firing"]
        resolved = [a for a in payload["alerts"] if a["status"] == "resolved"]
        link = f"{payload['externalURL']}/#/alerts?receiver={quote_plus(payload['receiver'])}"
        details = {
            "firing": _listed(firing), "resolved": _listed(resolved),
            "num_firing": str(len(firing)), "num_resolved": str(len(resolved)),
        }  # fmt: skip
        severity = payload["commonLabels"].get("severity", "")
        event: Json = {
            "routing_key": self.keys.get(payload["groupLabels"].get("service", ""), self.otherwise),
            "dedup_key": hashlib.sha256(payload["groupKey"].encode()).hexdigest(),
            "event_action": "trigger" if firing else "resolve",
            "payload": {
                "summary": _cut(_subject(payload, len(firing))),
                "source": "Alertmanager",
                "severity": severity if severity in SEVERITIES else "error",
                "custom_details": details,
            },
            "client": "Alertmanager",
            "client_url": link,
        }
        if len(json.dumps(event)) > LARGEST_EVENT:
            event["payload"]["custom_details"] = {"error": TOO_LARGE}
        return event


def _subject(payload: Json, firing: int) -> str:
    group, common = payload["groupLabels"], payload["commonLabels"]
    others = {k: v for k, v in common.items() if k not in group}
    state = f"[{payload['status'].upper()}{f':{firing}' if firing else ''}]"
    rest = f"({' '.join(_values(others))})" if len(common) > len(group) else ""
    return f"{state} {' '.join(_values(group))} {rest}"


def _sorted(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """By name, with the alert's name first."""
    return sorted(labels.items(), key=lambda pair: (pair[0] != "alertname", pair[0]))


def _values(labels: Mapping[str, str]) -> list[str]:
    return [value for _, value in _sorted(labels)]


def _listed(alerts: Iterable[Json]) -> str:
    return "".join(
        f"Labels:\n{_lines(a['labels'])}Annotations:\n{_lines(a['annotations'])}Source: {a['generatorURL']}\n"
        for a in alerts
    )


def _lines(labels: Mapping[str, str]) -> str:
    return "".join(f" - {name} = {value}\n" for name, value in _sorted(labels))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SUMMARY else text[: LONGEST_SUMMARY - 1] + "…"
