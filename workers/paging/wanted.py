"""What the bot by itself wants PagerDuty to know: a diagnosis, and an approval that nobody has answered."""

from __future__ import annotations

from blocks.approval import what
from core.diagnosis import Diagnosis, Investigation
from core.errors import NotFound
from core.incident import Incident
from core.page import Wish
from core.records import Records
from core.remediation import Remediation
from core.wishing import OWN_DEDUP, wish

_LONGEST = 2500
_MOST = 6


def note_diagnosis(incident: Incident, records: Records) -> None:
    """The latest diagnosis as a note on the incident in PagerDuty, once. Safe to repeat."""
    page = incident.pagerduty
    if page is None or incident.investigation is None or records.settings.pagerduty_api_key is None:
        return
    try:
        inv = records.investigations.get(incident.investigation)
    except NotFound:
        return
    if inv.diagnosis is None or not inv.reported:
        return
    wish(
        Wish(
            key=f"diagnosis:{page.id}:{inv.id}", kind="note", incident=incident.id, page=page.id,
            text=_told(inv, inv.diagnosis)[:_LONGEST], link=f"{inv.id}/diagnosis", at=records.now(),
        ),
        records,
    )  # fmt: skip


def page_about(rem: Remediation, records: Records) -> None:
    """Let PagerDuty call somebody for an approval that nobody has answered, with a link to it, once. Safe to repeat."""
    incident = records.incidents.find(rem.incident) if rem.incident else None
    if incident is None or not incident.is_open or records.settings.pagerduty_api_key is None:
        return
    known = records.settings.config.services.get(rem.service or incident.service or "")
    page, said = incident.pagerduty, f"Nobody has answered this in Slack: {what(rem)}. It waits for one click."
    open_there = page if page and page.is_open else None
    if open_there is None and not (known and known.pagerduty):
        return
    wish(
        Wish(
            key=f"approval:{rem.id}:{int(rem.created_at.timestamp())}", kind="escalate" if open_there else "page",
            incident=incident.id, page=open_there.id if open_there else None, text=said,
            link=f"{rem.investigation}/proposal-{rem.number}", at=records.now(),
            on_page=known.pagerduty if known and known.pagerduty else "",
        ),
        records,
    )  # fmt: skip


def end_own_pages(records: Records) -> None:
    """Resolve in PagerDuty what the bot opened there, once its incident is over: no monitoring will. Safe to repeat."""
    if records.settings.pagerduty_api_key is None:
        return
    for incident in records.incidents.current(records.now()):
        for page in incident.pages if incident.state == "resolved" else ():
            if page.is_open and page.key.startswith(OWN_DEDUP):
                wish(Wish(key=f"ended:{page.id}", kind="resolve", incident=incident.id, page=page.id,
                          at=records.now()), records)  # fmt: skip


def _told(inv: Investigation, diagnosis: Diagnosis) -> str:
    cause, sure = diagnosis.root_cause, diagnosis.status == "diagnosed"
    if cause:
        head = f"{'Cause' if sure else 'Not sure, best guess'}: {cause.statement.rstrip('.')}."
    else:
        head = "Nothing is wrong here." if sure else "I do not know the cause; a person should look."
    shown = {e.id: e for e in inv.evidence}
    claims = [f"- {c.text} ({', '.join(shown[e].tool for e in c.evidence if e in shown) or 'no evidence'})"
              for c in diagnosis.claims[:_MOST]]  # fmt: skip
    plans = [f"Proposed in Slack: {p.action.kind.replace('_', ' ')} {p.target}." for p in (inv.plan or ())[:_MOST]]
    figures = f"{inv.incident}, {inv.id}, confidence {diagnosis.confidence:.2f}."
    return "\n".join([head, *claims, *plans, figures])
