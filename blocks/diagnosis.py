"""The cause, how we know, and why anybody should believe it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blocks.evidence import SHOW_EVIDENCE, could_not_read
from blocks.parts import (
    Block,
    Line,
    Part,
    bold,
    bullets,
    button,
    buttons,
    marks,
    message,
    rich,
    small,
    spoken,
    text,
)  # fmt: skip
from core.diagnosis import Claim, Diagnosis, IncidentHit, Investigation, Recall, Subject
from core.outbox import View

FEEDBACK_RIGHT = "feedback_right"
FEEDBACK_WRONG = "feedback_wrong"

_MOST_CLAIMS = 6
_MOST_HITS = 3
_MOST_PLACES = 3


def diagnosis_view(investigation: Investigation) -> View:
    """The diagnosis of an investigation that has one: a cause, a best guess, nothing wrong, or not known."""
    diagnosis = investigation.diagnosis
    if diagnosis is None:
        raise ValueError(f"{investigation.id} has no diagnosis yet")
    recall = investigation.recall or Recall()
    summary, headline = _headline(diagnosis, investigation.subject)
    blocks: list[Block] = [rich(headline)]
    if diagnosis.claims:
        blocks.append(bullets([_claim(claim) for claim in diagnosis.claims[:_MOST_CLAIMS]]))
    more = list(_more(diagnosis, recall, investigation.could_not_read))
    if more:
        blocks.append(rich(*more))
    if places := diagnosis.look_next[:_MOST_PLACES] if not _sure(diagnosis) else ():
        blocks += [rich([bold("Where I would look first")]), bullets([[text(place, 300)] for place in places])]
    if diagnosis.note:
        blocks.append(rich([text(diagnosis.note, 300, italic=True)]))
    blocks += [*_asking(investigation), small(_answered_by(diagnosis))]
    return message(summary, blocks)


def _sure(diagnosis: Diagnosis) -> bool:
    return diagnosis.status == "diagnosed"


def _headline(diagnosis: Diagnosis, subject: Subject) -> tuple[str, Line]:
    """The sentence for a notification, and the first line."""
    cause = diagnosis.root_cause
    figure = f"confidence {diagnosis.confidence:.2f}"
    if cause and _sure(diagnosis):
        said = f"Cause: {cause.statement}"
        return f"{said.rstrip('.')} ({figure})", [*spoken(said, 500, bold=True), text(f" · {figure}")]
    if cause:
        said = f"Not sure, best guess: {cause.statement}"
        return f"{said.rstrip('.')} ({figure})", [
            *spoken(said, 500, bold=True), text(f" · {figure}, too low to act on; a person should look."),
        ]  # fmt: skip
    if _sure(diagnosis):
        said = f"{subject.service or subject.target or 'Everything I looked at'} looks healthy"
        return f"{said} ({figure})", [text("⚪ "), bold(said, 200), text(f" · {figure}")]
    return (
        "I do not know the cause; a person should look",
        [bold("I do not know the cause."), text(" What I see fits nothing I know well enough, so I propose nothing.")],
    )


def _claim(claim: Claim) -> Line:
    return [*spoken(claim.text, 400), *marks(claim.evidence)]


def _more(diagnosis: Diagnosis, recall: Recall, unread: tuple[str, ...]) -> Iterator[Line]:
    if diagnosis.ruled_out:
        yield [text("Ruled out: "), *_joined([_claim(claim) for claim in diagnosis.ruled_out[:_MOST_CLAIMS]])]
    if recall.incidents:
        yield [text("Seen before: "), *_joined([_incident(hit) for hit in recall.incidents[:_MOST_HITS]])]
    if recall.runbooks:
        hits = [[text(hit.title, 100, italic=True), text(f" {hit.score:.2f}")] for hit in recall.runbooks[:_MOST_HITS]]
        yield [text("Runbooks alike: "), *_joined(hits)]
    if diagnosis.confidence_why and (diagnosis.root_cause or _sure(diagnosis)):
        yield [text(f"Why {diagnosis.confidence:.2f}: {' '.join(diagnosis.confidence_why)}", 700)]
    if unread:
        yield could_not_read(unread)
    if diagnosis.struck:
        yield [text(f"Left out, since nothing read shows it: {'; '.join(diagnosis.struck[:3])}", 500)]


def _incident(hit: IncidentHit) -> Line:
    line: list[Part] = [text(f"{hit.id} {hit.title}", 150)]
    if hit.at:
        line += [text(f" on {hit.at:%d %b %Y}")]
    return [*line, text(f", {hit.score:.2f} alike" + (f": {hit.outcome}" if hit.outcome else ""), 200)]


def _joined(lines: Sequence[Line]) -> list[Part]:
    parts: list[Part] = []
    for number, line in enumerate(lines):
        parts += [text("; ")] if number else []
        parts += line
    return parts


def _asking(investigation: Investigation) -> Iterator[Block]:
    elements = [button("Evidence", SHOW_EVIDENCE, value=investigation.id)] if investigation.evidence else []
    yield buttons(
        *elements,
        button("👍 Right", FEEDBACK_RIGHT, value=investigation.id, hint="Yes, this was right"),
        button("👎 Wrong", FEEDBACK_WRONG, value=investigation.id, hint="No, this was wrong"),
    )


def _answered_by(diagnosis: Diagnosis) -> str:
    who = (
        f"Answered by {diagnosis.usage.model or 'Claude'}" if diagnosis.reasoner == "claude" else "Answered by runbooks"
    )
    return f"{who}. Was this right?"
