"""Clicks on an investigation's messages. Every click gets an answer."""

from __future__ import annotations

from typing import Any

from blocks.diagnosis import FEEDBACK_RIGHT
from blocks.evidence import evidence_modal
from blocks.replies import reply
from core.errors import NotFound
from core.outbox import View
from core.queues import COUNT_INCIDENT
from core.records import Records

_REMEMBERED_S = 90 * 86_400


def on_feedback(body: dict[str, Any], records: Records) -> View:
    """Record whether a diagnosis was right; what its judge is told."""
    action, user = body["actions"][0], body["user"]["id"]
    right = action["action_id"] == FEEDBACK_RIGHT
    try:
        investigation = records.investigations.get(action["value"])
    except NotFound:
        return reply("That investigation is gone, so I could not note it.")
    said = "right" if right else "wrong"
    if not records.requests.first_time(f"feedback:{investigation.id}:{user}:{said}", _REMEMBERED_S):
        return reply(f"You had said so: {investigation.id} was {said}.")
    incident = records.incidents.find(investigation.incident) if investigation.incident else None
    records.outcomes.note({alert.name for alert in incident.alerts} if incident else (), investigation.id, right)
    records.ledger.append(
        "feedback.given", actor=user, at=records.now(), incident=investigation.incident,
        data={"investigation": investigation.id, "right": right},
    )  # fmt: skip
    if incident and not incident.is_open:
        records.queues.enqueue("notify", COUNT_INCIDENT, incident.id)
    return reply(
        f"Noted: {investigation.id} was {said}. " + ("Thank you." if right else "Say in this thread what it was.")
    )


def evidence_page(body: dict[str, Any], records: Records) -> dict[str, Any]:
    """The modal that a click asks for. Raises: NotFound when the investigation is gone."""
    investigation_id, _, page = body["actions"][0]["value"].partition(":")
    return evidence_modal(records.investigations.get(investigation_id), int(page) if page.isdigit() else 0)
