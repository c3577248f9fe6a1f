"""Whatever is to be shown, Slack takes it, and no foreign text acts as markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import reduce
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks import parts
from blocks.answers import AnswerCode, clicked_view
from blocks.approval import approval_view, asked_next, escalation_view, expired_view, handover_view
from blocks.card import card_view
from blocks.control import mode_view, paused_view, refused_view, resumed_view
from blocks.diagnosis import diagnosis_view
from blocks.evidence import evidence_modal, observation_view
from blocks.forms import details_modal, reject_modal
from blocks.parts import clean, escape, fit, message, plain_sections, rich, sentence, text
from blocks.progress import plain_progress_view, progress_view
from blocks.replies import question_view, reply
from blocks.status import replay_view, status_view
from core.ledger import GENESIS, Entry
from core.outbox import Task, View
from core.pause import Pause
from core.remediation import Remediation
from core.settings import Approvers, Autonomy
from core.status import Status
from sandbox.slack.blocks import check_blocks, too_long
from sandbox.slack.views import check_view, is_too_large
from tests.unit.blocks import worlds
from tests.unit.blocks.worlds import NOON, texts, words

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
anything = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
_MARKUP = re.compile(r"<[^>]*>")


def strings(part: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from strings(value, f"{part.get('type', key)}.{name}")
    elif isinstance(part, list | tuple):
        for item in part:
            yield from strings(item, key)
    elif isinstance(part, str):
        yield key, part


def holds(view: View, mentions: Sequence[str] = ()) -> None:
    """The view is within Slack's limits, says a sentence, and pings nobody but these ids, by our own markup."""
    assert check_blocks(list(view.blocks), "message") == []
    assert too_long(list(view.blocks)) is None
    assert 1 < len(view.text) <= 2000
    assert view.text.rstrip().endswith((".", "!", "?", "…"))
    ours = {parts.mention(name) for name in mentions} - {""}
    assert set(_MARKUP.findall(view.text)) <= ours
    plain = plain_sections(view)
    assert check_blocks(list(plain), "message") == []
    assert too_long(list(plain)) is None
    for key, said in strings([{"type": "", "text": view.text}, list(view.blocks), list(plain)]):
        shown = reduce(lambda left, markup: left.replace(markup, ""), ours, said)
        assert not re.search(r"<[!@#]", shown), (key, shown)
        assert not [c for c in shown if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs"}], (key, shown)
        if key == "mrkdwn.text":
            assert not _MARKUP.search(shown)
            assert not re.search(r":[a-z]+:", shown)
    view.digest()  # it can be sent: JSON in UTF-8


@given(worlds.incidents, st.none() | st.just("https://x.slack.test/archives/C1/p1"))
@anything
def test_any_card_is_within_limits(incident: Any, url: str | None) -> None:
    holds(card_view(incident, NOON, url))


@given(worlds.observations, st.none() | st.integers(0, 10**6))
@anything
def test_any_observation_is_within_limits(seen: Any, took_ms: int | None) -> None:
    holds(observation_view(seen, took_ms))


@given(worlds.investigations)
@anything
def test_any_diagnosis_is_within_limits(investigation: Any) -> None:
    holds(diagnosis_view(investigation))


SENTENCES = dict.fromkeys(worlds.HOSTILE, "<!channel> why")


@given(worlds.remediations, worlds.approvers)
@anything
def test_any_remediation_is_within_limits_and_offers_buttons_only_while_it_is_asked(
    remediation: Remediation, approvers: Approvers
) -> None:
    view = approval_view(remediation, NOON, sentences=SENTENCES, approvers=approvers)
    holds(view)
    assert any(block["type"] == "actions" for block in view.blocks) == (remediation.state == "asked")
    holds(expired_view(remediation))
    holds(escalation_view(remediation, NOON, approvers), asked_next(approvers))
    theirs = (remediation.decided_by,) if remediation.decided_by else (*approvers.groups, *approvers.users)
    holds(handover_view(remediation, approvers), theirs)


@given(worlds.remediations, worlds.approvers, st.sampled_from(get_args(AnswerCode)), st.lists(texts, max_size=9))
@anything
def test_any_answer_to_a_click_is_within_limits(
    remediation: Remediation, approvers: Approvers, code: AnswerCode, why: list[str]
) -> None:
    people = (*approvers.groups, *approvers.users, str(remediation.decided_by))
    holds(clicked_view(code, remediation, NOON, approvers, why), people)


@given(worlds.remediations, worlds.approvers)
@anything
def test_any_form_of_a_remediation_is_within_limits_of_a_view(remediation: Remediation, approvers: Approvers) -> None:
    for modal in (reject_modal(remediation, "x" * 500), details_modal(remediation, SENTENCES, approvers)):
        assert check_view(modal) == []
        assert not is_too_large(modal)
        for key, shown in strings(modal):
            assert not re.search(r"<[!@#]", shown), (key, shown)


@given(words, texts, worlds.approvers, st.lists(words, max_size=40))
@anything
def test_anything_about_pause_and_mode_is_within_limits(
    user: str, why: str, approvers: Approvers, listed: list[str]
) -> None:
    pause = Pause(by=user, at=NOON, why=why)
    autonomy = Autonomy(alert_types=tuple(listed), namespaces=tuple(listed))
    for view in (
        paused_view(pause, NOON, why),
        resumed_view(user, "assist"),
        mode_view("autonomous", autonomy, pause, NOON, user),
        refused_view("pause me", approvers),
    ):
        holds(view)


@given(worlds.investigations, st.integers(-2, 20))
@anything
def test_any_evidence_is_within_limits_of_a_view(investigation: Any, page: int) -> None:
    modal = evidence_modal(investigation, page)
    assert check_view(modal) == []
    assert not is_too_large(modal)


@given(
    st.lists(
        st.builds(Task, id=words, title=texts, status=st.sampled_from(["pending", "in_progress", "error"])), max_size=80
    )
)
@anything
def test_any_progress_is_within_limits(tasks: list[Task]) -> None:
    numbered = [task.model_copy(update={"id": f"{n}"}) for n, task in enumerate(tasks)]
    holds(progress_view(numbered))
    holds(plain_progress_view(numbered, timedelta(seconds=2)))


@given(st.lists(worlds.incidents, max_size=30), texts, st.dictionaries(words.filter(bool), st.just(NOON)))
@anything
def test_any_status_and_replay_is_within_limits(incidents: Any, service: str, unreachable: Any) -> None:
    status = Status(incidents=tuple(incidents), alerts_firing=3, mode="shadow", paused=True, unreachable=unreachable)
    holds(status_view(status, NOON, service, {i.id: "https://x.test/p1" for i in incidents}))
    for incident in incidents[:2]:
        entry = Entry(seq=1, at=NOON, event=service, actor=service, data={service: [service]}, prev=GENESIS, hash="")
        holds(replay_view(incident, [entry] * 60, NOON))


@given(texts, words)
@anything
def test_any_reply_is_within_limits(words_said: str, user: str) -> None:
    holds(reply(f"I do not know {words_said}"))
    holds(question_view(user, words_said))


@given(texts, st.integers(1, 200))
@anything
def test_escaped_text_is_cut_after_escaping_and_never_within_an_entity(content: str, most: int) -> None:
    shown = escape(content, most)
    assert len(shown) <= most
    assert re.sub(r"&(?:amp|lt|gt);", "", shown).count("&") == 0
    assert "<" not in shown


def test_text_is_escaped_once() -> None:
    assert escape("a & b <c> &amp;") == "a &amp; b &lt;c&gt; &amp;amp;"


def test_mentions_in_foreign_text_show_as_text() -> None:
    assert escape("<!channel> <@U1>") == "&lt;!channel&gt; &lt;@U1&gt;"
    assert text("<!channel> 1 < 2")["text"] == "‹!channel> 1 < 2"


def test_emoji_codes_and_reordering_marks_do_not_survive() -> None:
    assert escape(":fire: at 12:30:45") == "∶fire: at 12:30:45"
    assert clean("abc\u202edef\u200b\x00") == "abcdef"


def test_cuts_end_in_an_ellipsis_at_a_word() -> None:
    assert fit("the quick brown fox", 17) == "the quick brown…"
    assert fit("short", 17) == "short"


def test_a_sentence_ends_as_one() -> None:
    assert sentence("checkout is down") == "checkout is down."
    assert sentence("is it?\n") == "is it?"


def test_a_message_that_is_too_long_says_where_it_was_cut() -> None:
    view = message("Long", [rich([text("x" * 600)]) for _ in range(60)])
    holds(view)
    assert view.blocks[-1]["elements"][0]["text"] == "Cut here: Slack shows no more in one message."
