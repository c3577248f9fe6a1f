"""Block Kit's blocks, and what Slack refuses of them (docs.slack.dev/reference/block-kit/blocks).

Block types that Slack invents later are refused here until they are added to `BLOCKS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from sandbox.slack import elements as e
from sandbox.slack.schema import (
    Check,
    Problem,
    array,
    boolean,
    by_type,
    integer,
    needs_one_of,
    nullable,
    number,
    one_of,
    only_one_of,
    record,
    string,
)

Surface = Literal["message", "modal", "home"]

MAX_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
MARKDOWN_TOTAL = 12_000  # all markdown blocks of a message together
TEXT_TOTAL = 13_000  # all text of a message's blocks together; not documented, measured between 13,000 and 13,300
_WIDTHS = ("narrow", "standard", "wide", "full")


def _block(kind: str, required: dict[str, Check], optional: dict[str, Check] | None = None, *rules: Check) -> Check:
    return e.typed(kind, required, {"block_id": e.ID, **(optional or {})}, *rules)


def _repeats(items: list[Any], key: str, at: str) -> Iterator[Problem]:
    seen = [item[key] for item in items if item.get(key)]
    for repeated in sorted({item for item in seen if seen.count(item) > 1}):
        yield Problem(at, f'`{key}` "{repeated}" already exists for another element')


def _unique(items: str, key: str) -> Check:
    """No two of the objects under `items` have the same `key`."""
    return lambda value, at: _repeats(value.get(items) or [], key, f"{at}/{items}")


def _no_pending(value: Any, at: str) -> Iterator[Problem]:
    if value.get("status") == "pending":
        yield Problem(f"{at}/status", "only tasks of a plan can be pending")


def _foldable(value: Any, at: str) -> Iterator[Problem]:
    if value.get("has_header_divider") and value.get("is_collapsible"):
        yield Problem(at, "has_header_divider cannot be set when is_collapsible is true")
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        yield Problem(at, "default_collapsed requires is_collapsible")


def _same_width(value: Any, at: str) -> Iterator[Problem]:
    if len({len(row) for row in value["rows"]}) > 1:
        yield Problem(f"{at}/rows", "all rows must have the same number of columns")


def _series_fit_axis(value: Any, at: str) -> Iterator[Problem]:
    categories = value["axis_config"]["categories"]
    for index, series in enumerate(value["series"]):
        if sorted(point["label"] for point in series["data"]) != sorted(categories):
            yield Problem(f"{at}/series/{index}/data", "must have exactly one point for every category")


RICH_TEXT = _block("rich_text", {"elements": array(e.RICH_TEXT_PARTS, 1000, 0)})
_ONE_LINER = by_type({"rich_text": RICH_TEXT})
_TASK = {"task_id": string(255), "title": e.ANY_TEXT, "status": one_of("pending", "in_progress", "complete", "error")}
_TASK_MORE = {"details": _ONE_LINER, "output": _ONE_LINER, "sources": array(e.SOURCE, 100, 0)}
_CELL = by_type(
    {
        "raw_text": e.typed("raw_text", {"text": e.ANY_TEXT}),
        "raw_number": e.typed("raw_number", {"value": number, "text": e.ANY_TEXT}),
        "rich_text": RICH_TEXT,
    }
)
_COLUMN = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
_CARD = _block(
    "card",
    {},
    {
        "hero_image": e.IMAGE,
        "icon": e.IMAGE,
        "slack_icon": e.anything,
        "title": e.text(150),
        "subtitle": e.text(150),
        "body": e.text(200),
        "subtext": e.text(200),
        "actions": array(e.IN_CARD, 3, 0),
    },
    needs_one_of("hero_image", "title", "actions", "body"),
)
_POINT = record({"label": string(20), "value": number})
_AXES = record({"categories": array(string(20), 20)}, {"x_label": string(50), "y_label": string(50)})
_PLOT: dict[str, Check] = {
    "series": array(record({"name": string(20), "data": array(_POINT, 20)}), 12),
    "axis_config": _AXES,
}
_CHART = by_type(
    {"pie": e.typed("pie", {"segments": array(_POINT, 12)})}
    | {kind: e.typed(kind, _PLOT, {}, _series_fit_axis) for kind in ("bar", "area", "line")}
)

_PLAIN_BLOCKS: dict[str, Check] = {
    "section": _block(
        "section",
        {},
        {"text": e.text(3000), "fields": array(e.text(2000), 10), "accessory": e.SECTION_ACCESSORY, "expand": boolean},
        needs_one_of("text", "fields"),
    ),
    "header": _block("header", {"text": e.plain(150)}),
    "divider": _block("divider", {}),
    "context": _block("context", {"elements": array(e.IN_CONTEXT, 10)}),
    "actions": _block("actions", {"elements": array(e.IN_ACTIONS, 25)}, {}, _unique("elements", "action_id")),
    "image": _block(
        "image",
        {"alt_text": string(2000)},
        {"image_url": e.URL, "slack_file": e.SLACK_FILE, "title": e.plain(2000)},
        only_one_of("image_url", "slack_file"),
    ),
    "input": _block(
        "input",
        {"label": e.plain(2000), "element": e.IN_INPUT},
        {"hint": e.plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": RICH_TEXT,
    "file": _block("file", {"external_id": string(255), "source": one_of("remote")}),
    "video": _block(
        "video",
        {"alt_text": string(2000), "title": e.plain(200), "thumbnail_url": e.URL, "video_url": e.URL},
        {
            "title_url": e.URL,
            "description": e.plain(200),
            "provider_icon_url": e.URL,
            "provider_name": string(50),
            "author_name": string(50),
        },
    ),
    "table": _block(
        "table",
        {"rows": array(array(_CELL, 20), 100)},
        {"column_settings": array(nullable(_COLUMN), 20, 0)},
    ),
}
BLOCKS: dict[str, Check] = {
    **_PLAIN_BLOCKS,
    "markdown": _block("markdown", {"text": string(MARKDOWN_TOTAL)}),
    "context_actions": _block(
        "context_actions",
        {"elements": array(e.IN_CONTEXT_ACTIONS, 5)},
        {},
        _unique("elements", "action_id"),
    ),
    "task_card": _block("task_card", _TASK, _TASK_MORE, _no_pending),
    "plan": _block(
        "plan",
        {"title": e.ANY_TEXT},
        {"tasks": array(by_type({"task_card": _block("task_card", _TASK, _TASK_MORE)}), 50, 0)},
        _unique("tasks", "task_id"),
    ),
    "card": _CARD,
    "carousel": _block("carousel", {"elements": array(by_type({"card": _CARD}), 10)}),
    "container": _block(
        "container",
        {"child_blocks": array(by_type(_PLAIN_BLOCKS), 10)},
        {
            "title": e.plain(150),
            "rich_text_title": _ONE_LINER,
            "subtitle": e.text(150),
            "width": one_of(*_WIDTHS),
            "icon": e.IMAGE,
            "is_collapsible": boolean,
            "default_collapsed": boolean,
            "has_header_divider": boolean,
        },
        needs_one_of("title", "rich_text_title"),
        _foldable,
    ),
    "alert": _block(
        "alert", {"text": e.text(200)}, {"level": one_of("default", "info", "warning", "error", "success")}
    ),
    "data_table": _block(
        "data_table",
        {"rows": array(array(_CELL, 20), 201, 2), "caption": string(2000)},
        {"page_size": integer(1, 100), "row_header_column_index": integer(0, 19)},
        _same_width,
    ),
    "data_visualization": _block("data_visualization", {"title": string(50), "chart": _CHART}),
}

_NOT_ON: dict[Surface, frozenset[str]] = {
    "message": frozenset({"alert"}),
    "modal": frozenset(
        {
            "markdown",
            "table",
            "plan",
            "task_card",
            "container",
            "carousel",
            "context_actions",
            "file",
            "data_table",
            "data_visualization",
        }
    ),
    "home": frozenset({"alert", "markdown", "plan", "task_card", "context_actions", "file"}),
}
_ON = {surface: by_type({k: v for k, v in BLOCKS.items() if k not in refused}) for surface, refused in _NOT_ON.items()}


def check_blocks(blocks: Any, surface: Surface, at: str = "/blocks") -> list[Problem]:
    """Everything that Slack would say against these blocks on this surface; empty when they are fine."""
    problems = list(array(_ON[surface], MAX_BLOCKS[surface], 0)(blocks, at))
    if problems:
        return problems
    problems += _repeats(blocks, "block_id", at)
    if sum(block["type"] == "table" for block in blocks) > 1:
        problems.append(Problem(at, "only_one_table_allowed"))
    return problems


def too_long(blocks: list[dict[str, Any]]) -> str | None:
    """Why a message's blocks, each of them allowed, are too long together; None when they are not."""
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MARKDOWN_TOTAL:
        return f"{markdown} characters in markdown blocks, {MARKDOWN_TOTAL} are allowed"
    total = text_length(blocks)
    if total > TEXT_TOTAL:
        return f"{total} characters in all blocks, about {TEXT_TOTAL} are allowed"
    return None


def text_length(value: Any) -> int:
    """Characters under every `text` and every plain `title`, at any depth."""
    if isinstance(value, list):
        return sum(text_length(item) for item in value)
    if not isinstance(value, dict):
        return 0
    return sum(
        len(item) if isinstance(item, str) and key in ("text", "title") else text_length(item)
        for key, item in value.items()
    )


def interactive_elements(block: dict[str, Any]) -> list[dict[str, Any]]:
    """The elements of a block that a person can use, those of nested blocks too."""
    inside = [*block.get("elements", []), *block.get("actions", []), block.get("accessory"), block.get("element")]
    found = [element for element in inside if element and element.get("type") in e.INTERACTIVE]
    cards = [element for element in inside if element and element.get("type") == "card"]
    for nested in [*block.get("child_blocks", []), *cards]:
        found += interactive_elements(nested)
    return found
