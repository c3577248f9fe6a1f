"""Each rule's own cases, through the production engine."""

from __future__ import annotations

import re

import pytest

from core.settings import Approvers
from policies.always import CODES as ALWAYS_CODES
from policies.engine import CODES as ENGINE_CODES
from policies.files import HERE, described_codes, load_rules
from tests.unit.policies.cases import RULES, Example, examples, policy, safe_action, safe_facts

EXAMPLES = [example for rule in RULES for example in examples(rule)]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_case(example: Example) -> None:
    decision = policy(example.approvers, example.limits).decide(example.action, example.facts)
    assert (decision.verdict, decision.codes) == (example.verdict, example.codes)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_cases_that_allow_and_that_do_not(rule: str) -> None:
    verdicts = {example.verdict for example in EXAMPLES if example.rule == rule}
    assert "allow" in verdicts or rule == "approval"
    assert verdicts - {"allow"}


def test_every_fact_is_tried_missing_null_and_wrong() -> None:
    tried = {example.name.removesuffix(" is missing") for example in EXAMPLES if example.name.endswith(" is missing")}
    assert tried >= safe_facts().keys()


def test_every_code_of_a_rule_is_in_a_case_and_has_a_sentence() -> None:
    rules = load_rules(Approvers())
    spoken = {code for _, source in rules.modules for code in re.findall(r'contains "([a-z_.]+)"', source)}
    assert spoken == {code for example in EXAMPLES for code in example.codes}
    assert described_codes(rules).keys() == spoken | {"policy.undefined"}


def test_no_code_has_two_sentences() -> None:
    described = described_codes(load_rules(Approvers())).keys()
    assert not described & ENGINE_CODES.keys()
    assert not described & ALWAYS_CODES.keys()
    assert not ENGINE_CODES.keys() & ALWAYS_CODES.keys()


def test_the_action_that_cases_start_from_is_allowed_without_a_word() -> None:
    decision = policy().decide(safe_action(), safe_facts())
    assert (decision.verdict, decision.codes) == ("allow", ())


def test_every_decision_carries_the_hash_of_its_policy_set() -> None:
    held = policy()
    assert len(held.hash) == 64
    decisions = [held.decide(safe_action(), safe_facts()), held.decide(safe_action(), {}), held.decide({}, {})]
    assert {decision.policy_hash for decision in decisions} == {held.hash}


def test_every_rule_folder_has_a_module_and_cases() -> None:
    folders = {path.name for path in (HERE / "rules").iterdir() if path.is_dir()}
    assert folders == set(RULES)
    assert all((HERE / "rules" / rule / "cases.yaml").is_file() for rule in RULES)
