"""Since when, as people write it: days begin at midnight where they live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from core.since import since

NOW = datetime(2026, 3, 30, 7, 0, tzinfo=UTC)  # a Monday, nine in Berlin; clocks went forward the day before
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", NOW - timedelta(days=1)),
        ("24h", NOW - timedelta(hours=24)),
        ("90 min", NOW - timedelta(minutes=90)),
        ("7D", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
        ("mon", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("sunday", datetime(2026, 3, 28, 23, tzinfo=UTC)),  # winter time still
        ("Fri", datetime(2026, 3, 26, 23, tzinfo=UTC)),
        ("yesterday", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("today", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-03-27", datetime(2026, 3, 26, 23, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_people_write_them(text: str, start: datetime) -> None:
    assert since(text, NOW, BERLIN) == start


@pytest.mark.parametrize("text", ["soon", "monk", "0h", "-3h", "99999d", "2026-02-30", "2026-04-01", "24", "mond"])
def test_what_is_no_time_is_one_sentence(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        since(text, NOW, BERLIN)
    assert str(caught.value).count(".") == 1
