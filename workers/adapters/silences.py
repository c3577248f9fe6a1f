"""Alertmanager's silences, made and ended through its API v2."""

from __future__ import annotations

from typing import Any

from core.errors import ToolError, Unclear
from workers.adapters.json_api import JsonApi, Rejected

TIMEOUT_S = 10.0
_WHAT = "the silences"


class AlertmanagerSilences:
    """Implements workers.ports.Silences."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """The address may carry credentials."""
        self._api = JsonApi("Alertmanager", "ALERTMANAGER_URL", url, timeout_s)

    def create(self, body: dict[str, Any]) -> str:
        """Implements workers.ports.Silences."""
        answer = self._api.write("POST", "/api/v2/silences", body, "a silence")
        silence_id = answer.get("silenceID") if isinstance(answer, dict) else None
        if not isinstance(silence_id, str) or not silence_id:
            raise Unclear("Alertmanager took the silence and did not say which it is; look at its list of silences.")
        return silence_id

    def list(self) -> tuple[dict[str, Any], ...]:
        """Implements workers.ports.Silences."""
        try:
            answer = self._api.get("/api/v2/silences", {}, _WHAT)
        except Rejected as error:
            raise ToolError(_WHAT, error.why) from error
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise ToolError(_WHAT, "the answer is not what Alertmanager answers; check ALERTMANAGER_URL")
        return tuple(answer)

    def expire(self, silence_id: str) -> None:
        """Implements workers.ports.Silences."""
        self._api.write("DELETE", f"/api/v2/silence/{silence_id}", None, "a silence")
