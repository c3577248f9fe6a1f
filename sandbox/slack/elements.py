"""Block elements and composition objects, with Slack's limits (docs.slack.dev/reference/block-kit)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.slack.schema import (
    Check,
    Problem,
    array,
    boolean,
    by_type,
    integer,
    number,
    one_of,
    only_one_of,
    record,
    string,
)

ID = string(255)
URL = string(3000)
_ANY_TEXT = 1_000_000  # no limit of its own; the message's total applies


def anything(_value: Any, _at: str) -> Iterator[Problem]:
    return iter(())


def typed(
    kind: str, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *rules: Check
) -> Check:
    """A record whose `type` is `kind`."""
    return record({"type": one_of(kind), **required}, optional, *rules)


def text_object(most: int, *kinds: str) -> Check:
    """A text object of one of these kinds; Slack says first that no schema matched, then why."""
    content = {"text": string(most)}
    inner = by_type(
        {
            kind: typed(kind, content, {"emoji": boolean} if kind == "plain_text" else {"verbatim": boolean})
            for kind in kinds
        }
    )

    def check(value: Any, at: str) -> Iterator[Problem]:
        problems = list(inner(value, at))
        if problems:
            yield Problem(at, "failed to match all allowed schemas")
        yield from problems

    return check


def plain(most: int) -> Check:
    return text_object(most, "plain_text")


def text(most: int) -> Check:
    return text_object(most, "plain_text", "mrkdwn")


CONFIRM = record(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
SLACK_FILE = record({}, {"id": string(255), "url": URL}, only_one_of("id", "url"))
_ACTION: dict[str, Check] = {"action_id": ID}
_CONFIRMED = {**_ACTION, "confirm": CONFIRM}
_INPUT = {**_CONFIRMED, "focus_on_load": boolean, "placeholder": plain(150)}
_TYPED = {
    **_ACTION,
    "focus_on_load": boolean,
    "placeholder": plain(150),
    "dispatch_action_config": record(
        {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 2)}
    ),
}


def _option(label: Check, **more: Check) -> Check:
    return record({"text": label, "value": string(150)}, more)


OPTION = _option(plain(75), description=plain(75))
_OVERFLOW_OPTION = _option(plain(75), description=plain(75), url=URL)
_CHOICE = _option(text(75), description=text(75))
_GROUP = record({"label": plain(75), "options": array(OPTION, 100)})
_MENU: dict[str, Check] = {"options": array(OPTION, 100), "option_groups": array(_GROUP, 100)}
_MANY: dict[str, Check] = {"max_selected_items": integer(1, 1000)}
_FILTER = record(
    {},
    {
        "include": array(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)

_FEEDBACK = record({"text": plain(75), "value": string(2000)}, {"accessibility_label": string(75)})
_BUTTON = typed(
    "button",
    {"text": plain(75)},
    {
        **_CONFIRMED,
        "url": URL,
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "accessibility_label": string(75),
        "agent_prompt": string(4000),
    },
)
IMAGE = typed(
    "image",
    {"alt_text": string(2000)},
    {"image_url": URL, "slack_file": SLACK_FILE},
    only_one_of("image_url", "slack_file"),
)

SELECTS: dict[str, Check] = {
    "static_select": typed("static_select", {}, {**_INPUT, **_MENU, "initial_option": OPTION}, only_one_of(*_MENU)),
    "external_select": typed(
        "external_select", {}, {**_INPUT, "initial_option": OPTION, "min_query_length": integer(0, 3000)}
    ),
    "users_select": typed("users_select", {}, {**_INPUT, "initial_user": ID}),
    "conversations_select": typed(
        "conversations_select",
        {},
        {
            **_INPUT,
            "initial_conversation": ID,
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": _FILTER,
        },
    ),
    "channels_select": typed("channels_select", {}, {**_INPUT, "initial_channel": ID, "response_url_enabled": boolean}),
}
MULTI_SELECTS: dict[str, Check] = {
    "multi_static_select": typed(
        "multi_static_select",
        {},
        {**_INPUT, **_MENU, **_MANY, "initial_options": array(OPTION, 100)},
        only_one_of(*_MENU),
    ),
    "multi_external_select": typed(
        "multi_external_select",
        {},
        {**_INPUT, **_MANY, "initial_options": array(OPTION, 100), "min_query_length": integer(0, 3000)},
    ),
    "multi_users_select": typed("multi_users_select", {}, {**_INPUT, **_MANY, "initial_users": array(ID, 100)}),
    "multi_conversations_select": typed(
        "multi_conversations_select",
        {},
        {
            **_INPUT,
            **_MANY,
            "initial_conversations": array(ID, 100),
            "default_to_current_conversation": boolean,
            "filter": _FILTER,
        },
    ),
    "multi_channels_select": typed(
        "multi_channels_select", {}, {**_INPUT, **_MANY, "initial_channels": array(ID, 100)}
    ),
}
CHOICES: dict[str, Check] = {
    "checkboxes": typed(
        "checkboxes", {"options": array(_CHOICE, 10)}, {**_INPUT, "initial_options": array(_CHOICE, 10)}
    ),
    "radio_buttons": typed("radio_buttons", {"options": array(_CHOICE, 10)}, {**_INPUT, "initial_option": _CHOICE}),
    "datepicker": typed("datepicker", {}, {**_INPUT, "initial_date": string(10)}),
    "timepicker": typed("timepicker", {}, {**_INPUT, "initial_time": string(5), "timezone": string(255)}),
}
_DATETIME = typed(
    "datetimepicker", {}, {**_CONFIRMED, "focus_on_load": boolean, "initial_date_time": integer(0, 9_999_999_999)}
)
BUTTONS: dict[str, Check] = {
    "button": _BUTTON,
    "overflow": typed("overflow", {"options": array(_OVERFLOW_OPTION, 5)}, _CONFIRMED),
    "workflow_button": typed(
        "workflow_button",
        {"text": plain(75), "workflow": anything},
        {**_ACTION, "style": one_of("primary", "danger"), "accessibility_label": string(75)},
    ),
}
WRITTEN: dict[str, Check] = {
    "plain_text_input": typed(
        "plain_text_input",
        {},
        {
            **_TYPED,
            "initial_value": string(3000, 0),
            "multiline": boolean,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        },
    ),
    "email_text_input": typed("email_text_input", {}, {**_TYPED, "initial_value": string(3000, 0)}),
    "url_text_input": typed("url_text_input", {}, {**_TYPED, "initial_value": string(3000, 0)}),
    "number_input": typed(
        "number_input",
        {"is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": string(255), "min_value": string(255), "max_value": string(255)},
    ),
    "rich_text_input": typed("rich_text_input", {}, {**_TYPED, "initial_value": anything}),
    "file_input": typed(
        "file_input", {}, {**_ACTION, "filetypes": array(string(20), 100), "max_files": integer(1, 10)}
    ),
}

INTERACTIVE = frozenset(
    {*BUTTONS, *SELECTS, *MULTI_SELECTS, *CHOICES, *WRITTEN, "datetimepicker", "feedback_buttons", "icon_button"}
)

SECTION_ACCESSORY = by_type({**BUTTONS, **SELECTS, **MULTI_SELECTS, **CHOICES, "image": IMAGE})
IN_ACTIONS = by_type({**BUTTONS, **SELECTS, **MULTI_SELECTS, **CHOICES, "datetimepicker": _DATETIME})
IN_INPUT = by_type({**WRITTEN, **SELECTS, **MULTI_SELECTS, **CHOICES, "datetimepicker": _DATETIME})
IN_CARD = by_type({"button": _BUTTON})
IN_CONTEXT = by_type(
    {
        "image": IMAGE,
        "plain_text": typed("plain_text", {"text": string(3000)}, {"emoji": boolean}),
        "mrkdwn": typed("mrkdwn", {"text": string(3000)}, {"verbatim": boolean}),
    }
)
IN_CONTEXT_ACTIONS = by_type(
    {
        "feedback_buttons": typed(
            "feedback_buttons", {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, _ACTION
        ),
        "icon_button": typed(
            "icon_button",
            {"icon": one_of("trash"), "text": plain(75)},
            {
                **_CONFIRMED,
                "value": string(2000),
                "accessibility_label": string(75),
                "visible_to_user_ids": array(ID, 10),
            },
        ),
    }
)

_STYLE = record({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight", "unlink"), boolean))
_PART: dict[str, Check] = {"style": _STYLE}
_INLINE = by_type(
    {
        "text": typed("text", {"text": string(_ANY_TEXT)}, _PART),
        "link": typed("link", {"url": URL}, {**_PART, "text": string(_ANY_TEXT), "unsafe": boolean}),
        "user": typed("user", {"user_id": ID}, _PART),
        "usergroup": typed("usergroup", {"usergroup_id": ID}, _PART),
        "channel": typed("channel", {"channel_id": ID}, _PART),
        "team": typed("team", {"team_id": ID}, _PART),
        "emoji": typed("emoji", {"name": string(100)}, {**_PART, "skin_tone": integer(1, 6), "unicode": string(100)}),
        "broadcast": typed("broadcast", {"range": one_of("here", "channel", "everyone")}, _PART),
        "color": typed("color", {"value": string(20)}, _PART),
        "date": typed(
            "date", {"timestamp": number, "format": string(500)}, {**_PART, "url": URL, "fallback": string(500)}
        ),
    }
)
_BORDER: dict[str, Check] = {"border": integer(0, 1)}
_LINE = array(_INLINE, 5000, 0)
_RICH_SECTION = typed("rich_text_section", {"elements": _LINE})
RICH_TEXT_PARTS = by_type(
    {
        "rich_text_section": _RICH_SECTION,
        "rich_text_list": typed(
            "rich_text_list",
            {
                "elements": array(by_type({"rich_text_section": _RICH_SECTION}), 1000, 0),
                "style": one_of("bullet", "ordered"),
            },
            {**_BORDER, "indent": integer(0, 8), "offset": integer(0, 100_000)},
        ),
        "rich_text_quote": typed("rich_text_quote", {"elements": _LINE}, _BORDER),
        "rich_text_preformatted": typed(
            "rich_text_preformatted", {"elements": _LINE}, {**_BORDER, "language": string(50)}
        ),
    }
)
SOURCE = typed("url", {"url": URL, "text": string(3000)})
ANY_TEXT = string(_ANY_TEXT)
