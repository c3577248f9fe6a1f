from __future__ import annotations

from typing import Any

import pytest

from sandbox.messages_rules import Memory, conversation_hash, fault, usage

MARK = {"cache_control": {"type": "ephemeral"}}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
USE = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}


def text(words: str = "hello", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def body(*turns: Any, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
    return {"model": "claude-x", "max_tokens": 10, "messages": messages, **more}


@pytest.mark.parametrize(
    "request_body",
    [
        body("hello"),
        body([text(**MARK)], tools=[{**TOOL, **MARK}], system=[text(**MARK)]),
        body("hello", [USE], [RESULT, text()]),
        body("hello", tool_choice={"type": "auto"}),
    ],
)
def test_what_the_api_takes(request_body: dict[str, Any]) -> None:
    assert fault(request_body, Memory()) is None


@pytest.mark.parametrize(
    ("request_body", "why"),
    [
        (body("hello", temperature=0), "sampling parameters"),
        (body("hello", tool_choice={"type": "any"}), "forced tool use"),
        (body("hello", [text()]), "prefill"),
        (body("hello", [USE], [text()]), "tool_use ids need a tool_result"),
        (body("hello", [USE], [text(), RESULT]), "before any text"),
        (body([RESULT]), "tool_use ids need a tool_result"),
        (body([text(" ")]), "non-empty"),
        (body([]), "must not be empty"),
        (body([text(**MARK) for _ in range(5)]), "a maximum of 4 blocks"),
        (body("hello", tools=[TOOL, TOOL]), "names must be unique"),
        (body("hello", tools=[{"name": "a b", "input_schema": {"type": "object"}}]), "letters, digits"),
        (body("hello", tools=[{**TOOL, "strict": True}]), "additionalProperties must be false"),
        (body("hello", [{"type": "thinking", "thinking": "x", "signature": "s"}, USE], [RESULT]), "thinking blocks"),
    ],
)
def test_what_the_api_refuses(request_body: dict[str, Any], why: str) -> None:
    assert why in str(fault(request_body, Memory()))


@pytest.mark.parametrize("keyword", ["minimum", "maxLength", "pattern"])
def test_strict_schemas_take_no_bounds(keyword: str) -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"pattern": {"type": "string", keyword: 1}},
    }
    assert f"{keyword} is not supported" in str(
        fault(body("x", tools=[{"name": "a", "input_schema": schema, "strict": True}]), Memory())
    )


def test_thinking_goes_back_into_its_own_conversation_only() -> None:
    memory = Memory()
    first = body("hello")
    memory.thinking["s"] = conversation_hash(first["messages"])
    thought = [{"type": "thinking", "thinking": "x", "signature": "s"}, USE]
    assert fault(body([text("hello")], thought, [RESULT]), memory) is not None
    assert fault(body("hello", thought, [RESULT]), memory) is None


def test_the_cache_counts_prefixes_that_it_has_seen() -> None:
    memory = Memory()
    long = "word " * 2000
    first = usage(body([text(long, **MARK)]), memory)
    assert first == {"input_tokens": 0, "cache_creation_input_tokens": 2509, "cache_read_input_tokens": 0}
    again = usage(body([text(long), text("more"), text("and more", **MARK)]), memory)
    assert again["cache_read_input_tokens"] == 2509
    assert again["cache_creation_input_tokens"] > 0
    changed = usage(body([text(long + "!"), text("more", **MARK)]), memory)
    assert changed["cache_read_input_tokens"] == 0
    far = [text(f"{i}") for i in range(25)]
    assert usage(body([text(long), *far, text("end", **MARK)]), memory)["cache_read_input_tokens"] == 0
    assert usage(body([text("short", **MARK)]), memory)["cache_creation_input_tokens"] == 0
