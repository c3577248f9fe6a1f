"""Approve, Reject and Details on a card. A click is saved and queued; whether it counts is the operator's to say."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any, Literal

from blocks.answers import AnswerCode, clicked_view, past
from blocks.approval import in_sentences
from blocks.forms import REASON_BLOCK, REASON_CHARS, REASON_FIELD, details_modal, reject_modal
from blocks.replies import reply
from bot.answering import Body, Place
from core.entitled import nobody
from core.errors import Conflict
from core.outbox import View
from core.pause import pause_of
from core.queues import DECIDE
from core.records import Records
from core.remediation import Click, Remediation

_GONE = "That proposal is gone, so nothing was done."


def on_approve(body: Body, place: Place, records: Records) -> View | None:
    """Save an approval and queue it; what its author is told at once instead, when it cannot count. Safe to repeat."""
    pressed = body["actions"][0]
    return _take("approve", pressed["value"], pressed["action_ts"], body, place, records)


def on_reject(body: Body, place: Place, records: Records) -> View | dict[str, Any]:
    """The form that asks why; a sentence instead where there is nothing to reject."""
    rem = records.remediations.find(body["actions"][0]["value"])
    if rem is None:
        return reply(_GONE)
    told = _in_the_way("reject", rem, records)
    return _answer(told, rem, records) if told else reject_modal(rem, json.dumps([rem.id, *astuple(place)]))


def on_rejected(body: Body, records: Records) -> tuple[View | None, Place]:
    """Save a rejection with its reason, and queue it. Safe to repeat."""
    view = body["view"]
    remediation_id, *where = json.loads(view["private_metadata"])
    place = Place(*where)
    reason = (view["state"]["values"][REASON_BLOCK][REASON_FIELD].get("value") or "")[:REASON_CHARS]
    return _take("reject", remediation_id, view["id"], body, place, records, reason), place


def on_details(body: Body, records: Records) -> View | dict[str, Any]:
    """The modal with all that stands behind a card."""
    rem = records.remediations.find(body["actions"][0]["value"])
    if rem is None:
        return reply(_GONE)
    from policies.decide import load

    sentences = in_sentences(rem.proposal.decision.codes, load(records.settings).explain)
    return details_modal(rem, sentences, records.settings.config.approvers)


def _take(
    wants: Literal["approve", "reject"],
    remediation_id: str,
    act: str,
    body: Body,
    place: Place,
    records: Records,
    reason: str = "",
) -> View | None:
    """`act` is Slack's own id of what was done, so that the same delivery is the same click."""
    rem = records.remediations.find(remediation_id)
    if rem is None:
        return reply(_GONE)
    user = body["user"]["id"]
    click = Click(
        id=f"{act}-{user}-{rem.id}", remediation=rem.id, wants=wants, user=user,
        team=(body.get("team") or {}).get("id"), reason=reason, response_url=place.response_url,
        channel=place.channel, thread_ts=place.thread_ts, at=records.now(),
    )  # fmt: skip
    try:
        records.remediations.save_click(click)
    except Conflict:  # it was brought before
        if rem.click == click.id:
            return None
    else:
        records.ledger.append(
            "approval.clicked", actor=user, at=records.now(), incident=rem.incident,
            data={"remediation": rem.id, "click": click.id, "wants": wants},
        )  # fmt: skip
    if told := _in_the_way(wants, rem, records):
        _refuse(told, click, rem, records)
        return _answer(told, rem, records)
    records.queues.enqueue("remediate", DECIDE, click.id, front=True, once=True)
    return None


def _in_the_way(wants: str, rem: Remediation, records: Records) -> AnswerCode | None:
    """Why a click cannot count, as far as stored state tells."""
    if gone := past(rem):
        return gone
    if rem.expires_at and rem.expires_at <= records.now():
        return "expired"
    if nobody(records.settings.config.approvers):
        return "nobody"
    return "paused" if wants == "approve" and pause_of(records.switches) else None


def _refuse(code: AnswerCode, click: Click, rem: Remediation, records: Records) -> None:
    records.ledger.append(
        "approval.refused", actor=click.user, at=records.now(), incident=rem.incident,
        data={"remediation": rem.id, "click": click.id, "code": code, "codes": []},
    )  # fmt: skip


def _answer(code: AnswerCode, rem: Remediation, records: Records) -> View:
    return clicked_view(code, rem, records.now(), records.settings.config.approvers)
