"""A repair from the write to its proof, over the pretend company's cluster, Prometheus and Slack: the thread says what
came of it, with figures and a picture."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from core.diagnosis import Action, BlastRadius, Decision, Investigation, Proposal, Subject
from core.incident import Alert, Incident
from core.model import utc_now
from core.outbox import Message
from core.records import Records, open_records
from core.remediation import Remediation
from core.settings import load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY, QUIET_DEPENDENCY
from sandbox.slack import SlackThread, run_in_thread
from workers.actions.catalogue import ACTIONS
from workers.loop import watch
from workers.loop.act import carry_out, means_for
from workers.notifier import deliver
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
        Investigation(id="INV-1", subject=subject, incident="INC-1", channel="C0SRE", started_at=now)
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
