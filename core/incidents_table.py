"""Incidents as a table for other programs: CSV that no spreadsheet takes for a formula, and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from core.facts import IncidentFacts

COLUMNS = (
    "incident", "service", "severity", "opened_at", "acknowledged_at", "acknowledged_by", "diagnosed_at", "repaired_at",
    "ended_at", "acknowledge_s", "diagnose_s", "repair_s", "ended_by", "actions_alone", "actions_approved",
    "approvals_asked", "approvals_granted", "approvals_rejected", "approvals_expired", "pages", "people_paged",
    "shadow_agreed", "shadow_differed", "shadow_unknown", "alerts", "alert_types", "tokens", "cost_usd",
    "opened_by_person", "in_maintenance",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def rows_of(facts: Iterable[IncidentFacts]) -> Iterator[dict[str, object]]:
    """One row an incident, oldest first; None where something did not happen."""
    for row in sorted(facts, key=lambda each: each.opened):
        outcomes = [approval.outcome for approval in row.approvals]
        agreed = [fact.agreed for fact in row.shadow]
        yield {
            "incident": row.id, "service": row.service, "severity": row.severity, "opened_at": _iso(row.opened),
            "acknowledged_at": _iso(row.acknowledged), "acknowledged_by": row.acknowledged_by,
            "diagnosed_at": _iso(row.diagnosed), "repaired_at": _iso(row.repaired), "ended_at": _iso(row.ended),
            "acknowledge_s": _since(row.acknowledged, row), "diagnose_s": _since(row.diagnosed, row),
            "repair_s": _since(row.repaired, row), "ended_by": row.ended_by or "unknown", "actions_alone": row.alone,
            "actions_approved": row.approved, "approvals_asked": len(outcomes),
            "approvals_granted": outcomes.count("granted"), "approvals_rejected": outcomes.count("rejected"),
            "approvals_expired": outcomes.count("expired"), "pages": len(row.pages),
            "people_paged": len({page.person for page in row.pages}), "shadow_agreed": agreed.count("agreed"),
            "shadow_differed": agreed.count("differed"), "shadow_unknown": agreed.count("unknown"),
            "alerts": row.alerts, "alert_types": " ".join(row.alert_types), "tokens": row.tokens,
            "cost_usd": row.cost_usd, "opened_by_person": row.by_person, "in_maintenance": row.hushed,
        }  # fmt: skip


def as_csv(facts: Iterable[IncidentFacts]) -> str:
    """RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows_of(facts):
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _since(at: float | None, row: IncidentFacts) -> int | None:
    return None if at is None else round(at - row.opened)
