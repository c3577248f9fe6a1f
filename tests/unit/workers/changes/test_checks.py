"""What the doctor says of the collector."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import redis

from core.change_events import ChangeEvents, Gap
from core.settings import Settings
from tests.conftest import NOON
from workers.changes.checks import checks
from workers.changes.kinds import PATHS
from workers.changes.state import Seen, State


def test_since_when_how_far_behind_and_what_was_missed_is_said(redis_data: Path, redis_client: redis.Redis) -> None:
    settings = Settings(data_dir=redis_data, kubeconfig="/nowhere/kubeconfig")

    def said(minutes: float) -> list[tuple[str, str]]:
        return list(checks(settings, NOON + timedelta(minutes=minutes)))

    assert said(0) == [("warn", "changes were never followed; start `sre-bot cron`.")]
    state = State(redis_client, "")
    state.begin(NOON)
    state.save({}, {kind: Seen(version="1", at=NOON) for kind in PATHS})
    assert state.hold("one") and not state.hold("another")
    assert said(1) == [("ok", "changes are followed since 02 Mar 12:00 UTC, last heard of 60 s ago")]
    behind = "changes are followed since 02 Mar 12:00 UTC, but last heard of 20 min ago; is `sre-bot cron` running?"
    assert said(20) == [("warn", behind)]
    state.drop("another")
    assert not state.hold("another")
    state.drop("one")
    ChangeEvents(redis_client).note_gap(
        Gap(cluster="", start=NOON - timedelta(hours=3), end=NOON, why="nobody watched")
    )
    assert [line for line in said(1) if "gap" in line[1]] == [
        ("warn", "1 gap in the last day, the longest 3 h: nobody watched.")
    ]
