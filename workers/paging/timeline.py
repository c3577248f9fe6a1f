"""A message that somebody marked with a stopwatch, as a note on PagerDuty's timeline."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

from blocks.replies import reply
from core.errors import Refused, SreError
from core.log import get_logger
from core.mask import mask
from core.page import Wish
from core.wishing import wish
from workers.paging.people import person_for
from workers.ports import Said
from workers.world import World

log = get_logger(__name__)

_LINK = re.compile(r"<([@#!]?)([^<>|\s]+)(?:\|([^<>]*))?>")
_LONGEST = 2500


def note_message(channel: str, ts: str, user: str, world: World) -> None:
    """Wish for the note, in the name of who marked the message. Safe to repeat; a second mark does nothing.

    Raises: Transient.
    """
    if world.slack is None or world.pagerduty is None:
        return
    try:
        said = world.slack.said(channel, ts)
    except Refused as error:
        log.warning("message_unread", code=error.code)
        return
    incident = world.records.incidents.of_thread(channel, said.thread_ts) if said else None
    if said is None or incident is None or not said.text.strip():
        return
    incident = world.records.incidents.holder(incident.id) or incident
    if "/pagerduty-" in said.key:
        _tell(channel, user, said, "That came from PagerDuty, so it is on its timeline already.", world)
    elif not incident.pages:
        sentence = f"{incident.id} is not in PagerDuty, so there is no timeline; Page someone, under ⋯ on its card."
        _tell(channel, user, said, sentence, world)
    else:
        wish(
            Wish(
                key=f"stopwatch:{channel}:{ts}", kind="note", incident=incident.id, by=user, channel=channel,
                thread_ts=said.thread_ts, text=_told(said, ts, world), at=world.records.now(),
            ),
            world.records,
        )  # fmt: skip


def _told(said: Said, ts: str, world: World) -> str:
    when = datetime.fromtimestamp(float(ts), UTC)
    who = "sre-bot" if said.key else _name(said.user, world)
    words = html.unescape(_LINK.sub(_plain, said.text))
    return f"{when:%H:%M} UTC, {who} in Slack: {mask(words, world.records.settings.secrets())}"[:_LONGEST]


def _name(user: str, world: World) -> str:
    try:
        return person_for(user, world).name if user else "somebody"
    except SreError:
        return "somebody"


def _plain(found: re.Match[str]) -> str:
    kind, target, label = found[1], found[2], found[3]
    return f"@{label or target}" if kind == "@" else label or target


def _tell(channel: str, user: str, said: Said, sentence: str, world: World) -> None:
    assert world.slack is not None
    try:
        world.slack.whisper(channel, user, reply(sentence), said.thread_ts)
    except SreError as error:
        log.warning("mark_not_answered", why=str(error))
