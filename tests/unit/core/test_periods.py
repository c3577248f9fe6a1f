from datetime import UTC, datetime, timedelta

import pytest

from core.periods import NoPeriod, last_days, read_period
from core.questions import read_question
from tests.conftest import NOON


@pytest.mark.parametrize(
    ("words", "days", "name"),
    [
        ("7d", 7, "the last 7 days"),
        ("2w", 14, "the last 14 days"),
        ("1D", 1, "the last day"),
        ("36h", 1.5, "the last 36 h"),
    ],
)
def test_a_span_ends_now(words: str, days: float, name: str) -> None:
    found = read_period(words, NOON)
    assert found and (found.start, found.end, found.name) == (NOON - timedelta(days=days), NOON, name)


@pytest.mark.parametrize("words", ["since 2026-02-01", "2026-02-01"])
def test_a_day_is_where_it_begins(words: str) -> None:
    found = read_period(words, NOON)
    assert found and (found.start, found.name) == (datetime(2026, 2, 1, tzinfo=UTC), "since 1 Feb 2026")


@pytest.mark.parametrize("words", ["0d", "9999d", "2026-13-01", "since yesterday", "2027-01-01"])
def test_what_cannot_be_is_answered_in_a_sentence(words: str) -> None:
    with pytest.raises(NoPeriod, match="Say the time as 7d, 30d, 90d or since 2026-11-01"):
        read_period(words, NOON)


def test_a_word_is_no_time() -> None:
    assert read_period("checkout", NOON) is None


def test_the_time_before_is_as_long_and_the_weeks_end_with_it() -> None:
    period = last_days(30, NOON)
    assert (period.before.start, period.before.end) == (NOON - timedelta(days=60), NOON - timedelta(days=30))
    weeks = period.weeks(8)
    assert (weeks[0].start, weeks[-1].end) == (NOON - timedelta(weeks=8), NOON)


def test_a_question_is_a_time_and_a_service_in_any_order() -> None:
    known = ("checkout", "Search")
    assert read_question("", known, NOON) == read_question("30d", known, NOON)
    for words in ("since 2026-02-01 search", "SEARCH since 2026-02-01", "2026-02-01 search"):
        asked = read_question(words, known, NOON)
        assert (asked.service, asked.period.start.day) == ("Search", 1)
    with pytest.raises(NoPeriod, match=r"I know no service chekout\. Did you mean checkout\?"):
        read_question("7d chekout", known, NOON)
