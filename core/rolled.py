"""What was rolled out lately, as `/sre status` tells it: one line for each service, its newest version first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from core.aftermath import followed_by
from core.change_events import ChangeEvent
from core.incident import Incident
from core.model import Model, Moment
from core.records import Records

LATELY = timedelta(hours=6)
_TOLD = ("deploy", "rollback")


class Rolled(Model):
    """One rollout. Texts are foreign."""

    name: str  # the service, else the workload's name
    version: str
    at: Moment
    how: Literal["", "broke", "back", "removed", "restarted", "failed"] = ""


def rolled_lately(records: Records, now: datetime, service: str | None = None) -> tuple[Rolled, ...]:
    """Rollouts of the last six hours, newest first. Reads Redis only."""
    changes = records.changes.between(now - LATELY, now + timedelta(minutes=1))
    incidents = records.incidents.since(now - LATELY) if any(c.kind == "deploy" for c in changes) else ()
    return summed(changes, incidents, service)


def summed(
    changes: Iterable[ChangeEvent], incidents: Iterable[Incident], service: str | None = None
) -> tuple[Rolled, ...]:
    """The rollouts among these changes, newest first."""
    given = [change for change in changes if change.kind in _TOLD]
    known = tuple(incidents)
    found = []
    for change in given:
        name = change.service or change.target.partition("/")[2]
        if service is None or service.lower() == name.lower():
            found.append(Rolled(name=name, version=change.version, at=change.at, how=_how(change, given, known)))
    return tuple(sorted(found, key=lambda r: r.at, reverse=True))


def _how(change: ChangeEvent, changes: list[ChangeEvent], incidents: tuple[Incident, ...]) -> Literal[
    "", "broke", "back", "removed", "restarted", "failed"
]:  # fmt: skip
    if change.kind == "rollback":
        return "back"
    if change.source != "kubernetes" and change.title.endswith(" failed"):
        return "failed"
    if followed_by(change, incidents=incidents, changes=changes).broke:
        return "broke"
    if change.title == "removed":
        return "removed"
    return "restarted" if change.title.startswith("restarted") else ""
