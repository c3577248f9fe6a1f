"""What the policy needs to know of the incident and of the bot, beside what the cluster says."""

from __future__ import annotations

from dataclasses import dataclass

from core.incident import Incident
from core.ledger import Ledger
from core.records import Records
from core.service_map import Edge

BEGUN = "action.begun"  # the ledger's entry before each effect; its actor is "bot", or who approved


@dataclass(frozen=True)
class Approval:
    """Who approved an action, as read now; the names are those of the policy's facts."""

    by: str  # Slack user id
    groups: tuple[str, ...]  # the Slack user groups that they are in
    on_call: bool
    requested_by: str  # "bot", or a Slack user id
    age_s: float
    digest_matches: bool  # of the exact action, the policy and the target's version


@dataclass(frozen=True)
class Standing:
    """Facts from stored state. None is "nobody could say", which never allows."""

    mode: str | None = None  # None: as the configuration says
    paused: bool | None = None
    in_freeze: bool | None = None
    actions_taken: int | None = 0  # by the bot alone; a question has none
    alert_types: tuple[str, ...] = ()  # of the alerts that fire; none when a person asked
    approval: Approval | None = None
    edges: tuple[Edge, ...] = ()  # who was seen to call whom; they complete the service map


def standing_of(records: Records, incident: Incident | None, approval: Approval | None = None) -> Standing:
    """How things stand now for an incident, or for a question without one."""
    switches = records.switches
    return Standing(
        mode="shadow" if incident and incident.in_shadow else switches.find("mode"),
        paused=switches.find("paused") is not None,
        in_freeze=switches.find("freeze") is not None,
        actions_taken=_taken(records.ledger, incident.id) if incident else 0,
        alert_types=tuple(sorted({alert.name for alert in incident.firing})) if incident else (),
        approval=approval,
        edges=records.learned.edges(records.now().timestamp()),
    )


def _taken(ledger: Ledger, incident_id: str) -> int:
    """The actions that the bot began on its own."""
    return sum(1 for entry in ledger.of_incident(incident_id) if entry.event == BEGUN and entry.actor == "bot")
