"""What an ended incident adds to the metrics, from its record, the ledger, its remediations and its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.agreement import agreement
from core.command import NOT_KNOWN, WENT_AWAY
from core.duty import name_of
from core.facts import ApprovalFact, EndedBy, IncidentFacts, PageFact, ShadowFact
from core.incident import Alert, Incident
from core.ledger import Entry
from core.page import Change
from core.records import Records
from core.redis import as_text
from core.remediation import Remediation
from core.tallying import tallies_of

SHADOW = "mode.shadow"  # the policy's code for what only the mode forbids
AFTERWARDS = timedelta(minutes=15)  # a repair that somebody did may be seen so long after the incident ended; guessed
_HANDS_ON = frozenset({
    "pagerduty.acknowledged", "command.taken", "responder.joined", "severity.set", "status.updated",
    "approval.granted", "approval.rejected",
})  # fmt: skip
_CALLS = frozenset({"triggered", "escalated", "reassigned", "delegated", "reopened", "responder.added"})
_MOST_TYPES = 5
_MOST_ALERTS = 2000  # of one incident, whose ends are looked at
_BACK = "sre:facts-counted"  # incidents that ended before this moment all have their row


def count_incident(incident: Incident, records: Records) -> None:
    """Keep what it adds, if it ended. Safe to repeat; what became known since replaces what was. An anomaly that no
    alert joined adds nothing: nobody was told to do anything."""
    if incident.state == "resolved" and not incident.in_shadow:
        facts = facts_of(incident, records)
        records.facts.put(facts, tallies_of(facts))


def count_missed(records: Records, most: int = 50) -> int:
    """Count the next incidents that ended and have no row: those of an older version, or whose job was lost. How many
    were looked at. Safe to repeat."""
    since = float(as_text(records.redis.get(_BACK)) or 0)
    ended = records.incidents.ended_after(since, most)
    held = records.facts.known({incident.id: incident.opened_at.timestamp() for incident in ended})
    for incident in ended:
        if incident.id not in held:
            count_incident(incident, records)
    if ended:
        last = max((incident.resolved_at or incident.opened_at).timestamp() for incident in ended)
        # One that ends at this moment may be saved a moment later.
        records.redis.set(_BACK, min(last, records.now().timestamp() - 60) if len(ended) < most else last)
    return len(ended)


def facts_of(incident: Incident, records: Records) -> IncidentFacts:
    """The row of an incident that is over."""
    entries = records.ledger.of_incident(incident.id)
    remediations = records.remediations.of_incident(incident.id)
    opened, ended = incident.opened_at, incident.resolved_at or incident.opened_at
    changes = records.pages.changes(incident.id)
    hands = _first_hands(incident, entries, changes)
    looks = [entry for entry in entries if entry.event == "loop.reason"]
    usage = [entry.data.get("usage") or {} for entry in looks]
    resolver = next((e.actor for e in reversed(entries) if e.event == "incident.resolved"), "alertmanager")
    repaired = _repaired(incident, records, ended, by_quiet=resolver == "alertmanager")
    begun = [rem for rem in remediations if rem.begun_at]
    diagnosed = _diagnosed(incident, looks, entries)
    return IncidentFacts(
        id=incident.id, opened=opened.timestamp(), ended=ended.timestamp(), repaired=repaired.timestamp(),
        service=incident.service or "", severity=incident.severity, by_person=incident.source in ("slack", "cli"),
        hushed=incident.hushed_until is not None,
        acknowledged=hands.at.timestamp() if hands else None, acknowledged_by=hands.who if hands else "",
        diagnosed=max(diagnosed, opened).timestamp() if diagnosed else None,
        ended_by=_ended_by(incident, remediations, resolver), alone=sum(rem.alone for rem in begun),
        approved=sum(not rem.alone for rem in begun),
        alerts=max(records.book.counts(incident.id)[0], len(incident.alerts) + incident.truncated_alerts),
        investigations=len(looks),
        tokens=sum(int(each.get("input_tokens") or 0) + int(each.get("output_tokens") or 0) for each in usage),
        cost_usd=round(sum(float(each.get("cost_usd") or 0) for each in usage), 6),
        approvals=tuple(_approval(rem) for rem in remediations if rem.asked_at),
        pages=tuple(pages_of(incident, changes)), shadow=_shadow(incident, remediations, records, ended),
        alert_types=tuple(sorted({alert.name for alert in incident.alerts}))[:_MOST_TYPES],
    )  # fmt: skip


@dataclass(frozen=True)
class _Hands:
    at: datetime
    who: str


def _first_hands(incident: Incident, entries: Sequence[Entry], changes: Sequence[Change]) -> _Hands | None:
    """The first that a person showed to have it; whoever opened it themselves had it all the time."""
    if incident.source in ("slack", "cli"):
        return None
    known = [_Hands(e.at, e.actor) for e in entries if e.event in _HANDS_ON and e.actor not in ("bot", "pagerduty")]
    # PagerDuty tells when it was pressed there, which may be a while before that was heard.
    known += [_Hands(c.at, name_of(c.by)) for c in changes if c.kind == "acknowledged" and c.by]
    first = min(known, key=lambda hands: hands.at, default=None)
    return _Hands(max(first.at, incident.opened_at), first.who) if first else None


def _diagnosed(incident: Incident, looks: Sequence[Entry], entries: Sequence[Entry]) -> datetime | None:
    """When the cause was first named, unless somebody said that it was another."""
    if incident.command.fix and incident.command.fix.cause_right is False:
        return None
    said = {e.data.get("investigation"): e.data.get("right") for e in entries if e.event == "feedback.given"}
    for look in looks:
        named = look.data.get("status") == "diagnosed" and look.data.get("cause")
        if named and said.get(look.data.get("investigation")) is not False:
            return look.at
    return None


def _repaired(incident: Incident, records: Records, ended: datetime, *, by_quiet: bool) -> datetime:
    """When the trouble was over. One that ended because all was quiet for a while was over when its last alert was."""
    if not by_quiet:
        return ended
    ends = [at for alert in _alerts(incident, records) if (at := alert.ends_at or alert.last_at)]
    return min(max((*ends, incident.opened_at)), ended) if ends else ended


def _alerts(incident: Incident, records: Records) -> list[Alert]:
    if not incident.truncated_alerts:
        return list(incident.alerts)
    held = []
    for alert in records.book.all(incident.id):
        held.append(alert)
        if len(held) >= _MOST_ALERTS:
            break
    return held or list(incident.alerts)


def _ended_by(incident: Incident, remediations: Sequence[Remediation], resolver: str) -> EndedBy:
    fix = incident.command.fix
    by_id = {rem.id: rem for rem in remediations}
    if fix and fix.what == WENT_AWAY:
        return "itself"
    if fix and not (fix.action is None and fix.what == NOT_KNOWN):
        done = by_id.get(fix.action or "")
        return _who(done) if done and done.state == "worked" else "people"
    worked = [rem for rem in remediations if rem.state == "worked"]
    if worked:
        return _who(worked[-1])
    return "itself" if resolver == "alertmanager" and not fix else ""


def _who(rem: Remediation) -> EndedBy:
    return "bot" if rem.alone else "approved"


def _approval(rem: Remediation) -> ApprovalFact:
    outcome = rem.state if rem.state in ("rejected", "expired") else "granted" if rem.decided_by else "superseded"
    clicked = rem.decided_at if rem.decided_by else None
    waited = (clicked - rem.asked_at).total_seconds() if clicked and rem.asked_at else None
    return ApprovalFact(outcome, waited, rem.action.kind, _place(rem))


def _place(rem: Remediation) -> str:
    namespace = rem.action.namespace
    return f"{namespace}/{rem.proposal.target}" if namespace else rem.proposal.target


def pages_of(incident: Incident, changes: Sequence[Change]) -> list[PageFact]:
    """Whom PagerDuty called, as often as it did; what has low urgency calls nobody."""
    low = {page.number for page in incident.pages if page.urgency == "low"}
    return [
        PageFact(name_of(person), change.at.timestamp())
        for change in changes if change.kind in _CALLS and change.number not in low
        for person in change.to
    ]  # fmt: skip


def _shadow(
    incident: Incident, remediations: Sequence[Remediation], records: Records, ended: datetime
) -> tuple[ShadowFact, ...]:
    """Each action that shadow mode kept back, once, as it was proposed last."""
    kept: dict[tuple[Any, ...], Remediation] = {}
    for rem in remediations:
        codes = rem.proposal.decision.codes
        if rem.state == "denied" and SHADOW in codes and not _fails_by_itself(codes):
            kept[rem.action.kind, rem.action.namespace, rem.action.name] = rem
    if not kept:
        return ()
    changes = records.changes.between(incident.opened_at, ended + AFTERWARDS)
    return tuple(
        ShadowFact(
            list(rem.alert_types), rem.action.kind,
            [code for code in rem.proposal.decision.codes if code != SHADOW],
            agreement(rem, incident.command.fix, remediations, changes),
        )
        for rem in kept.values()
    )  # fmt: skip


def _fails_by_itself(codes: Sequence[str]) -> bool:
    """Whether it could not have been done in any mode."""
    return any(code.startswith(("action.", "malformed")) for code in codes)
