"""Alertmanager's API v2, read only."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from core.errors import ToolError
from core.incident import Alert
from workers.adapters.json_api import JsonApi, Rejected

TIMEOUT_S = 10.0
_WHAT = "the firing alerts"


class Alertmanager:
    """Implements workers.ports.Alerts: the alerts that fire and that nobody silenced or inhibited."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """The address may carry credentials; `self.url` does not."""
        self._api = JsonApi("Alertmanager", "ALERTMANAGER_URL", url, timeout_s)
        self.url = self._api.url

    def firing(self) -> tuple[Alert, ...]:
        """Those that fire now, the latest first."""
        return self._read({"active": "true", "silenced": "false", "inhibited": "false", "unprocessed": "true"})

    def every(self) -> tuple[Alert, ...]:
        """All that it has, the silenced and inhibited ones too, the latest first."""
        return self._read({"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"})

    def _read(self, params: dict[str, str]) -> tuple[Alert, ...]:
        try:
            answer = self._api.get("/api/v2/alerts", params, _WHAT)
            alerts = [_alert(raw) for raw in answer]
        except Rejected as error:
            raise ToolError(_WHAT, error.why) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ToolError(_WHAT, "the answer is not what Alertmanager answers; check ALERTMANAGER_URL") from error
        return tuple(sorted(alerts, key=lambda alert: alert.starts_at, reverse=True))

    def link(self, alert: Alert) -> str:
        """Alertmanager's page, showing this alert alone."""
        matchers = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(alert.labels.items()))
        return f"{self.url}/#/alerts?{urlencode({'filter': '{' + matchers + '}'})}"


def _alert(raw: dict[str, Any]) -> Alert:
    labels = {str(name): str(value) for name, value in raw["labels"].items()}
    return Alert(
        fingerprint=raw["fingerprint"],
        name=labels.get("alertname", "unnamed"),
        status="firing",
        labels=labels,
        annotations={str(name): str(value) for name, value in raw.get("annotations", {}).items()},
        starts_at=datetime.fromisoformat(raw["startsAt"]),
        generator_url=raw.get("generatorURL") or "",
        silenced=bool(raw.get("status", {}).get("silencedBy")),
    )
