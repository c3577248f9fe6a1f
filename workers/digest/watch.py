"""What may matter in the hours to come: certificates that end, silences that end, what is not proven yet. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.parts import counted
from blocks.verification import done_in_words
from core.aftermath import SOON
from core.change_events import ChangeEvent
from core.digest import Deploy, Watch
from core.remediation import Remediation
from workers.digest.changed import lowered
from workers.digest.material import Material

ENDS_SOON = timedelta(days=14)
_SILENCES_AHEAD = timedelta(hours=24)


def watch(given: Material, deploys: Sequence[Deploy]) -> tuple[Watch, ...]:
    """The most pressing first."""
    return (*_unproven(given), *_young(deploys, given.period.end), *_silences(given), *_certificates(given))


def _certificates(given: Material) -> Iterator[Watch]:
    """The newest word on each; one that was renewed ends late."""
    newest: dict[tuple[str, str, str], ChangeEvent] = {}
    for event in given.certificates:
        newest[event.cluster, event.namespace, event.target] = event
    for event in sorted(newest.values(), key=lambda e: e.due or e.at):
        if event.due and event.due - given.now <= ENDS_SOON:
            name = event.target.partition("/")[2]
            yield Watch(text=f"certificate of {name} {_ends(event.due, given.now)}")


def _ends(due: datetime, now: datetime) -> str:
    left = due - now
    if left <= timedelta(0):
        return "has ended"
    return f"ends in {counted(left.days, 'day')}" if left.days else f"ends in {counted(left.seconds // 3600, 'hour')}"


def _silences(given: Material) -> Iterator[Watch]:
    """Those that end within a day."""
    today = given.now.astimezone(ZoneInfo(given.period.timezone)).date()
    for silence in given.silences:
        if given.now < silence.ends_at <= given.now + _SILENCES_AHEAD:
            local = silence.ends_at.astimezone(ZoneInfo(given.period.timezone))
            day = "today" if local.date() == today else "tomorrow"
            yield Watch(text=f"a silence on {silence.of} ends {day}", at=silence.ends_at)


def _unproven(given: Material) -> Iterator[Watch]:
    for remediation in given.remediations:
        if remediation.state == "watching":
            yield Watch(text=f"{remediation.incident}: {_did(remediation)}, and it is still being watched")
        elif remediation.state in ("unproven", "interrupted") and _is_open(remediation, given):
            yield Watch(text=f"{remediation.incident}: {_did(remediation)}, and nothing shows yet that it helped")


def _young(deploys: Sequence[Deploy], end: datetime) -> Iterator[Watch]:
    """What was rolled out too short a while ago to say that nothing follows."""
    for deploy in deploys:
        event = deploy.event
        if event.kind == "deploy" and deploy.is_quiet and end - event.at < SOON:
            name = event.service or event.target.partition("/")[2]
            version = f" {event.version}" if event.version else ""
            yield Watch(text=f"{name}{version} is too new to tell, rolled out", at=event.at)


def _did(remediation: Remediation) -> str:
    return lowered(done_in_words(remediation))


def _is_open(remediation: Remediation, given: Material) -> bool:
    return any(i.id == remediation.incident and i.is_open for i in given.incidents)
