"""What a message is to say, read from a request and held against Slack's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.slack.args import Args
from sandbox.slack.blocks import check_blocks, too_long
from sandbox.slack.errors import ApiError
from sandbox.slack.limits import ATTACHMENTS_MAX, MARKDOWN_MAX, TEXT_MAX, UPDATE_TEXT_MAX
from sandbox.slack.model import Json

WARNINGS = {
    "missing_text_in_message": "The message has no top-level `text`: notifications and screen readers show nothing.",
    "message_truncated": f"The text was longer than {TEXT_MAX} characters and was cut.",
}


@dataclass(frozen=True)
class Content:
    """A message's content. `warnings` are Slack's names of what it accepted but did not like."""

    text: str
    blocks: list[Json]
    attachments: list[Json]
    metadata: Json | None
    warnings: tuple[str, ...]


def read_content(args: Args, *, update: bool = False) -> Content:
    """The content in `text`, `markdown_text`, `blocks`, `attachments` and `metadata`.

    Raises: ApiError with the name that Slack gives to what is wrong.
    """
    text, blocks = args.text("text"), read_blocks(args)
    attachments = _attachments(args)
    markdown = args.text("markdown_text")
    if markdown:
        if text or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > MARKDOWN_MAX:
            raise ApiError(
                "msg_too_long", [f"markdown_text has {len(markdown)} characters, {MARKDOWN_MAX} are allowed"]
            )
        text, blocks = markdown, [{"type": "markdown", "text": markdown}]
    if not text.strip() and not blocks and not attachments:
        raise ApiError("no_text")
    if update and len(text) > UPDATE_TEXT_MAX:
        raise ApiError("msg_too_long", [f"text has {len(text)} characters, an update at most {UPDATE_TEXT_MAX}"])
    warnings = [] if text.strip() else ["missing_text_in_message"]
    warnings += ["message_truncated"] if len(text) > TEXT_MAX else []
    return Content(text[:TEXT_MAX], blocks, attachments, read_metadata(args), tuple(warnings))


def read_blocks(args: Args) -> list[Json]:
    """The `blocks` argument, checked; empty when there is none."""
    blocks = args.json("blocks", "invalid_blocks_format")
    if blocks is None:
        return []
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    if problems := check_blocks(blocks, "message"):
        raise ApiError("invalid_blocks", [str(problem) for problem in problems])
    if reason := too_long(blocks):
        raise ApiError("msg_blocks_too_long", [reason])
    return blocks


def _attachments(args: Args) -> list[Json]:
    attachments = args.json("attachments")
    if attachments is None:
        return []
    if not isinstance(attachments, list) or not all(isinstance(item, dict) for item in attachments):
        raise ApiError("invalid_attachments")
    if len(attachments) > ATTACHMENTS_MAX:
        raise ApiError("too_many_attachments")
    for index, attachment in enumerate(attachments):
        if problems := check_blocks(attachment.get("blocks") or [], "message", f"/attachments/{index}/blocks"):
            raise ApiError("invalid_attachments", [str(problem) for problem in problems])
    return attachments


def read_metadata(args: Args) -> Json | None:
    """The `metadata` argument, checked; None when there is none."""
    metadata: Any = args.json("metadata", "invalid_metadata_format")
    if not metadata:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise ApiError("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise ApiError("invalid_metadata_schema")
    return metadata
