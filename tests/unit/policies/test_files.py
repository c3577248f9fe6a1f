"""A policy set that would not hold stops the start, with file and line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from core.errors import ConfigError
from core.settings import Approvers, Config, Settings
from policies.decide import Policy, load
from policies.engine import RegoEngine
from policies.files import HERE, described_codes, load_rules
from tests.unit.policies.cases import good_approval, safe_action, safe_facts

RULE = """# METADATA
# title: Sample limit
# custom:
#   codes:
#     sample.exceeded: It was restarted too often this hour.
package sre.rules.sample

import rego.v1

deny contains "sample.exceeded" if not within

within if input.facts.actions_taken < data.limits.sample_per_hour
"""
PACKAGE = "must say `package sre.rules.sample`, or its rules would not count."
GATHERED = "\ndeny contains code if some code in data.sre.rules.sample.deny\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "policies"
    shutil.copytree(HERE, copied, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copied


@pytest.fixture
def own_rule(folder: Path) -> Path:
    """A rule that a team wrote, as docs/policy.md tells."""
    path = folder / "rules/sample/sample.rego"
    path.parent.mkdir()
    path.write_text(RULE)
    _append(folder / "main.rego", GATHERED)
    _append(folder / "limits.yaml", "  sample_per_hour: 1\n")
    return path


def test_a_rule_of_ones_own_counts(folder: Path, own_rule: Path) -> None:
    held = _compiled(folder)
    assert held.decide(safe_action(), safe_facts()).verdict == "allow"
    decision = held.decide(safe_action(), {**safe_facts(), "actions_taken": 1})
    assert (decision.verdict, decision.codes) == ("deny", ("sample.exceeded",))
    assert held.explain("sample.exceeded") == "It was restarted too often this hour."


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("< data.limits", "<<< data.limits", "12 does not compile: Invalid boolean operator."),
        ("not within", "not withn", "10 uses withn, which nothing declares."),
        ("< data.limits", "< limits", "12 uses limits, which nothing declares."),
        ("input.facts.actions_taken <", "lowest(input.facts) <", "12 uses lowest, which nothing declares."),
        ("input.facts.actions_taken <", "strings.lowest(input) <", "12 uses strings.lowest, which nothing declares."),
        (
            "import rego.v1",
            "import rego.v1\nimport data.sre.types\n\nb if types.hole(1)",
            "11 uses data.sre.types.hole, which nothing declares.",
        ),
        ("sample\n\nimport", "restart\n\nimport", f"6 {PACKAGE}"),
        (RULE, "", f"1 {PACKAGE}"),
        (
            "deny contains",
            'ask contains "sample.some" if not within\n\ndeny contains',
            "10 is gathered by nobody; add data.sre.rules.sample.ask to policies/main.rego.",
        ),
        (
            "deny contains",
            'ask := {"sample.some"} if not within\n\ndeny contains',
            "10 is gathered by nobody; add data.sre.rules.sample.ask to policies/main.rego.",
        ),
    ],
)
def test_a_rule_with_a_mistake_stops_the_start(folder: Path, own_rule: Path, old: str, new: str, wrong: str) -> None:
    assert old in RULE
    own_rule.write_text(RULE.replace(old, new))
    with pytest.raises(ConfigError) as stopped:
        _compiled(folder)
    assert str(stopped.value) == f"policies/rules/sample/sample.rego:{wrong}"


def test_rules_that_define_each_other_stop_the_start(folder: Path, own_rule: Path) -> None:
    _append(own_rule, '\na if not b\n\nb if not a\n\ndeny contains "sample.a" if a\n')
    with pytest.raises(ConfigError, match="define each other"):
        _compiled(folder)


def test_a_rule_that_contradicts_itself_denies(folder: Path, own_rule: Path) -> None:
    contradiction = "\nlevel := 1 if input.facts.confidence > 0.5\n\nlevel := 2 if input.facts.similarity > 0.5\n"
    _append(own_rule, contradiction + '\ndeny contains "sample.level" if level == 3\n')
    decision = _compiled(folder).decide(safe_action(), safe_facts())
    assert (decision.verdict, decision.codes) == ("deny", ("policy.unavailable",))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("confidence_floor: 0.82", "confidence_floor: 82", "limits.confidence_floor is wrong"),
        ("confidence_floor: 0.82", "confidence_floor: .nan", "limits.confidence_floor is wrong"),
        ("blast_radius_pods: 5", "blast_radius_pods: '5'", "limits.blast_radius_pods is wrong"),
        ("approval_age_s: 900", "", "limits.approval_age_s is wrong"),
        ("limits:", "limit:", "limits.yaml:1 has no `limits:`"),
        ("limits:", "- limits:", "limits.yaml:1 has no `limits:`"),
        ("limits:", "limits: {", "limits.yaml:4 is not valid YAML"),
    ],
)
def test_limits_that_are_wrong_stop_the_start(folder: Path, old: str, new: str, message: str) -> None:
    path = folder / "limits.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as stopped:
        _compiled(folder)
    assert message in str(stopped.value)


def test_a_policy_file_that_is_gone_stops_the_start(folder: Path) -> None:
    (folder / "types.rego").unlink()
    with pytest.raises(ConfigError, match=r"types\.rego cannot be read"):
        load_rules(Approvers(), folder)


def test_metadata_that_is_no_yaml_is_named(folder: Path, own_rule: Path) -> None:
    own_rule.write_text(RULE.replace("# title: Sample limit", "# title: {"))
    with pytest.raises(ConfigError, match=r"policies/rules/sample/sample\.rego:1 has METADATA"):
        described_codes(load_rules(Approvers(), folder))


def test_four_eyes_for_a_kind_that_is_none_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="drain-node"):
        load_rules(Approvers(four_eyes=("drain_node", "drain-node")))


def test_the_hash_changes_with_rules_limits_and_approvers(folder: Path) -> None:
    def digest(approvers: Approvers = Approvers()) -> str:  # noqa: B008  # frozen
        return load_rules(approvers, folder).hash

    hashes = [digest(), digest(Approvers(users=("U0LEAD",)))]
    _append(folder / "limits.yaml", "  more: 1\n")
    hashes.append(digest())
    _append(folder / "rules/freeze/freeze.rego", "# a remark\n")
    hashes.append(digest())
    assert len(set(hashes)) == 4
    assert digest() == hashes[-1]


def test_settings_name_the_approvers_and_a_process_compiles_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, config=Config(approvers=Approvers(users=("U0LEAD",))))
    assert load(settings) is load(settings)
    assert load(settings).hash != load(Settings(data_dir=tmp_path)).hash


def test_the_rule_that_the_documentation_shows_passes_the_cases_it_shows(folder: Path) -> None:
    page = (HERE.parent / "docs" / "policy.md").read_text()
    rule, cases = (dedent(block) for block in re.findall(r"```(?:rego|yaml)\n(.*?)```", page, re.DOTALL))
    path = folder / "rules/restarts/restarts.rego"
    path.parent.mkdir(exist_ok=True)
    path.write_text(rule)
    _append(folder / "main.rego", "\nask contains code if some code in data.sre.rules.restarts.ask\n")
    _append(folder / "limits.yaml", "  restarts_per_incident: 1\n")
    held = _compiled(folder, Approvers(groups=("S0ONCALL",)))
    for case in yaml.safe_load(cases)["cases"].values():
        facts = {**safe_facts(), **case.get("facts", {}), "approval": good_approval() if "approval" in case else None}
        decision = held.decide({**safe_action(), **case.get("action", {})}, facts)
        assert (decision.verdict, list(decision.codes)) == (case.get("verdict", "allow"), case.get("codes", []))
    assert held.explain("restarts.exceeded").startswith("It was restarted often enough")


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def _compiled(folder: Path, approvers: Approvers = Approvers()) -> Policy:  # noqa: B008  # frozen
    rules = load_rules(approvers, folder)
    return Policy(rules, RegoEngine(rules))
