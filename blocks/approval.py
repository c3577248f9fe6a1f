"""A remediation on its way: what is proposed, who may decide, what was decided, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from blocks.parts import (
    Block,
    Line,
    Part,
    ago,
    bold,
    button,
    buttons,
    clock,
    code,
    counted,
    escape,
    group,
    marks,
    mention,
    message,
    plain,
    rich,
    spoken,
    text,
    user,
)
from blocks.proposal import in_words, touches, where
from core.entitled import nobody
from core.outbox import View
from core.remediation import Remediation, State
from core.settings import Approvers

APPROVE = "approve_remediation"
REJECT = "reject_remediation"
DETAILS = "remediation_details"

UNATTENDED = timedelta(minutes=10)  # the operator takes a proposal up within seconds; guessed, generously
_MOST_CODES = 3  # the rest is under Details
_MOST_NAMES = 20

# What keeps an action that policy would allow from being done now, beside the policy's own codes.
_STANDS = {
    "dry_run.failed": "The server did not take the dry run, so it is not done.",
    "service.busy": "Another remediation of this service is under way; one at a time.",
    "service.cooling_down": "The service was acted on a short while ago and is left alone for now.",
    "repeat.within_the_hour": "The bot acted alone for this alert within the hour; a second try is a person's.",
}

# The mark and the first words of a message, by state.
_HEADS: dict[State, str] = {
    "proposed": "Proposed", "denied": "Proposed", "asked": "Proposed",
    "approved": "🟠 Approved", "begun": "🟠 Running", "watching": "🟠 Done, and watched",
    "worked": "✅ Worked", "undone": "🔴 Taken back", "unproven": "🔴 Done, but not seen to help",
    "failed": "🔴 Not done", "interrupted": "🔴 Interrupted",
    "rejected": "⚪ Rejected", "expired": "⚪ Expired", "superseded": "⚪ Superseded",
}  # fmt: skip


def in_sentences(codes: Iterable[str], explain: Callable[[str], str]) -> dict[str, str]:
    """What each code means; `explain` knows those of the policy."""
    return {code: _STANDS.get(code) or explain(code) for code in codes}


def approval_view(
    remediation: Remediation, now: datetime, *, sentences: Mapping[str, str], approvers: Approvers
) -> View:
    """A remediation as it stands; its buttons, while it is asked, carry its id and nothing else.

    Args:
        sentences: What each code of the policy means.
    """
    head = f"{_HEADS[remediation.state]}: {what(remediation)}"
    lines: list[Line] = [[bold(head, 400)], *_below(remediation, now, sentences, approvers)]
    asked = remediation.state == "asked"
    if asked:
        lines[0] = [*lines[0], text(f" · {time_left(remediation, now)}")]
    blocks: list[Block] = [rich(*lines)]
    if asked:
        blocks.append(buttons(*_buttons(remediation, approvers)))
    return message(f"{head.rstrip('.')}. {_summary(remediation, now, approvers)}", blocks)


def what(remediation: Remediation) -> str:
    """The action in words; with the revision that it goes back to, once that is known."""
    action, target = remediation.action, remediation.target
    to = target.facts.get("to") if target else None
    if isinstance(to, int) and action.kind.startswith("rollback") and action.params.get("revision") is None:
        action = action.model_copy(update={"params": {**action.params, "revision": to}})
    return in_words(action)


def time_left(remediation: Remediation, now: datetime) -> str:
    """ "14 min left", in whole minutes until the last."""
    seconds = (remediation.expires_at - now).total_seconds() if remediation.expires_at else 0.0
    if seconds >= 60:
        return f"{int(seconds // 60)} min left"
    return "less than a minute left" if seconds > 0 else "time is up"


def asked_next(approvers: Approvers) -> tuple[str, ...]:
    """Whom the escalation mentions: all but the first that the configuration lists, whom the card names; where there
    are no others, the first again."""
    everybody = (*approvers.groups, *approvers.users)
    return everybody[1:] or everybody


def names(ids: Sequence[str], on_call: bool = False) -> list[Part]:
    """Groups and people by id, as "@sre-oncall, @li or whoever is on call"."""
    each = [group(name) if name.startswith("S") else user(name) for name in ids]
    each += [text("whoever is on call")] if on_call else []
    parts: list[Part] = []
    for place, part in enumerate(each):
        if place:
            parts.append(text(" or " if place == len(each) - 1 else ", "))
        parts.append(part)
    return parts


def _below(rem: Remediation, now: datetime, sentences: Mapping[str, str], approvers: Approvers) -> Iterator[Line]:
    """The lines under the head: how it stands, then what it is."""
    match rem.state:
        case "asked":
            yield _reach(rem)
            yield [text(afterwards(rem), 500)]
            yield _needed(rem, approvers)
            yield [*spoken(f"Why: {rem.proposal.reason}", 160), *marks(rem.proposal.evidence, 4)]  # it is told above
            yield _codes(rem, sentences)
        case "proposed" | "denied":
            yield _reach(rem)
            yield [text(_standing(rem, now))]
            if rem.dry_run and not rem.dry_run.passed:
                yield [text(rem.dry_run.says, 300)]
            if rem.state == "denied":
                yield _codes(rem, sentences)
        case _:
            if decided := _decided(rem, now):
                yield decided
            yield [text(_fate(rem), 700)]


def _reach(rem: Remediation) -> Line:
    line = [*touches(rem.proposal.blast_radius), text(f" · {where(rem.proposal)}", 200)]
    if rem.dry_run and rem.dry_run.passed:
        change = f": {rem.dry_run.change[0]}" if rem.dry_run.change else ""
        line.append(text(f" · dry run passed{change}", 200))
    return line


def afterwards(rem: Remediation) -> str:
    """What is looked at when it is done, and how it would be taken back."""
    looked_at = ", ".join(rem.checks[:-1]) + (" and " if rem.checks[1:] else "") + "".join(rem.checks[-1:])
    checked = f"Afterwards I check that {looked_at}. " if looked_at else ""
    return checked + (f"If it gets worse I {rem.undo}." if rem.undo else "It cannot be taken back.")


def _needed(rem: Remediation, approvers: Approvers) -> Line:
    """Who may approve."""
    if nobody(approvers):
        return [text("Nothing can be approved: "), code("approvers"), text(" in SRE_CONFIG names nobody.")]
    line: list[Part] = [text("Needs one of " if approvers.groups else "Needs "), *_askable(rem, approvers)]
    if rem.action.kind in approvers.four_eyes and rem.requested_by != "bot":
        line += [text(", but not "), user(rem.requested_by), text(", who asked for it")]
    return line


def _askable(rem: Remediation, approvers: Approvers) -> list[Part]:
    """Those who were asked so far; the escalation asks the others."""
    everybody = (*approvers.groups, *approvers.users)
    if rem.escalated_at or len(everybody) < 2:
        return names(everybody[:_MOST_NAMES], approvers.on_call)
    others = len(everybody) - 1
    later = f"; {counted(others, 'other')} who may {'is' if others == 1 else 'are'} asked later"
    return [*names(everybody[:1], approvers.on_call), text(later)]


def _codes(rem: Remediation, sentences: Mapping[str, str]) -> Line:
    """Why policy does not simply allow it."""
    codes = rem.proposal.decision.codes
    line: list[Part] = []
    for rule in codes[:_MOST_CODES]:
        line += [text(f"{sentences.get(rule, '')} ", 200), code(rule, 80), text(" ")]
    if len(codes) > _MOST_CODES:
        line.append(text(f"and {len(codes) - _MOST_CODES} more"))
    return line or [text("Policy asks for a person.")]


def _buttons(rem: Remediation, approvers: Approvers) -> Iterator[Part]:
    if not nobody(approvers):
        confirm = None if rem.undo else _confirm(rem)
        yield button("Approve", APPROVE, rem.id, hint="Approve this action", style="primary", confirm=confirm)
        yield button("Reject", REJECT, rem.id, hint="Reject this action and say why")
    yield button("Details", DETAILS, rem.id, hint="The dry run, the facts and the policy of this action")


def _confirm(rem: Remediation) -> Part:
    said = plain(f"This cannot be taken back: {what(rem)}.", 300)
    return {
        "title": {"type": "plain_text", "text": "This cannot be taken back"},
        "text": {"type": "plain_text", "text": said},
        "confirm": {"type": "plain_text", "text": "Approve it"},
        "deny": {"type": "plain_text", "text": "Not yet"},
        "style": "danger",
    }


def _standing(rem: Remediation, now: datetime) -> str:
    """How a proposal stands on which nobody may decide."""
    if rem.state == "denied":
        shadow = "mode.shadow" in rem.proposal.decision.codes
        why = "In shadow mode I propose only" if shadow else "It is refused"
        return f"{why}; nothing has been changed."
    waits = now - rem.created_at
    if waits < UNATTENDED:
        return "Being prepared: dry run, then policy. Nothing has been changed."
    return f"Nobody has taken it up for {ago(waits)}: is sre-bot worker remediate running? Nothing has been changed."


def _decided(rem: Remediation, now: datetime) -> list[Part]:
    """Who decided and when, as "Approved by @maria 02:17:20."; empty when nobody did."""
    at = [text(" "), clock(rem.decided_at, now, seconds=True)] if rem.decided_at else []
    if rem.alone:
        return [text("Allowed by policy without a person"), *at, text(".")]
    if rem.decided_by is None:
        return []
    verb = "Rejected" if rem.state == "rejected" else "Approved"
    why = [text(f": {rem.reason}", 500)] if rem.state == "rejected" and rem.reason else [text(".")]
    return [text(f"{verb} by "), user(rem.decided_by), *at, *why]


# What is said of a state where the record has no sentence of its own.
_FATES: dict[State, str] = {
    "approved": "It starts now.", "begun": "It is running.", "watching": "It is done.",
    "rejected": "Nothing has been changed.",
    "expired": "Nobody answered in time; nothing has been changed.",
    "superseded": "A newer proposal stands, or the trouble is over; nothing has been changed.",
    "worked": "It helped.", "undone": "It made things worse, so it was taken back.",
    "unproven": "Nothing shows that it helped; a person should look.",
    "failed": "It was refused before anything changed.",
    "interrupted": "It was interrupted; a person has to look at what was done.",
}  # fmt: skip


_PROVED: frozenset[State] = frozenset({"worked", "undone", "unproven"})


def _fate(rem: Remediation) -> str:
    """What became of it, in a sentence or two; what it says may be foreign."""
    if rem.findings and rem.state in _PROVED:
        return f"{_FATES[rem.state]} The figures are in the message below."
    said = rem.outcome or rem.said or _FATES[rem.state]
    return f"{said} I am watching what comes of it." if rem.state == "watching" else said


def _summary(rem: Remediation, now: datetime, approvers: Approvers) -> str:
    """The rest of the sentence that a notification shows."""
    if rem.state == "asked":
        if nobody(approvers):
            return "Nobody is configured who may approve it"
        return f"It waits for somebody entitled to approve it, {time_left(rem, now)}"
    if rem.state in ("proposed", "denied"):
        return _standing(rem, now)
    return _fate(rem)


def escalation_view(remediation: Remediation, now: datetime, approvers: Approvers) -> View:
    """In the thread, when two thirds of the time are over: mentions those who may approve and were not asked yet."""
    said = what(remediation)
    left = time_left(remediation, now)
    mentions = " ".join(filter(None, map(mention, asked_next(approvers)[:_MOST_NAMES])))
    line = f"{mentions} Somebody has to decide: {escape(said, 600)}; {left}. The card is above.".strip()
    section = {"type": "section", "text": {"type": "mrkdwn", "text": line, "verbatim": True}}
    return message(f"Somebody has to decide: {said}; {left}", [section])


def handover_view(remediation: Remediation, approvers: Approvers) -> View:
    """In the thread, when an action ended and a person has it now: mentions who approved it, else who may."""
    who = (remediation.decided_by,) if remediation.decided_by else (*approvers.groups, *approvers.users)
    mentions = " ".join(filter(None, map(mention, who[:_MOST_NAMES])))
    said = f"{what(remediation)}: {remediation.outcome or 'it ended'}"
    line = f"{mentions} This is yours now: {escape(said, 900)}".strip()
    section = {"type": "section", "text": {"type": "mrkdwn", "text": line, "verbatim": True}}
    return message(f"A person has this now: {said}", [section])


def expired_view(remediation: Remediation) -> View:
    """In the thread, when nobody answered: what now."""
    said = f"Nobody decided in time, so I have not done it: {what(remediation)}"
    now_what = ". Mention me here to look again; what I then propose is asked anew."
    return message(said, [rich([text(said, 500), text(now_what)])])
