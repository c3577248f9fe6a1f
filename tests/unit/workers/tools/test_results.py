from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadQuestion
from workers.tools.results import MAX_EXCERPT, Shelf, clean, cut, excerpt


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred\x1b[0m \x1b[1;32;40mgreen\x1b[m", "red green"),
        ("\x1b]0;title\x07shown \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "shown link"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("pay\u202eload \u2066x\u2069 zero\u200bwidth \ufeffbom tag\U000e0041", "payload x zerowidth bom tag"),
        ("nul\x00 bell\x07 del\x7f c1\x9b tab\tstays", "nul bell del c1 tab\tstays"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("Füße 日本 ✓ 👍", "Füße 日本 ✓ 👍"),
    ],
)
def test_what_nobody_sees_is_removed(text: str, seen: str) -> None:
    assert clean(text) == seen


@given(st.text(max_size=300))
def test_cleaned_text_can_be_sent_and_stays_clean(text: str) -> None:
    once = clean(text)
    once.encode("utf-8")
    assert clean(once) == once


def test_the_middle_is_left_out_at_line_breaks_and_the_gap_can_be_read_on() -> None:
    text = "".join(f"line {i:04d}\n" for i in range(1000))
    gaps: list[int] = []

    def note(offset: int) -> str:
        gaps.append(offset)
        return "read on"

    shown = cut(text, 1000, note)
    found = re.search(r"\n\[… ([\d,]+) characters left out: read on\]\n", shown)
    assert found
    head, tail = shown[: found.start()], shown[found.end() :]
    assert int(found[1].replace(",", "")) == len(text) - len(head) - len(tail)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert head.endswith("\n")
    assert tail.startswith("line ")
    assert gaps == [len(head)]
    assert len(shown) < 1100
    assert cut("short", 1000, note) == "short"


@given(st.text(alphabet="ab\n", max_size=3000), st.integers(50, 500))
def test_a_cut_text_is_never_much_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit, lambda _offset: "x")) <= limit + 60


@given(st.text(max_size=6000))
def test_an_excerpt_fits_its_field(text: str) -> None:
    assert len(excerpt(text)) <= MAX_EXCERPT


def test_an_unknown_result_is_told() -> None:
    with pytest.raises(BadQuestion, match="no result has this id"):
        Shelf().get("e9")
