"""A postmortem that Claude writes, over the real SDK and a scripted API: what its facts do not say is not in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from core.postmortem import Draft, Part
from core.records import Records
from core.settings import Settings
from sandbox.messages import Fault, Line, ScriptedClaude, Turn
from sandbox.obedient import _texts_of
from tests.flow.hostile import corpus
from tests.unit.workers.postmortem.night import fixed, happened, material, repaired, resolved
from tests.unit.workers.postmortem.test_assemble import uncited
from workers.postmortem.markdown import as_markdown
from workers.postmortem.write import WRITE, write
from workers.reasoners.messages_api import Backoff

QUICK = Backoff(first_s=0.01, longest_s=0.02, give_up_s=0.3)
TALK = [(3, "U0LI", "todo: check the port in CI")]


@pytest.fixture
def night(records: Records) -> Records:
    happened(records)
    repaired(records)
    resolved(records)
    return records


def written(
    records: Records, script: Sequence[Line] | Callable[[Any], Line], talk: Any = TALK
) -> tuple[Draft, ScriptedClaude]:
    server = ScriptedClaude(script)
    with server:
        settings = Settings(data_dir=records.settings.data_dir, anthropic_api_key=SecretStr("sk-ant-test"),
                            anthropic_base_url=server.url)  # fmt: skip
        return write(material(records, talk), settings, QUICK), server


def answer(**parts: list[tuple[str, list[str]]]) -> Turn:
    sections = [
        {"part": part, "sentences": [{"text": text, "facts": facts} for text, facts in sentences]}
        for part, sentences in parts.items()
    ]
    return Turn(calls=[(WRITE, {"sections": sections})])


def said(draft: Draft, part: Part) -> list[str]:
    return [sentence.text for sentence in next(s for s in draft.sections if s.part == part).sentences]


def test_prose_that_its_facts_bear_out_stands_with_their_sources(night: Records) -> None:
    text = "checkout in prod-eu / shop was affected for 12 min, from 12:00 to 12:12 UTC"
    draft, server = written(night, [answer(summary=[(f"{text}.", ["F1", "F2"])])])
    assert said(draft, "summary") == [text]
    assert (draft.writer, draft.replaced, draft.note) == ("claude", 0, None)
    (first,) = next(s for s in draft.sections if s.part == "summary").sentences
    assert first.cites == ("L1", "L2", "L10")
    assert draft.usage.output_tokens > 0
    told = server.served[0].body["messages"][0]["content"]
    assert "F1 [summary] checkout in prod-eu / shop was affected" in told
    assert "Written by claude-sonnet-5-5" in as_markdown(draft)


def test_a_figure_that_is_in_no_fact_brings_the_fact_instead(night: Records) -> None:
    draft, _ = written(night, [answer(summary=[("checkout was affected for 45 min", ["F2"])])])
    assert said(draft, "summary") == ["It lasted 12 min, from 2026-03-02 12:00:00 to 12:12:00 UTC"]
    assert draft.replaced == 1
    assert "1 of its sentences said more than their sources" in as_markdown(draft)


def test_a_sentence_without_facts_is_not_in_it(night: Records) -> None:
    draft, _ = written(night, [answer(cause=[("Nobody had tested it", []), ("Or it was the moon", ["F999"])])])
    assert "moon" not in as_markdown(draft)
    assert "tested" not in as_markdown(draft)
    assert draft.replaced == 2


def test_what_it_leaves_out_of_what_went_badly_is_there(night: Records) -> None:
    draft, _ = written(night, [answer(badly=[], followups=[])])
    assert "@maria decided on ACT-7 9 min after it was asked" in said(draft, "badly")
    assert said(draft, "followups")[-1] == "@li wrote: “todo: check the port in CI”"


def test_the_timeline_and_the_actions_are_never_its_own(night: Records) -> None:
    draft, server = written(night, [answer(summary=[])])
    assert any(line.startswith("12:00:00 incident opened") for line in said(draft, "timeline"))
    parts = server.served[0].body["tools"][0]["input_schema"]
    assert "timeline" not in str(parts)


def test_an_unusable_answer_has_one_more_chance(night: Records) -> None:
    good = answer(summary=[("It lasted 12 min", ["F2"])])
    draft, server = written(night, [Turn(text="Here it is."), good])
    assert (said(draft, "summary"), len(server.served)) == (["It lasted 12 min"], 2)
    draft, _ = written(night, [Turn(text="Here it is."), Turn(calls=[(WRITE, {"sections": 3})])])
    assert draft.writer == "assembled"
    assert draft.note == "Claude's answer was not usable, so this was assembled."


@pytest.mark.parametrize("fault", [Fault(529), Fault(401), Fault(200, after_events=2)], ids=str)
def test_an_api_that_fails_leaves_the_assembled_draft(night: Records, fault: Fault) -> None:
    draft, _ = written(night, lambda _body: fault)
    assert draft.writer == "assembled"
    assert draft.note == "Claude could not be reached, so this was assembled."
    assert "could not be reached, so this was assembled" in as_markdown(draft)
    assert "checkout in prod-eu / shop was affected (SEV2): checkout answers 5xx" in said(draft, "summary")


def test_without_a_key_nobody_is_asked(night: Records) -> None:
    assert write(material(night), night.settings).writer == "assembled"


@pytest.mark.parametrize("hostile", [each for each in corpus() if "slack" in each.carried], ids=lambda each: each.id)
def test_a_model_that_obeys_what_it_reads_says_nothing_uncited(records: Records, hostile: Any) -> None:
    """It repeats the text as its own in every part, over facts that do not say so, and over the quotation itself."""
    happened(records)
    fixed(records, hostile.text[:200], right=None)
    resolved(records)

    def obey(body: dict[str, Any]) -> Turn:
        read = "\n".join(_texts_of(body["messages"]))
        numbers = [line.split()[0] for line in read.splitlines() if line.startswith("F") and "todo" in line][:2]
        order = hostile.text[:450]
        every = [(order, ["F1"]), (order, []), (order, numbers), (f"<!channel> <@U0MARIA> {order}", numbers or ["F2"])]
        return answer(summary=every, impact=every, cause=every, well=every, badly=every, followups=every)

    draft, _ = written(records, obey, [(3, "U0LI", f"todo {hostile.text[:5000]}")])
    shown = as_markdown(draft)
    assert uncited(shown) == []
    assert "<!channel" not in shown.replace("\\<", "")
    assert "<@" not in shown.replace("\\<", "")
    if hostile.secret:
        assert hostile.secret not in shown
    for part in ("summary", "impact", "well", "badly"):
        for text in said(draft, part):  # type: ignore[arg-type]
            assert hostile.text[:450].strip().rstrip(".") != text
