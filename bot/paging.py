"""PagerDuty from the card: what people press is saved as a wish in their name, and answered."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any

from blocks.paging import (
    ACKNOWLEDGE,
    ESCALATE,
    LOOK_AGAIN,
    NOTE,
    POLICY_BLOCK,
    POLICY_FIELD,
    RESOLVE,
    TEXT_BLOCK,
    TEXT_FIELD,
    WHO_BLOCK,
    WHO_FIELD,
    note_modal,
    page_modal,
)
from blocks.replies import reply
from bot.answering import Body, Place
from core.incident import Incident
from core.mask import mask
from core.opening import note, start
from core.outbox import View
from core.page import Kind, Page, Wish
from core.queues import NOTE_MESSAGE
from core.records import Records
from core.settling import resolve
from core.wishing import wish

STOPWATCH = "stopwatch"
_GONE = "That incident is gone."
_AGAIN_S = 30  # a double click is one wish for another look
_KINDS: dict[str, Kind] = {ACKNOWLEDGE: "acknowledge", RESOLVE: "resolve", ESCALATE: "escalate"}


def on_page_button(body: Body, place: Place, records: Records) -> View | None:
    """Save what was pressed; what its author is told at once instead. Safe to repeat."""
    pressed = body["actions"][0]
    incident = records.incidents.holder(pressed["value"])
    if incident is None:
        return reply(_GONE)
    if not incident.is_open:
        return reply(f"{incident.id} is over, so nothing was done.")
    kind = _KINDS[pressed["action_id"]]
    pages = [page for page in incident.pages if page.is_open]
    if kind == "acknowledge":
        pages = [page for page in pages if page.status == "triggered"]
    if kind == "escalate":
        pages = pages and [incident.pagerduty or pages[0]]
    if not pages and kind == "resolve":
        resolve(incident, records, body["user"]["id"])
        return None
    if not pages:
        return reply("That was done already; the card will say so in a moment.")
    if records.settings.pagerduty_api_key is None:
        return reply("PagerDuty is not set up here (PAGERDUTY_API_KEY), so nothing was done.")
    for page in pages:
        _wish(kind, incident, page, body, place, records, act=f"{pressed['action_ts']}:{page.id}")
    return None


def on_page_choice(choice: str, incident: Incident, body: Body, place: Place, records: Records) -> Body | View:
    """The form that a choice of the card's ⋯ asks for, or a sentence instead."""
    if not incident.is_open and choice != NOTE:
        return reply(f"{incident.id} is over, so nothing was done.")
    if choice == LOOK_AGAIN:
        return _look_again(incident, body["user"]["id"], records)
    if records.settings.pagerduty_api_key is None:
        return reply("PagerDuty is not set up here (PAGERDUTY_API_KEY), so nothing was done.")
    metadata = json.dumps([incident.id, *astuple(place)])
    if choice != NOTE:
        return page_modal(incident, records.pages.choices(), metadata)
    if not incident.pages:
        return reply(f"{incident.id} is not in PagerDuty, so there is no timeline for a note.")
    return note_modal(incident, metadata)


def on_note(body: Body, records: Records) -> None:
    """Save a note. Safe to repeat."""
    incident, place, values = _submitted(body, records)
    if incident:
        said = str(values[TEXT_BLOCK][TEXT_FIELD].get("value") or "")
        _wish("note", incident, incident.pagerduty, body, place, records, act=body["view"]["id"], text=said)


def on_page(body: Body, records: Records) -> dict[str, str]:
    """Save whom to page; errors by field when that is not clear. Safe to repeat."""
    incident, place, values = _submitted(body, records)
    if incident is None:
        return {}
    person = (values.get(WHO_BLOCK, {}).get(WHO_FIELD) or {}).get("selected_user")
    policy = ((values.get(POLICY_BLOCK, {}).get(POLICY_FIELD) or {}).get("selected_option") or {}).get("value")
    if person and policy:
        return {POLICY_BLOCK: "Choose a person or a team, not both."}
    is_there = incident.pagerduty is not None and incident.pagerduty.is_open
    if is_there and not (person or policy):
        return {WHO_BLOCK: "Choose whom to page: a person, or a team below."}
    known = records.settings.config.services.get(incident.service or "")
    if not is_there and not (known and known.pagerduty):
        return {TEXT_BLOCK: f"PagerDuty has no service for it: set services.{incident.service or '…'}.pagerduty."}
    said = str(values[TEXT_BLOCK][TEXT_FIELD].get("value") or "")
    _wish(
        "page", incident, None, body, place, records, act=body["view"]["id"], text=said,
        target=person or (f"policy:{policy}" if policy else None), on_page=(known.pagerduty if known else None) or "",
    )  # fmt: skip
    return {}


def on_reaction(body: Body, records: Records) -> None:
    """A message marked with a stopwatch goes onto PagerDuty's timeline. Safe to repeat."""
    event = body["event"]
    item = event.get("item") or {}
    if event.get("reaction", "").partition("::")[0] != STOPWATCH or item.get("type") != "message":
        return
    if records.settings.pagerduty_api_key is not None:
        records.queues.enqueue("notify", NOTE_MESSAGE, item["channel"], item["ts"], event["user"], once=True)


def _wish(
    kind: Kind, incident: Incident, page: Page | None, body: Body, place: Place, records: Records, *, act: str,
    text: str = "", target: str | None = None, on_page: str = "",
) -> None:  # fmt: skip
    """`act` is Slack's own id of what was done, so that the same delivery is the same wish."""
    wish(
        Wish(
            key=f"{act}:{body['user']['id']}", kind=kind, incident=incident.id, page=page.id if page else None,
            by=body["user"]["id"], text=mask(text, records.settings.secrets()), target=target, on_page=on_page,
            response_url=place.response_url, channel=place.channel or incident.channel,
            thread_ts=place.thread_ts or incident.thread_ts, at=records.now(),
        ),
        records,
    )  # fmt: skip


def _look_again(incident: Incident, user: str, records: Records) -> View:
    """Another investigation, with all that is known by now."""
    if not records.requests.first_time(f"again:{incident.id}", _AGAIN_S):
        return reply("I am looking again already.")
    fresh = {"investigation": records.investigations.new_id(), "look_again": False}
    again = records.incidents.update(incident.id, lambda i: i.model_copy(update=fresh) if i.is_open else i)
    note("incident.looked_at_again", again.id, records, user, {"investigation": again.investigation})
    start(again, records, user)
    return reply("I am looking again; what I find comes into the thread.")


def _submitted(body: Body, records: Records) -> tuple[Incident | None, Place, dict[str, Any]]:
    view = body["view"]
    incident_id, *where = json.loads(view["private_metadata"])
    return records.incidents.holder(incident_id), Place(*where), view["state"]["values"]
