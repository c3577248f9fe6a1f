"""The week's toil, on Mondays: once, whoever keeps the clock and however often it is asked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from blocks.toil import week_view
from core.diagnosis import ActionKind
from core.digest_settings import DigestTime
from core.digest_times import digest_times
from core.outbox import Message
from core.records import Records
from core.toil_groups import works
from workers.loop.shown import put

LATE = timedelta(hours=36)  # one that nobody could post in time is posted until then, and not with the next
_OFTEN = 3  # approvals of one action in four weeks; guessed
_FOUR_WEEKS = timedelta(weeks=4)


def sum_up(records: Records) -> None:
    """Post what is due, where digests go, or else where incidents do. A week without any says nothing. Safe to repeat:
    a message's key is its week."""
    config, now = records.settings.config, records.now()
    fallback = config.channels.fallback or records.settings.channel
    places = dict(digest_times(records)) or ({fallback: DigestTime()} if fallback else {})
    for channel, when in places.items():
        monday = due(when, now)
        if monday:
            _post(channel, monday, records)


def due(when: DigestTime, now: datetime) -> datetime | None:
    """The Monday, in the channel's time zone, whose summary is due now; None when none is."""
    local = now.astimezone(ZoneInfo(when.timezone))
    day = local.date() - timedelta(days=local.weekday())
    at = datetime.combine(day, time.fromisoformat(when.at), ZoneInfo(when.timezone))
    return at if timedelta(0) <= now - at < LATE else None


def _post(channel: str, monday: datetime, records: Records) -> None:
    key = f"toil/{monday:%G-W%V}/{channel}"
    if records.outbox.find(key):
        return
    midnight = monday.replace(hour=0, minute=0)
    begins = midnight - timedelta(days=7)
    entries = records.toil.between(begins, midnight)
    repeated = clicked_again(records, midnight)
    if not entries and not repeated:
        return
    week = f"the week of {begins.day} {begins:%b}"
    view = week_view(works(entries), repeated, week, records.settings.config.autonomy.alert_types)
    put(Message(key=key, channel=channel, view=view), records)


def clicked_again(records: Records, end: datetime) -> list[tuple[ActionKind, str, int]]:
    """Actions that people approved again and again: kind, target and how often, the most first."""
    end = end.astimezone(UTC)
    times: Counter[tuple[ActionKind, str]] = Counter()
    for row in records.facts.between(end - _FOUR_WEEKS, end):
        for approval in row.approvals:
            if approval.outcome == "granted":
                times[approval.kind, approval.target] += 1  # type: ignore[index]  # the catalogue's words
    often = [(kind, target, count) for (kind, target), count in times.items() if count >= _OFTEN]
    return sorted(often, key=lambda each: (-each[2], each[0], each[1]))
