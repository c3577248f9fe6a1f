"""Every starter runbook loads, can be followed, and together they know every condition that triage can find."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from core.observation import Condition
from workers.predicate import Predicate
from workers.runbook import Runbook, starter_runbooks

SECTIONS = ("What it says", "Confirm", "Fix", "Stop and call somebody", "Do not")
BOOKS = starter_runbooks()


def conditions(tests: tuple[Predicate, ...]) -> set[str]:
    found: set[str] = set()
    for test in tests:
        found |= set(test.finding.condition) if test.finding else set()
        found |= conditions((*test.all, *test.any))
    return found


def test_there_are_enough_of_them_and_their_ids_differ() -> None:
    assert len(BOOKS) >= 40
    assert len({book.id for book in BOOKS}) == len({book.title for book in BOOKS}) == len(BOOKS)


def test_every_condition_has_a_runbook() -> None:
    required = {c for book in BOOKS for c in conditions(tuple(s for s in book.signals if s.required))}
    assert required == set(get_args(Condition))


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.id)
def test_it_can_be_matched_and_followed(book: Runbook) -> None:
    assert book.cause
    assert any(signal.required for signal in book.signals)
    assert f"# {book.title}\n" in book.text
    headings = re.findall(r"^## (.+)$", book.text, re.MULTILINE)
    assert [h for h in headings if h in SECTIONS] == list(SECTIONS)
    assert 15 <= len(book.text.splitlines()) <= 60, "long enough to help, short enough for 2 AM"


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.id)
def test_a_cause_without_a_finding_has_a_name(book: Runbook) -> None:
    """Without a finding nothing else says what the condition is."""
    assert book.cause
    if not conditions(tuple(s for s in book.signals if s.required)):
        assert book.cause.condition


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.id)
def test_useless_restarts_are_not_proposed(book: Runbook) -> None:
    """What cannot start is not cured by starting it again; only a leak is, for a while."""
    restarts = {rule.kind for rule in book.actions} & {"restart_pod", "restart_deployment"}
    assert not restarts or book.id == "memory-leak"
