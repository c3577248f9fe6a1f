"""What a person puts into block elements, as Slack reports it to the app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.slack.blocks import interactive_elements
from sandbox.slack.model import Json

# Where Slack reports the choice of an element, and what it started with.
_FIELDS = {
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "file_input": ("files", ""),
}


def find_element(
    blocks: list[Json], action_id: str, value: str | None, block_id: str | None
) -> tuple[Json, Json] | None:
    """The block and the element with this action id; where several have it, the button with this value."""
    found = [
        (block, element)
        for block in blocks
        for element in interactive_elements(block)
        if element.get("action_id") == action_id and block_id in (None, block.get("block_id"))
    ]
    exact = [pair for pair in found if value is not None and pair[1].get("value") == value]
    return next(iter(exact or found), None)


def action(block: Json, element: Json, value: Any, at: str) -> Json:
    """The entry in `actions` for using this element. Raises LookupError when it has no such choice."""
    pressed: Json = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "type": element["type"],
        "action_ts": at,
    }
    if element["type"] in ("button", "workflow_button", "icon_button"):
        given = {"text": element.get("text"), "value": element.get("value"), "style": element.get("style")}
        return pressed | {key: item for key, item in given.items() if item is not None}
    if element["type"] == "feedback_buttons":
        sides = (element["positive_button"], element["negative_button"])
        side = next((s for s in sides if value in (None, s["value"], s["text"]["text"])), None)
        if side is None:
            raise LookupError(f"There is no feedback button {value!r}.")
        return pressed | {"text": side["text"], "value": side["value"]}
    return pressed | _chosen(element, value)


def state(blocks: list[Json], values: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """`view.state.values` for these inputs, and what is missing by block id.

    `values` are by block id or action id: text, or the value of an option, or a list of them.
    """
    reported: Json = {}
    missing: dict[str, str] = {}
    for block in blocks:
        for element in interactive_elements(block):
            if block["type"] != "input" and element["type"] not in _FIELDS:
                continue
            key = next((k for k in (block["block_id"], element["action_id"]) if k in values), None)
            chosen = _initial(element) if key is None else _chosen(element, values[key])
            if block["type"] == "input" and not block.get("optional") and not any(chosen.values()):
                missing[block["block_id"]] = "Complete this required field."
            reported.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], **chosen}
    return reported, missing


def _initial(element: Json) -> Json:
    field, initial = _FIELDS.get(element["type"], ("value", "initial_value"))
    return {field: element.get(initial, [] if field.endswith("s") else None)}


def _chosen(element: Json, value: Any) -> Json:
    field, _ = _FIELDS.get(element["type"], ("value", ""))
    if value is None:
        return {field: None}
    if field == "selected_option":
        return {field: _option(element, value)}
    if field == "selected_options":
        return {field: [_option(element, one) for one in value]}
    return {field: value}


def _option(element: Json, value: Any) -> Json:
    options = element.get("options") or [o for group in element.get("option_groups", []) for o in group["options"]]
    if element["type"].endswith("external_select"):
        return {"text": {"type": "plain_text", "text": str(value)}, "value": str(value)}
    found: Json | None = next((o for o in options if value in (o["value"], o["text"]["text"])), None)
    if found is None:
        known = ", ".join(repr(option["value"]) for option in options)
        raise LookupError(f"There is no option {value!r}; there are {known}.")
    return found
