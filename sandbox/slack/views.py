"""What Slack refuses of a modal or an App Home (docs.slack.dev/reference/views)."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.slack import elements as e
from sandbox.slack.blocks import check_blocks
from sandbox.slack.schema import Check, Problem, boolean, by_type, one_of, string

MAX_BYTES = 250_000
_ANY: dict[str, Check] = {
    "type": one_of("modal", "home"),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
    "private_metadata": string(3000, 0),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
    "submit_disabled": boolean,
}
_VIEW = by_type(
    {
        "modal": e.typed(
            "modal", {"title": e.plain(24), "blocks": e.anything}, {**_ANY, "submit": e.plain(24), "close": e.plain(24)}
        ),
        "home": e.typed("home", {"blocks": e.anything}, _ANY),
    }
)


def check_view(view: Any) -> list[Problem]:
    """Everything that Slack would say against this view; empty when it is fine."""
    problems = list(_VIEW(view, "/view"))
    if not problems:
        problems += check_blocks(view["blocks"], view["type"], "/view/blocks")
    if not problems and view["type"] == "modal" and not view.get("submit"):
        problems += [
            Problem("/view/submit", "`submit` is required when an `input` block is within blocks")
            for block in view["blocks"]
            if block["type"] == "input"
        ][:1]
    return problems


def is_too_large(view: Any) -> bool:
    return len(orjson.dumps(view)) > MAX_BYTES
