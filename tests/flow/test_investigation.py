"""Investigations as a worker runs them: stopped by a person, about nothing by name, and when the cluster goes away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from bot.mentions import on_stop
from core.diagnosis import Diagnosis, Investigation, Subject
from core.errors import Unreachable
from core.incident import Incident
from core.records import Records, open_records
from core.request import Request
from core.settings import Settings, load_settings
from sandbox.company import Company, running, wait_until
from sandbox.faults import BAD_DEPLOY
from sandbox.messages import Line, ScriptedClaude, Turn
from workers import jobs
from workers.memory import stop_memory
from workers.ports import Cluster, Memory
from workers.reasoners.claude import ClaudeReasoner
from workers.wiring import open_outside
from workers.world import Outside, World, use

CHANNEL, THREAD = "C0SRE", "1772452800.000100"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with running(tmp_path_factory.mktemp("company")) as company:
        yield company


@pytest.fixture(scope="module")
def settings_of_company(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The bot's settings, with a memory of its own that ends with the module."""
    folder = tmp_path_factory.mktemp("bot")
    settings = load_settings({**company.environment(), "SRE_DATA_DIR": str(folder), "HOME": "/nonexistent"})
    yield settings
    stop_memory(settings)


@pytest.fixture(scope="module")
def outside(settings_of_company: Settings) -> Outside:
    return open_outside(settings_of_company)


@pytest.fixture
def kept(settings_of_company: Settings, redis_client: redis.Redis) -> Records:
    """Records whose clock is the company's and never stands still."""
    ticks = count()
    return open_records(
        settings_of_company, redis_client, now=lambda: datetime.now(UTC) + timedelta(milliseconds=next(ticks))
    )


def start(records: Records, outside: Outside) -> None:
    use(World(records=records, open_outside=lambda: outside, slack=None))


def ask(records: Records, text: str, request_id: str = "Ev1") -> Investigation:
    """Ask in a thread, and let the worker answer; the investigation as it stands then."""
    records.requests.save(
        Request(id=request_id, kind="mention", text=text, user="U0MARIA", channel=CHANNEL, thread_ts=THREAD,
                asked_at=records.now())
    )  # fmt: skip
    jobs.answer(request_id)
    return records.investigations.get(str(records.switches.find(f"investigation-of:{request_id}")))


def said(records: Records, inv: Investigation, part: str) -> str:
    message = records.outbox.find(f"{inv.id}/{part}")
    return message.view.text if message else ""


def diagnosed(inv: Investigation) -> Diagnosis:
    assert inv.diagnosis
    return inv.diagnosis


def stop(records: Records) -> None:
    """What Slack sends when somebody presses Stop."""
    on_stop({"event": {"channel": CHANNEL, "thread_ts": THREAD, "user": "U0JONAS"}}, records)


@pytest.mark.parametrize("question", ["anything wrong in shop?", "is the shop namespace healthy?", "what is wrong?"])
def test_a_healthy_namespace_of_which_nothing_is_named_looks_healthy(
    question: str, kept: Records, outside: Outside
) -> None:
    start(kept, outside)
    inv = ask(kept, question)
    found = diagnosed(inv)
    assert (found.status, found.root_cause) == ("diagnosed", None)
    assert "looks healthy" in said(kept, inv, "diagnosis")
    assert inv.observation
    seen = {w.owner for w in inv.observation.workloads if w.namespace == "shop"}
    assert {"Deployment/checkout", "Deployment/search", "Deployment/cart-redis"} <= seen
    assert {read.service for read in inv.observation.readings}
    assert all(claim.evidence for claim in found.claims)


def test_a_cluster_that_is_gone_when_it_is_planned_takes_no_diagnosis_away(
    company: Company, kept: Records, outside: Outside
) -> None:
    company.inject(BAD_DEPLOY)
    try:
        wait_until(lambda: company.world.ready()["checkout"] < 4)
        calls = count()

        def cluster(name: str | None) -> Cluster:
            if next(calls):
                raise Unreachable("The Kubernetes API cannot be reached; check the address and the network.")
            return outside.cluster(name)

        start(kept, replace(outside, cluster=cluster))
        wait_until(lambda: "CrashLoop" in str(company.world.objects.list("pods", "shop")), 20)
        inv = ask(kept, "why does checkout crash?")
    finally:
        company.heal()
    assert inv.reported
    assert diagnosed(inv).root_cause
    assert said(kept, inv, "diagnosis").startswith("Cause: ")
    assert inv.plan
    assert {proposal.decision.verdict for proposal in inv.plan} == {"deny"}
    assert {proposal.blast_radius for proposal in inv.plan} == {None}


def claude(script: Any, outside: Outside, memory: Memory, settings: Settings) -> tuple[ScriptedClaude, ClaudeReasoner]:
    server = ScriptedClaude(script)
    known = settings.model_copy(
        update={"anthropic_api_key": SecretStr("sk-ant-of-the-tests-123456"), "anthropic_base_url": server.url}
    )
    return server, ClaudeReasoner(
        known, cluster=outside.cluster, metrics=outside.metrics, alerts=outside.alerts, memory=memory
    )


def test_stop_ends_a_running_investigation_at_its_next_step(kept: Records, outside: Outside) -> None:
    turns = count(1)

    def script(_body: Any) -> Line:
        turn = next(turns)
        if turn == 2:
            stop(kept)  # somebody presses it while Claude thinks
        return Turn(calls=[("search_runbooks", {"text": f"symptom number {turn}"})])

    server, reasoner = claude(script, outside, outside.memory, outside.settings)
    start(kept, replace(outside, reasoner=reasoner))
    with server:
        inv = ask(kept, "is checkout healthy?")
    assert len(server.served) == 2  # the step after the stop was not taken
    assert said(kept, inv, "stopped").startswith("Stopped, as you asked")
    stopped = kept.outbox.get(f"{inv.id}/stopped")
    assert (stopped.channel, stopped.thread_ts) == (CHANNEL, THREAD)
    assert not said(kept, inv, "diagnosis")
    assert inv.observation
    assert (inv.diagnosis, inv.reported) == (None, False)
    entries = [(e.event, e.actor) for e in kept.ledger.entries() if e.event.startswith("loop.stop")]
    assert entries == [("loop.stop_asked", "U0JONAS"), ("loop.stopped", "bot")]
    assert kept.ledger.verify() is None


def test_after_a_stop_the_same_thread_can_be_asked_again(kept: Records, outside: Outside) -> None:
    stop(kept)
    start(kept, outside)
    inv = ask(kept, "is checkout healthy?")
    assert inv.reported
    assert not said(kept, inv, "stopped")


def test_a_stopped_incident_is_open_again_and_its_ledger_says_who_stopped_it(kept: Records, outside: Outside) -> None:
    began = kept.now()
    kept.incidents.save(
        Incident(id="INC-1", title="checkout: slow", source="slack", opened_at=began, channel=CHANNEL,
                 thread_ts=THREAD, investigation="INV-1")
    )  # fmt: skip
    kept.incidents.bind_thread(CHANNEL, THREAD, "INC-1")
    subject = Subject(text="checkout: slow", namespace="shop", service="checkout")
    kept.investigations.save(
        Investigation(
            id="INV-1", subject=subject, incident="INC-1", channel=CHANNEL, thread_ts=THREAD, started_at=began
        )
    )
    stop(kept)
    start(kept, outside)
    jobs.investigate("INV-1")
    assert kept.incidents.get("INC-1").state == "open"
    events = [(e.event, e.actor) for e in kept.ledger.of_incident("INC-1")]
    assert events == [("loop.stop_asked", "U0JONAS"), ("loop.stopped", "bot")]
