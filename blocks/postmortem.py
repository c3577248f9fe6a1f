"""What is said of a draft in its incident's thread. The draft itself is a canvas or a file."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.parts import Line, Part, bold, code, counted, link, message, rich, small, text
from core.outbox import View
from core.postmortem import Draft, Posted

_WHY = {
    "missing_scope": "the app lacks the optional scope canvases:write",
    "not_allowed_token_type": "the app lacks the optional scope canvases:write",
    "canvas_disabled_user_team": "canvases are switched off in this workspace",
    "canvas_disabled_file_team": "canvases are switched off in this workspace",
    "free_teams_cannot_create_non_tabbed_canvases": "canvases like this need a paid plan",
    "free_team_not_allowed": "canvases need a paid plan",
    "canvas_creation_failed": "Slack could not make it",
    "restricted_action": "the workspace does not let apps make canvases",
}


def draft_view(draft: Draft, posted: Posted, before: Posted | None, why: str = "") -> View:
    """Where it is, what it is worth, and what it lacks.

    Args:
        why: Slack's error codes, where it is no canvas.
    """
    name = f"Post-mortem draft {draft.number} of {draft.incident}"
    where: list[Part] = {
        "canvas": [text(": "), link(posted.link, "open the canvas")],
        "file": [text(": "), link(posted.link, "the file"), text(" in this thread")],
        "nowhere": [text(": I could put it nowhere here")],
    }[posted.how]
    lines: list[Line] = [[bold(name), *where, text(".")], list(_worth(draft))]
    if posted.how == "file":
        lines.append([text(f"No canvas: {_because(why)}.")])
    if posted.how == "nowhere":
        lines.append(
            [text(f"{_because(why, file=True)} In a terminal: "), code(f"sre-bot postmortem {draft.incident}")]
        )
    if draft.could_not_read:
        lines.append([text(f"Not read: {'; '.join(draft.could_not_read)}.", 400)])
    if before and before.how != "nowhere":
        lines.append(
            [link(before.link, f"Draft {before.number}"), text(" is left as it is, with whatever you changed.")]
        )
    said = f"{name}: nobody has confirmed it"
    return message(said, [rich(*lines), small("A person edits it; I publish nothing")])


def nothing_new_view(incident: str, latest: Posted) -> View:
    """Nothing is known that the last draft does not rest on."""
    said = f"Nothing has come to {incident} since draft {latest.number}, so there is no new one"
    return message(said, [rich([text(f"{said}: "), link(latest.link, f"draft {latest.number}"), text(".")])])


def _worth(draft: Draft) -> Iterator[Part]:
    sentences = sum(len(section.sentences) for section in draft.sections)
    yield text("Nobody has confirmed it. ")
    if draft.still_open:
        yield text("The incident is still open. ")
    how = f"written by {draft.usage.model or 'Claude'}" if draft.writer == "claude" else "assembled"
    yield text(f"{counted(sentences, 'sentence')}, {how}, each with its sources ({len(draft.sources):,}).", 200)
    if draft.replaced:
        yield text(f" {draft.replaced} said more than their sources, and are the bare facts now.")
    if draft.note:
        yield text(f" {draft.note}", 200)


def _because(why: str, *, file: bool = False) -> str:
    if why == "no_thread":
        return "it is shown in no channel."
    first = why.partition(",")[0]
    said = _WHY.get(first, f"Slack refused it ({first})")
    return f"No canvas, since {said}; no file, since the app may not upload one (files:write)." if file else said
