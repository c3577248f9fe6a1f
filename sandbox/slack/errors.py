"""How Slack says no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Errors that mean the bot broke a rule, rather than that the world is not as it hoped (no such channel, archived).
BREACHES = frozenset(
    {
        "cannot_provide_both_markdown_text_and_chunks",
        "cant_delete_message",
        "cant_update_message",
        "exchanged_trigger_id",
        "expired_trigger_id",
        "expired_url",
        "invalid_arguments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_chunks",
        "invalid_command_response",
        "invalid_metadata_format",
        "invalid_trigger_id",
        "markdown_text_conflict",
        "message_not_in_streaming_state",
        "missing_recipient_team_id",
        "missing_recipient_user_id",
        "missing_scope",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "not_allowed_token_type",
        "push_limit_reached",
        "ratelimited",
        "stopped_by_user",
        "streaming_mode_mismatch",
        "streaming_state_conflict",
        "too_many_attachments",
        "unknown_method",
        "used_url",
        "view_too_large",
    }
)


class ApiError(Exception):
    """A Web API call is refused with one of Slack's error names.

    `messages` go into `response_metadata.messages` as Slack has them; `more` are further top-level fields.
    """

    def __init__(
        self, error: str, messages: Sequence[str] = (), *, retry_after_s: int | None = None, **more: Any
    ) -> None:
        super().__init__(error)
        self.error = error
        self.messages = tuple(messages)
        self.retry_after_s = retry_after_s
        self.more = more

    @property
    def status(self) -> int:
        return 429 if self.retry_after_s is not None else 200

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"ok": False, "error": self.error, **self.more}
        if self.messages:
            body["errors"] = list(self.messages)
            body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return body

    def __str__(self) -> str:
        detail = "; ".join(self.messages) or ", ".join(f"{key}: {value}" for key, value in self.more.items())
        return f"{self.error}: {detail}" if detail else self.error
