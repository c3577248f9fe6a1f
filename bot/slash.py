"""`/sre`: what each command answers, at once and from stored state; longer work is saved and queued."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from blocks.replies import COMMANDS, help_view, opened_view, reply
from blocks.status import replay_view, status_view
from bot.control import mode, pause, resume
from bot.digesting import digest
from bot.handing_off import handoff
from bot.measuring import metrics, shadow
from bot.membership import GroupsOf
from bot.postmortem import ask_for_postmortem
from bot.toiling import toil
from bot.words import LONGEST, nearest, plain
from core.intake import open_incident
from core.outbox import View
from core.queues import ANSWER, CHECK_LEDGER, FIND_RUNBOOKS
from core.records import Records
from core.request import Request
from core.status import read_status
from policies.files import own_actions

_LINKED = 10  # incidents whose cards are looked up for links
_INCIDENT = re.compile(r"inc-(\d{1,9})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Command:
    """One use of `/sre`. `text` is foreign."""

    text: str
    user: str
    team: str | None
    channel: str
    response_url: str | None = None


def answer(command: Command, records: Records, groups_of: GroupsOf) -> View:
    """What the person who typed it sees. Raises: Conflict, redis.RedisError."""
    text = plain(command.text)
    if len(text) > LONGEST:
        return reply(
            f"That is longer than {LONGEST:,} characters; say it shorter, or use Investigate this on a message."
        )
    word, rest = [*text.split(None, 1), "", ""][:2]
    handler = _HANDLERS.get(word.lower())
    if handler:
        return handler(rest, command, records)
    if control := CONTROLS.get(word.lower()):
        return control(rest, command.user, records, groups_of)
    if not word:
        return help_view()
    meant = nearest(word, {*_HANDLERS, *CONTROLS})
    hint = f"Did you mean /sre {meant}?" if meant else "See /sre help."
    return reply(f"There is no /sre {word}. {hint}")


def _help(_rest: str, _command: Command, _records: Records) -> View:
    return help_view()


def _status(rest: str, _command: Command, records: Records) -> View:
    status = read_status(records, rest or None)
    services = records.settings.config.services
    meant = nearest(rest, services) if rest and not status.incidents and rest not in services else None
    if meant:
        return reply(f"I know no service {rest}. Did you mean /sre status {meant}?")
    still_open = [incident.id for incident in status.incidents if incident.is_open][:_LINKED]
    cards = records.outbox.find_many(f"{incident_id}/card" for incident_id in still_open)
    links = {str(card.incident): card.permalink for card in cards if card.permalink}
    return status_view(status, records.now(), rest or None, links, own_actions())


def _explain(rest: str, command: Command, records: Records) -> View:
    if not rest:
        return reply("Say what to explain, as in /sre explain checkout, or /sre explain INC-7.")
    if found := _INCIDENT.match(rest):
        incident = records.incidents.find(f"INC-{int(found[1])}")
        if incident is None:
            return reply(f"There is no INC-{int(found[1])}.")
        held, groups = records.book.all(incident.id), records.book.groups(incident.id)
        return replay_view(incident, records.ledger.of_incident(incident.id), records.now(), held, groups)
    request = _saved("explain", rest, command, records)
    records.queues.enqueue("investigate", ANSWER, request.id)
    return reply("I am looking; the answer comes as a thread in this channel")


def _incident(rest: str, command: Command, records: Records) -> View:
    services = records.settings.config.services
    word, what = [*rest.split(None, 1), "", ""][:2]
    service = next((name for name in services if name.lower() == word.lower()), None)
    if not what:
        return reply("Say which service and what is wrong, as in /sre incident checkout customers cannot pay.")
    incident = open_incident(
        records, what if service else rest, user=command.user, team=command.team, channel=_home(command, records),
        service=service,
    )  # fmt: skip
    meant = nearest(word, services) if service is None else None
    return opened_view(incident, f"I know no service {word}; did you mean {meant}?" if meant else "")


def _home(command: Command, records: Records) -> str | None:
    """Where a person's incident is shown unless its service has a channel: where they are, if others can see that."""
    settings = records.settings
    shared = None if command.channel.startswith("D") else command.channel
    return shared or settings.channel or settings.config.channels.fallback or command.channel


def _verify(_rest: str, command: Command, records: Records) -> View:
    """The chain of a year takes longer than an answer may: a worker says it."""
    request = _saved("verify", "", command, records)
    records.queues.enqueue("notify", CHECK_LEDGER, request.id)
    return reply("I am recomputing the ledger's chain; the answer comes here, to you alone")


def _runbooks(rest: str, command: Command, records: Records) -> View:
    if not rest:
        return reply("Say what it is about, as in /sre runbooks pods crash after a rollout.")
    request = _saved("runbooks", rest, command, records)
    records.queues.enqueue("investigate", FIND_RUNBOOKS, request.id)
    return reply("I am looking through the runbooks; the answer comes here, to you alone")


def _digest(rest: str, command: Command, records: Records) -> View:
    return digest(rest, command.user, command.team, command.channel, command.response_url, records)


def _saved(kind: Literal["explain", "verify", "runbooks"], text: str, command: Command, records: Records) -> Request:
    request = Request(
        id=uuid4().hex, kind=kind, text=text, user=command.user, team=command.team, channel=command.channel,
        response_url=command.response_url, asked_at=records.now(),
    )  # fmt: skip
    records.requests.save(request)
    return request


def _metrics(rest: str, _command: Command, records: Records) -> View:
    return metrics(rest, records)


def _shadow(rest: str, _command: Command, records: Records) -> View:
    return shadow(rest, records)


def _toil(rest: str, command: Command, records: Records) -> View:
    return toil(rest, command.user, records)


def _handoff(rest: str, command: Command, records: Records) -> View:
    return handoff(rest, command.user, records)


def _postmortem(rest: str, command: Command, records: Records) -> View:
    return ask_for_postmortem(rest, command.user, command.channel, records, response_url=command.response_url)


_HANDLERS: dict[str, Callable[[str, Command, Records], View]] = {
    "status": _status, "explain": _explain, "incident": _incident, "verify": _verify, "runbooks": _runbooks,
    "digest": _digest, "metrics": _metrics, "shadow": _shadow, "toil": _toil, "postmortem": _postmortem,
    "handoff": _handoff,
    "help": _help,
}  # fmt: skip
CONTROLS: dict[str, Callable[[str, str, Records, GroupsOf], View]] = {"pause": pause, "resume": resume, "mode": mode}
if {*_HANDLERS, *CONTROLS} != {row.name for row in COMMANDS}:
    raise AssertionError("the help and the commands name different words")
