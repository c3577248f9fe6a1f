"""Helm releases, as the workloads of a release say in labels and annotations: its own records are Secrets."""

from __future__ import annotations

from core.change_events import ChangeEvent
from core.observation import FieldChange
from workers.changes import who
from workers.changes.place import Place, said
from workers.changes.workloads import Facts
from workers.triage.objects import Obj, created_at


def released(workload: Obj, before: Facts | None, now: Facts, known: str, place: Place) -> ChangeEvent | None:
    """That a release changed its chart, told once for all of its workloads; None when it did not, or is told.

    Args:
        known: The chart that the release is known to have; "" when it is new.
    """
    if not now.release or not now.chart or now.chart == known or (before and before.chart == now.chart):
        return None
    namespace, _, name = now.release.partition("/")
    was = known or (before.chart if before else "")
    title = f"chart {said(was, 80)} → {said(now.chart, 80)}" if was else f"installed, chart {said(now.chart, 80)}"
    label = who.hand_on(workload, "metadata", "labels", "helm.sh/chart")
    at = label.at or (None if before else created_at(workload)) or place.now
    by = who.named(label, workload) or "Helm"
    return place.event(
        namespace, name, was, now.chart, at.isoformat(), kind="release", target=f"Release/{said(name, 80)}",
        namespace=namespace, at=at, title=title, version=said(now.app_version, 60), by=by,
        fields=(FieldChange(field="chart", verb="changed" if was else "added", before=said(was, 80) or None,
                            after=said(now.chart, 80)),),
    )  # fmt: skip
