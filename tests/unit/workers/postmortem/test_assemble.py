"""A draft says what is on record, each sentence with its source, and nothing else."""

from __future__ import annotations

import re

import pytest

from core.postmortem import Draft, Part, Sentence
from core.records import Records
from tests.flow.hostile import corpus
from tests.unit.workers.postmortem.night import fixed, happened, material, note, repaired, resolved
from workers.postmortem.assemble import assemble
from workers.postmortem.markdown import MOST_BYTES, as_markdown

_ITEM = re.compile(r"^- (?:\[ \] )?(.+)$")
_CITED = re.compile(r" \[(?:(?:\[?[LeMPC]\d+(?:–[LeMPC]\d+)?(?:\]\([^)]*\))?)(?:, )?)+\]$")


def said(draft: Draft, part: Part) -> list[str]:
    return [sentence.text for sentence in next(s for s in draft.sections if s.part == part).sentences]


def uncited(markdown: str) -> list[str]:
    """Entries and sentences of the body that name no source."""
    body = markdown.partition("## Summary")[2].partition("## Sources")[0]
    lines = [line for line in body.splitlines() if line.strip() and not line.startswith(("## ", "_"))]
    return [line for line in lines if not _CITED.search(line)]


def test_the_night_as_it_was(records: Records) -> None:
    happened(records)
    repaired(records)
    resolved(records)
    draft = assemble(material(records))
    assert said(draft, "summary") == [
        "checkout in prod-eu / shop was affected (SEV2): checkout answers 5xx",
        "It lasted 12 min, from 2026-03-02 12:00:00 to 12:12:00 UTC",
        "Release 1.8.4 of checkout cannot start, because CART_URL has an invalid port",
        "This ended it: Rolled checkout back to revision 17, approved by @maria 9 min after it was asked",
    ]
    assert said(draft, "well") == [
        "The first alert fired 1 min after the rollout at 11:59:00 UTC",
        "First evidence was there 6 s after the incident was opened",
        "A cause was named 12 s after the incident was opened",
        "The first action that was taken worked, and was confirmed 11 min after the trouble began",
    ]
    assert said(draft, "badly") == [
        "Nobody acknowledged the page in 11 min 57 s",
        "@maria decided on ACT-7 9 min after it was asked",
        "Could not be read while looking: traces (no TEMPO_URL)",
    ]
    assert said(draft, "followups") == [
        "Mend revision 18 of checkout before it is rolled out again: the rollback took it away, and the fault is still "
        "in it",
        "Let the bot read what it could not: traces (no TEMPO_URL)",
    ]
    assert draft.could_not_read == ("metrics of the whole incident (no Prometheus)",)
    assert (draft.still_open, draft.struck, draft.writer) == (False, 0, "assembled")


def test_every_sentence_cites_what_is_listed(records: Records) -> None:
    happened(records)
    repaired(records)
    resolved(records)
    draft = assemble(material(records, [(3, "U0LI", "todo: check the port in CI")]))
    known = {source.id for source in draft.sources}
    for section in draft.sections:
        for sentence in section.sentences:
            assert sentence.cites and set(sentence.cites) <= known, sentence
    assert uncited(as_markdown(draft)) == []


def test_a_sentence_without_a_source_is_struck_out(records: Records) -> None:
    happened(records)
    facts = {"cause": (Sentence(text="It was the moon", cites=()), Sentence(text="It was L99", cites=("L99",)),
                       Sentence(text="It was opened", cites=("L1", "e77")))}  # fmt: skip
    draft = assemble(material(records), facts)  # type: ignore[arg-type]
    assert (said(draft, "cause"), draft.struck) == (["It was opened"], 2)
    assert "moon" not in as_markdown(draft)


def test_an_open_incident_says_so(records: Records) -> None:
    happened(records, state="investigating", resolved_at=None)
    draft = assemble(material(records, minutes=30))
    assert draft.still_open
    assert "It began at 2026-03-02 12:00:00 UTC and is still open after 30 min" in said(draft, "summary")
    assert "Draft, nobody has confirmed this. The incident is still open." in as_markdown(draft)


def test_what_went_wrong_is_counted(records: Records) -> None:
    happened(records)
    repaired(records, state="undone", id="ACT-7")
    note(records, 10.5, "undo.done", "bot", remediation="ACT-7", said="Rolled forward again.")
    note(records, 4, "approval.expired", "bot", remediation="ACT-6")
    note(records, 2, "pagerduty.acknowledged", "pagerduty", number=7)
    note(records, 5, "pagerduty.escalated", "pagerduty", number=7)
    note(records, 6, "pagerduty.escalated", "pagerduty", number=7)
    note(records, 7, "feedback.given", "U0JONAS", investigation="INV-3", right=False)
    note(records, 8, "loop.reason", "bot", investigation="INV-3", cause="OOMKilled Deployment/checkout", struck=2)
    note(records, 9, "incident.reopened", "U0LI")
    fixed(records, "more memory", right=False)
    resolved(records)
    draft = assemble(material(records))
    badly = said(draft, "badly")
    for expected in (
        "@jonas judged the diagnosis wrong", "The cause that the bot named was not the cause",
        "The first diagnosis, CrashLoopBackOff Deployment/checkout, was replaced by OOMKilled Deployment/checkout "
        "7 min 48 s later",
        "2 of its claims had no evidence and were struck out", "ACT-6 expired without a decision",
        "ACT-7 (roll checkout back to revision 17) made things worse and was taken back",
        "The page was escalated 2 times", "It was called resolved and had to be reopened",
    ):  # fmt: skip
        assert expected in badly
    assert "The page was acknowledged 1 min 57 s after it went out" in said(draft, "well")
    assert "@li said that this fixed it: more memory" in said(draft, "summary")
    assert {"Find out why nobody decided ACT-6 in time", "Check by hand how checkout stands after ACT-7"} <= set(
        said(draft, "followups")
    )


def test_what_people_called_a_thing_to_do_is_quoted_with_its_author_and_address(records: Records) -> None:
    happened(records)
    talk = [(3, "U0LI", "TODO: parse the URL in CI"), (4, "U0JONAS", "I will follow up with <@U0MARIA|maria>"),
            (5, "U0LI", "looks fine")]  # fmt: skip
    draft = assemble(material(records, talk))
    assert said(draft, "followups")[-2:] == [
        "@li wrote: “TODO: parse the URL in CI”", "@jonas wrote: “I will follow up with @maria”",
    ]  # fmt: skip
    assert "12:05:00 @li: “looks fine”" in said(draft, "timeline")


def test_a_long_incident_is_cut_with_counts(records: Records) -> None:
    happened(records)
    for n in range(1000):
        note(records, 1 + n * 3, "alert.received", "alertmanager", alert=f"Alert{n % 40}")
    talk = [(n, "U0LI", "word " * 300) for n in range(500)]
    draft = assemble(material(records, talk, minutes=4000))
    text = as_markdown(draft)
    lines = said(draft, "timeline")
    assert len(lines) == 121
    assert any("more lines left out (" in line and "× alert.received" in line for line in lines)
    assert len(text.encode()) <= MOST_BYTES
    assert uncited(text) == []


@pytest.mark.parametrize("hostile", corpus(), ids=lambda each: each.id)
def test_hostile_text_stays_text(records: Records, hostile: object) -> None:
    text, secret = hostile.text, hostile.secret  # type: ignore[attr-defined]
    happened(records, name=text[:150] or "x", summary=text[:1500])
    note(records, 5, "status.updated", "U0LI", known=text[:900])
    fixed(records, text[:300], right=None)
    resolved(records)
    shown = as_markdown(assemble(material(records, [(3, "U0JONAS", text[:9000]), (4, "U0LI", f"todo {text[:9000]}")])))
    assert uncited(shown) == []
    assert not re.search(
        r"<[!@#]|@(?:channel|here|everyone)\b|(?<!\\)!\[|<(?:script|a|img)\b", shown.replace("\\<", "")
    )
    assert not re.search(r"(?<!\\)\]\((?!https://k8s\.test|http)", shown)
    if secret:
        assert secret not in shown
    headings = [line for line in shown.splitlines() if line.startswith("#")]
    assert len(headings) == 10
    assert "https://evil" not in re.sub(r"`[^`]*`", "", shown)


def test_nothing_links_but_our_own_addresses(records: Records) -> None:
    happened(records, summary="see [docs](https://evil.example/x) https://evil.example/y <https://evil.example/z>")
    resolved(records)
    shown = as_markdown(assemble(material(records)))
    assert "](https://evil" not in shown
    assert "https://evil" not in shown


def test_the_bot_s_own_drafts_are_no_source(records: Records) -> None:
    happened(records)
    before = assemble(material(records)).gist()
    note(records, 14, "postmortem.drafted", "U0MARIA", number=1)
    assert assemble(material(records)).gist() == before


def test_the_thread_that_cannot_be_read_is_named(records: Records) -> None:
    happened(records, channel=None, thread_ts=None)
    assert assemble(material(records)).could_not_read[0] == "the thread (it is shown in no channel)"


def test_what_is_still_watched_is_not_called_the_end(records: Records) -> None:
    happened(records)
    repaired(records, state="watching", ended_at=None)
    resolved(records)
    draft = assemble(material(records))
    assert said(draft, "summary")[-1] == (
        "Rolled checkout back to revision 17, approved by @maria 9 min after it was asked; whether that holds is still "
        "being watched"
    )
    follow = said(draft, "followups")
    assert follow[0] == "Look whether ACT-7 held: it was still being watched when this was drafted"
    assert "Say what fixed it: it is not on record" not in follow
