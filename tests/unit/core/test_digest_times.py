"""When digests are due, on every kind of day; what is set in Slack holds over the file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from datetime import time as wall
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.digest_due import covered_from, due_now, due_on, last_due, next_due
from core.digest_settings import WEEKDAYS, DigestTime, weekdays
from core.digest_times import digest_times, forget_digest_time, set_at, set_digest_time
from core.records import Records, open_records
from core.settings import Channels, Config, Settings
from tests.conftest import NOON

BERLIN = DigestTime(at="09:00", days="mon-fri", timezone="Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("days", "means"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("mon,wed,fri", {0, 2, 4}),
        ("Fri-Mon", {4, 5, 6, 0}),
        ("sat", {5}),
        ("mon-wed, sun", {0, 1, 2, 6}),
        ("daily", set(range(7))),
        ("mon-sun", set(range(7))),
        ("tue-mon", set(range(7))),
    ],
)
def test_days_are_read_as_people_write_them(days: str, means: set[int]) -> None:
    assert weekdays(days) == means


@pytest.mark.parametrize("days", ["", "montag", "mon-", "-fri", "mon;tue", "1-5", "mon-fri-sun"])
def test_what_are_no_days_is_said(days: str) -> None:
    with pytest.raises(ValidationError, match="are no weekdays; write them as mon-fri"):
        DigestTime(days=days)


@pytest.mark.parametrize(
    ("zone", "at", "day", "moment"),
    [
        ("Europe/Berlin", "09:00", date(2026, 3, 28), utc(2026, 3, 28, 8)),
        ("Europe/Berlin", "09:00", date(2026, 3, 29), utc(2026, 3, 29, 7)),  # the day with 23 hours
        ("Europe/Berlin", "02:30", date(2026, 3, 29), utc(2026, 3, 29, 1, 30)),  # does not exist: 03:30 there
        ("Europe/Berlin", "02:30", date(2026, 10, 25), utc(2026, 10, 25, 0, 30)),  # exists twice: the first
        ("Europe/Berlin", "09:00", date(2026, 10, 25), utc(2026, 10, 25, 8)),
        ("America/New_York", "09:00", date(2026, 3, 7), utc(2026, 3, 7, 14)),
        ("America/New_York", "09:00", date(2026, 3, 8), utc(2026, 3, 8, 13)),
        ("America/New_York", "02:30", date(2026, 3, 8), utc(2026, 3, 8, 7, 30)),
        ("America/New_York", "01:30", date(2026, 11, 1), utc(2026, 11, 1, 5, 30)),
        ("Asia/Kolkata", "09:00", date(2026, 3, 29), utc(2026, 3, 29, 3, 30)),
        ("Asia/Kolkata", "00:00", date(2026, 1, 1), utc(2025, 12, 31, 18, 30)),
    ],
)
def test_wall_clocks_are_followed(zone: str, at: str, day: date, moment: datetime) -> None:
    assert due_on(DigestTime(at=at, days="daily", timezone=zone), day) == moment


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.times(),
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    st.integers(1_262_304_000, 2_114_380_800).map(lambda s: datetime.fromtimestamp(s, UTC)),
)
def test_each_weekday_has_one_and_they_follow_each_other(zone: str, at: wall, days: set[str], now: datetime) -> None:
    time = DigestTime(at=f"{at:%H:%M}", days=",".join(days), timezone=zone)
    (day, before), (following, after) = last_due(time, now), next_due(time, now)
    assert before <= now < after
    assert day < following or (day == following and before == after)
    assert {WEEKDAYS[day.weekday()], WEEKDAYS[following.weekday()]} <= days
    between = [day + timedelta(days=n) for n in range(1, (following - day).days)]
    assert not any(WEEKDAYS[each.weekday()] in days for each in between)
    assert next_due(time, before) == (following, after)


def test_a_year_in_berlin_has_each_working_day_once() -> None:
    now, seen = utc(2026, 1, 1), []
    while now < utc(2027, 1, 1):
        day, now = next_due(BERLIN, now)
        seen.append(day)
    assert all(day.weekday() < 5 for day in seen)
    assert all(b - a == timedelta(days=3 if a.weekday() == 4 else 1) for a, b in pairwise(seen))


@pytest.mark.parametrize(
    ("now", "sent"),
    [
        (utc(2026, 11, 30, 7, 59), None),  # Monday 08:59 in Berlin: Friday's is long past
        (utc(2026, 11, 30, 8, 0), date(2026, 11, 30)),
        (utc(2026, 11, 30, 8, 40), date(2026, 11, 30)),  # the bot was down at nine
        (utc(2026, 11, 30, 11, 0), date(2026, 11, 30)),
        (utc(2026, 11, 30, 22, 0), None),  # back at eleven in the evening
        (utc(2026, 11, 28, 8, 0), None),  # a Saturday
    ],
)
def test_a_missed_one_is_sent_late_but_not_in_the_evening(now: datetime, sent: date | None) -> None:
    assert due_now(BERLIN, now) == sent


def test_what_was_due_before_the_time_was_set_is_not_made_up_for() -> None:
    assert due_now(BERLIN, utc(2026, 11, 30, 8, 10), since=utc(2026, 11, 30, 8, 5)) is None
    assert due_now(BERLIN, utc(2026, 11, 30, 8, 10), since=utc(2026, 11, 30, 7, 5)) == date(2026, 11, 30)


def test_a_digest_tells_since_the_one_before() -> None:
    monday = date(2026, 11, 30)
    assert covered_from(BERLIN, monday, None) == utc(2026, 11, 27, 8)  # the weekend is Monday's
    assert covered_from(BERLIN, monday, utc(2026, 11, 27, 8, 40)) == utc(2026, 11, 27, 8, 40)  # Friday's was late
    assert covered_from(BERLIN, monday, utc(2026, 11, 26, 8)) == utc(2026, 11, 26, 8)  # Friday's was left out
    assert covered_from(BERLIN, monday, utc(2026, 9, 1)) == utc(2026, 11, 22, 8)  # never more than eight days


def test_what_is_set_in_slack_holds_over_the_file(settings: Settings, records: Records) -> None:
    config = Config(channels=Channels(digests={"C0SRE": BERLIN, "C0OPS": BERLIN}))
    records = open_records(settings.model_copy(update={"config": config}), records.redis, now=lambda: NOON)
    later = BERLIN.model_copy(update={"at": "10:30"})
    set_digest_time(records, "C0SRE", later)
    set_digest_time(records, "C0OPS", None)
    set_digest_time(records, "C0NEW", later)
    assert digest_times(records) == {"C0SRE": later, "C0NEW": later}
    assert (set_at(records, "C0SRE"), set_at(records, "C0ELSE")) == (NOON, None)
    forget_digest_time(records, "C0OPS")
    assert digest_times(records) == {"C0SRE": later, "C0OPS": BERLIN, "C0NEW": later}
