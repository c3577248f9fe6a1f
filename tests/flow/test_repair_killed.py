"""The operator is killed at every step boundary of a repair and run again: done once or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from core.diagnosis import (
    Action,
    BlastRadius,
    Claim,
    Decision,
    Diagnosis,
    Investigation,
    Proposal,
    Recall,
    RootCause,
    RunbookHit,
    Subject,
)
from core.incident import Alert, Incident
from core.observation import Observation
from core.records import Records, open_records
from core.redis import start_embedded
from core.remediation import Click, Remediation
from core.settings import load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY
from sandbox.slack import App, SlackServer, run_in_thread
from sandbox.slack.state import ON_CALL

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "manifest.yaml").read_text())
MARIA = "U0MARIA"
SPEED = 10.0


class Operator:
    """The program of `mortal_operator`, and what it works on."""

    def __init__(self, program: subprocess.Popen[str], company: Company, slack: SlackServer, records: Records) -> None:
        self._program, self.company, self.slack, self.records = program, company, slack, records

    def run(self, job: str, ident: str, die_at: int | None = None) -> dict[str, Any]:
        """As RQ does: a job that fails, as when a busy machine lets a dry run time out, is run again."""
        for _ in range(4):
            found = self.once(job, ident, die_at)
            if not found["failed"]:
                return found
        raise AssertionError(f"{job} {ident} failed four times")

    def once(self, job: str, ident: str, die_at: int | None = None, victim: int | None = None) -> dict[str, Any]:
        assert self._program.stdin and self._program.stdout
        self._program.stdin.write(json.dumps({"job": job, "id": ident, "die_at": die_at, "victim": victim}) + "\n")
        self._program.stdin.flush()
        answer = self._program.stdout.readline()
        assert answer, "the operator's program ended"
        found: dict[str, Any] = json.loads(answer)
        return found

    def kill(self, job: str, ident: str, die_at: int) -> None:
        """Run it to its death. On a machine that stalls, a read may time out: a shorter way to the end."""
        found = self.run(job, ident, die_at)
        assert found["died"] or found["boundaries"] < die_at

    def release(self) -> str:
        """The image that the Deployment asks for: the bad one until it is rolled back."""
        spec = self.deployment["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"]).rpartition(":")[2]

    @property
    def deployment(self) -> dict[str, Any]:
        found = self.company.world.objects.find("deployments", "shop", "checkout")
        assert found is not None
        return found

    @property
    def changes(self) -> int:
        """How often what the Deployment should be was changed, by anybody."""
        return int(self.deployment["metadata"]["generation"])


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    with running(folder, speed=SPEED, channel="C0SRE", approver_groups=(ON_CALL,)) as company:
        yield company


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackServer]:
    server = SlackServer(app=App.from_manifest(MANIFEST))
    with run_in_thread(server):
        yield server


@pytest.fixture(scope="module")
def environment(company: Company, slack: SlackServer, redis_data: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept, **company.environment(), "SLACK_API_URL": slack.url, "SLACK_BOT_TOKEN": slack.bot_token,
        "SRE_CHANNEL": "C0SRE", "SRE_DATA_DIR": str(redis_data),
    }  # fmt: skip


@pytest.fixture(scope="module")
def program(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.flow.mortal_operator"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        cwd=Path(__file__).parents[2],
    ) as started:  # fmt: skip
        yield started
        assert started.stdin
        started.stdin.close()


@pytest.fixture
def operator(
    program: subprocess.Popen[str], company: Company, slack: SlackServer, environment: dict[str, str],
    redis_client: redis.Redis,
) -> Operator:  # fmt: skip
    return Operator(program, company, slack, open_records(load_settings(environment), redis_client))


def broken(operator: Operator, mode: str = "assist") -> Remediation:
    """A fresh bad deploy, diagnosed, with a rollback proposed."""
    operator.records.redis.flushall()
    operator.slack.clock.advance(60)  # or Slack's limit on reading groups would be met
    operator.company.heal()
    operator.company.inject(BAD_DEPLOY)
    bad = BAD_DEPLOY.tag
    wait_until(lambda: operator.company.world.objects.list("pods", "shop") and any(
        pod["spec"]["containers"][0]["image"].endswith(f":{bad}") for pod in operator.company.world.pods_of("checkout")
    ))  # fmt: skip
    records, now = operator.records, operator.records.now()
    records.switches.set("mode", mode)
    action = Action(kind="rollback_deployment", namespace="shop", name="checkout")
    proposal = Proposal(
        action=action, target="Deployment/checkout", reason="It cannot start.", evidence=("e1",),
        blast_radius=BlastRadius(pods=4, services=1),
        decision=Decision(verdict="ask", codes=("mode.assist",), policy_hash="p"),
    )  # fmt: skip
    cause = RootCause(
        condition="CrashLoopBackOff", target="Deployment/checkout", namespace="shop", statement="It cannot start."
    )
    labels = {"alertname": "KubePodCrashLooping", "namespace": "shop", "service": "checkout"}
    alert = Alert(fingerprint="f", name="KubePodCrashLooping", status="firing", labels=labels, starts_at=now)
    incident = records.incidents.save(
        Incident(id="INC-1", title="checkout fails", service="checkout", cluster="shop-eu", namespace="shop",
                 source="slack", opened_at=now, channel="C0SRE", alerts=(alert,))
    )  # fmt: skip
    records.investigations.save(
        Investigation(
            id="INV-1", incident=incident.id, channel="C0SRE", started_at=now,
            subject=Subject(text="checkout", cluster="shop-eu", namespace="shop", service="checkout"),
            observation=Observation(), recall=Recall(runbooks=(RunbookHit(id="r", title="r", score=0.8, path="r.md"),)),
            diagnosis=Diagnosis(
                status="diagnosed", root_cause=cause, confidence=0.95, confidence_why=(), evidence_coverage=1.0,
                claims=(Claim(text="It crashes.", evidence=("e1",)),), reasoner="runbooks",
            ),
            plan=(proposal,),
        )
    )  # fmt: skip
    return records.remediations.save(
        Remediation(
            id="ACT-1", investigation="INV-1", incident=incident.id, number=1, service="checkout", cluster="shop-eu",
            alert_types=("KubePodCrashLooping",), proposal=proposal, created_at=now,
        )
    )  # fmt: skip


def clicked(operator: Operator, user: str = MARIA, ident: str = "click-1") -> Click:
    return operator.records.remediations.save_click(
        Click(id=ident, remediation="ACT-1", wants="approve", user=user, at=operator.records.now())
    )


def card(operator: Operator) -> str:
    message = operator.records.outbox.find("INV-1/proposal-1")
    return json.dumps(message.view.blocks) if message else ""


def check(operator: Operator, before: int) -> str:
    """What must be so wherever it died: once or not at all, and what is shown and written agrees. The state."""
    rem = operator.records.remediations.get("ACT-1")
    done = operator.changes - before
    assert done in (0, 1), f"done {done} times"
    assert (done == 1) == (operator.release() != BAD_DEPLOY.tag)
    assert operator.records.ledger.verify() is None
    if rem.state in ("watching", "worked"):
        assert done == 1
    if rem.state in ("asked", "proposed", "denied", "superseded", "approved"):
        assert done == 0
    assert ("approve_remediation" in card(operator)) == (rem.state == "asked")
    begun = [e for e in operator.records.ledger.entries() if e.event == "action.begun"]
    assert len(begun) <= 1
    if done:
        assert begun, "an effect without an entry before it"
    return str(rem.state)


def test_an_approved_repair_killed_anywhere_is_done_once_or_not_at_all(operator: Operator) -> None:
    broken(operator)
    operator.run("prepare", "ACT-1")
    assert operator.records.remediations.get("ACT-1").state == "asked"
    clicked(operator)
    before = operator.changes
    boundaries = operator.run("decide", "click-1")["boundaries"]
    assert check(operator, before) == "watching"
    ends: dict[str, int] = {}
    for die_at in range(1, boundaries + 1):
        broken(operator)
        operator.run("prepare", "ACT-1")
        clicked(operator)
        before = operator.changes
        operator.kill("decide", "click-1", die_at)
        operator.run("decide", "click-1")  # as RQ does when it finds the job abandoned
        state = check(operator, before)
        assert state in ("watching", "interrupted"), f"boundary {die_at}: {state}"
        ends[state] = ends.get(state, 0) + 1
    assert ends["watching"] > ends.get("interrupted", 0)  # most deaths lose nothing


def test_a_repair_of_its_own_killed_anywhere_is_done_once_or_not_at_all(operator: Operator) -> None:
    broken(operator, "autonomous")
    before = operator.changes
    boundaries = operator.run("prepare", "ACT-1")["boundaries"]
    assert check(operator, before) == "watching"
    for die_at in range(1, boundaries + 1):
        broken(operator, "autonomous")
        before = operator.changes
        operator.kill("prepare", "ACT-1", die_at)
        operator.run("prepare", "ACT-1")
        assert check(operator, before) in ("watching", "interrupted"), f"boundary {die_at}"


def test_a_watch_killed_anywhere_goes_on(operator: Operator) -> None:
    broken(operator)
    operator.run("prepare", "ACT-1")
    clicked(operator)
    before = operator.changes
    operator.run("decide", "click-1")
    boundaries = operator.run("verify", "ACT-1")["boundaries"]
    for die_at in range(1, boundaries + 1):
        operator.run("verify", "ACT-1", die_at)
        assert check(operator, before) in ("watching", "worked")
        assert operator.records.queues.waiting("remediate") or die_at < boundaries


def test_two_clicks_at_once_run_it_once(operator: Operator) -> None:
    broken(operator)
    operator.run("prepare", "ACT-1")
    first, second = clicked(operator), clicked(operator, ident="click-2")
    before = operator.changes
    operator.run("decide", first.id)
    operator.run("decide", second.id)
    assert check(operator, before) == "watching"
    refused = [e.data for e in operator.records.ledger.entries() if e.event == "approval.refused"]
    assert [(data["click"], data["code"]) for data in refused] == [("click-2", "decided")]


def test_redis_killed_anywhere_in_an_approved_repair_loses_nothing(operator: Operator, redis_data: Path) -> None:
    broken(operator)
    operator.run("prepare", "ACT-1")
    clicked(operator)
    boundaries = operator.run("decide", "click-1")["boundaries"]
    for die_at in range(2, boundaries + 1):  # right after each write of any kind
        broken(operator)
        operator.run("prepare", "ACT-1")
        clicked(operator)
        before = operator.changes
        server = int(operator.records.redis.info("server")["process_id"])
        operator.once("decide", "click-1", die_at, victim=server)
        start_embedded(redis_data)  # with what its append-only file holds
        operator.run("decide", "click-1")
        assert check(operator, before) in ("watching", "interrupted"), f"boundary {die_at}"
