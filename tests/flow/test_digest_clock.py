"""Digests by the clock over the weekends on which clocks change, with two schedulers, and with the bot away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from core.digest_settings import DigestTime
from core.records import Records, open_records
from core.settings import Channels, Config
from workers.digest.send import send_due
from workers.world import Outside, World

STEP = timedelta(minutes=20)


def worlds(records: Records, time: DigestTime) -> tuple[World, World]:
    """What two workers hold, whose clock is the machine's."""
    config = Config(channels=Channels(digests={"C0SRE": time}))
    settings = records.settings.model_copy(update={"config": config})

    def one() -> World:
        outside = Outside(settings=settings, cluster=no, metrics=lambda _: None, alerts=None, memory=no, reasoner=no)  # type: ignore[arg-type]
        return World(records=open_records(settings, records.redis), open_outside=lambda: outside, slack=None)

    return one(), one()


def no(*_: Any) -> Any:
    raise AssertionError("nothing of this looks there")


def sent(
    records: Records, time: DigestTime, start: datetime, end: datetime, away: tuple[datetime, ...] = ()
) -> list[Any]:
    """When each digest was wished for, in its own zone, as day and time, and since when it tells."""
    found: list[Any] = []
    with freeze_time(start, ignore=["kubernetes"]) as clock:  # whose modules are loaded when somebody looks at them
        both = worlds(records, time)
        while datetime.now(UTC) < end:
            now = datetime.now(UTC)
            if not (away and away[0] <= now < away[1]):
                for world in both:
                    before = set(records.redis.keys("sre:message:digest/*"))
                    send_due(world)
                    for key in sorted(set(records.redis.keys("sre:message:digest/*")) - before):
                        message = world.records.outbox.get(key.decode().removeprefix("sre:message:"))
                        since = message.view.text.partition("ince ")[2].partition(":0")[0]
                        found.append((message.key[-10:], f"{now.astimezone(time.tz):%H:%M}", since))
            clock.tick(STEP)
    return found


@pytest.mark.parametrize(
    ("zone", "at", "start", "expected"),
    [
        ("Europe/Berlin", "09:00", datetime(2026, 3, 28, tzinfo=UTC), [
            ("2026-03-28", "09:00"), ("2026-03-29", "09:00"), ("2026-03-30", "09:00")]),
        ("Europe/Berlin", "02:20", datetime(2026, 3, 28, tzinfo=UTC), [
            ("2026-03-28", "02:20"), ("2026-03-29", "03:20"), ("2026-03-30", "02:20")]),
        ("Europe/Berlin", "02:20", datetime(2026, 10, 24, tzinfo=UTC), [
            ("2026-10-24", "02:20"), ("2026-10-25", "02:20"), ("2026-10-26", "02:20")]),
        ("America/New_York", "01:40", datetime(2026, 10, 31, 4, tzinfo=UTC), [
            ("2026-10-31", "01:40"), ("2026-11-01", "01:40"), ("2026-11-02", "01:40")]),
        ("America/New_York", "02:20", datetime(2026, 3, 7, 5, tzinfo=UTC), [
            ("2026-03-07", "02:20"), ("2026-03-08", "03:20"), ("2026-03-09", "02:20")]),
        ("Asia/Kolkata", "09:10", datetime(2026, 3, 28, tzinfo=UTC), [
            ("2026-03-28", "09:10"), ("2026-03-29", "09:10"), ("2026-03-30", "09:10")]),
    ],
)  # fmt: skip
def test_each_day_has_one_at_its_time(
    records: Records, zone: str, at: str, start: datetime, expected: list[tuple[str, str]]
) -> None:
    time = DigestTime(at=at, days="daily", timezone=zone)
    records.redis.set("sre:digest-known-since", (start - timedelta(days=60)).isoformat())
    found = [(day, when) for day, when, _ in sent(records, time, start, start + timedelta(days=2, hours=23))]
    assert [day for day, _ in found] == [day for day, _ in expected]
    late = [_minutes(when) - _minutes(wanted) for (_, when), (_, wanted) in zip(found, expected, strict=True)]
    assert all(0 <= each < STEP.total_seconds() / 60 for each in late)


def _minutes(wall: str) -> int:
    hours, minutes = wall.split(":")
    return int(hours) * 60 + int(minutes)


def test_a_morning_that_the_bot_was_away_is_late_or_left_to_the_next(records: Records) -> None:
    time = DigestTime(at="09:00", days="mon-fri", timezone="Europe/Berlin")
    monday = datetime(2026, 11, 23, 0, tzinfo=UTC)
    records.redis.set("sre:digest-known-since", (monday - timedelta(days=60)).isoformat())
    tuesday = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    late = (tuesday, tuesday + timedelta(hours=1, minutes=10))
    assert sent(records, time, monday, monday + timedelta(days=2), late) == [
        ("2026-11-23", "09:00", "Friday 09"), ("2026-11-24", "09:40", "yesterday 09"),
    ]  # fmt: skip
    wednesday = datetime(2026, 11, 25, 7, tzinfo=UTC)
    back = wednesday + timedelta(hours=15)
    assert sent(records, time, monday + timedelta(days=2), monday + timedelta(days=4), (wednesday, back)) == [
        ("2026-11-26", "09:00", "Tuesday 09:40: no deploys, no incidents, no alerts."),
    ]  # fmt: skip
