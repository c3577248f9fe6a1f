"""The night of EXPERIENCE.md as it stands in the records, for drafts of its postmortem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core.command import Fix
from core.incident import Alert, Incident
from core.records import Records
from core.remediation import Look, Remediation, Target
from tests.conftest import NOON
from tests.unit.blocks.worlds import crash_loop, rollback
from workers.ports import Spoken
from workers.postmortem.material import Material, read

INC = "INC-42"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Thread:
    """A Slack that answers with what these people said."""

    def __init__(self, said: Sequence[tuple[float, str, str]] = ()) -> None:
        self.said = said

    def thread(self, _channel: str, _ts: str, most: int) -> tuple[tuple[Spoken, ...], bool]:
        found = tuple(Spoken(user=who, ts=f"{at(when).timestamp():.6f}", text=text) for when, who, text in self.said)
        return found[:most], len(found) <= most

    def name_of(self, user: str) -> str | None:
        return {"U0MARIA": "maria", "U0LI": "li", "U0JONAS": "jonas"}.get(user)


def happened(
    records: Records, *, name: str = "HighErrors", summary: str = "checkout answers 5xx", **over: Any
) -> Incident:
    """The bad release: opened at noon, looked into, rolled back on approval, resolved after 12 minutes."""
    alert = Alert(fingerprint="f1", name=name, status="resolved", starts_at=NOON, annotations={"summary": summary})
    values = {
        "id": INC, "title": summary, "service": "checkout", "severity": "SEV2", "source": "alertmanager",
        "cluster": "prod-eu", "namespace": "shop", "opened_at": NOON, "resolved_at": at(12), "state": "resolved",
        "channel": "C0SRE", "thread_ts": "1772452800.000100", "alerts": (alert,), "services": ("checkout",),
        "investigation": "INV-3",
    }  # fmt: skip
    incident = records.incidents.save(Incident.model_validate(values | over))
    records.investigations.save(crash_loop())
    note(records, 0, "incident.opened", "alertmanager", title=summary, severity="SEV2")
    note(records, 0, "alert.received", "alertmanager", alert=name)
    note(records, 0.05, "pagerduty.triggered", "pagerduty", number=7)
    note(records, 0.1, "loop.observe", "bot", investigation="INV-3", findings=["CrashLoopBackOff Deployment/checkout"])
    note(records, 0.2, "loop.reason", "bot", investigation="INV-3", cause="CrashLoopBackOff Deployment/checkout",
         confidence=0.93, status="diagnosed", struck=0)  # fmt: skip
    return incident


def repaired(records: Records, **over: Any) -> Remediation:
    """Rolled back, approved by Maria nine minutes after it was asked."""
    values: dict[str, Any] = {
        "state": "worked", "asked_at": at(1), "decided_by": "U0MARIA", "decided_at": at(10), "begun_at": at(10),
        "ended_at": at(11), "created_at": at(1), "target": Target(uid="u", version="18", facts={"revision": 18}),
        "findings": ("5xx of checkout 7.4 % → 0.2 % (normal 0.2 %)",), "after": Look(at=at(11)),
    }  # fmt: skip
    done = records.remediations.save(rollback(**(values | over)))
    note(records, 1, "approval.asked", "bot", remediation=done.id)
    note(records, 10, "approval.granted", "U0MARIA", remediation=done.id)
    note(
        records, 10, "action.done", "U0MARIA", remediation=done.id, said="Rolled checkout back from revision 18 to 17."
    )
    note(records, 11, "remediation.ended", "U0MARIA", remediation=done.id, state=done.state, outcome="it holds")
    return done


def resolved(records: Records) -> None:
    note(records, 12, "incident.resolved", "bot", lasted_s=720)


def note(records: Records, minutes: float, event: str, actor: str, **data: Any) -> None:
    records.ledger.append(event, actor=actor, at=at(minutes), incident=INC, data=data)


def material(records: Records, said: Sequence[tuple[float, str, str]] = (), minutes: float = 60) -> Material:
    later = replace(records, now=lambda: at(minutes))
    return read(later.incidents.get(INC), later, Thread(said), None)  # type: ignore[arg-type]


def fixed(records: Records, what: str, *, right: bool | None) -> None:
    fix = Fix(what=what, cause_right=right, by="U0LI", at=at(13))
    records.incidents.update(INC, lambda i: i.model_copy(update={"command": i.command.model_copy(update={"fix": fix})}))
    note(records, 13, "incident.fixed", "U0LI", what=what, cause_right=right)
