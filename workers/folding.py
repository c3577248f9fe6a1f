"""What is out of date before Slack took it: not posted one by one, but told in one message a channel.

That is a card whose incident has ended and what belongs to its thread, what an older investigation said, and an
approval that nobody can give any more. What still holds is posted as always.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from blocks.held_back import Ended, held_back_view
from core.errors import NotFound
from core.incident import Incident
from core.model import Model, Moment
from core.outbox import Message
from core.records import Records
from workers.late import HELD_BACK, LATE, is_late

_ANEW = timedelta(minutes=10)  # after the last was posted, another message tells of what comes then
_KEEP_S = 7 * 86_400
_FIRST = -1  # before what waits: it tells what happened meanwhile


class HeldBack(Model):
    """A time in which Slack took messages late or not at all, as one channel is told of it."""

    key: str  # of the message that tells
    since: Moment
    until: Moment | None = None  # None while that waits itself
    unreachable: bool = False
    folded: tuple[str, ...] = ()  # keys of messages


def fold(channel: str, waiting: Sequence[Message], records: Records) -> Sequence[Message]:
    """What is left to be shown of what waits, with the message that tells of the rest. Safe to repeat."""
    away = _away_since(records) is not None
    outdated = [m for m in waiting if not m.ts and (away or is_late(m, records)) and out_of_date(m, records)]
    held = _held(channel, records)
    told = records.outbox.find(held.key) if held else None
    if held and told and told.ts and held.until is None:
        held = _keep(channel, held.model_copy(update={"until": records.now()}), records)
    if not outdated and (held is None or held.until):
        return waiting
    if held is None or (held.until and outdated and records.now() - held.until > _ANEW):
        held = HeldBack(key=f"{HELD_BACK}{channel}/{records.now():%Y-%m-%dT%H:%M:%S}", since=records.now())
    held = _keep(channel, _with(held, outdated, records), records)
    folded = {"folded": held.key}
    for message in outdated:
        records.outbox.update(message.key, lambda m: m.model_copy(update=folded))
    _tell(channel, held, records)
    return records.outbox.waiting(channel)


def out_of_date(message: Message, records: Records) -> bool:
    """Whether nobody who reads it now would be helped."""
    if message.remediation:
        rem = records.remediations.find(message.remediation)
        if rem and rem.state in ("expired", "superseded"):
            return True
    incident = incident_of(message, records)
    if incident is None:
        return False
    if not incident.is_open:
        return True
    if message.remediation or message.investigation in (None, incident.investigation) or not incident.investigation:
        return False
    try:
        return records.investigations.get(incident.investigation).reported
    except NotFound:
        return False


def incident_of(message: Message, records: Records) -> Incident | None:
    """The incident of whose thread it is."""
    card = records.outbox.find(message.under) if message.under else message
    return records.incidents.find(card.incident) if card and card.incident else None


def _away_since(records: Records) -> datetime | None:
    """Since when Slack does not answer, if for long; that it asks to wait for a moment is its pace."""
    since = records.switches.unreachable().get("Slack")
    return since if since and records.now() - since > LATE else None


def _held(channel: str, records: Records) -> HeldBack | None:
    raw = records.switches.find(f"held-back:{channel}")
    return HeldBack.model_validate_json(raw) if raw else None


def _keep(channel: str, held: HeldBack, records: Records) -> HeldBack:
    records.switches.set(f"held-back:{channel}", held.model_dump_json(), for_s=_KEEP_S)
    return held


def _with(held: HeldBack, outdated: Sequence[Message], records: Records) -> HeldBack:
    since = min([held.since, *(m.waiting_since for m in outdated if m.waiting_since)])
    down = _away_since(records)
    return held.model_copy(
        update={
            "since": min(since, down) if down else since,
            "unreachable": held.unreachable or down is not None,
            "folded": tuple(dict.fromkeys((*held.folded, *(m.key for m in outdated)))),
        }
    )


def _tell(channel: str, held: HeldBack, records: Records) -> None:
    """Put the message that tells, as it reads by now."""
    messages = records.outbox.find_many(held.folded)
    by_incident: dict[str, tuple[Incident, list[Message]]] = {}
    others = []
    for message in messages:
        incident = incident_of(message, records)
        if message.remediation and (incident is None or incident.is_open):
            continue  # told as an approval
        if incident:
            by_incident.setdefault(incident.id, (incident, []))[1].append(message)
        else:
            others.append(message)
    approvals = {m.remediation: records.remediations.find(m.remediation) for m in messages if m.remediation}
    view = held_back_view(
        (held.since, held.until or records.now()), records.now(), held.unreachable,
        [Ended(incident, _besides(found)) for incident, found in by_incident.values()],
        [rem for rem in approvals.values() if rem and rem.state == "expired"], len(others),
    )  # fmt: skip
    before = records.outbox.find(held.key)
    if before is None or before.view != view:
        records.outbox.put(Message(key=held.key, channel=channel, view=view, seq=_FIRST))


def _besides(messages: Sequence[Message]) -> int:
    """How many there are beside the card and what is told of approvals."""
    return sum(not m.incident and not m.remediation for m in messages)
