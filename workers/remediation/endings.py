"""How a remediation ends: the service is let go, and incident, thread and ledger say so. All of it safe to repeat."""

from __future__ import annotations

from datetime import timedelta

from blocks.approval import handover_view
from core.records import Records
from core.remediation import Remediation, State
from core.settling import resolve
from workers.loop.shown import show_part
from workers.remediation.lapse import supersede
from workers.remediation.proposals import incident_of, move, note_once, set_incident, show

# The cluster was touched, or may have been: the service is left alone for a while.
TOUCHED: frozenset[State] = frozenset({"worked", "undone", "unproven", "interrupted"})

HANDED_OVER: frozenset[State] = frozenset({"undone", "unproven", "interrupted", "failed"})


def end(rem: Remediation, records: Records, since: State, state: State, outcome: str) -> None:
    """It is over, as a sentence says. Raises: Conflict when it is not in `since` any more."""
    finish(move(rem, records, since, state=state, outcome=outcome, ended_at=records.now()), records)


def finish(rem: Remediation, records: Records) -> None:
    """What follows from its end; whoever finds it ended by a process that died does it again."""
    assert rem.ended_at
    _cool_down(rem, records)
    records.remediations.vacate(rem.scope, rem.id)
    note_once("remediation.ended", rem, records, state=rem.state, outcome=rem.outcome)
    show(rem, records)
    if rem.state == "worked":
        _mended(rem, records)
    else:
        if rem.state in HANDED_OVER:
            # A message of its own: of the edit of the card Slack tells nobody.
            view = handover_view(rem, records.settings.config.approvers)
            inv = records.investigations.get(rem.investigation)
            show_part(inv, f"handover-{rem.number}", view, records, remediation=rem)
        set_incident(rem, "open", records, headline=rem.outcome if rem.state in TOUCHED else None)


def cooling(rem: Remediation) -> str:
    """The switch that is on while its service is left alone."""
    return f"cooling:{rem.scope}"


def _cool_down(rem: Remediation, records: Records) -> None:
    assert rem.ended_at
    until = rem.ended_at + timedelta(seconds=records.settings.config.autonomy.cooldown_s)
    left_s = int((until - records.now()).total_seconds())
    if rem.state in TOUCHED and left_s > 0:
        records.switches.set(cooling(rem), until.isoformat(), for_s=left_s)


def _mended(rem: Remediation, records: Records) -> None:
    """Nothing else of the incident is asked any more, and it ends with its last alert."""
    incident = incident_of(rem, records)
    if incident is None:
        return
    supersede(incident.id, records, f"{rem.id} has mended it.")
    set_incident(rem, "watching", records, headline=f"{rem.said or 'It was done.'} It holds.")
    if incident.is_open and not incident.firing:
        resolve(incident, records, "bot")
