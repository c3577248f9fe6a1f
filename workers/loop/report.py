"""Stage eight, what people see: the card, the evidence, the diagnosis and the proposals, as wishes in the outbox."""

from __future__ import annotations

from blocks.card import card_view
from blocks.diagnosis import diagnosis_view
from blocks.evidence import observation_view
from blocks.grouping import joined_view
from blocks.paging import Paging
from blocks.replies import failure_view, question_view, stopped_view
from core.diagnosis import Diagnosis, Investigation, Proposal
from core.incident import Incident, State
from core.outbox import Message, View
from core.queues import SHOW_INCIDENT
from core.records import Records
from workers.loop.shown import card_key, put, root_key, show_part
from workers.paging.wanted import note_diagnosis
from workers.remediation.lapse import supersede
from workers.remediation.proposals import offer


def show_card(incident: Incident, records: Records) -> None:
    """Wish for the incident's card as it stands now."""
    if not incident.channel or incident.hushed_until:
        return
    posted = records.outbox.find(card_key(incident.id))
    paging = Paging(
        can_tell=records.settings.pagerduty_api_key is not None,
        on_call=None
        if incident.in_shadow
        else records.pages.on_call_for(incident.service),  # Slack notifies whom it names
        queued=sum(w.incident == incident.id and w.failures > 0 for w in records.pages.waiting()),
    )
    view = card_view(incident, records.now(), posted.permalink if posted else None, paging)
    # Of one that was merged before anybody saw it, nobody needs to hear.
    unseen = incident.merged_into is not None and not (posted and posted.ts)
    card = Message(key=card_key(incident.id), channel=incident.channel, view=view, incident=incident.id)
    put(card.model_copy(update={"withdrawn": unseen}), records)
    _show_joined(incident, records)


def _show_joined(incident: Incident, records: Records) -> None:
    """Why alerts joined it: one message in its thread, edited as more do."""
    if incident.groups < 2 or not incident.channel or not incident.is_open:
        return
    groups = records.book.groups(incident.id)
    if any(group.rule for group in groups):
        view = joined_view(incident, groups, records.now())
        key = f"{incident.id}/joined"
        put(Message(key=key, channel=incident.channel, view=view, under=card_key(incident.id)), records)


def show_question(inv: Investigation, records: Records) -> None:
    """A question that has no thread yet starts one."""
    key = root_key(inv)
    if key and not inv.incident and inv.channel and inv.asked_by:
        put(Message(key=key, channel=inv.channel, view=question_view(inv.asked_by, inv.subject.text)), records)


def show_seen(inv: Investigation, view: View, records: Records) -> None:
    """What is seen so far, one message that grows."""
    show_part(inv, "seen", view, records)


def seen_view(inv: Investigation) -> View:
    """What I see. Raises: AssertionError before the observation."""
    assert inv.observation is not None
    return observation_view(inv.observation, inv.took_ms.get("observe"))


def show_failure(inv: Investigation, reference: str, records: Records) -> None:
    """The investigation broke: say so where people wait for it."""
    show_part(inv, "failure", failure_view(reference), records)


def show_stopped(inv: Investigation, records: Records) -> None:
    """Somebody stopped it: say that it ended, and where it stands in the ledger."""
    show_part(inv, "stopped", stopped_view(), records)
    if inv.incident:
        records.incidents.update(
            inv.incident, lambda i: i.model_copy(update={"state": "open"}) if i.state == "investigating" else i
        )
        records.queues.enqueue("notify", SHOW_INCIDENT, inv.incident)
    _append("loop.stopped", inv, {"investigation": inv.id}, records)


def report(inv: Investigation, records: Records) -> None:
    """Show the diagnosis and proposals, and bring the incident up to date. Safe to repeat."""
    assert inv.diagnosis is not None
    show_part(inv, "diagnosis", diagnosis_view(inv), records)
    if inv.incident:
        supersede(inv.incident, records, "A newer investigation proposes anew.", keep=inv.id)
    offer(inv, records)
    if inv.incident:
        records.incidents.update(inv.incident, lambda i: _concluded(i, inv))
        records.queues.enqueue("notify", SHOW_INCIDENT, inv.incident)
    records.investigations.update(inv.id, lambda i: i.model_copy(update={"reported": True}))
    if inv.incident:
        note_diagnosis(records.incidents.get(inv.incident), records)


def record(stage: str, inv: Investigation, records: Records) -> None:
    """Write what a stage concluded into the ledger: ids, figures and codes, no foreign text."""
    data: dict[str, object] = {"investigation": inv.id, "took_ms": inv.took_ms.get(stage)}
    if stage == "observe" and inv.observation:
        data |= {
            "findings": [f"{f.condition} {f.owner}" for f in inv.observation.findings[:10]],
            "evidence": [e.id for e in inv.evidence],
            "could_not_read": len(inv.could_not_read),
        }
    elif stage == "recall" and inv.recall:
        data |= {"runbooks": [f"{hit.id} {hit.score:.2f}" for hit in inv.recall.runbooks]}
    elif stage == "reason" and inv.diagnosis:
        data |= _concluded_facts(inv.diagnosis)
    _append(f"loop.{stage}", inv, data, records)
    if stage == "plan":
        for proposal in inv.plan or ():
            _append("proposal.decided", inv, _decided_facts(inv, proposal), records)


def _concluded_facts(diagnosis: Diagnosis) -> dict[str, object]:
    cause = diagnosis.root_cause
    return {
        "status": diagnosis.status,
        "cause": f"{cause.condition} {cause.target}" if cause else None,
        "confidence": diagnosis.confidence,
        "evidence": sorted({cited for claim in diagnosis.claims for cited in claim.evidence}),
        "struck": len(diagnosis.struck),
        "reasoner": diagnosis.reasoner,
        "usage": diagnosis.usage.model_dump(),
    }


def _decided_facts(inv: Investigation, proposal: Proposal) -> dict[str, object]:
    return {
        "investigation": inv.id,
        "action": proposal.action.model_dump(),
        "verdict": proposal.decision.verdict,
        "codes": list(proposal.decision.codes),
        "policy_hash": proposal.decision.policy_hash,
        "evidence": list(proposal.evidence),
    }


def _concluded(incident: Incident, inv: Investigation) -> Incident:
    """The incident as the diagnosis leaves it."""
    assert inv.diagnosis is not None
    if not incident.is_open:
        return incident
    cause, sure = inv.diagnosis.root_cause, inv.diagnosis.status == "diagnosed"
    if cause:
        headline = cause.statement if sure else f"Not sure yet; best guess: {cause.statement}"
    else:
        fine = "I find nothing that explains it." if incident.in_shadow else "Nothing is wrong here."
        headline = fine if sure else "I do not know the cause; a person should look."
    waits: State = "waiting" if any(p.decision.verdict != "deny" for p in inv.plan or ()) else "open"
    return incident.model_copy(update={"headline": headline, "state": waits, "investigation": inv.id})


def _append(event: str, inv: Investigation, data: dict[str, object], records: Records) -> None:
    records.ledger.append(event, actor="bot", at=records.now(), incident=inv.incident, data=data)
