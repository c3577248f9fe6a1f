from datetime import timedelta

import pytest
import redis

from core.change_events import ChangeEvent, ChangeEvents, Gap
from tests.conftest import NOON


@pytest.fixture
def changes(redis_client: redis.Redis) -> ChangeEvents:
    return ChangeEvents(redis_client)


def event(minutes: float, **more: object) -> ChangeEvent:
    at = NOON + timedelta(minutes=minutes)
    return ChangeEvent(
        id=f"c{minutes}", kind="deploy", at=at, target="Deployment/checkout", title="image 1 → 2", **more
    )


def test_a_change_noted_twice_is_kept_once_with_what_was_said_last(changes: ChangeEvents) -> None:
    assert changes.note(event(0)) is True
    assert changes.note(event(0, by="maria")) is False
    assert changes.between(NOON, NOON + timedelta(hours=1)) == (event(0, by="maria"),)


def test_changes_come_in_order_of_time_and_the_end_is_not_among_them(changes: ChangeEvents) -> None:
    for minutes in (30, 10, 20, -1):
        changes.note(event(minutes))
    assert changes.between(NOON, NOON + timedelta(minutes=30)) == (event(10), event(20))


def test_what_is_forgotten_is_gone_and_counted(changes: ChangeEvents) -> None:
    for minutes in (0, 10):
        changes.note(event(minutes))
    assert changes.forget(NOON + timedelta(minutes=5)) == 1
    assert changes.find("c0") is None
    assert changes.find("c10") == event(10)


def test_a_gap_is_told_of_every_time_that_it_touches(changes: ChangeEvents) -> None:
    gap = Gap(cluster="eu", start=NOON, end=NOON + timedelta(hours=1), why="the watch was away")
    changes.note_gap(gap)
    changes.note_gap(gap)
    assert changes.gaps(NOON + timedelta(minutes=30), NOON + timedelta(hours=3)) == (gap,)
    assert changes.gaps(NOON + timedelta(hours=2), NOON + timedelta(hours=3)) == ()
