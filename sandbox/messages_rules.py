"""What Anthropic's Messages API accepts of current models, and how its cache counts. As documented in November 2026."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
MOST_MARKS = 4  # of cache_control in one request
LOOKBACK = 20  # blocks before a mark among which an earlier entry of the cache is looked for
SHORTEST_CACHED = 512  # tokens
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
# What a schema of a strict tool may not hold.
_NOT_STRICT = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems"}
    | {"pattern"}
)


@dataclass
class Memory:
    """What the API remembers between requests: its cache, and the thinking that it gave with what came before it."""

    cached: set[str] = field(default_factory=set)
    thinking: dict[str, str] = field(default_factory=dict)  # signature to the conversation's hash before it


def fault(body: Body, memory: Memory) -> str | None:
    """Why the API would answer 400 to this request; None when it would not."""
    return next(_faults(body, memory), None)


def tokens(value: Any) -> int:
    """About as many as the API would count: four characters each."""
    return len(value if isinstance(value, str) else json.dumps(value)) // 4


def usage(body: Body, memory: Memory) -> dict[str, int]:
    """The input tokens of a request: fresh, written to the cache, read from it. Remembers what was written."""
    hashes: list[str] = []
    marks: list[int] = []
    counts: list[int] = []
    running = hashlib.sha256(str(body["model"]).encode())
    for i, (block, marked) in enumerate(_blocks(body)):
        running.update(json.dumps(block, sort_keys=True).encode())
        hashes.append(running.hexdigest())
        counts.append(tokens(block) + (counts[-1] if counts else 0))
        if marked and counts[-1] >= SHORTEST_CACHED:
            marks.append(i)
    reach = {i for mark in marks for i in range(max(mark - LOOKBACK, 0), mark + 1)}
    read = max((counts[i] for i in reach if hashes[i] in memory.cached), default=0)
    written = max((counts[i] for i in marks), default=0)
    memory.cached |= {hashes[i] for i in marks}
    return {
        "input_tokens": (counts[-1] if counts else 0) - max(read, written),
        "cache_creation_input_tokens": max(written - read, 0),
        "cache_read_input_tokens": read,
    }


def conversation_hash(messages: list[Body]) -> str:
    """Of messages as the model sees them: cache marks are not part of them."""
    return hashlib.sha256(json.dumps([_unmarked(m) for m in messages], sort_keys=True).encode()).hexdigest()


def _faults(body: Body, memory: Memory) -> Iterator[str]:
    for key in ("temperature", "top_p", "top_k"):
        if key in body:
            yield f"{key}: sampling parameters are not supported by this model"
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        yield "tool_choice: forced tool use is not supported by this model"
    if not isinstance(body.get("max_tokens"), int) or not body.get("messages"):
        yield "max_tokens and messages are required"
        return
    yield from _tool_faults(body.get("tools") or [])
    if len([None for _, marked in _blocks(body) if marked]) > MOST_MARKS:
        yield f"a maximum of {MOST_MARKS} blocks with cache_control may be provided"
    yield from _message_faults(body["messages"], memory)


def _tool_faults(tools: list[Body]) -> Iterator[str]:
    names = [str(tool.get("name")) for tool in tools]
    if len(set(names)) < len(names) or not all(_TOOL_NAME.fullmatch(name) for name in names):
        yield "tools: names must be unique and of letters, digits, _ and -"
    for tool in tools:
        schema = tool.get("input_schema") or {}
        if schema.get("type") != "object" or {"anyOf", "oneOf", "allOf"} & schema.keys():
            yield f"tools.{tool.get('name')}.input_schema: must be an object"
        if tool.get("strict"):
            yield from (f"tools.{tool.get('name')}.input_schema: {each}" for each in _strict_faults(schema))


def _strict_faults(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _strict_faults(each)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield "additionalProperties must be false in strict schemas"
    for keyword in _NOT_STRICT & schema.keys():
        yield f"{keyword} is not supported in strict schemas"
    for name, inner in schema.items():
        yield from _strict_faults(list(inner.values()) if name in ("properties", "$defs") else inner)


def _message_faults(messages: list[Body], memory: Memory) -> Iterator[str]:
    if messages[0].get("role") != "user":
        yield "messages: the first message must be the user's"
    if messages[-1].get("role") != "user":
        yield "messages: this model does not support prefill; the last message must be the user's"
    waiting: list[str] = []
    for i, message in enumerate(messages):
        content = message["content"]
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if not blocks:
            yield f"messages.{i}: content must not be empty"
        results = [b.get("tool_use_id") for b in blocks if b.get("type") == "tool_result"]
        if message["role"] == "user":
            leading = [b.get("tool_use_id") for b in blocks[: len(results)]]
            if sorted(map(str, results)) != sorted(waiting) or leading != results:
                yield f"messages.{i}: tool_use ids need a tool_result each, before any text: {waiting}"
        elif waiting:
            yield f"messages.{i}: tool_use ids were not answered: {waiting}"
        waiting = [str(b.get("id")) for b in blocks if b.get("type") == "tool_use"]
        for block in blocks:
            if block.get("type") == "text" and not block.get("text", "").strip():
                yield f"messages.{i}: text content blocks must be non-empty"
            before = memory.thinking.get(block.get("signature", ""))
            if block.get("type") == "thinking" and before != conversation_hash(messages[:i]):
                yield f"messages.{i}: thinking blocks must be passed back unchanged, in their conversation"


def _blocks(body: Body) -> Iterator[tuple[Any, bool]]:
    """Every block in the order in which it is read, without its mark, and whether it has one."""
    system, messages = body.get("system") or [], body.get("messages") or []
    for block in (*(body.get("tools") or []), *(system if isinstance(system, list) else [{"text": system}])):
        yield _unmarked(block), "cache_control" in block
    for message in messages:
        content = message.get("content")
        for block in content if isinstance(content, list) else [{"text": content}]:
            yield [message.get("role"), _unmarked(block)], "cache_control" in block


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    return {k: _unmarked(v) for k, v in value.items() if k != "cache_control"} if isinstance(value, dict) else value
