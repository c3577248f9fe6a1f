"""What went well, what went badly, and what is to be done: computed from times and outcomes, never from opinions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from blocks.card import began
from blocks.proposal import in_words
from core.ledger import Entry
from core.postmortem import Sentence
from core.remediation import Remediation
from workers.postmortem.material import Material
from workers.postmortem.words import at, one_line, said, span

# What is called fast: guessed, from what teams of this size promise.
FAST_ACK, FAST_LOOK, FAST_CAUSE = timedelta(minutes=5), timedelta(minutes=1), timedelta(minutes=5)
FAST_APPROVAL, FAST_NOTICE = timedelta(minutes=5), timedelta(minutes=5)
LITTLE_ALIKE = 0.65  # the limit below which no runbook counts as fitting
_MOST_UNREAD = 8
_MOST_SAID = 15
_TODO = re.compile(
    r"\b(?:to-?do|follow(?:ing)?[- ]?ups?|action items?|we (?:should|need to|must)|somebody should)\b", re.I
)
_BADLY = ("undone", "unproven", "failed", "interrupted")
_TAKES_BACK = ("rollback_deployment", "rollback_release")


def well(m: Material) -> Iterator[Sentence]:
    """What was fast, and what worked."""
    yield from (sentence for sentence, good in _timed(m) if good)
    for rem in m.remediations:
        if rem.state == "worked" and not any(r.state in _BADLY for r in m.remediations):
            lasted = f" {span(rem.ended_at - began(m.incident))} after the trouble began" if rem.ended_at else ""
            yield Sentence(text=f"The first action that was taken worked, and was confirmed{lasted}",
                           cites=_of(m, rem, "action.done", "remediation.ended"))  # fmt: skip
        if rem.state == "undone":
            yield Sentence(
                text=f"What {rem.id} had made worse was noticed and taken back", cites=_of(m, rem, "undo.done")
            )
    for entry in m.every("approval.refused"):
        if entry.data.get("code") == "not_entitled":
            yield Sentence(
                text=f"A click by {m.who(entry.actor)}, who may not decide, did nothing", cites=_cite([entry])
            )
    if taken := m.first("command.taken"):
        yield Sentence(text=f"{m.who(taken.actor)} took command {span(taken.at - _opened(m))} after it was opened",
                       cites=_cite([taken]))  # fmt: skip


def badly(m: Material) -> Iterator[Sentence]:
    """What was slow, wrong, or did not reach anybody."""
    yield from (sentence for sentence, good in _timed(m) if not good)
    yield from _wrong(m)
    yield from _failed(m)
    escalated = m.every("pagerduty.escalated")
    if escalated:
        times = f"{len(escalated)} times" if len(escalated) > 1 else "once"
        yield Sentence(text=f"The page was escalated {times}", cites=_cite(escalated))
    yield from _paged_late(m)
    for entry in m.every("pagerduty.refused"):
        why = one_line(str(entry.data.get("why", "")).rstrip("."), 150)
        yield Sentence(text=f"PagerDuty was not told something: {why}", cites=_cite([entry]))
    if reminded := m.every("status.reminded"):
        yield Sentence(text=f"A promised status update was late; its author was reminded {len(reminded)} "
                            f"time{'s' if len(reminded) > 1 else ''}", cites=_cite(reminded))  # fmt: skip
    if reopened := m.every("incident.reopened"):
        yield Sentence(text="It was called resolved and had to be reopened", cites=_cite(reopened))
    if flapping := m.every("alert.flapping"):
        yield Sentence(text="Alerts went on and off, so that nobody could tell from them whether it was over",
                       cites=_cite(flapping))  # fmt: skip
    for source, cites in _unread(m):
        yield Sentence(text=f"Could not be read while looking: {source}", cites=cites)


def followups(m: Material) -> Iterator[Sentence]:
    """What remains to be done; each because of something that is on record."""
    yield from _after_actions(m)
    for entry in m.every("approval.expired"):
        yield Sentence(text=f"Find out why nobody decided {_name(entry)} in time", cites=_cite([entry]))
    if wrong := [e for e in m.every("feedback.given") if not e.data.get("right")]:
        yield Sentence(
            text="Teach the runbook what the cause was, since the diagnosis was judged wrong", cites=_cite(wrong)
        )
    last = m.last
    unsure = last is not None and last.diagnosis is not None and last.diagnosis.status == "escalated"
    if last and unsure and last.recall and last.recall.similarity < LITTLE_ALIKE:
        yield Sentence(text=f"Write a runbook for this: the nearest was {last.recall.similarity:.2f} alike, and "
                            f"{LITTLE_ALIKE} is needed", cites=_cite(_loop(m, "loop.recall", last.id)))  # fmt: skip
    for source, cites in _unread(m):
        yield Sentence(text=f"Let the bot read what it could not: {source}", cites=cites)
    if flapping := m.every("alert.flapping"):
        yield Sentence(
            text="Make the flapping alerts steadier, with a longer `for` or other thresholds", cites=_cite(flapping)
        )
    if (
        not m.incident.is_open
        and not m.incident.command.fix
        and not any(r.state in ("worked", "watching") for r in m.remediations)
    ):
        over = m.every("incident.resolved")[-1:]
        yield Sentence(text="Say what fixed it: it is not on record", cites=_cite(over))
    yield from _said(m)


def _timed(m: Material) -> Iterator[tuple[Sentence, bool]]:
    """How long things took, and whether that is fast."""
    opened, entry = _opened(m), m.first("incident.opened")
    start = _cite([entry]) if entry else ()
    if rollout := _rollout(m):
        when, cites = rollout
        gap = began(m.incident) - when
        if gap >= timedelta():
            noticed = f"The first alert fired {span(gap)} after the rollout at {at(when, opened)} UTC"
            yield (
                Sentence(text=noticed, cites=(*cites, *_cite([e for e in [m.first("alert.received")] if e]))),
                gap <= FAST_NOTICE,
            )
    for event, words, fast in (
        ("loop.observe", "First evidence was there {} after the incident was opened", FAST_LOOK),
        ("loop.reason", "A cause was named {} after the incident was opened", FAST_CAUSE),
    ):  # fmt: skip
        found = m.first(event)
        if found and start and (event != "loop.reason" or found.data.get("cause")):
            yield (
                Sentence(text=words.format(span(found.at - opened)), cites=(*start, *_cite([found]))),
                found.at - opened <= fast,
            )
    yield from _acknowledged(m)
    for rem in m.remediations:
        if rem.asked_at and rem.decided_at and rem.decided_by:
            waited = rem.decided_at - rem.asked_at
            cites = _of(m, rem, "approval.asked", "approval.granted", "approval.rejected")
            told = f"{m.who(rem.decided_by)} decided on {rem.id} {span(waited)} after it was asked"
            yield Sentence(text=told, cites=cites), waited <= FAST_APPROVAL


def _acknowledged(m: Material) -> Iterator[tuple[Sentence, bool]]:
    paged, acked = m.first("pagerduty.triggered"), m.first("pagerduty.acknowledged")
    if paged is None:
        return
    if acked:
        waited = acked.at - paged.at
        told = f"The page was acknowledged {span(waited)} after it went out"
        yield Sentence(text=told, cites=_cite([paged, acked])), waited <= FAST_ACK
    elif m.ended - paged.at > FAST_ACK:
        over = m.every("incident.resolved")[-1:]
        told = f"Nobody acknowledged the page in {span(m.ended - paged.at)}"
        yield Sentence(text=told, cites=_cite([paged, *over])), False


def _wrong(m: Material) -> Iterator[Sentence]:
    """Diagnoses that were not right, or not there."""
    for entry in m.every("feedback.given"):
        if not entry.data.get("right"):
            yield Sentence(text=f"{m.who(entry.actor)} judged the diagnosis wrong", cites=_cite([entry]))
    fixed = m.every("incident.fixed")
    if fixed and m.incident.command.fix and m.incident.command.fix.cause_right is False:
        yield Sentence(text="The cause that the bot named was not the cause", cites=_cite(fixed[-1:]))
    reasons = [e for e in m.every("loop.reason") if e.data.get("investigation") in {i.id for i in m.investigations}]
    causes = [(str(e.data.get("cause") or ""), e) for e in reasons]
    for (before, first), (after, second) in pairwise(causes):
        if before and after and before != after:
            told = f"The first diagnosis, {one_line(before, 80)}, was replaced by {one_line(after, 80)}"
            yield Sentence(text=f"{told} {span(second.at - first.at)} later", cites=_cite([first, second]))
    for entry in reasons:
        if entry.data.get("status") == "escalated":
            yield Sentence(text="The bot could not name the cause with enough certainty", cites=_cite([entry]))
        if struck := entry.data.get("struck"):
            yield Sentence(text=f"{struck} of its claims had no evidence and were struck out", cites=_cite([entry]))


def _paged_late(m: Material) -> Iterator[Sentence]:
    """Pages that went out when the repair had been done already."""
    for rem in m.remediations:
        done = m.about(rem, "action.done") if rem.state == "worked" else []
        late = [e for e in m.every("pagerduty.triggered") if done and e.at > done[0].at]
        if late:
            again = f"{len(late)} pages went" if len(late) > 1 else "A page went"
            first = span(late[0].at - done[0].at)
            yield Sentence(text=f"{again} out when {rem.id} had been done already, {first} after it",
                           cites=_cite([done[0], *late]))  # fmt: skip


def _failed(m: Material) -> Iterator[Sentence]:
    """Actions that did not help, and approvals that nobody gave."""
    words = {"undone": "made things worse and was taken back", "unproven": "did not show any effect",
             "failed": "could not be done",
             "interrupted": "broke off, and nobody knows whether it was done"}  # fmt: skip
    for rem in m.remediations:
        if rem.state in words:
            yield Sentence(text=f"{rem.id} ({one_line(in_words(rem.action), 100)}) {words[rem.state]}",
                           cites=_of(m, rem, "remediation.ended", "undo.done", "action.interrupted", "action.done",
                                     "action.begun"))  # fmt: skip
    for entry in m.every("approval.expired"):
        yield Sentence(text=f"{_name(entry)} expired without a decision", cites=_cite([entry]))
    for entry in m.every("approval.escalated"):
        yield Sentence(text=f"Nobody had answered {_name(entry)}, so that others were asked", cites=_cite([entry]))


def _after_actions(m: Material) -> Iterator[Sentence]:
    for rem in m.remediations:
        name = one_line(rem.action.name, 60)
        if rem.state == "watching":
            yield Sentence(text=f"Look whether {rem.id} held: it was still being watched when this was drafted",
                           cites=_of(m, rem, "action.begun", "action.done"))  # fmt: skip
        if rem.state in ("worked", "watching") and rem.action.kind in _TAKES_BACK:
            facts = rem.target.facts if rem.target else {}
            which = f"revision {facts['revision']}" if facts.get("revision") else "the version that was taken back"
            yield Sentence(text=f"Mend {which} of {name} before it is rolled out again: the rollback took it away, and "
                                "the fault is still in it",
                           cites=_of(m, rem, "action.done", "remediation.ended"))  # fmt: skip
        elif rem.state == "worked" and rem.action.kind in ("restart_pod", "restart_deployment"):
            yield Sentence(text=f"Find out why {name} needed a restart: a restart removes no cause",
                           cites=_of(m, rem, "action.done", "remediation.ended"))  # fmt: skip
        elif rem.state in ("unproven", "interrupted", "undone"):
            yield Sentence(text=f"Check by hand how {name} stands after {rem.id}",
                           cites=_of(m, rem, "remediation.ended", "action.done", "action.interrupted"))  # fmt: skip


def _said(m: Material) -> Iterator[Sentence]:
    """What people called a thing to do, in the thread or on the timeline."""
    found: list[Sentence] = []
    for number, message in enumerate(m.messages, 1):
        if _TODO.search(message.text):
            who = m.who(message.user)
            words = said(message.text, dict(m.names))
            found.append(Sentence(text=f"{who} wrote: “{words}”", cites=(f"M{number}",), by=who))
    yield from found[:_MOST_SAID]


def _unread(m: Material) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Sources that looks could not read, each with the entries of those looks."""
    of: dict[str, list[Entry]] = {}
    for inv in m.investigations:
        for source in inv.could_not_read:
            of.setdefault(one_line(source, 150), []).extend(_loop(m, "loop.observe", inv.id)[:1])
    for rem in m.remediations:
        for source in rem.after.could_not_read if rem.after else ():
            of.setdefault(one_line(source, 150), []).extend(m.about(rem, "remediation.ended"))
    yield from [(source, _cite(entries)) for source, entries in of.items()][:_MOST_UNREAD]


def _rollout(m: Material) -> tuple[datetime, tuple[str, ...]] | None:
    """The last rollout before the trouble that the cause's evidence names."""
    diagnosis, observed = (m.last.diagnosis, m.last.observation) if m.last else (None, None)
    if diagnosis is None or observed is None:
        return None
    cited = {i for claim in diagnosis.claims for i in claim.evidence}
    found = [c for c in observed.changes if cited & set(c.evidence) and c.at <= began(m.incident)]
    return (found[0].at, found[0].evidence) if found else None


def _loop(m: Material, event: str, investigation: str) -> list[Entry]:
    return [e for e in m.every(event) if e.data.get("investigation") == investigation]


def _opened(m: Material) -> datetime:
    entry = m.first("incident.opened")
    return entry.at if entry else m.incident.opened_at


def _name(entry: Entry) -> str:
    return one_line(str(entry.data.get("remediation", "an approval")), 20)


def _of(m: Material, rem: Remediation, *events: str) -> tuple[str, ...]:
    return _cite(m.about(rem, *events))


def _cite(entries: list[Entry]) -> tuple[str, ...]:
    return tuple(f"L{entry.seq}" for entry in entries)
