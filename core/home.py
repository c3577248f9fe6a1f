"""What one person's Home tab says, from stored state alone, and the one way that it is brought up to date."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from core.digest_settings import DigestTime
from core.digest_times import digest_times
from core.entitled import entitled, services_of
from core.errors import Conflict
from core.homes import Shown
from core.incident import Incident
from core.measures import report, summary
from core.model import Model
from core.page import OnCall
from core.pages import STALE_S, is_fresh
from core.periods import last_days
from core.permalinks import permalink
from core.records import Records
from core.remediation import Remediation
from core.settings import Approvers
from core.status import Status, read_status

_TRIES = 3
_FIGURES_DAYS = 30


class Waiting(Model):
    """A proposal that waits for a click."""

    remediation: Remediation
    services: tuple[str, ...]  # whose being on call entitles
    link: str | None = None  # to its very message


class Situation(Model):
    """How things stand, alike for everybody."""

    status: Status
    waiting: tuple[Waiting, ...]  # what expires first, first
    cards: dict[str, str]  # incident id to the address of its card
    on_call: tuple[OnCall, ...]  # as read within five minutes
    approvers: Approvers
    services: tuple[str, ...]
    digests: dict[str, DigestTime]  # by channel
    figures: tuple[str, ...]  # four lines of the last 30 days


class Mine(Model):
    """An incident that is somebody's."""

    incident: Incident
    why: tuple[str, ...]  # "command", "respond", "opened", "on_call", "follow"
    link: str | None = None


class Home(Model):
    """All that a Home tab says."""

    user: str
    situation: Situation
    may: bool | None  # set the mode, pause and resume; None: nobody asked Slack yet
    deciding: tuple[Waiting, ...]  # what waits for this person
    incidents: tuple[Mine, ...]  # open ones, the worst first
    follows: tuple[str, ...]

    @property
    def others(self) -> int:
        """How many proposals wait for somebody else."""
        return len(self.situation.waiting) - len(self.deciding)


def read_situation(records: Records) -> Situation:
    """Reads Redis only."""
    status, config = read_status(records), records.settings.config
    cards = records.outbox.find_many(f"{i.id}/card" for i in status.incidents if i.is_open)
    links = {str(card.incident): card.permalink for card in cards if card.permalink}
    asked = [rem for rem in records.remediations.active() if rem.state == "asked"]
    fresh = (each for each in records.pages.on_call() if is_fresh(each, records.now(), STALE_S))
    return Situation(
        status=status,
        waiting=tuple(sorted((_waiting(rem, links, records) for rem in asked), key=_expiry)),
        cards=links, on_call=tuple(fresh), approvers=config.approvers, services=tuple(sorted(config.services)),
        digests=dict(sorted(digest_times(records).items())),
        figures=summary(report(records, last_days(_FIGURES_DAYS, _day_after(records.now())))),
    )  # fmt: skip


def _day_after(now: datetime) -> datetime:
    """The end of today, so that the figures change with what happens and not with the clock."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _waiting(rem: Remediation, links: dict[str, str], records: Records) -> Waiting:
    incident = records.incidents.find(rem.incident) if rem.incident else None
    message = records.outbox.find(f"{rem.investigation}/proposal-{rem.number}")
    beside = links.get(rem.incident or "") or next(iter(links.values()), None)
    link = permalink(beside, message.channel, message.ts, message.thread_ts) if message and message.ts else None
    return Waiting(remediation=rem, services=services_of(rem, incident), link=link)


def _expiry(waiting: Waiting) -> float:
    at = waiting.remediation.expires_at
    return at.timestamp() if at else float("inf")


def read_home(user: str, situation: Situation, records: Records) -> Home:
    """One person's. Reads Redis only."""
    groups, follows = records.homes.groups(user), records.homes.follows(user) & set(situation.services)
    duties = frozenset(each.service for each in situation.on_call if any(s.who.slack == user for s in each.now))
    return Home(
        user=user, situation=situation, may=_may(user, groups, bool(duties), situation.approvers),
        deciding=tuple(w for w in situation.waiting if _decides(user, groups, duties, w, situation.approvers)),
        incidents=_mine(user, duties, follows, situation), follows=tuple(sorted(follows)),
    )  # fmt: skip


def _may(user: str, groups: Sequence[str] | None, on_call: bool, approvers: Approvers) -> bool | None:
    if entitled(user, groups or (), on_call, approvers):
        return True
    return None if groups is None and approvers.groups else False


def _decides(
    user: str, groups: Sequence[str] | None, duties: frozenset[str], waiting: Waiting, approvers: Approvers
) -> bool:  # fmt: skip
    """What the click's own check says, as far as the records tell; that one counts."""
    rem = waiting.remediation
    if rem.action.kind in approvers.four_eyes and rem.requested_by == user:
        return False
    return entitled(user, groups or (), not duties.isdisjoint(waiting.services), approvers)


def _mine(user: str, duties: frozenset[str], follows: frozenset[str], situation: Situation) -> tuple[Mine, ...]:
    found = [
        Mine(incident=incident, why=why, link=situation.cards.get(incident.id))
        for incident in situation.status.incidents
        if incident.is_open and (why := tuple(_ties(user, incident, duties, follows)))
    ]
    return tuple(sorted(found, key=lambda mine: (mine.incident.severity, mine.incident.opened_at)))


def _ties(user: str, incident: Incident, duties: frozenset[str], follows: frozenset[str]) -> list[str]:
    about = {incident.service, *incident.services} - {None}
    ties = {
        "command": incident.command.commander == user,
        "respond": user in incident.command.responders,
        "opened": incident.opened_by == user,
        "on_call": not duties.isdisjoint(about),
        "follow": not follows.isdisjoint(about),
    }
    return [name for name, holds in ties.items() if holds]


def digest_of(view: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(view)).hexdigest()[:16]


def bring_up_to_date(
    user: str,
    records: Records,
    draw: Callable[[Home], dict[str, Any]],
    publish: Callable[[str, dict[str, Any], str], str],
) -> bool:
    """Have Slack show somebody's Home as it should read now; whether that took a request. Safe to repeat, and for
    several processes at once: what was read is published only over what stood there before it was read.

    Args:
        publish: User, view, and the hash of what it replaces, "" for whatever is there; answers with the new hash.
            Raises Conflict when something else is there.

    Raises: Conflict when it kept changing.
    """
    for turn in range(_TRIES):
        before = records.homes.shown(user)  # before anything else is read
        view = draw(read_home(user, read_situation(records), records))
        if before.digest == digest_of(view):
            return False
        try:
            after = publish(user, view, before.hash if turn < _TRIES - 1 else "")
        except Conflict:
            continue
        shown = Shown(hash=after, digest=digest_of(view), at=records.now().timestamp())
        records.homes.note_shown(user, shown)
        return True
    raise Conflict("That Home tab kept changing; open it again.")
