"""Questions asked where Slack has no commands: a mention, a direct message, a shortcut on a message."""

from __future__ import annotations

from typing import Any

from blocks.replies import help_view, reply
from bot.answering import Place
from bot.commanding import Absent
from bot.membership import GroupsOf
from bot.slash import CONTROLS, Command, answer
from bot.spoken import on_said
from bot.words import LONGEST, of_message, plain
from core.outbox import View
from core.queues import ANSWER
from core.records import Records
from core.request import Request, stop_switch

INVESTIGATE_THIS = "investigate_this"

_AT_ONCE = {"help", "status", *CONTROLS}  # commands that are answered at once, and in threads can only be said this way
_SPOKEN = {None, "file_share"}  # other subtypes are edits, joins, other bots


def on_mention(body: dict[str, Any], records: Records, groups_of: GroupsOf, absent: Absent) -> View | None:
    """Save a mention or direct message and have it answered in its thread; an incident's thread gives its context.

    Safe to repeat: the event's id is the request's. Returns: what to tell its author instead, when there is nothing to
    answer.
    """
    event = body["event"]
    if event["type"] == "message" and event.get("channel_type") != "im":
        return None  # what people say to each other
    if event.get("bot_id") or event.get("edited") or event.get("subtype") not in _SPOKEN or not event.get("user"):
        return None
    text = plain(event.get("text", ""), _own_id(body))
    if not text:
        return help_view()
    if text.lower().split()[0] in _AT_ONCE and len(text.split()) <= 2:
        return answer(Command(text, event["user"], body.get("team_id"), event["channel"]), records, groups_of)
    place = Place(event["user"], event["channel"], event.get("thread_ts") or event["ts"], response_url=None)
    if ordered := on_said(event["text"], text, place, records, absent, _own_id(body)):
        return ordered
    if len(text) > LONGEST:
        return reply(
            f"That is longer than {LONGEST:,} characters; say it shorter, or use Investigate this on a message."
        )
    _ask(
        Request(
            id=body["event_id"], kind="mention", text=text, user=event["user"], team=body.get("team_id"),
            channel=event["channel"], thread_ts=event.get("thread_ts") or event["ts"], asked_at=records.now(),
        ),
        records,
    )  # fmt: skip
    return None


def on_investigate_this(body: dict[str, Any], records: Records) -> View | None:
    """Save a message that somebody pointed at, and have it investigated in its thread."""
    message = body["message"]
    text = of_message(message)
    if not text:
        return reply("There is no text in that message that I could look into.")
    _ask(
        Request(
            id=body["trigger_id"], kind="shortcut", text=text, user=body["user"]["id"],
            team=(body.get("team") or {}).get("id"), channel=body["channel"]["id"],
            thread_ts=message.get("thread_ts") or message["ts"], response_url=body.get("response_url"),
            asked_at=records.now(),
        ),
        records,
    )  # fmt: skip
    return None


def on_stop(body: dict[str, Any], records: Records) -> None:
    """Slack's Stop button: whoever works for this thread is told by a switch, which says when."""
    event = body["event"]
    channel, thread_ts = event["channel"], event.get("thread_ts") or event.get("ts")
    records.switches.set(stop_switch(channel, thread_ts), records.now().isoformat(), for_s=3600)
    incident = records.incidents.of_thread(channel, thread_ts)
    records.ledger.append(
        "loop.stop_asked", actor=event.get("user", ""), at=records.now(), incident=incident.id if incident else None,
        data={"channel": channel, "thread_ts": thread_ts},
    )  # fmt: skip


def _ask(request: Request, records: Records) -> None:
    records.requests.save(request)
    records.queues.enqueue("investigate", ANSWER, request.id, once=True)


def _own_id(body: dict[str, Any]) -> str | None:
    """The bot's user id; an event says for whom it was delivered."""
    return next((a.get("user_id") for a in body.get("authorizations") or [] if a.get("is_bot")), None)
