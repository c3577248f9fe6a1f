"""The chain shows every way of tampering, and shows where."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import redis

from core.errors import Conflict
from core.ledger import GENESIS, Entry, Ledger

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = "sre:ledger"


@pytest.fixture
def ledger(redis_client: redis.Redis) -> Ledger:
    ledger = Ledger(redis_client)
    for number in range(5):
        ledger.append("step", actor="bot", at=AT, incident="INC-1" if number % 2 else "INC-2", data={"n": number})
    return ledger


def _raw(client: redis.Redis, index: int) -> Entry:
    return Entry.model_validate_json(client.lindex(KEY, index))


def test_an_untouched_chain_holds(ledger: Ledger) -> None:
    assert ledger.verify() is None
    assert ledger.verify(known_head=ledger.head()) is None
    assert [entry.seq for entry in ledger.entries()] == [1, 2, 3, 4, 5]


def test_an_empty_ledger_holds_and_has_the_genesis_head(redis_client: redis.Redis) -> None:
    empty = Ledger(redis_client)
    assert empty.verify() is None
    assert empty.head() == (0, GENESIS)


def test_an_incident_sees_its_own_entries_only(ledger: Ledger) -> None:
    assert [entry.data["n"] for entry in ledger.of_incident("INC-1")] == [1, 3]
    assert ledger.of_incident("INC-9") == ()


def test_a_changed_entry_is_named(ledger: Ledger, redis_client: redis.Redis) -> None:
    changed = _raw(redis_client, 2).model_copy(update={"actor": "somebody"})
    redis_client.lset(KEY, 2, changed.model_dump_json())
    broken = ledger.verify()
    assert broken is not None
    assert (broken.seq, broken.why) == (3, "its content was changed")


def test_a_changed_entry_with_its_hash_recomputed_breaks_the_next(ledger: Ledger, redis_client: redis.Redis) -> None:
    changed = _raw(redis_client, 2).model_copy(update={"actor": "somebody"})
    redis_client.lset(KEY, 2, changed.model_copy(update={"hash": changed.computed_hash()}).model_dump_json())
    broken = ledger.verify()
    assert broken is not None
    assert broken.seq == 4


def test_a_dropped_entry_is_named(ledger: Ledger, redis_client: redis.Redis) -> None:
    redis_client.lrem(KEY, 1, redis_client.lindex(KEY, 1))
    broken = ledger.verify()
    assert broken is not None
    assert broken.seq == 2


def test_an_inserted_entry_is_named(ledger: Ledger, redis_client: redis.Redis) -> None:
    redis_client.linsert(KEY, "AFTER", redis_client.lindex(KEY, 1), redis_client.lindex(KEY, 3))
    broken = ledger.verify()
    assert broken is not None
    assert broken.seq == 3


def test_reordered_entries_are_named(ledger: Ledger, redis_client: redis.Redis) -> None:
    one, two = redis_client.lindex(KEY, 1), redis_client.lindex(KEY, 2)
    redis_client.lset(KEY, 1, two)
    redis_client.lset(KEY, 2, one)
    broken = ledger.verify()
    assert broken is not None
    assert broken.seq == 2


def test_unreadable_bytes_are_named(ledger: Ledger, redis_client: redis.Redis) -> None:
    redis_client.lset(KEY, 4, "{")
    broken = ledger.verify()
    assert broken is not None
    assert (broken.seq, broken.why) == (5, "the entry is not readable")


def test_truncation_shows_against_a_noted_head(ledger: Ledger, redis_client: redis.Redis) -> None:
    head = ledger.head()
    redis_client.rpop(KEY)
    assert ledger.verify() is None  # the chain alone cannot show it
    broken = ledger.verify(known_head=head)
    assert broken is not None
    assert (broken.seq, broken.why) == (5, "the ledger ends before the noted head")


def test_concurrent_appends_make_one_chain(redis_client: redis.Redis) -> None:
    ledger = Ledger(redis_client)

    def append() -> None:
        for _ in range(20):
            ledger.append("step", actor="bot", at=AT)

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.verify() is None
    assert ledger.head()[0] == 80


def test_secrets_never_enter(redis_client: redis.Redis) -> None:
    ledger = Ledger(redis_client, secrets=("hunter2-long",))
    entry = ledger.append("step", actor="bot", at=AT, data={"said": "it is hunter2-long", "key": "xoxb-1234567890-abc"})
    assert entry.data == {"said": "it is [masked]", "key": "[masked]"}


LATER = AT + timedelta(days=40)


@pytest.fixture
def old(ledger: Ledger) -> Ledger:
    """Five entries of long ago and two of later."""
    for number in (5, 6):
        ledger.append("step", actor="bot", at=LATER, incident="INC-1", data={"n": number})
    return ledger


def trim(ledger: Ledger, exported: list[Entry]) -> Entry | None:
    return ledger.trim(exported, LATER, actor="maria", at=LATER)


def test_what_was_exported_is_trimmed_and_the_rest_still_holds(old: Ledger, redis_client: redis.Redis) -> None:
    exported = list(old.entries())
    noted = trim(old, exported)
    assert noted is not None
    assert noted.data == {"through": 5, "hash": exported[4].hash}
    assert [entry.seq for entry in old.entries()] == [6, 7, 8]
    assert [entry.seq for entry in old.entries(after=6)] == [7, 8]
    assert [entry.seq for entry in old.of_incident("INC-1")] == [6, 7]
    assert old.of_incident("INC-2") == ()
    assert old.verify() is None
    assert old.verify(known_head=(3, exported[2].hash)) is None
    assert old.append("step", actor="bot", at=LATER, incident="INC-1").seq == 9
    assert [entry.seq for entry in old.of_incident("INC-1")] == [6, 7, 9]
    assert old.verify() is None


def test_a_trimmed_ledger_is_trimmed_again(old: Ledger) -> None:
    trim(old, list(old.entries()))
    old.append("step", actor="bot", at=LATER + timedelta(days=50))
    again = old.trim(list(old.entries()), LATER + timedelta(days=1), actor="maria", at=LATER + timedelta(days=50))
    assert again is not None
    assert [entry.seq for entry in old.entries()] == [9, 10]
    assert old.verify() is None


def test_without_a_whole_export_nothing_is_trimmed(old: Ledger) -> None:
    exported = list(old.entries())
    for wrong in ([], exported[:3], [*exported[:2], exported[2].model_copy(update={"actor": "x"}), *exported[3:]]):
        with pytest.raises(Conflict):
            trim(old, wrong)
    assert [entry.seq for entry in old.entries()] == [1, 2, 3, 4, 5, 6, 7]


def test_a_broken_chain_is_not_trimmed(old: Ledger, redis_client: redis.Redis) -> None:
    redis_client.lset(KEY, 2, _raw(redis_client, 2).model_copy(update={"actor": "somebody"}).model_dump_json())
    with pytest.raises(Conflict, match="entry 3"):
        trim(old, list(old.entries()))


def test_entries_that_are_gone_without_a_word_are_a_break(old: Ledger, redis_client: redis.Redis) -> None:
    redis_client.ltrim(KEY, 5, -1)
    broken = old.verify()
    assert broken is not None
    assert broken.seq == 1


def test_a_trim_that_died_before_it_trimmed_is_repeated(old: Ledger, redis_client: redis.Redis) -> None:
    exported = list(old.entries())
    old.append("ledger.trimmed", actor="maria", at=LATER, data={"through": 5, "hash": exported[4].hash})
    assert old.verify() is None
    trim(old, exported)
    assert [entry.seq for entry in old.entries()] == [6, 7, 8, 9]
    assert old.verify() is None


def test_nothing_that_is_old_enough_is_nothing_trimmed(old: Ledger) -> None:
    assert old.trim([], AT, actor="maria", at=LATER) is None
