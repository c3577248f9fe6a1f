"""What became of an action: while it is watched, and how it ended, with figures before and after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from blocks.parts import Block, Line, Part, ago, bold, bullets, clock, message, rich, small, text, user
from blocks.proposal import in_words
from core.diagnosis import ActionKind
from core.outbox import View
from core.remediation import Remediation, State

MOST_SENTENCES = 12  # shown; a service with four others downstream has some ten
MOST_UNREAD = 4

_DONE: dict[ActionKind, str] = {
    "restart_pod": "Restarted the pod {name}",
    "restart_deployment": "Restarted {name}",
    "scale_deployment": "Scaled {name} to {replicas} replicas",
    "rollback_deployment": "Rolled {name} back to revision {revision}",
    "rollback_release": "Rolled the release {name} back to revision {revision}",
    "cordon_node": "Cordoned the node {name}",
    "uncordon_node": "Uncordoned the node {name}",
    "drain_node": "Drained the node {name}",
    "silence_alert": "Silenced {name} for {duration_minutes} min",
    "rerun_job": "Ran the job {name} again",
    "rotate_credentials": "Rotated the credentials of {name}",
    "shift_traffic": "Shifted the traffic of {name} to {to}",
    "delete_namespace": "Deleted the namespace {name}",
    "uninstall_release": "Uninstalled the release {name}",
    "set_resources": "Changed the limits of {name}",
}
_MARKS: dict[State, str] = {"watching": "🟠", "begun": "🟠", "worked": "✅"}
_ENDS: dict[State, str] = {
    "worked": "and it holds",
    "undone": "it made things worse, so it was taken back",
    "unproven": "but nothing shows that it helped",
    "failed": "could not be done",
    "interrupted": "nobody knows whether it was done",
}


def verification_view(
    remediation: Remediation, sentences: Sequence[str], now: datetime,
    until: datetime | None = None, handed_to: Sequence[str] = (),
) -> View:  # fmt: skip
    """The message in the thread.

    Args:
        sentences: What the last look showed, as `judge` says it.
        until: When watching ends if nothing comes between.
        handed_to: Slack user ids of those who have it now, when it did not work.
    """
    watching = remediation.state in ("begun", "watching")
    head = _head(remediation, now, until, watching)
    blocks: list[Block] = [rich(*_opening(remediation, head, now, sentences))]
    shown = [[text(line, 300)] for line in sentences[:MOST_SENTENCES]]
    if shown:
        blocks.append(bullets(shown))
    unread = remediation.after.could_not_read if remediation.after else ()
    if unread:
        more = f" and {len(unread) - MOST_UNREAD} more" if len(unread) > MOST_UNREAD else ""
        blocks.append(rich([text(f"Could not read: {'; '.join(unread[:MOST_UNREAD])}{more}", 500)]))
    if following := list(_next(remediation, watching, handed_to)):
        blocks.append(rich(following))
    if remediation.after and not watching:
        blocks.append(small(f"Last looked at {remediation.after.at:%H:%M:%S} UTC · {remediation.id}"))
    said = ". ".join([head, *(line for line in sentences[:3])])
    return message(f"{_mark(remediation)} {said}", blocks)


def _mark(remediation: Remediation) -> str:
    return _MARKS.get(remediation.state, "🔴")


def _opening(remediation: Remediation, head: str, now: datetime, sentences: Sequence[str]) -> Iterator[Line]:
    yield [text(f"{_mark(remediation)} "), bold(head, 300)]
    if remediation.decided_by and remediation.decided_at and not remediation.alone:
        yield [text("Approved by "), user(remediation.decided_by), text(" "), clock(remediation.decided_at, now)]
    elif remediation.alone:
        yield [text("Within its limits, so nobody was asked")]
    if remediation.state not in ("worked", "watching", "begun") and (more := _more(remediation, sentences)):
        yield [text(more, 400)]


def _more(remediation: Remediation, sentences: Sequence[str]) -> str:
    """Its outcome, without the sentences that stand below anyway."""
    said = "; ".join(sentence.rstrip(".") for sentence in sentences)
    return (remediation.outcome or "").removeprefix(f"{said}." if said else "").strip()


def _head(remediation: Remediation, now: datetime, until: datetime | None, watching: bool) -> str:
    """ "Rolled checkout back to revision 17 in 41 s; watching until 02:23 UTC"."""
    done = done_in_words(remediation)
    took = _took(remediation)
    if watching:
        if took is None and remediation.after and remediation.after.rolled_out is False:
            since = f" since {ago(now - remediation.begun_at)}" if remediation.begun_at else ""
            return f"{done}; not complete yet{since}"
        watched = f"; watching until {until:%H:%M} UTC" if until else "; watching"
        return f"{done}{took or ''}{watched}"
    end = _ENDS.get(remediation.state)
    if remediation.state == "unproven" and remediation.after and remediation.after.trend.worse_since:
        end = "but it made things worse"  # and could not be taken back
    if remediation.state in ("failed", "interrupted"):
        return f"{_as_proposed(remediation)}: {end}"
    return f"{done}{took or ''}{', ' if end and end.startswith(('and', 'but')) else ': '}{end or remediation.state}"


def _took(remediation: Remediation) -> str | None:
    """ " in 41 s", once what it started is complete."""
    settled = remediation.after.trend.settled_since if remediation.after else None
    if settled is None or remediation.begun_at is None or settled < remediation.begun_at:
        return None
    if remediation.after and remediation.after.rolled_out is None:
        return None  # there was nothing to wait for
    return f" in {ago(settled - remediation.begun_at)}"


def _next(remediation: Remediation, watching: bool, handed_to: Sequence[str]) -> Iterator[Part]:
    if watching:
        undo = remediation.undo
        yield text(f"If it gets worse: {undo}." if undo else "It cannot be undone; if it gets worse, a person has it.")
        return
    if remediation.state == "worked":
        yield text("Remembered, so that the next one like it finds it.")
        return
    people = list(handed_to)[:3]
    for position, person in enumerate(people):
        if position:
            yield text(" and ")
        yield user(person)
    if people:
        yield text(" has it now." if len(people) == 1 else " have it now.")
    elif "person" not in (remediation.outcome or ""):
        yield text("A person has to look; nothing more happens by itself.")


def done_in_words(remediation: Remediation) -> str:
    """The action as somebody would say it once it is done; foreign names in it."""
    facts = remediation.target.facts if remediation.target else {}
    given = defaultdict(lambda: "?", {k: str(v) for k, v in remediation.action.params.items() if v is not None})
    phrase = _DONE[remediation.action.kind]
    if "revision" not in given and facts.get("to"):
        given["revision"] = str(facts["to"])
    if "revision" not in given:
        phrase = phrase.replace("revision {revision}", "the revision before")
    return phrase.format_map(given | {"name": remediation.action.name})


def _as_proposed(remediation: Remediation) -> str:
    """The action as it was proposed, with a capital."""
    said = in_words(remediation.action)
    return said[:1].upper() + said[1:]
