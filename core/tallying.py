"""From the ledger to the counters: every entry is counted once, whoever counts and however often it is begun anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from core.facts import IncidentFacts
from core.ledger import Entry
from core.records import Records
from core.tallies import Observed, Spent, count, observe

CLOCK = "counted-at"  # the switch that says, in Unix seconds, when the clock last had this done
MOST = 5000  # entries at once: 0.2 s of work

_APPROVALS = {
    "approval.asked": "asked", "approval.granted": "granted", "approval.rejected": "rejected",
    "approval.expired": "expired", "approval.superseded": "superseded", "approval.escalated": "escalated",
}  # fmt: skip


def tally(records: Records, most: int = MOST) -> int:
    """Count what the ledger holds since the last time; how many entries that were. Safe to repeat, and from several
    processes."""
    since = records.tallies.counted_to()
    entries = records.ledger.after(since, most)
    if not entries:
        return 0
    observed = [each for entry in entries for each in _observed(entry, records)]
    records.tallies.add(since, entries[-1].seq, observed, list(_spent(entries)))
    return len(entries)


def tallies_of(facts: IncidentFacts) -> Iterator[Observed]:
    """What an ended incident adds."""
    yield count("sre_incidents_ended", facts.severity, facts.service, facts.ended_by or "unknown")
    if facts.hushed:
        return
    if facts.acknowledged is not None:
        yield from observe("sre_time_to_acknowledge_seconds", facts.acknowledged - facts.opened, facts.severity)
    if facts.diagnosed is not None:
        yield from observe("sre_time_to_diagnose_seconds", facts.diagnosed - facts.opened, facts.severity)
    yield from observe("sre_time_to_repair_seconds", facts.repaired - facts.opened, facts.severity)
    for approval in facts.approvals:
        if approval.waited_s is not None:
            yield from observe("sre_approval_wait_seconds", approval.waited_s, approval.outcome)
    if facts.pages:
        yield count("sre_pages", facts.severity, amount=len(facts.pages))


def _observed(entry: Entry, records: Records) -> Iterator[Observed]:
    data = entry.data
    if outcome := _APPROVALS.get(entry.event):
        yield count("sre_approvals", outcome)
    match entry.event:
        case "incident.opened" if entry.actor != "bot":  # what the bot opens by itself is an anomaly, in shadow
            named = str(data.get("service") or "")
            known = named if named in records.settings.config.services else ""
            yield count("sre_incidents_opened", str(data.get("severity") or ""), known)
        case "loop.reason":
            yield count("sre_investigations", str(data.get("status")), str(data.get("reasoner")))
            yield from _paid(data.get("usage") or {})
        case "loop.stopped":
            yield count("sre_investigations", "stopped", "")
        case "proposal.decided" if "investigation" in data:
            yield count("sre_proposals", str(data.get("verdict")))
        case "approval.refused":
            yield count("sre_approval_clicks_refused", str(data.get("code") or ""))
        case "action.begun":
            yield count("sre_actions_begun", str((data.get("action") or {}).get("kind")), _decided_by(entry))
        case "remediation.ended":
            found = records.remediations.find(str(data.get("remediation")))
            kind = found.action.kind if found else ""
            yield count("sre_actions_ended", kind, str(data.get("state")), _decided_by(entry))
        case "feedback.given":
            yield count("sre_feedback", "right" if data.get("right") else "wrong")
        case "pagerduty.told" | "pagerduty.refused":
            yield count("sre_pagerduty_updates", entry.event.partition(".")[2])


def _paid(usage: dict[str, object]) -> Iterator[Observed]:
    model = str(usage.get("model") or "")
    for direction in ("input", "output"):
        if tokens := _number(usage.get(f"{direction}_tokens")):
            yield count("sre_llm_tokens", direction, model, amount=tokens)
    if cost := _number(usage.get("cost_usd")):
        yield count("sre_llm_cost_usd", model, amount=cost)


def _spent(entries: tuple[Entry, ...]) -> Iterator[tuple[datetime, Spent]]:
    """Of questions outside of incidents; what an incident took is in its own row."""
    for entry in entries:
        if entry.event == "loop.reason" and entry.incident is None:
            usage = entry.data.get("usage") or {}
            tokens = _number(usage.get("input_tokens")) + _number(usage.get("output_tokens"))
            yield entry.at, Spent(1, int(tokens), _number(usage.get("cost_usd")))


def _decided_by(entry: Entry) -> str:
    return "bot" if entry.actor == "bot" else "person"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
