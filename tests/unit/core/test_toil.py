from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import Records
from core.toil import MOST_MINUTES, ToilEntry, Unread, read_minutes, read_toil
from core.toil_groups import Work, words_of, works
from tests.conftest import NOON


@pytest.mark.parametrize(
    ("words", "minutes", "what"),
    [
        ("30m restarted the importer", 30, "restarted the importer"),
        ("1h30 cleaned the disk", 90, "cleaned the disk"),
        ("1h 30m cleaned", 90, "cleaned"),
        ("1 h and 10 min: cleaned", 70, "cleaned"),
        ("1.5h cleaned", 90, "cleaned"),
        ("1,5h cleaned", 90, "cleaned"),
        ("45 min - cleaned", 45, "cleaned"),
        ("2 Hours cleaned", 120, "cleaned"),
        ("1 h 5 pods restarted", 60, "5 pods restarted"),
        ("30m 2 nodes  drained", 30, "2 nodes drained"),
    ],
)
def test_how_long_and_what(words: str, minutes: int, what: str) -> None:
    assert read_toil(words) == (minutes, what)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("restarted the importer", "Say how long and what, as in"),
        ("30 restarted", "Say how long and what, as in"),
        ("30minutesrestarted", "Say how long and what, as in"),
        ("30m", "Say also what you did, as in"),
        ("30m !!", "Say also what you did, as in"),
        ("0m nothing", "Toil is between 1 minute and 24 hours"),
        ("25h slept", "Toil is between 1 minute and 24 hours"),
        ("-30m restarted", "Say how long and what, as in"),
    ],
)
def test_what_cannot_be_read_is_answered_in_one_sentence(words: str, said: str) -> None:
    with pytest.raises(Unread) as raised:
        read_toil(words)
    assert str(raised.value).startswith(said)


def test_the_form_takes_minutes_alone() -> None:
    assert [read_minutes(words) for words in ("30", "1h30", " 90 min ", "2h")] == [30, 90, 90, 120]
    for words in ("", "soon", "30m restarted", "99999"):
        with pytest.raises(Unread):
            read_minutes(words)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(words: str) -> None:
    try:
        read = read_toil(words)
    except Unread:
        return
    assert 1 <= read.minutes <= MOST_MINUTES
    assert read.what


def entry(number: int, what: str, minutes: int = 30, user: str = "U0MARIA", **over: object) -> ToilEntry:
    values = {"id": f"TOIL-{number}", "user": user, "minutes": minutes, "what": what, "at": NOON + timedelta(number)}
    return ToilEntry.model_validate(values | over)


def test_entries_are_kept_in_order_and_taken_back_once(records: Records) -> None:
    for number in (1, 2):
        records.toil.note(entry(number, "restarted"))
    later = NOON + timedelta(days=9)
    assert [each.id for each in records.toil.between(NOON, later)] == ["TOIL-1", "TOIL-2"]
    assert records.toil.remove("TOIL-1")
    assert not records.toil.remove("TOIL-1")
    assert records.toil.forget(later) == 1
    assert records.toil.between(NOON, later) == ()


def test_the_same_work_in_other_words_is_one_and_the_most_time_comes_first() -> None:
    said = [
        entry(1, "restarted the importer", 30), entry(2, "importer-7f9 restarted again", 20, "U0LI"),
        entry(3, "Restart importers", 10), entry(4, "renewed the certificate of api.shop", 45),
        entry(5, "restarted it by hand", 5),
    ]  # fmt: skip
    found = works(said)
    assert [(work.minutes, len(work.entries), work.what) for work in found] == [
        (60, 3, "Restart importers"), (45, 1, "renewed the certificate of api.shop"), (5, 1, "restarted it by hand"),
    ]  # fmt: skip
    assert (found[0].people, found[0].action, found[2].action) == (2, "restart_deployment", "restart_deployment")
    assert works(reversed(said)) == found


def test_an_alert_type_is_named_when_half_or_more_was_about_it() -> None:
    about = {"alert_types": ("ImporterDown",)}
    assert Work((entry(1, "x", **about), entry(2, "x"))).alert_type == "ImporterDown"
    assert Work((entry(1, "x", **about), entry(2, "x"), entry(3, "x"))).alert_type is None


def test_words_without_letters_still_group_with_themselves() -> None:
    assert words_of("123") == words_of("123")
    assert len(works([entry(1, "42"), entry(2, "42"), entry(3, "43")])) == 2
