"""What is forgotten by the clock. Incidents, investigations, remediations and messages forget themselves, so long after
their last change; here go the indexes and what is kept by the day. The ledger is never touched."""

from __future__ import annotations

from datetime import timedelta

from core.records import Records


def retain(records: Records) -> dict[str, int]:
    """Drop what is older than `retention` says; how much that was. Safe to repeat."""
    keep, now = records.settings.config.retention, records.now()
    incidents = now - timedelta(days=keep.incidents)
    return {
        "incidents": records.incidents.forget(incidents),
        "facts": records.facts.forget(incidents),
        "shifts": records.duty.forget(incidents),
        "toil": records.toil.forget(incidents),
        "anomalies": records.anomalies.forget(incidents),
        "firings": records.firings.forget(now - timedelta(days=keep.firings)),
        "changes": records.changes.forget(now - timedelta(days=keep.changes)),
    }
