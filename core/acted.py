"""On which incidents anybody acted: the bot by beginning an action, a person by doing anything at all."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.incident import Incident
from core.records import Records
from core.remediation import Remediation

_PERSON = re.compile(r"[UW][A-Z0-9]{2,20}")


def acted_on(records: Records, incident_ids: Iterable[str]) -> frozenset[str]:
    """Those of these incidents on which somebody acted: an action was begun, approved or rejected, or a person
    acknowledged, took command, said something of it or closed it. Merged ones count with the one that holds them. One
    that is no longer kept counts too, since nobody can say that it was left alone."""
    wanted = dict.fromkeys(incident_ids)
    found = {i.id: i for i in records.incidents.find_many(wanted)}
    holders = {i.id: i.merged_into for i in found.values() if i.merged_into}
    found |= {i.id: i for i in records.incidents.find_many({h: None for h in holders.values() if h not in found})}
    touched = records.ledger.touched_by(_PERSON.fullmatch, found)
    touched |= {r.incident for r in records.remediations.of_incidents(found) if r.incident and _was_acted(r)}
    touched |= {i.id for i in found.values() if _is_led(i)}
    return frozenset(i for i in wanted if i not in found or i in touched or _holder(i, holders) in touched)


def _holder(incident_id: str, holders: dict[str, str]) -> str:
    seen = {incident_id}
    while (into := holders.get(incident_id)) and into not in seen:
        seen.add(into)
        incident_id = into
    return incident_id


def _was_acted(remediation: Remediation) -> bool:
    return remediation.begun_at is not None or remediation.decided_by is not None


def _is_led(incident: Incident) -> bool:
    command = incident.command
    if command.commander or command.severity_by or command.responders or command.update or command.fix:
        return True
    paged = any(page.acknowledged_by or page.ended_by_person for page in incident.pages)
    return paged or incident.opened_by is not None
