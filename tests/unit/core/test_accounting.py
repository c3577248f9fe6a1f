"""What an incident adds, from the records that it left, and that it is counted once for Prometheus."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.accounting import count_incident, count_missed, facts_of
from core.agreement import Agreement, agreement, kinds_in
from core.change_events import ChangeEvent
from core.command import NOT_KNOWN, WENT_AWAY, Command, Fix
from core.diagnosis import Action, Decision, Proposal
from core.facts import ApprovalFact, IncidentFacts, PageFact, ShadowFact
from core.incident import Alert, Incident
from core.observation import FieldChange
from core.page import Change, Page, Person
from core.records import Records
from core.remediation import Remediation
from core.settling import resolve
from core.tallies import histogram, series
from core.tallying import tally
from tests.conftest import NOON

LI = Person(id="PLI", name="Li", slack="U0LI")
KIM = Person(id="PKIM", name="Kim")


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def alert(ends: float | None = None, name: str = "KubePodCrashLooping") -> Alert:
    return Alert(
        fingerprint=name, name=name, status="firing" if ends is None else "resolved", starts_at=NOON,
        ends_at=None if ends is None else after(ends),
    )  # fmt: skip


def over(records: Records, **changes: object) -> Incident:
    """INC-1, which began at noon and ended 20 minutes later."""
    values = {
        "id": "INC-1", "title": "checkout is down", "service": "checkout", "severity": "SEV2", "source": "alertmanager",
        "opened_at": NOON, "resolved_at": after(20), "state": "resolved", "alerts": (alert(12),),
    }  # fmt: skip
    return records.incidents.save(Incident.model_validate(values | changes))


def said(records: Records, event: str, minutes: float, actor: str = "bot", **data: object) -> None:
    records.ledger.append(event, actor=actor, at=after(minutes), incident="INC-1", data=data)


def reasoned(records: Records, minutes: float, name: str, cause: str | None = "OOMKilled Deployment/x") -> None:
    usage = {"model": "claude-sonnet-5-5", "input_tokens": 900, "output_tokens": 100, "cost_usd": 0.02}
    status = "diagnosed" if cause else "escalated"
    said(records, "loop.reason", minutes, investigation=name, status=status, cause=cause, reasoner="claude",
         usage=usage)  # fmt: skip


def fixed(what: str = "x", **over: object) -> Command:
    return Command(fix=Fix.model_validate({"what": what, "by": "U0LI", "at": NOON} | over))


def remediation(number: int = 1, kind: str = "rollback_deployment", **changes: object) -> Remediation:
    codes = changes.pop("codes", ())
    action = Action.model_validate({"kind": kind, "namespace": "shop", "name": changes.pop("name", "checkout")})
    decision = Decision(verdict="deny", codes=codes, policy_hash="")  # type: ignore[arg-type]
    proposal = Proposal(action=action, target=f"Deployment/{action.name}", reason="", decision=decision)
    values = {"id": f"ACT-{number}", "investigation": "INV-1", "incident": "INC-1", "number": number,
              "created_at": after(number), "alert_types": ("KubePodCrashLooping",), "state": "denied"}  # fmt: skip
    return Remediation.model_validate(values | {"proposal": proposal} | changes)


def test_an_incident_that_nobody_touched(records: Records) -> None:
    said(records, "incident.resolved", 20, "alertmanager")
    at = NOON.timestamp()
    assert facts_of(over(records), records) == IncidentFacts(
        id="INC-1", opened=at, ended=at + 1200, repaired=at + 720, service="checkout", severity="SEV2",
        ended_by="itself", alerts=1, alert_types=("KubePodCrashLooping",),
    )  # fmt: skip


def test_the_trouble_is_over_with_the_last_alert_unless_somebody_ended_it(records: Records) -> None:
    said(records, "incident.resolved", 20, "U0LI")
    facts = facts_of(over(records), records)
    assert (facts.repaired, facts.ended_by) == (after(20).timestamp(), "")


@pytest.mark.parametrize(
    ("events", "hands"),
    [
        ([("command.taken", 4, "U0LI"), ("severity.set", 3, "U0MARIA")], (3, "U0MARIA")),
        ([("pagerduty.acknowledged", 5, "U0LI")], (5, "U0LI")),
        ([("approval.rejected", 2, "U0LI")], (2, "U0LI")),
        ([("alert.received", 1, "alertmanager"), ("pagerduty.acknowledged", 1, "pagerduty")], None),
    ],
)
def test_it_is_acknowledged_when_a_person_first_shows_to_have_it(
    records: Records, events: list[tuple[str, float, str]], hands: tuple[float, str] | None
) -> None:
    for event, minutes, actor in events:
        said(records, event, minutes, actor)
    facts = facts_of(over(records), records)
    at = after(hands[0]).timestamp() if hands else None
    assert (facts.acknowledged, facts.acknowledged_by) == (at, hands[1] if hands else "")


def test_pagerdutys_own_time_of_a_press_counts_and_each_call_of_a_person(records: Records) -> None:
    page = Page(id="Q1", number=7, title="x", status="resolved", as_of=after(20))
    quiet = page.model_copy(update={"id": "Q2", "number": 8, "urgency": "low"})
    for each in (
        Change(id="a", kind="triggered", number=7, at=after(1), to=(LI,)),
        Change(id="b", kind="escalated", number=7, at=after(6), to=(KIM, LI)),
        Change(id="c", kind="acknowledged", number=7, at=after(8), by=KIM),
        Change(id="d", kind="triggered", number=8, at=after(1), to=(LI,)),
        Change(id="e", kind="annotated", number=7, at=after(9), by=LI),
    ):
        records.pages.add_change("INC-1", each)
    said(records, "pagerduty.acknowledged", 9, "Kim")
    facts = facts_of(over(records, pages=(page, quiet)), records)
    assert (facts.acknowledged, facts.acknowledged_by) == (after(8).timestamp(), "Kim")
    calls = [PageFact("U0LI", after(1).timestamp()), PageFact("Kim", after(6).timestamp())]
    assert facts.pages == (*calls, PageFact("U0LI", after(6).timestamp()))


def test_whoever_opened_it_is_not_measured_against_themselves(records: Records) -> None:
    said(records, "command.taken", 4, "U0LI")
    facts = facts_of(over(records, source="slack", opened_by="U0LI"), records)
    assert (facts.by_person, facts.acknowledged) == (True, None)


def test_it_is_diagnosed_by_the_first_cause_that_nobody_called_wrong(records: Records) -> None:
    reasoned(records, 1, "INV-1", None)
    reasoned(records, 2, "INV-2")
    reasoned(records, 3, "INV-3")
    facts = facts_of(over(records), records)
    assert (facts.diagnosed, facts.investigations) == (after(2).timestamp(), 3)
    assert (facts.tokens, facts.cost_usd) == (3000, 0.06)
    said(records, "feedback.given", 4, "U0LI", investigation="INV-2", right=False)
    latest = records.incidents.get("INC-1")
    assert facts_of(latest, records).diagnosed == after(3).timestamp()
    assert facts_of(latest.model_copy(update={"command": fixed(cause_right=False)}), records).diagnosed is None


@pytest.mark.parametrize(
    ("fix", "done", "by"),
    [
        (None, [{"state": "worked", "alone": True}], "bot"),
        (None, [{"state": "worked"}], "approved"),
        (None, [{"state": "unproven", "alone": True}], "itself"),
        ({"what": "rolled back", "action": "ACT-1"}, [{"state": "worked", "alone": True}], "bot"),
        ({"what": "rolled back", "action": "ACT-1"}, [{"state": "denied"}], "people"),
        ({"what": "renewed the certificate"}, [{"state": "worked", "alone": True}], "people"),
        ({"what": WENT_AWAY}, [{"state": "worked", "alone": True}], "itself"),
        ({"what": NOT_KNOWN}, [], ""),
        ({"what": NOT_KNOWN}, [{"state": "worked"}], "approved"),
    ],
)
def test_who_ended_it(records: Records, fix: dict[str, object] | None, done: list[dict[str, object]], by: str) -> None:
    for changes in done:
        records.remediations.save(remediation(**changes))
    said(records, "incident.resolved", 20, "alertmanager")
    command = fixed(**fix) if fix else Command()  # type: ignore[arg-type]
    assert facts_of(over(records, command=command), records).ended_by == by


def test_approvals_and_what_was_begun(records: Records) -> None:
    asked = {"asked_at": after(2), "kind": "restart_deployment"}
    for changes in (
        {"number": 1, "state": "worked", "decided_by": "U0LI", "decided_at": after(3), "begun_at": after(3)},
        {"number": 2, "state": "rejected", "decided_by": "U0LI", "decided_at": after(2.5)},
        {"number": 3, "state": "expired"}, {"number": 4, "state": "superseded"},
        {"number": 5, "state": "worked", "alone": True, "begun_at": after(1), "asked_at": None},
    ):  # fmt: skip
        records.remediations.save(remediation(**(asked | changes)))
    facts = facts_of(over(records), records)
    place = ("restart_deployment", "shop/Deployment/checkout")
    assert facts.approvals == (
        ApprovalFact("granted", 60, *place), ApprovalFact("rejected", 30, *place),
        ApprovalFact("expired", None, *place), ApprovalFact("superseded", None, *place),
    )  # fmt: skip
    assert (facts.alone, facts.approved) == (1, 1)


def test_each_action_that_shadow_mode_kept_back_counts_once(records: Records) -> None:
    codes = ("environment.production", "mode.shadow")
    for number in (1, 2):
        records.remediations.save(remediation(number, codes=codes))
    records.remediations.save(remediation(3, "restart_deployment", codes=("mode.shadow",)))
    records.remediations.save(remediation(4, "drain_node", codes=("namespace.not_allowed",)))
    facts = facts_of(over(records, command=fixed("rolled back to 1.8.3")), records)
    types = ["KubePodCrashLooping"]
    assert facts.shadow == (
        ShadowFact(types, "rollback_deployment", ["environment.production"], "agreed"),
        ShadowFact(types, "restart_deployment", [], "differed"),
    )


def test_a_row_is_written_when_it_ends_once_for_prometheus_and_again_when_more_is_known(records: Records) -> None:
    open_ = over(records, state="open", resolved_at=None)
    later = replace(records, now=lambda: after(30))
    resolve(open_, later, "U0LI")
    jobs = records.queues._queue("notify").jobs
    assert [job.args for job in jobs if job.func_name.endswith("count_incident")] == [["INC-1"]]
    count_incident(records.incidents.get("INC-1"), records)
    first = records.tallies.all()
    fix = {"command": fixed(WENT_AWAY)}
    count_incident(records.incidents.update("INC-1", lambda i: i.model_copy(update=fix)), records)
    assert records.tallies.all() == first
    (row,) = records.facts.between(NOON, after(1))
    assert (row.ended_by, row.repaired) == ("itself", after(30).timestamp())
    buckets, total = histogram("sre_time_to_repair_seconds", first)["SEV2",]
    assert (total, dict(buckets)["600.0"], dict(buckets)["1800.0"], buckets[-1]) == (1800, 0, 1, ("+Inf", 1))


def test_an_anomaly_that_no_alert_joined_adds_nothing(records: Records) -> None:
    count_incident(over(records, source="anomaly", alerts=()), records)
    assert list(records.facts.between(NOON, after(1))) == []
    count_incident(over(records, id="INC-2", source="anomaly"), records)
    assert [row.id for row in records.facts.between(NOON, after(1))] == ["INC-2"]


def test_what_ended_uncounted_is_found_once(records: Records) -> None:
    for number in range(5):
        over(records, id=f"INC-{number}", resolved_at=after(number - 60), opened_at=after(-120))
    records.facts.put(replace(facts_of(records.incidents.get("INC-0"), records), ended_by="bot"))
    assert [count_missed(records, 3), count_missed(records, 3)] == [3, 2]
    rows = {row.id: row.ended_by for row in records.facts.between(after(-200), after(0))}
    assert rows == {"INC-0": "bot"} | {f"INC-{number}": "itself" for number in range(1, 5)}
    assert count_missed(records, 3) == 0


def test_every_entry_of_the_ledger_is_counted_once(records: Records) -> None:
    said(records, "incident.opened", 0, "alertmanager", severity="SEV2", service="strange")
    reasoned(records, 1, "INV-1")
    records.ledger.append("loop.reason", actor="bot", at=NOON, data={
        "status": "escalated", "reasoner": "runbooks", "usage": {"input_tokens": 5, "cost_usd": 0.5},
    })  # fmt: skip
    records.remediations.save(remediation(1, "restart_deployment"))
    said(records, "action.begun", 2, "U0LI", remediation="ACT-1", action={"kind": "restart_deployment"})
    said(records, "remediation.ended", 3, "U0LI", remediation="ACT-1", state="worked")
    for event in ("approval.asked", "approval.granted", "feedback.given", "something.new"):
        said(records, event, 4, "U0LI", right=True)
    while tally(records, 3):
        pass
    assert tally(records) == 0
    held = records.tallies.all()
    assert series("sre_incidents_opened", held) == {("SEV2", ""): 1}
    assert series("sre_investigations", held)["diagnosed", "claude"] == 1
    assert series("sre_llm_tokens", held)["output", "claude-sonnet-5-5"] == 100
    assert series("sre_actions_ended", held) == {("restart_deployment", "worked", "person"): 1}
    assert series("sre_approvals", held)["granted",] == 1
    assert series("sre_feedback", held) == {("right",): 1, ("wrong",): 0}
    assert records.tallies.spent(NOON, after(60)) == (1, 5, 0.5)
    assert not records.tallies.add(0, 5, (), ())  # somebody else was faster


# People and proposals


def changed(kind: str, minutes: float = 5, **over: object) -> ChangeEvent:
    values = {"id": "c1", "kind": kind, "at": after(minutes), "namespace": "shop", "target": "Deployment/checkout",
              "title": "x"}  # fmt: skip
    return ChangeEvent.model_validate(values | over)


LIMITS = (FieldChange(field="memory limit", verb="changed", before="64Mi", after="128Mi"),)


@pytest.mark.parametrize(
    ("kind", "fix", "changes", "verdict"),
    [
        ("rollback_deployment", {"what": "any words", "action": "ACT-1"}, [], "agreed"),
        ("rollback_deployment", {"what": "x", "action": "ACT-2"}, [], "differed"),
        ("rollback_deployment", {"what": "Rolled back to 1.8.3"}, [], "agreed"),
        ("rollback_deployment", {"what": "restarted it"}, [], "differed"),
        ("rollback_deployment", {"what": WENT_AWAY}, [], "differed"),
        ("rollback_deployment", {"what": "magic"}, [], "unknown"),
        ("rollback_deployment", {"what": NOT_KNOWN}, [changed("rollback")], "agreed"),
        ("rollback_deployment", None, [changed("rollback")], "agreed"),
        ("rollback_deployment", None, [changed("rollback", target="Deployment/search")], "unknown"),
        ("rollback_deployment", None, [changed("rollback", namespace="other")], "unknown"),
        ("rollback_deployment", None, [changed("scale", by="maria")], "differed"),
        ("scale_deployment", None, [changed("scale", by="HPA")], "unknown"),
        ("scale_deployment", None, [changed("scale", by="maria")], "agreed"),
        ("restart_deployment", None, [changed("deploy", title="restarted by kubectl")], "agreed"),
        ("set_resources", None, [changed("deploy", fields=LIMITS)], "agreed"),
        ("rollback_deployment", None, [changed("deploy", title="image 1 → 2")], "unknown"),
        ("rollback_deployment", None, [], "unknown"),
    ],
)
def test_a_proposal_against_what_people_did(
    kind: str, fix: dict[str, object] | None, changes: list[ChangeEvent], verdict: Agreement
) -> None:
    proposed, other = remediation(1, kind), remediation(2, "restart_deployment", name="search")
    held = fixed(**fix).fix if fix else None  # type: ignore[arg-type]
    assert agreement(proposed, held, [proposed, other], changes) == verdict


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("we bounced the pods", {"restart_pod", "restart_deployment"}), ("scaled up to 6", {"scale_deployment"}),
        ("reran the nightly job", {"rerun_job"}), ("ran the job again", {"rerun_job"}),
        ("retried it", {"rerun_job"}), ("muted the alert", {"silence_alert"}), ("uncordoned node-3", {"uncordon_node"}),
        ("raised the memory limit", {"set_resources"}), ("called the vendor", set()), ("customers restrained", set()),
    ],
)  # fmt: skip
def test_words_name_kinds_of_action(words: str, kinds: set[str]) -> None:
    assert kinds_in(words) == kinds
