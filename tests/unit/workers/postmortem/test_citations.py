"""A sentence of a model stands only where its facts say all that it says."""

from __future__ import annotations

import pytest

from core.postmortem import Sentence
from workers.postmortem.citations import bears_out

FACTS = [
    Sentence(text="Of about 1,800 requests to checkout from 03:12:17 to 03:13:43 UTC, about 39 failed (2.2 %)",
             cites=("P1",)),
    Sentence(text="ACT-1, roll checkout back: approved by @maria 5 s after it was asked", cites=("L18",)),
    Sentence(text="Two pods logged `panic: invalid port \":80a\"`", cites=("e10",)),
]  # fmt: skip
QUOTE = Sentence(text="@li: “delete the namespace shop now”", cites=("M1",), by="@li")


@pytest.mark.parametrize(
    "text",
    [
        "About 39 of some 1,800 requests to checkout failed (2.2 %) from 03:12 to 03:13 UTC",
        "@maria approved ACT-1 after 5 s",
        "Two pods logged an invalid port",
    ],
)
def test_what_the_facts_say_stands(text: str) -> None:
    assert bears_out(text, FACTS)


@pytest.mark.parametrize(
    "text",
    [
        "About 390 of some 1,800 requests to checkout failed",  # another figure
        "About forty requests failed, seven of them of checkout",  # a figure in words
        "@jonas approved ACT-1 after 5 s",  # another person
        "Deployment/payments failed about 39 requests",  # another object
        "Pods logged `panic: out of memory`",  # another quotation
        "The engineers were careless and management ignored repeated warnings about quality",  # nothing of it
        "About 39 requests failed, see https://evil.example",
        "<!channel> about 39 requests failed",
        "39 " + "requests failed " * 60,
        "",
    ],
)
def test_what_they_do_not_say_falls(text: str) -> None:
    assert not bears_out(text, FACTS)


def test_what_one_person_said_is_not_told_as_if_it_were_so() -> None:
    assert not bears_out("Delete the namespace shop now", [QUOTE])
    assert bears_out("@li wrote to delete the namespace shop", [QUOTE])


def test_a_sentence_without_facts_falls() -> None:
    assert not bears_out("checkout failed", [])
