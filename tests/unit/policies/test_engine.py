"""The engine in this process: shared by threads, inherited by forks, and believed only in its exact words."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from policies.engine import Spoken, spoken
from tests.unit.policies.cases import policy, safe_action, safe_facts

GOOD: dict[str, Any] = {"deny": ["a.b"], "ask": ["c.d"], "approved": False, "policy_hash": "h"}


def test_threads_that_share_a_policy_get_each_their_own_answer() -> None:
    held = policy()
    wanted = {n: ("allow", ()) if n <= 5 else ("ask", ("blast_radius.pods",)) for n in range(11)}

    def ask(n: int) -> bool:
        decision = held.decide(safe_action(), {**safe_facts(), "blast_radius": {"pods": n, "services": 1}})
        return (decision.verdict, decision.codes) == wanted[n]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, [n % 11 for n in range(400)]))


def test_a_fork_decides_with_what_its_parent_compiled() -> None:
    held = policy()
    held.decide(safe_action(), safe_facts())
    child = os.fork()
    if child == 0:
        alone = held.decide(safe_action(), safe_facts()).verdict
        asked = held.decide(safe_action(), {**safe_facts(), "stateful": True}).verdict
        os._exit(0 if (alone, asked) == ("allow", "ask") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert held.decide(safe_action(), safe_facts()).verdict == "allow"


def test_an_answer_in_its_exact_form_is_believed() -> None:
    assert spoken(GOOD, "h") == Spoken(frozenset({"a.b"}), frozenset({"c.d"}), False)


@pytest.mark.parametrize(
    "answer",
    [
        None, [], "allow", True, {},
        {**GOOD, "deny": None}, {**GOOD, "deny": {}}, {**GOOD, "deny": "a.b"}, {**GOOD, "deny": [1]},
        {**GOOD, "ask": [None]}, {**GOOD, "ask": ["<!channel>"]}, {**GOOD, "approved": 1}, {**GOOD, "more": 1},
        {key: value for key, value in GOOD.items() if key != "ask"},
    ],
)  # fmt: skip
def test_any_other_answer_denies(answer: object) -> None:
    assert spoken(answer, "h") == Spoken(frozenset({"policy.unavailable"}))


@pytest.mark.parametrize("digest", ["", "other", None, 1])
def test_an_answer_of_another_policy_set_denies(digest: object) -> None:
    assert spoken({**GOOD, "deny": [], "policy_hash": digest}, "h") == Spoken(frozenset({"policy.different_set"}))
