"""Alertmanager's API v2, read only."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from core.errors import ToolError
from core.incident import Alert
from core.mask import mask
from core.silences import Silenced
from workers.adapters.json_api import JsonApi, Rejected

TIMEOUT_S = 10.0
_WHAT, _SILENCES = "the firing alerts", "the silences"
_MOST = 200  # characters of what a person wrote


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

    def silences(self) -> tuple[Silenced, ...]:
        """Those that are on."""
        try:
            answer = self._api.get("/api/v2/silences", {}, _SILENCES)
            return tuple(_silenced(raw) for raw in answer if raw["status"]["state"] == "active")
        except Rejected as error:
            raise ToolError(_SILENCES, error.why) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ToolError(_SILENCES, "the answer is not what Alertmanager answers; check ALERTMANAGER_URL") from error

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


def _silenced(raw: dict[str, Any]) -> Silenced:
    """The alert's name first, then the other values that it matches."""
    matchers = sorted(raw["matchers"], key=lambda m: m["name"] != "alertname")
    of = ", ".join(f"{'' if m.get('isEqual', True) else 'not '}{m['value']}" for m in matchers)
    return Silenced(
        id=str(raw["id"]), of=mask(of)[:_MOST], by=str(raw.get("createdBy") or "")[:_MOST],
        why=mask(str(raw.get("comment") or ""))[:_MOST], ends_at=datetime.fromisoformat(raw["endsAt"]),
    )  # fmt: skip
