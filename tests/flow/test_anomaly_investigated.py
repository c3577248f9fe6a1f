"""An incident in shadow is investigated like any other, over the pretend company; what it proposes is only shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.anomalies import title
from blocks.parts import as_text
from core.incident import Incident
from core.noticing import open_in_shadow
from core.records import Records
from core.settings import Autonomy
from sandbox.company import Company, wait_until
from sandbox.faults import BAD_DEPLOY
from tests.flow.test_investigation import company, kept, outside, settings_of_company, start
from tests.unit.core.test_anomalies import anomaly
from workers import jobs
from workers.world import Outside

__all__ = ["company", "kept", "outside", "settings_of_company"]


@pytest.fixture
def autonomous(kept: Records, outside: Outside) -> Iterator[tuple[Records, Outside]]:
    """A bot that would act alone on anything."""
    rules = Autonomy(mode="autonomous", alert_types=("KubePodCrashLooping",), namespaces=("shop",))
    config = kept.settings.config.model_copy(update={"autonomy": rules})
    settings = kept.settings.model_copy(update={"config": config, "channel": "C0SRE"})
    yield replace(kept, settings=settings), replace(outside, settings=settings)


def noticed(records: Records) -> Incident:
    began = records.now() - timedelta(minutes=20)
    found = records.anomalies.save(anomaly(began=began, seen_at=records.now(), strong_since=began, signal="errors",
                                           worst=0.12, normal=0.002, low=0.0, high=0.004))  # fmt: skip
    return open_in_shadow(found, title(found), records)


def thread(records: Records, incident: Incident) -> str:
    """The card and what is below it, as Slack shows them."""
    parts = ("seen", "diagnosis", "proposal-1", "proposal-2")
    keys = [f"{incident.id}/card", *(f"{incident.investigation}/{part}" for part in parts)]
    views = [message.view for message in records.outbox.find_many(keys)]
    return "\n\n".join("\n".join(as_text(block) for block in view.blocks) for view in views)


def test_where_the_cluster_looks_healthy_the_figure_is_not_called_nothing(autonomous: tuple[Records, Outside]) -> None:
    records, there = autonomous
    start(records, there)
    incident = noticed(records)
    jobs.investigate(str(incident.investigation))
    jobs.show_incident(incident.id)
    said = thread(records, incident)
    assert "(20 min)" in said.split("\n")[1]
    assert said.split("\n")[2] == "I find nothing that explains it."
    assert records.remediations.of_incident(incident.id) == ()


def test_its_cause_is_found_and_what_is_proposed_stays_in_shadow(
    company: Company, autonomous: tuple[Records, Outside]
) -> None:
    records, there = autonomous
    company.inject(BAD_DEPLOY)
    try:
        wait_until(lambda: "CrashLoop" in str(company.world.objects.list("pods", "shop")), 20)
        start(records, there)
        incident = noticed(records)
        jobs.investigate(str(incident.investigation))
        jobs.show_incident(incident.id)
    finally:
        company.heal()
    said = thread(records, incident)
    done = records.investigations.get(str(incident.investigation))
    assert done.diagnosis and done.diagnosis.root_cause and done.diagnosis.root_cause.target == "Deployment/checkout"
    proposed = records.remediations.of_incident(incident.id)
    assert proposed and {rem.state for rem in proposed} == {"denied"}
    assert all("mode.shadow" in rem.proposal.decision.codes for rem in proposed)
    assert records.queues.waiting("remediate") == 0
    assert records.incidents.get(incident.id).state == "open"
    assert "No alert fires; I noticed it by myself" in said
    assert records.pages.waiting() == ()
