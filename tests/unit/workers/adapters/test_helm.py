"""Helm as a program: a stand-in on the PATH that keeps what it was called with and answers as a test says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from core.diagnosis import Action
from core.errors import Absent, Changed, Forbidden, Refused, ToolError, Unclear
from core.remediation import Target
from core.settings import Settings
from workers.actions.base import Means
from workers.actions.releases import RollbackRelease
from workers.adapters import helm as adapter
from workers.adapters.helm import open_helm

STAND_IN = """#!{python}
import json, os, pathlib, sys, time
here = pathlib.Path({folder!r})
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], sorted(os.environ)]) + "\\n")
plan = json.loads((here / "plan").read_text())
step = plan["dry" if "--dry-run" in sys.argv else sys.argv[1]]
time.sleep(step.get("sleep", 0))
sys.stderr.write(step.get("err", ""))
sys.stdout.write(step.get("out", ""))
if step.get("then"):
    plan["history"] = step["then"]
    (here / "plan").write_text(json.dumps(plan))
sys.exit(step.get("exit", 0))
"""
ACT = RollbackRelease()
ACTION = Action(kind="rollback_release", namespace="shop", name="checkout")


def history(*rows: tuple[int, str, str, str]) -> dict[str, str]:
    keys = ("revision", "status", "chart", "description")
    return {"out": json.dumps([dict(zip(keys, row, strict=True)) | {"app_version": row[2][-3:]} for row in rows])}


BEFORE = history((1, "superseded", "checkout-1.0", "Install"), (2, "failed", "checkout-1.1", "Upgrade failed"),
                 (3, "deployed", "checkout-1.2", "Upgrade complete"))  # fmt: skip
AFTER = history((3, "superseded", "checkout-1.2", "Upgrade complete"), (4, "deployed", "checkout-1.0", "Rollback to 1"))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = Settings(data_dir=folder, kubeconfig=str(folder / "kubeconfig"), kube_write_context="operator")
        none: Any = None
        self.means = Means(
            settings=settings, cluster=none, writer=none, silences=None, releases=open_helm(settings, None)
        )

    def plan(self, **steps: Any) -> None:
        steps = {"history": BEFORE, "dry": {}, "rollback": {"then": AFTER}} | steps
        (self.folder / "plan").write_text(json.dumps(steps))

    @property
    def calls(self) -> list[tuple[list[str], list[str]]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    def rollbacks(self) -> list[list[str]]:
        return [argv for argv, _ in self.calls if argv[0] == "rollback" and "--dry-run" not in argv]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/helm"
    program.write_text(STAND_IN.format(python=sys.executable, folder=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-s3cret")
    found = Bench(tmp_path)
    found.plan()
    return found


def test_a_rollback_is_tried_done_once_and_found(bench: Bench) -> None:
    target = ACT.prepare(ACTION, bench.means)
    assert (target.facts["revision"], target.facts["to"]) == (3, 1)  # 2 never ran well
    tried = ACT.dry_run(ACTION, target, bench.means)
    assert (tried.passed, tried.change) == (
        True,
        ("release checkout, revision 3 → 1", "chart checkout-1.2 → checkout-1.0", "app version 1.2 → 1.0"),
    )
    assert bench.rollbacks() == []
    assert ACT.found(ACTION, target, "ACT-1", bench.means) is False
    assert ACT.execute(ACTION, target, "ACT-1", bench.means) == "Rolled release checkout back from revision 3 to 1."
    assert ACT.found(ACTION, target, "ACT-1", bench.means) is True
    assert "already" in ACT.execute(ACTION, target, "ACT-1", bench.means)
    (argv,) = bench.rollbacks()
    assert argv == ["rollback", "checkout", "1", "--namespace", "shop", "--timeout", "120s", "--kube-context",
                    "operator"]  # fmt: skip
    assert ACT.how_to_undo(ACTION, target) == "roll forward to revision 3"


def test_helm_sees_no_secret_of_ours(bench: Bench) -> None:
    ACT.prepare(ACTION, bench.means)
    ((_, environment),) = bench.calls
    assert "SLACK_BOT_TOKEN" not in environment
    assert {"PATH", "KUBECONFIG"} <= set(environment)


def test_a_release_that_moved_on_is_a_change(bench: Bench) -> None:
    target = ACT.prepare(ACTION, bench.means)
    bench.plan(history=history((4, "deployed", "checkout-1.3", "Upgrade complete")))
    with pytest.raises(Changed, match="checkout changed since this was proposed: revision 4 is deployed"):
        ACT.execute(ACTION, target, "ACT-1", bench.means)
    assert ACT.found(ACTION, target, "ACT-1", bench.means) is None
    assert bench.rollbacks() == []


def test_a_rollback_that_fails_or_does_not_end_is_unclear(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    target = ACT.prepare(ACTION, bench.means)
    bench.plan(rollback={"exit": 1, "err": "password=s3cret"})
    with pytest.raises(Unclear) as raised:
        ACT.execute(ACTION, target, "ACT-1", bench.means)
    assert "s3cret" not in str(raised.value)
    bench.plan(rollback={"sleep": 30})
    monkeypatch.setattr(adapter, "ROLLBACK_S", 0.3)
    with pytest.raises(Unclear):
        ACT.execute(ACTION, target, "ACT-1", bench.means)
    assert len(bench.rollbacks()) == 2


def test_a_dry_run_that_fails_offers_the_command(bench: Bench) -> None:
    target = ACT.prepare(ACTION, bench.means)
    bench.plan(dry={"exit": 1, "err": "token: s3cret"})
    tried = ACT.dry_run(ACTION, target, bench.means)
    assert not tried.passed
    assert tried.says.endswith("By hand: helm rollback checkout --namespace shop")
    assert "s3cret" not in tried.says


def test_one_under_way_is_left(bench: Bench) -> None:
    bench.plan(history=history((1, "superseded", "c-1", "x"), (2, "pending-upgrade", "c-2", "y")))
    target = ACT.prepare(ACTION, bench.means)
    with pytest.raises(Refused, match="under way"):
        ACT.execute(ACTION, target, "ACT-1", bench.means)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"exit": 1, "err": "Error: release: not found"}, Absent),
        ({"exit": 1, "err": 'Error: query: failed: secrets is forbidden: User "s3cret"'}, Forbidden),
        ({"exit": 2, "err": "boom s3cret"}, ToolError),
        ({"out": "not json"}, ToolError),
        ({"out": '[{"revision": 1}]'}, ToolError),
        (history((1, "deployed", "c-1", "Install complete")), Absent),
    ],
)
def test_a_history_that_cannot_be_read_says_why(bench: Bench, step: Any, error: type[Exception]) -> None:
    bench.plan(history=step)
    with pytest.raises(error) as raised:
        ACT.prepare(ACTION, bench.means)
    assert type(raised.value) is error
    assert "s3cret" not in str(raised.value)


def test_without_helm_a_person_gets_the_command(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert open_helm(bench.means.settings, None) is None
    none: Any = None
    means = Means(settings=bench.means.settings, cluster=none, writer=none, silences=None)
    action = ACTION.model_copy(update={"params": {"revision": 7}})
    target = ACT.prepare(action, means)
    assert ACT.dry_run(action, target, means).says == (
        "There is no helm here; a person runs: helm rollback checkout 7 --namespace shop"
    )
    with pytest.raises(Refused):
        ACT.execute(action, target, "ACT-1", means)
    assert ACT.how_to_undo(action, Target(uid="x", version="")) is None
