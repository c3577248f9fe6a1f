"""A repair from the write to its proof, over the pretend company's cluster, Prometheus and Slack: the thread says what
came of it, with figures and a picture."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from core.diagnosis import Action, ActionKind, BlastRadius, Decision, Investigation, Proposal, Subject
from core.errors import Changed, Conflict, Refused, SreError, Transient, Unclear, Unreachable
from core.incident import Alert, Incident
from core.model import utc_now
from core.outbox import Message
from core.pause import Pause, set_pause
from core.records import Records, open_records
from core.remediation import Remediation
from core.settings import load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY, QUIET_DEPENDENCY
from sandbox.slack import SlackThread, run_in_thread
from tests.flow.posting import deliver
from workers.actions.catalogue import ACTIONS
from workers.loop import act as act_module
from workers.loop.act import carry_out, means_for
from workers.remediation import watch
from workers.verify import judging, looking
from workers.wiring import open_world
from workers.world import World

SETTLE_S = 3


class Night(NamedTuple):
    company: Company
    slack: SlackThread
    records: Records
    world: World

    def deliver(self) -> str:
        """Everything that the outbox wishes for, and the channel as it then reads."""
        for key in sorted(self.records.redis.keys("sre:message:*")):
            assert self.world.slack
            deliver(key.decode().removeprefix("sre:message:"), self.records, self.world.slack)
        return self.slack.transcript("C0SRE")


@pytest.fixture
def night(
    tmp_path: Path, redis_client: redis.Redis, redis_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Night]:
    monkeypatch.setattr(looking, "FIRST_S", 10.0)  # a busy machine runs all of this
    monkeypatch.setattr(looking, "SECOND_S", 10.0)
    monkeypatch.setattr(judging, "LASTING_SHARE", 1.0)
    with running(tmp_path, channel="C0SRE") as company, run_in_thread() as slack:
        env = {
            **company.environment(), "SRE_DATA_DIR": str(redis_data), "SLACK_BOT_TOKEN": slack.server.bot_token,
            "SLACK_API_URL": slack.server.url, "SRE_CHANNEL": "C0SRE",
        }  # fmt: skip
        settings = load_settings(env)
        quick = settings.config.autonomy.model_copy(update={"settle_s": SETTLE_S})
        config = settings.config.model_copy(update={"autonomy": quick})
        records = open_records(settings.model_copy(update={"config": config}), redis_client)
        yield Night(company, slack, records, open_world(records.settings, records, writes=True))


def _firing(night: Night, service: str, wanted: str) -> tuple[Alert, ...]:
    alerts = night.world.operator.alerts
    assert alerts
    wait_until(lambda: any(a.name == wanted and a.labels.get("service") == service for a in alerts.firing()), 30)
    return tuple(a for a in alerts.firing() if a.labels.get("service") == service)


def _approved(night: Night, service: str, kind: str, alerts: tuple[Alert, ...]) -> Remediation:
    """A remediation that maria has just approved, of an incident with these alerts."""
    records, now = night.records, utc_now()
    records.incidents.save(
        Incident(id="INC-1", title=f"{service} fails", service=service, source="alertmanager",
                 opened_at=now - timedelta(minutes=10),  # what is younger is given time to show itself
                 alerts=alerts, channel="C0SRE")
    )  # fmt: skip
    subject = Subject(text=service, service=service, cluster="shop-eu", namespace="shop")
    records.investigations.save(
        Investigation(
            id=records.investigations.new_id(), subject=subject, incident="INC-1", channel="C0SRE", started_at=now
        )
    )
    card: dict[str, Any] = {"key": "INC-1/card", "channel": "C0SRE", "view": {"text": "Card."}}
    records.outbox.put(Message.model_validate(card))
    action = Action.model_validate({"kind": kind, "namespace": "shop", "name": service, "params": {}})
    decision = Decision(verdict="ask", codes=(), policy_hash="")
    radius = BlastRadius(pods=4, services=1, downstream=("storefront",))
    proposal = Proposal(
        action=action, target=f"Deployment/{service}", reason="", blast_radius=radius, decision=decision
    )
    rem = Remediation(
        id="ACT-1", investigation="INV-1", incident="INC-1", number=1, service=service, cluster="shop-eu",
        proposal=proposal, created_at=now, state="approved", decided_by="U0MARIA", decided_at=now,
    )  # fmt: skip
    act, means = ACTIONS[action.kind], means_for(rem, night.world)
    target = act.prepare(action, means)
    return records.remediations.save(rem.model_copy(update={"target": target, "undo": act.how_to_undo(action, target)}))


def _watch(night: Night) -> Remediation:
    def over() -> Remediation | None:
        watch.look("ACT-1", night.world)
        rem = night.records.remediations.get("ACT-1")
        return None if rem.state == "watching" else rem

    found = wait_until(over, 90)
    assert found
    return found


def test_a_rollback_is_proved_in_the_thread_with_a_picture(night: Night) -> None:
    night.company.inject(BAD_DEPLOY)
    alerts = _firing(night, "checkout", "HighErrorRate")
    carry_out(_approved(night, "checkout", "rollback_deployment", alerts), night.world)
    watch.look("ACT-1", night.world)
    assert "🟠 Rolled checkout back to revision 3" in night.deliver()
    rem = _watch(night)
    assert rem.state == "worked", rem.findings
    shown = " ".join(night.deliver().replace("┃", " ").split())
    assert "✅ Rolled checkout back to revision 3 in" in shown
    assert "and it holds" in shown
    assert "5xx of checkout" in shown
    assert "→" in shown
    assert "4 of 4 pods ready, 2 before" in shown
    assert "HighErrorRate" in shown
    assert "(picture: Graph of 5xx of checkout" in shown
    assert night.slack.server.breaches == []


def test_what_made_those_downstream_worse_is_taken_back_and_said(night: Night) -> None:
    """The cache itself is well in its older version, but the service that uses it begins to fail at that moment."""
    carry_out(_approved(night, "cart-redis", "rollback_deployment", ()), night.world)
    night.company.inject(BAD_DEPLOY)
    rem = _watch(night)
    assert rem.state == "undone", rem
    shown = " ".join(night.deliver().replace("┃", " ").split())
    assert "🔴 Rolled cart-redis back to revision 1" in shown
    assert "it made things worse, so it was taken back" in shown
    assert "5xx of checkout 0." in shown
    assert "(picture: Graph of 5xx of checkout" in shown
    assert "@maria has it now." in shown


def test_what_made_it_worse_and_was_changed_since_is_left_to_a_person(night: Night) -> None:
    carry_out(_approved(night, "cart-redis", "rollback_deployment", ()), night.world)
    night.company.inject(QUIET_DEPENDENCY)  # somebody rolls out another version of the same cache, which does not start
    rem = _watch(night)
    assert rem.state == "unproven", rem
    shown = " ".join(night.deliver().replace("┃", " ").split())
    assert "Rolled cart-redis back to revision 1, but it made things worse" in shown
    assert "I could not take it back" in shown


class Answering:
    """The act of a kind whose write ends as told, and whose trace is as told."""

    def __init__(self, kind: ActionKind, error: SreError, found: bool | None = False) -> None:
        self._real, self._error, self._found = ACTIONS[kind], error, found
        self.writes = 0

    def execute(self, *_args: object) -> str:
        self.writes += 1
        raise self._error

    def found(self, *_args: object) -> bool | None:
        return self._found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _ends(night: Night, monkeypatch: pytest.MonkeyPatch, act: Answering) -> Remediation:
    """How an approved rollback of checkout ends when its write ends so."""
    rem = _approved(night, "checkout", "rollback_deployment", ())
    monkeypatch.setattr(act_module, "ACTIONS", {**ACTIONS, "rollback_deployment": act})
    monkeypatch.setattr(act_module, "_LONGEST_WAIT_S", 0.01)
    carry_out(rem, night.world)
    return night.records.remediations.get("ACT-1")


@pytest.mark.parametrize(
    ("error", "state", "writes"),
    [
        (Refused("The Kubernetes API refuses the write", "Forbidden"), "failed", 1),
        (Unreachable("The Kubernetes API cannot be reached."), "failed", 1),
        (Transient("The Kubernetes API puts off the write (429).", 1), "failed", 3),  # it said before it did anything
        (Changed("checkout changed since this was proposed: revision 19 is rolling out."), "superseded", 1),
    ],
)
def test_a_write_that_did_nothing_says_so_and_lets_the_service_go(
    night: Night, monkeypatch: pytest.MonkeyPatch, error: SreError, state: str, writes: int
) -> None:
    act = Answering("rollback_deployment", error)
    rem = _ends(night, monkeypatch, act)
    assert (rem.state, act.writes) == (state, writes)
    assert "Nothing was" in str(rem.outcome)
    assert night.records.remediations.occupant(rem.scope) is None
    assert night.records.switches.find("cooling:checkout") is None
    assert (night.records.queues.waiting("investigate") == 1) == (state == "superseded")  # it looks again


@pytest.mark.parametrize(("found", "state"), [(True, "watching"), (False, "interrupted"), (None, "interrupted")])
def test_a_write_without_an_answer_is_never_sent_again(
    night: Night, monkeypatch: pytest.MonkeyPatch, found: bool | None, state: str
) -> None:
    act = Answering("rollback_deployment", Unclear("The answer was lost."), found)
    assert _ends(night, monkeypatch, act).state == "begun"
    watch.look("ACT-1", night.world)  # the job that comes once the server cannot be at it any more
    rem = night.records.remediations.get("ACT-1")
    assert (rem.state, act.writes) == (state, 1)
    if state == "interrupted":
        assert "person" in str(rem.outcome)
        assert night.records.switches.find("cooling:checkout")
        (told,) = night.records.outbox.get("INV-1/handover-1").view.blocks
        assert told["text"]["text"].startswith("<@U0MARIA> This is yours now: ")


def test_a_pause_stops_what_was_approved_before_it(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    act = Answering("rollback_deployment", Refused("never", "asked"))
    set_pause(night.records.switches, Pause(by="U0MARIA", at=utc_now(), why=""))
    rem = _ends(night, monkeypatch, act)
    assert (rem.state, act.writes) == ("failed", 0)
    assert "paused" in str(rem.outcome)


def test_the_same_action_is_never_begun_twice(night: Night) -> None:
    rem = _approved(night, "checkout", "rollback_deployment", ())
    carry_out(rem, night.world)
    with pytest.raises(Conflict):
        carry_out(rem, night.world)  # another worker that had read it before
    begun = [entry for entry in night.records.ledger.entries() if entry.event == "action.begun"]
    assert len(begun) == 1


def test_one_remediation_a_service_at_a_time(night: Night) -> None:
    night.records.remediations.occupy("checkout", "ACT-9", 60)
    carry_out(_approved(night, "checkout", "rollback_deployment", ()), night.world)
    rem = night.records.remediations.get("ACT-1")
    assert rem.state == "failed"
    assert "under way" in str(rem.outcome)
    assert night.records.remediations.occupant("checkout") == "ACT-9"
