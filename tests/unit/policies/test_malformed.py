"""What engines would read differently from us reaches none of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.plain import MAX_BYTES, Malformed, parse
from tests.unit.policies.cases import policy, safe_action, safe_facts


def line(**changes: Any) -> bytes:
    return json.dumps({"action": safe_action(), "facts": safe_facts(), **changes}).encode()


def test_a_line_is_read() -> None:
    assert parse(line()) == (safe_action(), safe_facts())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"nonsense",
        b"null",
        b"[]",
        b'"allow"',
        b"{}",
        line()[:-1],
        line() + line(),
        line(approval=None),
        line().replace(b'"facts"', b'"fact"'),
        line().replace(b"0.93", b"NaN"),
        line().replace(b"0.93", b"Infinity"),
        line().replace(b"0.93", b"9" * 5000),
        line().replace(b'"mode"', b'"mode": "shadow", "mode"'),
        line().replace(b'"action": {', b'"action": {}, "action": {'),
        b"[" * 50_000,
        b'{"action": ' * 5_000,
        b"\xff\xfe" + line(),
        line() + b" " * MAX_BYTES,
        json.dumps({"action": {}, "facts": {"mode": "x" * 1_000_000}}).encode(),
    ],
    ids=range(21),
)
def test_a_line_that_is_no_action_with_facts_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse(text)


@pytest.mark.parametrize(
    "mode",
    [
        "autonomous\x00",  # rego-cpp would read "autonomous"
        "autonomous\n",
        "\ud800",
        "a" * 3_000,
        float("inf"),
        float("nan"),
        2**64,  # rego-cpp would read 0
        -(2**63) - 1,
        {1: 2},
        {"a\x00": 1},
        {"autonomous"},
        b"autonomous",
        object(),
        [[[[[[[[["deep"]]]]]]]]],
        ["many"] * 1_000,
    ],
)
def test_a_fact_that_engines_would_read_differently_is_malformed(mode: object) -> None:
    decision = policy().decide(safe_action(), {**safe_facts(), "mode": mode})
    assert (decision.verdict, decision.codes) == ("deny", ("malformed",))


@pytest.mark.parametrize("action", [None, [], "restart_pod", {}, {"kind": "restart_pod"}, 7])
def test_something_that_is_no_action_is_malformed(action: Any) -> None:
    assert policy().decide(action, safe_facts()).codes == ("malformed",)


@pytest.mark.parametrize("part", ["kind", "namespace", "name", "params"])
def test_an_action_without_one_of_its_parts_is_malformed(part: str) -> None:
    action = safe_action()
    del action[part]
    assert policy().decide(action, safe_facts()).codes == ("malformed",)
    assert policy().decide({**safe_action(), part: None}, safe_facts()).codes == ("malformed",)


@pytest.mark.parametrize("facts", [None, [], "all", 7, [["mode", "autonomous"]]])
def test_facts_that_are_no_object_are_malformed(facts: Any) -> None:
    assert policy().decide(safe_action(), facts).codes == ("malformed",)
