"""Claude explains a case: it reads with the tools, within a budget, and concludes with cited evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from core.diagnosis import Case, Draft
from core.errors import ConfigError, Unreachable
from core.mask import mask
from core.model import utc_now
from core.settings import Settings
from workers.ports import Alerts, Cluster, Memory, Metrics, Step
from workers.reasoners.answer import CONCLUDE, Conclusion
from workers.reasoners.budget import Budget, Spent
from workers.reasoners.conversation import Conversation
from workers.reasoners.messages_api import Backoff, MessagesApi, preload
from workers.reasoners.prompt import SYSTEM, first_message
from workers.reasoners.transcript import EPHEMERAL
from workers.tools.catalogue import TOOLS
from workers.tools.gate import Gate
from workers.tools.registry import Tool, ToolContext
from workers.tools.results import clean

__all__ = ["ClaudeReasoner", "check_access", "preload"]

MAX_ANSWER_TOKENS = 16_000  # thinking counts too


class ClaudeReasoner:
    """Implements workers.ports.Reasoner. Safe to use from many threads."""

    def __init__(
        self, settings: Settings, *, cluster: Callable[[str | None], Cluster],
        metrics: Callable[[str | None], Metrics | None], alerts: Alerts | None, memory: Memory,
        now: Callable[[], datetime] = utc_now, budget: Budget | None = None, backoff: Backoff | None = None,
        tools: Sequence[Tool] = TOOLS,
    ) -> None:  # fmt: skip
        """Args: `cluster` and `metrics` are by catalogue name, as in workers.world.Outside."""
        self._cluster = cluster
        self._metrics = metrics
        self._alerts = alerts
        self._memory = memory
        self._now = now
        self._budget = budget or Budget()
        self._tools = tuple(tools)
        self._secrets = settings.secrets()
        self._backoff = backoff or Backoff()
        self._settings = settings

    def explain(self, case: Case, on_step: Callable[[Step], None]) -> Draft:
        """Implements workers.ports.Reasoner. Raises: ConfigError without ANTHROPIC_API_KEY."""
        ctx = ToolContext(
            cluster=self._connected(case.subject.cluster), metrics=self._metrics(case.subject.cluster),
            alerts=self._alerts, memory=self._memory, now=self._now,
        )  # fmt: skip
        gate = Gate(self._tools, ctx, self._secrets, case.observation.evidence, on_step)
        told = mask(clean(first_message(case, self._now())), self._secrets)
        with _api(self._settings, self._backoff) as api:
            talk = Conversation(api, gate, Spent(self._settings.model), self._budget, self._secrets, on_step)
            return talk.run(self._fixed(), told)

    def _connected(self, name: str | None) -> Cluster | None:
        try:
            return self._cluster(name)
        except (Unreachable, ConfigError):
            return None

    def _fixed(self) -> dict[str, Any]:
        """What is the same in every request of every case, so that the API's cache knows it."""
        import anthropic

        tools: list[dict[str, Any]] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema} for tool in self._tools
        ]
        tools.append(
            {
                "name": CONCLUDE,
                "description": Conclusion.__doc__,
                "input_schema": anthropic.transform_schema(Conclusion),
                "strict": True,
                "cache_control": EPHEMERAL,
            }
        )
        system = [{"type": "text", "text": SYSTEM, "cache_control": EPHEMERAL}]
        return {"max_tokens": MAX_ANSWER_TOKENS, "system": system, "tools": tools}


def check_access(settings: Settings) -> None:
    """Ask Claude for one word. Raises: Unreachable with what to do; ConfigError without ANTHROPIC_API_KEY."""
    request = {"max_tokens": 16, "messages": [{"role": "user", "content": "Say yes."}]}
    with _api(settings, Backoff(give_up_s=10.0)) as api:
        api.turn(request, Spent(settings.model), time.monotonic() + 20.0, lambda _what: None)


def _api(settings: Settings, backoff: Backoff) -> MessagesApi:
    if settings.anthropic_api_key is None:
        raise ConfigError("ANTHROPIC_API_KEY is not set; set it, or let the runbooks answer.")
    key = settings.anthropic_api_key.get_secret_value()
    return MessagesApi(key, settings.anthropic_base_url, settings.model, backoff)
