"""What Slack reports of what a person put in."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.slack.inputs import action, find_element, state

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def entry(element: Json, block_id: str = "b", **more: Any) -> Json:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain("L"),
        "element": {"action_id": "a", **element},
        **more,
    }


SERVICES = [{"text": plain("Checkout"), "value": "checkout"}, {"text": plain("Search"), "value": "search"}]


def test_values_are_found_by_block_or_action() -> None:
    blocks = [entry({"type": "plain_text_input"}, "why"), entry({"type": "users_select", "action_id": "who"}, "x")]
    values, missing = state(blocks, {"why": "because", "who": "U0LI"})
    assert missing == {}
    assert values == {
        "why": {"a": {"type": "plain_text_input", "value": "because"}},
        "x": {"who": {"type": "users_select", "selected_user": "U0LI"}},
    }


def test_an_option_is_chosen_by_value_or_by_what_it_says() -> None:
    block = entry({"type": "static_select", "options": SERVICES})
    chosen = {"type": "static_select", "selected_option": SERVICES[1]}
    assert state([block], {"a": "search"})[0] == {"b": {"a": chosen}}
    assert state([block], {"a": "Search"})[0] == {"b": {"a": chosen}}
    with pytest.raises(LookupError, match="no option 'cart'; there are 'checkout', 'search'"):
        state([block], {"a": "cart"})


def test_several_options_are_chosen_as_a_list() -> None:
    block = entry({"type": "checkboxes", "options": SERVICES})
    assert state([block], {"a": ["checkout", "search"]})[0]["b"]["a"]["selected_options"] == SERVICES


def test_what_was_there_from_the_start_is_reported() -> None:
    block = entry({"type": "plain_text_input", "initial_value": "draft"})
    assert state([block], {}) == ({"b": {"a": {"type": "plain_text_input", "value": "draft"}}}, {})


def test_a_required_input_left_empty_is_missing_and_an_optional_one_is_not() -> None:
    blocks = [entry({"type": "plain_text_input"}, "must"), entry({"type": "plain_text_input"}, "may", optional=True)]
    assert state(blocks, {})[1] == {"must": "Complete this required field."}


def test_a_button_reports_its_own_value() -> None:
    button = {"type": "button", "action_id": "go", "text": plain("Go"), "value": "A1", "style": "primary"}
    assert action({"block_id": "b"}, button, None, "1.2") == {
        "action_id": "go",
        "block_id": "b",
        "type": "button",
        "action_ts": "1.2",
        "text": plain("Go"),
        "value": "A1",
        "style": "primary",
    }


def test_feedback_is_given_by_value_or_label() -> None:
    element = {
        "type": "feedback_buttons",
        "action_id": "right",
        "positive_button": {"text": plain("Yes"), "value": "good"},
        "negative_button": {"text": plain("No"), "value": "bad"},
    }
    assert action({"block_id": "b"}, element, "No", "1.2")["value"] == "bad"
    with pytest.raises(LookupError):
        action({"block_id": "b"}, element, "maybe", "1.2")


def test_the_button_with_the_value_is_found_among_those_with_the_same_action_id() -> None:
    def row(number: int) -> Json:
        button = {"type": "button", "action_id": "open", "text": plain("Open"), "value": str(number)}
        return {"type": "section", "block_id": f"row{number}", "accessory": button}

    rows = [row(1), row(2)]
    assert find_element(rows, "open", "2", None) == (rows[1], rows[1]["accessory"])
    assert find_element(rows, "open", None, "row2") == (rows[1], rows[1]["accessory"])
    assert find_element(rows, "open", None, None) == (rows[0], rows[0]["accessory"])
    assert find_element(rows, "close", None, None) is None
