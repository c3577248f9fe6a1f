"""The cases beside the rules: policies/rules/base.yaml, and what each case says differs from it."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from core.settings import Approvers
from policies.decide import Policy
from policies.engine import RegoEngine
from policies.files import HERE, load_rules

RULES = sorted(path.parent.name for path in HERE.glob("rules/*/*.rego"))
_FIELDS = {"action", "facts", "without", "approval", "approvers", "limits", "verdict", "codes"}


@dataclass(frozen=True)
class Example:
    """One decision and what it must be."""

    rule: str
    name: str
    action: dict[str, Any]
    facts: dict[str, Any]
    codes: tuple[str, ...]
    verdict: str
    approvers: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.rule}: {self.name}"


@cache
def _base() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((HERE / "rules" / "base.yaml").read_text())
    return content


def safe_action() -> dict[str, Any]:
    return copy.deepcopy(_base()["action"])  # type: ignore[no-any-return]


def safe_facts() -> dict[str, Any]:
    """Facts that allow `safe_action`; every one is given."""
    return copy.deepcopy(_base()["facts"])  # type: ignore[no-any-return]


def good_approval() -> dict[str, Any]:
    return copy.deepcopy(_base()["approval"])  # type: ignore[no-any-return]


def policy(approvers: Mapping[str, Any] | None = None, limits: Mapping[str, Any] | None = None) -> Policy:
    """The product's policy set in the production engine, for the approvers of the cases, with these limits changed."""
    return _policy(json.dumps(approvers or {}), json.dumps(limits or {}))


@cache
def _policy(approvers: str, limits: str) -> Policy:
    entitled = Approvers.model_validate({**_base()["approvers"], **json.loads(approvers)})
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / "policies"
        shutil.copytree(HERE, changed, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        content = yaml.safe_load((HERE / "limits.yaml").read_text())
        content["limits"] |= json.loads(limits)
        (changed / "limits.yaml").write_text(yaml.safe_dump(content))
        rules = load_rules(entitled, changed)
    return Policy(rules, RegoEngine(rules))


def examples(rule: str) -> Iterator[Example]:
    content = yaml.safe_load((HERE / "rules" / rule / "cases.yaml").read_text())
    assert content.keys() <= {"facts", "cases", "unreadable"}, f"{rule}/cases.yaml has other keys"
    shared = content.get("facts", {})
    for name, case in content["cases"].items():
        assert case.keys() <= _FIELDS, f"{rule}/cases.yaml: {name} has other keys"
        yield _example(rule, str(name), case, shared)
    for path, case in content.get("unreadable", {}).items():
        yield from _unreadable(rule, path, case, shared)


def _example(rule: str, name: str, case: Mapping[str, Any], shared: Mapping[str, Any]) -> Example:
    facts = {**safe_facts(), **shared, **case.get("facts", {})}
    if "approval" in case:
        facts["approval"] = {**good_approval(), **case["approval"]}
    for fact in case.get("without", ()):
        del facts[fact]
    codes = tuple(sorted(case.get("codes", ())))
    return Example(
        rule=rule, name=name, action={**safe_action(), **case.get("action", {})}, facts=facts, codes=codes,
        verdict=case.get("verdict", "deny" if codes else "allow"), approvers=case.get("approvers", {}),
        limits=case.get("limits", {}),
    )  # fmt: skip


def _unreadable(rule: str, path: str, case: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[Example]:
    """The fact at `path` ("blast_radius.pods") missing, null, and each wrong value."""
    top, _, inner = path.partition(".")
    wrong = [("missing", ...), *(() if case.get("nullable") else (("null", None),))]
    wrong += [(repr(value), value) for value in case["wrong"]]
    for name, value in wrong:
        facts = {**safe_facts(), **shared}
        if top == "approval" and inner:
            facts["approval"] = good_approval()
        held = facts[top] if inner else facts
        if value is ...:
            del held[inner or top]
        else:
            held[inner or top] = value
        yield Example(rule, f"{path} is {name}", safe_action(), facts, tuple(sorted(case["codes"])), "deny")
