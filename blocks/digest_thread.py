"""What belongs to a digest and has no room in it: every deploy, every incident, every noisy alert, what counts mean."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.digest import MOST_WATCHED, broken_line, deploy_line, noisy_line, rule_button
from blocks.digest_words import at_part
from blocks.parts import Block, Line, bold, bullets, buttons, counted, message, rich, small, text
from core.digest import Digest
from core.outbox import View

MOST = 15  # of each; a phone shows some ten at once
MOST_BUTTONS = 5
_KINDS = {
    "release": "Helm release", "scale": "scaling", "config": "configuration change", "node": "node change",
    "job_failed": "failed job",
}  # fmt: skip


def thread_view(digest: Digest) -> View:
    """The first reply to the digest."""
    blocks: list[Block] = []
    for title, lines in details(digest):
        blocks += [rich([bold(title)]), bullets(lines[:MOST])]
        if len(lines) > MOST:
            blocks.append(small(f"and {len(lines) - MOST:,} more; sre-bot digest --json has all"))
    changes = digest.changes_of_rules[:MOST_BUTTONS]
    if changes:
        blocks.append(buttons(*(rule_button(number, change) for number, change in enumerate(changes, start=1))))
    blocks += definitions()
    said = f"{counted(len(digest.deploys), 'deploy')}, {counted(len(digest.noisy), 'alert rule')} that fired"
    return message(f"More of this digest: {said}", blocks)


def details(digest: Digest) -> Iterator[tuple[str, list[Line]]]:
    """Title and lines of each part that there is."""
    if digest.deploys:
        yield "Every deploy", [deploy_line(deploy, digest) for deploy in reversed(digest.deploys)]
    if digest.other_changes:
        kinds = ", ".join(counted(count, _KINDS.get(kind, kind)) for kind, count in digest.other_changes.items())
        yield "Other changes", [[text(kinds)]]
    if len(digest.broke) > 1:
        yield "Every incident", [[*broken_line(broke), text(f" · {broke.severity}")] for broke in digest.broke]
    if digest.noisy:
        yield "Every alert, the most noise first", [noisy_line(noisy) for noisy in digest.noisy]
    if digest.noticed:
        yield "Unusual for the hour of the week", [[text(said, 300)] for said in digest.noticed]
    if len(digest.watch) > MOST_WATCHED:
        yield (
            "To watch",
            [[text(w.text, 160), *([text(" "), at_part(w.at, digest)] if w.at else [])] for w in digest.watch],
        )


def definitions() -> list[Block]:
    """How it was counted."""
    weeks = "Usual: as often as in the four weeks before, for as long a time"
    return [
        small("Alerts: firings that began in this time, each once however often it was sent"),
        small(
            "Noise: a firing that ended by itself, of an incident on which nobody acted: no action begun or decided, "
            "nobody acknowledged, took command, answered or closed it"
        ),
        small(f"{weeks}. What follows a deploy: what began on its service within 30 min, or until the next deploy"),
    ]
