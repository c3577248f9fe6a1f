"""A bad deploy of the sandbox's company, an operator that can be killed at each step, and what must hold then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
from core.remediation import Click, Remediation
from core.settings import load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY
from sandbox.slack import App, SlackServer, run_in_thread
from sandbox.slack.state import ON_CALL

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "manifest.yaml").read_text())
MARIA = "U0MARIA"
POLICY_PODS = 5  # more of them, and a person approves


class Operator:
    """The program of `mortal_operator`, and what it works on."""

    def __init__(
        self, program: subprocess.Popen[str], company: Company, slack: SlackServer, records: Records,
        twin: Operator | None = None,
    ) -> None:  # fmt: skip
        self._program, self.company, self.slack, self.records, self.twin = program, company, slack, records, twin

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


@contextmanager
def operating(folder: Path, redis_data: Path, redis_client: redis.Redis, speed: float) -> Iterator[Operator]:
    """An operator in a company of its own, whose time runs at `speed`; what verification reads needs 1."""
    server = SlackServer(app=App.from_manifest(MANIFEST))
    with (
        running(folder, speed=speed, channel="C0SRE", approver_groups=(ON_CALL,)) as company,
        run_in_thread(server),
    ):
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = {
            **kept, **company.environment(), "SLACK_API_URL": server.url, "SLACK_BOT_TOKEN": server.bot_token,
            "SRE_CHANNEL": "C0SRE", "SRE_DATA_DIR": str(redis_data),
        }  # fmt: skip
        records = open_records(load_settings(environment), redis_client)
        with _program(environment) as first, _program(environment) as second:
            yield Operator(first, company, server, records, Operator(second, company, server, records))


@contextmanager
def _program(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.flow.mortal_operator"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=environment, cwd=Path(__file__).parents[2],
    ) as program:  # fmt: skip
        yield program
        assert program.stdin
        program.stdin.close()


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
    wait_until(lambda: len(operator.company.world.pods_of("checkout")) <= POLICY_PODS)  # those of before are gone
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


def thread(operator: Operator) -> str:
    """What the thread says of how it goes."""
    return operator.records.outbox.get("INV-1/verification-1").view.text


def check(operator: Operator, before: int) -> str:
    """What must be so wherever it died: once or not at all, and what is shown and written agrees. The state."""
    rem = operator.records.remediations.get("ACT-1")
    done = operator.changes - before
    assert done in (0, 1), f"done {done} times; {rem.state}: {rem.outcome}"
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
