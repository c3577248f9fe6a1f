"""A plan's proposals as records: handed to the operator, moved from state to state, shown as they stand."""

from __future__ import annotations

from collections.abc import Iterable

from blocks.approval import approval_view, in_sentences
from core.diagnosis import Investigation
from core.errors import Conflict
from core.incident import Alert, Incident
from core.incident import State as IncidentState
from core.outbox import View
from core.queues import PREPARE, SHOW_INCIDENT
from core.records import Records
from core.remediation import Remediation, State
from policies.decide import load
from workers.loop.shown import show_part
from workers.reach.service_map import service_of

_LOOK_BACK = 1000  # ledger entries, far more than are written while a job that died waits for its next run


def offer(inv: Investigation, records: Records) -> None:
    """Record each proposal of the plan and hand it to the operator, unless policy denies it. Safe to repeat.

    What the operator takes up is shown by it, within a second, so that its first message is the one that asks: Slack
    tells nobody of an edit. What it leaves lying is shown by `lapse`.
    """
    for number, proposal in enumerate(inv.plan or (), start=1):
        rem_id = records.remediations.claim(inv.id, number, records.remediations.new_id())
        rem = records.remediations.find(rem_id) or records.remediations.save(_remediation(rem_id, number, inv, records))
        if proposal.decision.verdict == "deny":
            show(rem, records)
        else:
            records.queues.enqueue("remediate", PREPARE, rem.id, alone_on=rem.scope)  # RQ: unique or limited, not both


def _remediation(rem_id: str, number: int, inv: Investigation, records: Records) -> Remediation:
    assert inv.plan is not None
    proposal = inv.plan[number - 1]
    incident = records.incidents.find(inv.incident) if inv.incident else None
    denied = proposal.decision.verdict == "deny"
    place = (proposal.action.namespace, proposal.target)
    return Remediation(
        id=rem_id, investigation=inv.id, incident=inv.incident, number=number, proposal=proposal,
        service=service_of(place, inv.subject.cluster, records.settings.config), cluster=inv.subject.cluster,
        alert_types=tuple(sorted({alert.name for alert in incident.firing})) if incident else (),
        requested_by=inv.asked_by or (incident and incident.opened_by) or "bot", created_at=records.now(),
        state="denied" if denied else "proposed", ended_at=records.now() if denied else None,
    )  # fmt: skip


def move(rem: Remediation, records: Records, *since: State, **changes: object) -> Remediation:
    """The remediation with these changes, if it still is in one of these states. Raises: Conflict."""

    def change(held: Remediation) -> Remediation:
        if held.state not in since:
            raise Conflict(f"{held.id} is {held.state} by now.")
        return held.model_copy(update=changes)

    return records.remediations.update(rem.id, change)


def note(event: str, rem: Remediation, records: Records, actor: str | None = None, **data: object) -> None:
    """Into the ledger. The actor of an effect is whoever approved it, or the bot."""
    who = actor or ("bot" if rem.alone else rem.decided_by) or "bot"
    records.ledger.append(
        event, actor=who, at=records.now(), incident=rem.incident, data={"remediation": rem.id} | data
    )


def note_once(event: str, rem: Remediation, records: Records, actor: str | None = None, **data: object) -> None:
    """Into the ledger, unless a run of the same job that died afterwards did it."""
    latest = records.ledger.entries(max(records.ledger.head()[0] - _LOOK_BACK, 0))
    if not any(entry.event == event and entry.data.get("remediation") == rem.id for entry in latest):
        note(event, rem, records, actor, **data)


def show(rem: Remediation, records: Records) -> None:
    """Wish for the proposal's message as its record stands now."""
    rem = records.remediations.get(rem.id)
    inv = records.investigations.get(rem.investigation)
    show_part(inv, f"proposal-{rem.number}", drawn(rem, records), records, remediation=rem)


def drawn(rem: Remediation, records: Records) -> View:
    """The proposal's message as it should read now."""
    sentences = sentences_of(rem.proposal.decision.codes, records)
    return approval_view(rem, records.now(), sentences=sentences, approvers=records.settings.config.approvers)


def sentences_of(codes: Iterable[str], records: Records) -> dict[str, str]:
    """What each code means."""
    return in_sentences(codes, load(records.settings).explain)


def incident_of(rem: Remediation, records: Records) -> Incident | None:
    return records.incidents.find(rem.incident) if rem.incident else None


def alerts_of(rem: Remediation, records: Records) -> tuple[Alert, ...]:
    """The alerts of its incident."""
    incident = incident_of(rem, records)
    return incident.alerts if incident else ()


def set_incident(rem: Remediation, state: IncidentState, records: Records, headline: str | None = None) -> None:
    """Bring the incident and its card in step with what is done for it, if it is still open."""
    if rem.incident is None:
        return
    changes: dict[str, object] = {"state": state} | ({"headline": headline} if headline else {})
    records.incidents.update(rem.incident, lambda i: i.model_copy(update=changes) if i.is_open else i)
    records.queues.enqueue("notify", SHOW_INCIDENT, rem.incident)
