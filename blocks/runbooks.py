"""What `/sre runbooks` found."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.parts import Line, Part, bold, bullets, clean, code, counted, link, message, rich, small, text
from core.diagnosis import RunbookHit
from core.outbox import View

_OPENING_CHARS = 180  # some four lines of a phone


def runbooks_view(words: str, hits: Sequence[RunbookHit], floor: float) -> View:
    """Runbooks near to somebody's words, best first; `excerpt` is shown of each.

    Args:
        floor: The similarity below which policy lets nothing be done alone.
    """
    asked = clean(words, 150).strip()
    if not hits:
        return message(
            f"I have no runbook for {asked}", [rich([text("I have no runbook for "), bold(asked), text(".")])]
        )
    fits = sum(hit.score >= floor for hit in hits)
    if fits:
        said = f"{counted(fits, 'runbook')} {'fits' if fits == 1 else 'fit'} {asked}; nearest {hits[0].title}"
        head: Line = [text("Runbooks for "), bold(asked)]
    else:
        said = f"Nothing here fits well: the nearest to {asked} is {hits[0].title}, {hits[0].score:.2f}"
        head = [bold("Nothing here fits well."), text(" The nearest to "), bold(asked), text(":")]
    gate = f"Cosine similarity, as the gate uses it: below {floor:.2f} I do nothing alone"
    return message(said, [rich(head), bullets([_line(hit) for hit in hits]), small(gate)])


def _line(hit: RunbookHit) -> Line:
    where: Part = link(hit.path, hit.path) if hit.path.startswith("http") else code(hit.path, 150)
    return [
        text(f"{hit.score:.2f} "), bold(hit.title, 150), text(" "), where,
        text(f" {clean(hit.excerpt, _OPENING_CHARS).strip()}", _OPENING_CHARS + 1),
    ]  # fmt: skip
