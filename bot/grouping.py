"""Splitting alerts off and merging incidents, from the card's ⋯. Anybody may; the ledger has who did."""

from __future__ import annotations

from collections import Counter
from typing import Any

from blocks.grouping import (
    ALERTS,
    MERGE,
    MERGE_BLOCK,
    MERGE_CHOICE,
    alerts_modal,
    merge_modal,
    told_modal,
)
from blocks.paging import LOOK_AGAIN, NOTE, PAGE
from blocks.replies import reply
from bot.answering import Place
from bot.paging import on_page_choice
from core.errors import Conflict, NotFound, Transient
from core.intake import turn
from core.merging import merge_locked, split_locked
from core.outbox import View
from core.records import Records

_MOST_CHOICES = 100
_PATIENCE_S = 1.5  # Slack waits 3 s for an answer


def on_more(body: dict[str, Any], place: Place, records: Records) -> dict[str, Any] | View:
    """The modal that a choice of the card's menu asks for, or why there is none."""
    choice, _, incident_id = body["actions"][0]["selected_option"]["value"].partition(":")
    incident = records.incidents.find(incident_id)
    if incident is None:
        return reply("That incident is gone.")
    if incident.merged_into:
        return reply(f"{incident.id} was merged into {incident.merged_into}; look there.")
    if choice in (NOTE, PAGE, LOOK_AGAIN):
        return on_page_choice(choice, incident, body, place, records)
    if choice == ALERTS:
        return _alerts(incident.id, records)
    if choice == MERGE and incident.is_open:
        others = [other for other in records.incidents.open() if other.id != incident.id]
        return merge_modal(incident, others[:_MOST_CHOICES])
    if choice == MERGE:
        return reply(f"{incident.id} is over, so there is nothing to merge.")
    return reply("That choice is of another version of me, so I have done nothing.")


def on_split(body: dict[str, Any], records: Records) -> dict[str, Any]:
    """The modal as it is after a set of alerts was split off, or says why it was not."""
    incident_id, _, group_id = body["actions"][0]["value"].partition(":")
    try:
        with turn(records, _PATIENCE_S):
            new = split_locked(incident_id, group_id, body["user"]["id"], records)
        told = f"Split off: it is {new.id} now, and no rule puts it back."
    except (NotFound, Conflict, Transient) as error:
        told = f"Nothing was split off. {error}"
    return _alerts(incident_id, records, told)


def on_merge(body: dict[str, Any], records: Records) -> dict[str, Any]:
    """The modal that says what became of a merge."""
    view = body["view"]
    source = view["private_metadata"]
    into = view["state"]["values"][MERGE_BLOCK][MERGE_CHOICE]["selected_option"]["value"]
    try:
        with turn(records, _PATIENCE_S):
            held = merge_locked(source, into, body["user"]["id"], "merged", records)
        told = f"{source} is part of {held.id} now; both cards say so."
    except (NotFound, Conflict, Transient) as error:
        told = f"Nothing was merged. {error}"
    return told_modal("Merge", told)


def _alerts(incident_id: str, records: Records, told: str = "") -> dict[str, Any]:
    incident = records.incidents.get(incident_id)
    sizes = Counter(alert.group for alert in records.book.all(incident_id))
    return alerts_modal(incident, records.book.groups(incident_id), sizes, told)
