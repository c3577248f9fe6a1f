"""What the sandbox refuses of Block Kit: each limit at its edge, and one step beyond."""

from __future__ import annotations

from typing import Any

import pytest
from slackblocks import _limits as second_opinion

from sandbox.slack.blocks import check_blocks, interactive_elements, too_long
from sandbox.slack.views import check_view, is_too_large

Json = dict[str, Any]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(5), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def option(length: int = 5, value: int = 5) -> Json:
    return {"text": plain(length), "value": "v" * value}


def confirm(title: int = 5, text: int = 5, yes: int = 5, no: int = 5) -> Json:
    return {"title": plain(title), "text": plain(text), "confirm": plain(yes), "deny": plain(no)}


def task(number: int, **more: Any) -> Json:
    return {"type": "task_card", "task_id": str(number), "title": "t", "status": "complete", **more}


def table(rows: int, columns: int) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "c"}] * columns] * rows}


def select(count: int, text: int = 5) -> Json:
    return actions({"type": "static_select", "options": [option(text)] * count})


LIMITS: dict[str, tuple[int, Any]] = {
    "section text": (second_opinion.SECTION_TEXT_MAX_LENGTH, lambda n: {"type": "section", "text": mrkdwn(n)}),
    "section fields": (
        second_opinion.SECTION_FIELDS_MAX_ITEMS,
        lambda n: {"type": "section", "fields": [mrkdwn(1)] * n},
    ),
    "field text": (second_opinion.SECTION_FIELDS_ITEM_MAX_LENGTH, lambda n: {"type": "section", "fields": [mrkdwn(n)]}),
    "header": (second_opinion.HEADER_TEXT_MAX_LENGTH, lambda n: {"type": "header", "text": plain(n)}),
    "button text": (second_opinion.BUTTON_TEXT_MAX_LENGTH, lambda n: actions(button(text=plain(n)))),
    "button value": (second_opinion.BUTTON_VALUE_MAX_LENGTH, lambda n: actions(button(value="v" * n))),
    "button url": (second_opinion.BUTTON_URL_MAX_LENGTH, lambda n: actions(button(url="u" * n))),
    "action id": (second_opinion.ACTION_ID_MAX_LENGTH, lambda n: actions(button(action_id="a" * n))),
    "block id": (second_opinion.BLOCK_ID_MAX_LENGTH, lambda n: {"type": "divider", "block_id": "b" * n}),
    "actions": (second_opinion.ACTIONS_ELEMENTS_MAX_ITEMS, lambda n: actions(*[button()] * n)),
    "context": (second_opinion.CONTEXT_ELEMENTS_MAX_ITEMS, lambda n: {"type": "context", "elements": [mrkdwn(1)] * n}),
    "select options": (second_opinion.SELECT_OPTIONS_MAX_ITEMS, select),
    "option text": (second_opinion.OPTION_TEXT_MAX_LENGTH, lambda n: select(1, n)),
    "option value": (
        second_opinion.OPTION_VALUE_MAX_LENGTH,
        lambda n: actions({"type": "static_select", "options": [option(value=n)]}),
    ),
    "overflow": (
        second_opinion.OVERFLOW_OPTIONS_MAX_ITEMS,
        lambda n: actions({"type": "overflow", "options": [option()] * n}),
    ),
    "confirm title": (
        second_opinion.CONFIRMATION_TITLE_MAX_LENGTH,
        lambda n: actions(button(confirm=confirm(title=n))),
    ),
    "confirm text": (second_opinion.CONFIRMATION_TEXT_MAX_LENGTH, lambda n: actions(button(confirm=confirm(text=n)))),
    "confirm yes": (second_opinion.CONFIRMATION_CONFIRM_MAX_LENGTH, lambda n: actions(button(confirm=confirm(yes=n)))),
    "confirm no": (second_opinion.CONFIRMATION_DENY_MAX_LENGTH, lambda n: actions(button(confirm=confirm(no=n)))),
    "markdown": (second_opinion.MARKDOWN_TEXT_MAX_LENGTH, lambda n: {"type": "markdown", "text": "m" * n}),
    "table rows": (second_opinion.TABLE_ROWS_MAX_ITEMS, lambda n: table(n, 1)),
    "table columns": (second_opinion.TABLE_COLUMNS_MAX_ITEMS, lambda n: table(1, n)),
    "plan tasks": (
        second_opinion.PLAN_TASKS_MAX_ITEMS,
        lambda n: {"type": "plan", "title": "p", "tasks": [task(i) for i in range(n)]},
    ),
    "image alt text": (
        second_opinion.IMAGE_ALT_TEXT_MAX_LENGTH,
        lambda n: {"type": "image", "image_url": "u", "alt_text": "a" * n},
    ),
    "container": (
        second_opinion.CONTAINER_CHILD_BLOCKS_MAX_ITEMS,
        lambda n: {"type": "container", "title": plain(1), "child_blocks": [{"type": "divider"}] * n},
    ),
    "card body": (second_opinion.CARD_BODY_MAX_LENGTH, lambda n: {"type": "card", "body": mrkdwn(n)}),
    "context actions": (
        second_opinion.CONTEXT_ACTIONS_ELEMENTS_MAX_ITEMS,
        lambda n: {
            "type": "context_actions",
            "elements": [{"type": "icon_button", "icon": "trash", "text": plain(1)}] * n,
        },
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_allowed_and_one_more_is_refused(name: str) -> None:
    limit, build = LIMITS[name]
    assert check_blocks([build(limit)], "message") == []
    assert check_blocks([build(limit + 1)], "message") != []


def test_a_message_holds_50_blocks_and_a_modal_100() -> None:
    divider = [{"type": "divider"}]
    assert check_blocks(divider * 50, "message") == []
    assert [str(p) for p in check_blocks(divider * 51, "message")] == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]
    assert check_blocks(divider * 100, "modal") == []
    assert check_blocks(divider * 101, "modal") != []


REFUSED: dict[str, tuple[Json | list[Json], str]] = {
    "unknown type": ({"type": "wizard"}, "unsupported type: wizard [json-pointer:/blocks/0/type]"),
    "no type": ({"text": "x"}, "missing required field: type [json-pointer:/blocks/0]"),
    "not a block": ("x", "must be an object [json-pointer:/blocks/0]"),  # type: ignore[dict-item]
    "header in mrkdwn": (
        {"type": "header", "text": mrkdwn(1)},
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    "section without content": ({"type": "section"}, "missing required field: text or fields [json-pointer:/blocks/0]"),
    "empty text": (
        {"type": "section", "text": plain(0)},
        "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
    ),
    "unknown property": (
        {"type": "divider", "colour": "red"},
        "invalid additional property: colour [json-pointer:/blocks/0]",
    ),
    "alert in a message": (
        {"type": "alert", "text": plain(1)},
        "unsupported type: alert [json-pointer:/blocks/0/type]",
    ),
    "text as a bare string": ({"type": "section", "text": "x"}, "must be an object [json-pointer:/blocks/0/text]"),
    "input element in actions": (
        actions({"type": "plain_text_input"}),
        "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
    ),
    "same action id twice in a block": (
        actions(button(action_id="go"), button(action_id="go")),
        '`action_id` "go" already exists for another element [json-pointer:/blocks/0/elements]',
    ),
    "same block id twice": (
        [{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}],
        '`block_id` "b" already exists for another element [json-pointer:/blocks]',
    ),
    "two tables": ([table(1, 1), table(1, 1)], "only_one_table_allowed [json-pointer:/blocks]"),
    "pending task outside a plan": (
        task(1, status="pending"),
        "only tasks of a plan can be pending [json-pointer:/blocks/0/status]",
    ),
    "task details as text": (task(1, details="d"), "must be an object [json-pointer:/blocks/0/details]"),
    "options and groups": (
        actions(
            {
                "type": "static_select",
                "options": [option()],
                "option_groups": [{"label": plain(1), "options": [option()]}],
            }
        ),
        "only one of options or option_groups is allowed [json-pointer:/blocks/0/elements/0]",
    ),
    "no image": (
        {"type": "image", "alt_text": "a"},
        "missing required field: image_url or slack_file [json-pointer:/blocks/0]",
    ),
    "unknown style": (
        actions(button(style="loud")),
        "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]",
    ),
    "unknown inline element": (
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "blink"}]}]},
        "unsupported type: blink [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
    "series that misses a category": (
        {
            "type": "data_visualization",
            "title": "t",
            "chart": {
                "type": "line",
                "series": [{"name": "s", "data": [{"label": "a", "value": 1}]}],
                "axis_config": {"categories": ["a", "b"]},
            },
        },
        "must have exactly one point for every category [json-pointer:/blocks/0/chart/series/0/data]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_reason_and_the_place(name: str) -> None:
    blocks, reason = REFUSED[name]
    problems = [str(p) for p in check_blocks(blocks if isinstance(blocks, list) else [blocks], "message")]
    assert reason in problems


def test_blocks_that_are_no_list_are_refused() -> None:
    assert check_blocks({"type": "divider"}, "message") != []


def test_text_that_breaks_a_rule_is_reported_as_slack_does() -> None:
    problems = check_blocks([{"type": "section", "text": mrkdwn(3001)}], "message")
    assert [str(p) for p in problems] == [
        "failed to match all allowed schemas [json-pointer:/blocks/0/text]",
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ]


def test_every_block_type_that_the_sdk_models_is_known() -> None:
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "t"}]}],
    }
    fine: list[Json] = [
        {"type": "section", "text": mrkdwn(1), "accessory": button(), "expand": True},
        {"type": "image", "alt_text": "a", "slack_file": {"id": "F1"}},
        {"type": "input", "label": plain(1), "element": {"type": "plain_text_input"}},
        {"type": "video", "alt_text": "a", "title": plain(1), "thumbnail_url": "u", "video_url": "u"},
        {"type": "file", "external_id": "F", "source": "remote"},
        {"type": "markdown", "text": "*m*"},
        rich,
        table(2, 2) | {"column_settings": [None, {"align": "right", "is_wrapped": True}]},
        task(1, details=rich, output=rich, sources=[{"type": "url", "url": "u", "text": "t"}]),
        {"type": "plan", "title": "p", "tasks": [task(1, status="pending")]},
        {"type": "card", "title": mrkdwn(1), "actions": [button()]},
        {"type": "carousel", "elements": [{"type": "card", "body": mrkdwn(1)}]},
        {"type": "container", "title": plain(1), "child_blocks": [{"type": "divider"}], "is_collapsible": True},
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "positive_button": {"text": plain(1), "value": "+"},
                    "negative_button": {"text": plain(1), "value": "-"},
                }
            ],
        },
        {
            "type": "data_visualization",
            "title": "t",
            "chart": {"type": "pie", "segments": [{"label": "a", "value": 1}]},
        },
        {"type": "data_table", "caption": "c", "rows": [[{"type": "raw_text", "text": "c"}]] * 2},
    ]
    assert check_blocks(fine, "message") == []
    assert check_blocks([{"type": "alert", "text": plain(1), "level": "error"}], "modal") == []


def test_null_counts_as_absent() -> None:
    assert check_blocks([{"type": "section", "text": mrkdwn(1), "fields": None, "accessory": None}], "message") == []


def test_all_text_of_a_message_is_limited() -> None:
    sections = [{"type": "section", "text": mrkdwn(2600)}] * 5
    assert too_long(sections) is None
    assert (
        too_long([*sections, {"type": "section", "text": mrkdwn(1)}])
        == "13001 characters in all blocks, about 13000 are allowed"
    )


def test_all_markdown_of_a_message_is_limited() -> None:
    assert too_long([{"type": "markdown", "text": "m" * 6000}] * 2) is None
    assert too_long([{"type": "markdown", "text": "m" * 6001}] * 2) is not None


def modal(**more: Any) -> Json:
    return {"type": "modal", "title": plain(24), "blocks": [{"type": "divider"}], **more}


@pytest.mark.parametrize(
    "more",
    [
        {"title": plain(25)},
        {"submit": plain(25)},
        {"close": plain(25)},
        {"private_metadata": "p" * 3001},
        {"callback_id": "c" * 256},
        {"blocks": [{"type": "markdown", "text": "m"}]},
        {"blocks": [{"type": "plan", "title": "p"}]},
        {"blocks": [{"type": "input", "label": plain(1), "element": {"type": "plain_text_input"}}]},
        {"type": "dialog"},
        {"footer": "f"},
    ],
)
def test_a_modal_that_slack_refuses(more: Json) -> None:
    assert (
        check_view(modal(submit=plain(24), close=plain(24), private_metadata="p" * 3000, callback_id="c" * 255)) == []
    )
    assert check_view(modal(**more)) != []


def test_a_modal_with_inputs_needs_a_submit_button() -> None:
    blocks = [{"type": "input", "label": plain(1), "element": {"type": "plain_text_input"}}] * 2
    assert [p.pointer for p in check_view(modal(blocks=blocks))] == ["/view/submit"]
    assert check_view(modal(blocks=blocks, submit=plain(1))) == []


def test_a_view_is_at_most_250_kilobytes() -> None:
    assert not is_too_large(modal())
    assert is_too_large(modal(private_metadata="p" * 250_001))


def test_elements_are_found_wherever_they_are() -> None:
    blocks: list[Json] = [
        actions(button(action_id="a")),
        {"type": "section", "text": mrkdwn(1), "accessory": button(action_id="b")},
        {"type": "container", "title": plain(1), "child_blocks": [actions(button(action_id="c"))]},
        {"type": "carousel", "elements": [{"type": "card", "actions": [button(action_id="d")]}]},
        {"type": "input", "label": plain(1), "element": {"type": "plain_text_input", "action_id": "e"}},
        {"type": "context", "elements": [mrkdwn(1)]},
        {"type": "rich_text", "elements": []},
    ]
    assert [e["action_id"] for block in blocks for e in interactive_elements(block)] == ["a", "b", "c", "d", "e"]
