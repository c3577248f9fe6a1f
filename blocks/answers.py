"""What a person is told whose click does not count, and why. Only they see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from blocks.approval import names, what
from blocks.parts import (
    FALLBACK_CHARS,
    Line,
    Part,
    as_text,
    bold,
    clock,
    code,
    escape,
    mention,
    message,
    rich,
    text,
    user,
)
from core.outbox import View
from core.remediation import Remediation, State
from core.settings import Approvers

AnswerCode = Literal[
    "nobody",  # is configured to approve
    "not_entitled",
    "unchecked",  # Slack or PagerDuty could not say which groups they are in, or who is on call
    "paused",
    "busy",  # another action on the same service, or its cool-down
    "unreadable",  # the facts could not be read
    "changed",  # since it was proposed
    "refused",  # by policy, with this approval
    "not_ready",  # not asked yet
    "expired",
    "superseded",
    "denied",  # by policy, before anybody was asked
    "decided",  # by somebody, or by policy alone
]  # fmt: skip

# What is told of a remediation that waits for nobody.
_BY_STATE: dict[State, AnswerCode] = {
    "proposed": "not_ready", "denied": "denied", "expired": "expired", "superseded": "superseded",
}  # fmt: skip


def past(remediation: Remediation) -> AnswerCode | None:
    """Why no click can count any more or yet; None while it is asked."""
    return None if remediation.state == "asked" else _BY_STATE.get(remediation.state, "decided")


def clicked_view(
    code: AnswerCode, remediation: Remediation, now: datetime, approvers: Approvers, why: Sequence[str] = ()
) -> View:
    """The answer to a click that does not count. The state of the remediation comes before `decided`.

    Args:
        why: More sentences, such as what the codes of the policy mean.
    """
    if code == "decided":
        code = past(remediation) or "not_ready"
    line = [*_line(code, remediation, now, approvers), *(text(f" {reason}", 250) for reason in why[:3])]
    about = [bold(f"{remediation.id}: {what(remediation)}", 300)]
    said = _sentence(line).strip()
    drawn = message("", [rich(line, about)])
    return drawn.model_copy(update={"text": said if said.endswith((".", "!", "?", "…")) else f"{said}."})


def _sentence(line: Line) -> str:
    """The line as markup, cut between its parts where it is too long."""
    said = ""
    for part in map(_spoken, line):
        if len(said) + len(part) >= FALLBACK_CHARS:
            return f"{said}…"
        said += part
    return said


def _spoken(part: Part) -> str:
    """A part of the line as the markup of a fallback sentence: people by name, all else as text."""
    return mention(str(part.get("user_id") or part.get("usergroup_id") or "")) or escape(as_text(part), 400)


def _line(code_: AnswerCode, rem: Remediation, now: datetime, approvers: Approvers) -> Line:
    match code_:
        case "nobody":
            return [
                text("Nothing can be approved or rejected: "),
                code("approvers"),
                text(" in SRE_CONFIG names nobody."),
            ]
        case "not_entitled":
            everybody = (*approvers.groups, *approvers.users)[:20]
            return [
                text("You are not among those who may decide this, so nothing was done. Those who can: "),
                *names(everybody, approvers.on_call), text("."),
            ]  # fmt: skip
        case "expired":
            when = [text(" at "), clock(rem.expires_at, now)] if rem.expires_at else []
            return [
                text("Too late: it expired"), *when,
                text(", and nothing was done. Mention me in the thread to look again."),
            ]  # fmt: skip
        case "superseded":
            return [text(f"It no longer stands, so nothing was done. {rem.outcome or ''}".strip(), 500)]
        case "decided":
            return list(_decided(rem, now))
        case _:
            return [text(_PLAIN[code_])]


_PLAIN: dict[AnswerCode, str] = {
    "unchecked": "I could not check whether you may decide this, so nothing was done. Click again in a minute.",
    "paused": "I am paused, so nothing was done. /sre status says since when, /sre resume ends it; then click again.",
    "busy": "Nothing was done, since its service is not free. Click again later.",
    "unreadable": "I could not read what has to be known before this is done, so nothing was done. Click again in a "
                  "minute; sre-bot doctor says what does not answer.",
    "changed": "What it acts on changed since this was proposed, so nothing was done. I am looking again.",
    "refused": "Policy does not allow it with your approval, so nothing was done.",
    "not_ready": "It is still being prepared, so nothing was done. Click again when it asks.",
    "denied": "Policy refuses it, whoever approves, so nothing was done.",
}  # fmt: skip

_BECAME: dict[State, str] = {
    "approved": "it is about to start", "begun": "it is running", "watching": "it is done and I am watching it",
    "worked": "it worked", "undone": "it was taken back", "unproven": "it is not seen to have helped",
    "failed": "it was not done", "interrupted": "it was interrupted and a person has to look",
    "rejected": "nothing was done",
}  # fmt: skip


def _decided(rem: Remediation, now: datetime) -> Iterator[Part]:
    at = [text(" at "), clock(rem.decided_at, now, seconds=True)] if rem.decided_at else []
    if rem.decided_by:
        yield text("Already decided: ")
        yield user(rem.decided_by)
        yield text(" rejected it" if rem.state == "rejected" else " approved it")
    else:
        yield text("Already decided: policy allowed it without a person")
    yield from at
    yield text(f"; {_BECAME.get(rem.state, 'nothing was done')}.")
    told = rem.reason if rem.state == "rejected" else rem.outcome
    if told:
        yield text(f" {told}", 400)
