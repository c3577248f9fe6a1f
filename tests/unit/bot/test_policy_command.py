"""`sre-bot policy check`: exact JSON for programs, codes and words for people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.files import HERE

BASE = yaml.safe_load((HERE / "rules" / "base.yaml").read_text())


def line(**facts: Any) -> str:
    return json.dumps({"action": BASE["action"], "facts": {**BASE["facts"], **facts}})


def sre_bot(*arguments: str, stdin: str | bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(env or {})}
    command = [sys.executable, "-m", "bot.cli", "policy", "check", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, env=clean, check=False, cwd=HERE.parent)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_each_line_is_answered_with_one_line() -> None:
    lines = [
        line(),
        line(confidence=0.5),
        line(paused=True),
        "nonsense",
        "",
        "{}",
        line(mode="assist").replace("0.93", "NaN"),
    ]
    status, out, err = sre_bot("-", "--json", stdin="\n".join(lines) + "\n")
    answers = [json.loads(each) for each in out.splitlines()]
    assert (status, err) == (0, "")
    assert [(each["verdict"], each["codes"]) for each in answers] == [
        ("allow", []), ("ask", ["confidence.below_floor"]), ("deny", ["paused.on"]),
        ("deny", ["malformed"]), ("deny", ["malformed"]), ("deny", ["malformed"]), ("deny", ["malformed"]),
    ]  # fmt: skip
    assert {frozenset(each) for each in answers} == {frozenset({"verdict", "codes", "policy_hash"})}
    assert len({each["policy_hash"] for each in answers}) == 1


def test_a_line_is_answered_before_the_next_is_written() -> None:
    command = [sys.executable, "-m", "bot.cli", "policy", "check", "-", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
    ) as running:
        assert running.stdin
        assert running.stdout
        for wanted in ("allow", "ask", "allow"):
            running.stdin.write(line(stateful=wanted == "ask") + "\n")
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["verdict"] == wanted
        running.stdin.close()
        assert running.wait() == 0


def test_a_line_without_end_does_not_keep_the_next_from_its_answer() -> None:
    _, out, _ = sre_bot("-", "--json", stdin="[" * 1_000_000 + "\n" + line() + "\n" + '{"facts": "' + "x" * 70_000)
    assert [json.loads(each)["verdict"] for each in out.splitlines()] == ["deny", "allow", "deny"]


def test_a_file_may_hold_one_object_over_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "question.json"
    path.write_text(json.dumps(json.loads(line()), indent=2) + "\n")
    status, out, _ = sre_bot(str(path), "--json")
    assert (status, json.loads(out)["verdict"]) == (0, "allow")


def test_a_file_may_hold_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(line() + "\n" + line(in_freeze=True) + "\n")
    _, out, _ = sre_bot(str(path), "--json")
    assert [json.loads(each)["verdict"] for each in out.splitlines()] == ["allow", "ask"]


def test_people_get_a_sentence_a_code() -> None:
    status, out, _ = sre_bot("-", stdin=line(in_freeze=True, similarity=0.2))
    assert status == 0
    assert out.splitlines()[:3] == [
        "ask",
        "  freeze.on: There is a change freeze, so a person approves.",
        "  similarity.below_floor: No runbook is similar enough to this case, so a person decides.",
    ]


def test_people_are_told_when_nothing_stands_in_the_way() -> None:
    _, out, _ = sre_bot("-", stdin=line())
    assert out.splitlines()[:2] == ["allow", "  Nothing stands in the way."]


@pytest.mark.parametrize(("groups", "verdict"), [("[]", "ask"), ("[S0ONCALL]", "allow")])
def test_an_approval_counts_only_where_the_configuration_entitles(tmp_path: Path, groups: str, verdict: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"approvers: {{groups: {groups}}}\n")
    asked = line(mode="assist", approval=BASE["approval"])
    _, out, _ = sre_bot("-", "--json", stdin=asked, env={"SRE_CONFIG": str(config)})
    assert json.loads(out)["verdict"] == verdict


def test_without_a_configuration_nothing_is_approvable() -> None:
    _, out, _ = sre_bot("-", "--json", stdin=line(mode="assist", approval={**BASE["approval"], "on_call": True}))
    assert json.loads(out)["codes"] == ["approval.not_entitled", "environment.production", "mode.assist"]


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    status, out, err = sre_bot(str(tmp_path / "none.json"))
    assert (status, out) == (2, "")
    assert err == f"sre-bot: {tmp_path}/none.json cannot be read: No such file or directory.\n"


def test_an_opa_that_is_gone_denies_and_says_so() -> None:
    status, out, err = sre_bot("-", "--json", stdin=line(), env={"OPA_URL": "http://127.0.0.1:1"})
    assert status == 3
    assert json.loads(out)["codes"] == ["policy.unavailable"]
    assert err.count("\n") == 1
