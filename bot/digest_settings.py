"""When a channel gets its morning digest, changed on the Home tab by those who may set the mode."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, wait
from typing import Any

from pydantic import ValidationError

from blocks.command import reply_blocks, told, told_form
from blocks.digest_form import (
    AT,
    CHANNEL,
    DAYS,
    FIELD,
    TIMEZONE,
    digest_form,
    removed_line,
    set_line,
    spelled,
)
from blocks.home import ZONE
from blocks.replies import reply
from bot.answering import Body
from bot.control import unless_entitled
from bot.membership import GroupsOf
from core.digest_due import next_due
from core.digest_settings import DigestTime
from core.digest_times import digest_times, set_digest_time
from core.outbox import View
from core.records import Records

# Why the bot cannot post in a channel, as a sentence; None when it can, or nobody can tell.
Outside = Callable[[str], str | None]

_WHAT = "change when digests come"
_WITHIN_S = 2.2  # both questions to Slack run at once; it gives the answer 3 s in all


def on_edit(body: Body, records: Records) -> View | dict[str, Any]:
    """The form for a channel's digest; a sentence when that is gone."""
    channel = body["actions"][0]["value"]
    time = digest_times(records).get(channel)
    return digest_form(channel, time) if time else reply("There is no digest in that channel any more.")


def on_add(records: Records) -> dict[str, Any]:
    """The form for a further channel; its zone is that of the others."""
    zone = next((time.timezone for time in digest_times(records).values()), "UTC")
    return digest_form(None, DigestTime(timezone=zone))


def on_saved(
    body: Body, records: Records, groups_of: GroupsOf, outside: Outside, executor: Executor
) -> dict[str, Any]:  # fmt: skip
    """What became of a form: a modal that says so, or the errors by field. Safe to repeat."""
    view, user = body["view"], body["user"]["id"]
    values = view["state"]["values"]
    channel = view["private_metadata"] or str(values[CHANNEL][FIELD].get("selected_conversation") or "")
    field = AT if view["private_metadata"] else CHANNEL
    before = digest_times(records).get(channel)
    try:
        time = _read(values, before)
    except ValidationError as error:
        return dict([_WRONG[str(error.errors()[0]["loc"][0])]])
    asked = executor.submit(outside, channel)
    if refusal := unless_entitled(_WHAT, user, records, groups_of):
        return told_form("Nothing was changed", reply_blocks(refusal))
    wait([asked], _WITHIN_S)
    if asked.done() and (why := asked.result()):
        return {field: why}
    if time != before:
        set_digest_time(records, channel, time)
        _note(channel, before, time, user, records)
    line = set_line(channel, time, next_due(time, records.now())[1])
    return told_form("Morning digest", reply_blocks(told(*line)))


_WRONG = {
    "at": (AT, "Choose a time."), "days": (DAYS, "Choose one day at least."),
    "timezone": (TIMEZONE, "Choose a time zone from the list."),
}  # fmt: skip


def on_removed(body: Body, records: Records, groups_of: GroupsOf) -> dict[str, Any]:
    """The modal that says that a channel gets none any more, or why it still does. Safe to repeat."""
    channel, user = body["actions"][0]["value"], body["user"]["id"]
    if refusal := unless_entitled(_WHAT, user, records, groups_of):
        return told_form("Nothing was changed", reply_blocks(refusal))
    if before := digest_times(records).get(channel):
        set_digest_time(records, channel, None)
        _note(channel, before, None, user, records)
    return told_form("Morning digest", reply_blocks(told(*removed_line(channel))))


def _read(values: dict[str, Any], before: DigestTime | None) -> DigestTime:
    """Raises: ValidationError."""
    chosen = values[TIMEZONE][ZONE].get("selected_option") or {}
    days = [option["value"] for option in values[DAYS][FIELD].get("selected_options") or ()]
    return DigestTime(
        at=str(values[AT][FIELD].get("selected_time") or ""), days=spelled(days),
        timezone=str(chosen.get("value") or ""), services=before.services if before else (),
    )  # fmt: skip


def _note(channel: str, before: DigestTime | None, after: DigestTime | None, user: str, records: Records) -> None:
    shown = {name: time and time.model_dump(mode="json") for name, time in (("before", before), ("after", after))}
    records.ledger.append("digest.time_set", actor=user, at=records.now(), data={"channel": channel, **shown})
