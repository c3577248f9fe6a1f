from __future__ import annotations

import pytest

from bot.words import LONGEST, nearest, of_message, plain


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("<@UBOT> why  is\tit slow?", "why is it slow?"),
        ("ask <@U2|jonas> in <#C1|shop>", "ask @jonas in #shop"),
        ("<!here> &amp; <!subteam^S1|@oncall>", "here & @oncall"),
        ("see <https://x.test/a?b=1&amp;c=2|the graph>", "see https://x.test/a?b=1&c=2"),
        ("write to <mailto:a@x.test|a@x.test>", "write to a@x.test"),
        ("a &lt;nil&gt; pointer, 1 &lt; 2", "a <nil> pointer, 1 < 2"),
        ("a &amp;lt; b", "a &lt; b"),
        ("", ""),
    ],
)
def test_slacks_markup_becomes_plain_words(typed: str, said: str) -> None:
    assert plain(typed, "UBOT") == said


def test_nearest_is_what_was_probably_meant_or_nothing() -> None:
    known = ["status", "explain", "incident", "help"]
    assert [nearest(word, known) for word in ("STAUTS", "explian", "incidnt", "hlep", "deploy")] == [
        "status", "explain", "incident", "help", None,
    ]  # fmt: skip


def test_an_alert_of_another_bot_is_read_from_wherever_it_put_it() -> None:
    message = {
        "text": "[FIRING:1] HighErrors",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "*checkout* 5xx &gt; 5 %"},
             "fields": [{"type": "mrkdwn", "text": "namespace shop"}]},
            {"type": "rich_text", "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "pod checkout-1"}]}]},
        ],
        "attachments": [{"fallback": "[FIRING:1] HighErrors", "title": "HighErrors for 10 min", "text": "see <http://x.test>",
                         "fields": [{"title": "severity", "value": "critical"}]}],
    }  # fmt: skip
    assert of_message(message).split("\n") == [
        "[FIRING:1] HighErrors", "*checkout* 5xx > 5 %", "namespace shop", "pod checkout-1", "HighErrors for 10 min",
        "see http://x.test", "severity", "critical",
    ]  # fmt: skip


def test_a_message_is_cut_where_nobody_reads_on() -> None:
    assert len(of_message({"text": "x" * 50_000})) == 2 * LONGEST
    assert of_message({}) == ""
