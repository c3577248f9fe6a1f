from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.memory.chunks import CHUNK_CHARS, chunks


def test_small_sections_share_a_piece_below_their_headings() -> None:
    text = "# KubeletDown\n\nIntro.\n\n## Meaning\n\nIt is down.\n\n### Why\n\nNobody knows.\n\n## Fix\nStart it."
    assert chunks(text, "KubeletDown") == [
        "Intro.\n\nMeaning\nIt is down.\n\nMeaning > Why\nNobody knows.\n\nFix\nStart it."
    ]


def test_a_long_section_is_cut_at_paragraphs() -> None:
    paragraphs = [f"{number} " + "word " * 80 for number in range(6)]
    found = chunks("## Long\n\n" + "\n\n".join(paragraphs), "Title")
    assert [piece.split()[0] for piece in found] == ["Long", "2", "4"]
    assert " ".join(found).split() == ["Long", *" ".join(paragraphs).split()]


def test_a_comment_in_a_code_block_is_no_heading() -> None:
    text = "## Diagnosis\n\n```shell\n# not a heading\nkubectl get pods\n```\n"
    assert chunks(text, "T") == ["Diagnosis\n```shell\n# not a heading\nkubectl get pods\n```"]


def test_a_document_without_text_is_one_empty_piece() -> None:
    assert chunks("", "T") == [""]
    assert chunks("# T\n\n## Empty\n", "T") == [""]


@given(st.text(alphabet="ab #`~\n\t", max_size=5000))
def test_no_piece_is_too_long_and_no_word_is_lost(text: str) -> None:
    found = chunks(text, "title")
    assert found
    assert all(len(piece) <= CHUNK_CHARS for piece in found)
    body = [line for line in text.splitlines() if "#" not in line]
    assert sum(piece.count("a") for piece in found) >= sum(line.count("a") for line in body)
