"""What happened when: one line for each moment, the repetitive ones folded, a long story cut with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blocks.card import began
from blocks.proposal import in_words
from core.catalogue import read as read_action
from core.diagnosis import Action
from core.ledger import Entry
from core.postmortem import Sentence
from workers.postmortem.material import Material
from workers.postmortem.words import at, listed, one_line, said, span

MOST = 120  # lines
_FOLD = timedelta(minutes=2)  # the same again so soon is one line
_FOLDED = {"alert.received": "fires", "alert.resolved": "ends"}
_HAPPENED = {
    "incident.opened": "incident opened", "incident.resolved": "incident resolved", "incident.reopened": "reopened",
    "incident.merged": "merged into another", "incident.absorbed": "another incident was merged into it",
    "incident.split": "alerts were split off", "alerts.joined": "more alerts joined",
    "alerts.silenced": "alerts silenced in Alertmanager", "alert.flapping": "alerts flap",
    "maintenance.ended": "maintenance ended and it still fired", "severity.set": "severity",
    "command.taken": "took command", "command.handed_over": "command handed over", "status.updated": "status",
    "status.reminded": "was reminded of a promised update", "incident.noted": "noted",
    "incident.fixed": "what fixed it", "responder.joined": "joined as responder",
    "room.made": "a channel of its own was made",
    "loop.observe": "the bot looked", "loop.reason": "the bot concluded", "feedback.given": "the diagnosis was judged",
    "question.asked": "a question was asked", "approval.asked": "approval was asked for",
    "approval.granted": "approved", "approval.rejected": "rejected", "approval.refused": "a click did not count",
    "approval.escalated": "others were asked, since nobody had answered", "approval.expired": "expired unanswered",
    "approval.superseded": "was no longer needed", "action.begun": "began", "action.done": "done",
    "action.unclear": "sent, and no answer came", "action.interrupted": "was interrupted",
    "action.resumed": "went on after a restart", "remediation.ended": "outcome", "undo.begun": "taking it back began",
    "undo.done": "taken back", "undo.failed": "could not be taken back", "undo.interrupted": "taking back broke off",
    "pagerduty.triggered": "PagerDuty paged", "pagerduty.acknowledged": "acknowledged in PagerDuty",
    "pagerduty.escalated": "escalated in PagerDuty", "pagerduty.resolved": "resolved in PagerDuty",
    "pagerduty.reassigned": "reassigned in PagerDuty", "pagerduty.unacknowledged": "the acknowledgement ended",
    "pagerduty.refused": "PagerDuty refused", "loop.stop_asked": "asked the bot to stop",
}  # fmt: skip
_TOLD = ("why", "known", "what", "said", "outcome", "reason")
_BY_PEOPLE = ("U", "W")
Facts = dict[str, Any]  # an entry's


@dataclass(frozen=True)
class _Line:
    at: datetime
    text: str
    cites: tuple[str, ...]
    kind: str
    by: str = ""


def timeline(m: Material) -> tuple[Sentence, ...]:
    """Oldest first; the beginning and the end are kept where it is too long."""
    lines = sorted([*_from_ledger(m), *_from_changes(m), *_from_thread(m)], key=lambda line: line.at)
    day = began(m.incident)
    if len(lines) > MOST:
        half = MOST // 2
        lines = [*lines[:half], _cut(lines[half:-half]), *lines[-half:]]
    return tuple(Sentence(text=f"{at(line.at, day)} {line.text}", cites=line.cites, by=line.by) for line in lines)


def _cut(lines: list[_Line]) -> _Line:
    counts = Counter(line.kind for line in lines)
    told = listed((f"{number:,} × {kind}" for kind, number in counts.most_common()), 8)
    ledger = [cite for line in lines for cite in line.cites if cite.startswith("L")]
    cites = tuple(dict.fromkeys((ledger[0], ledger[-1]))) if ledger else lines[0].cites
    return _Line(lines[0].at, f"to {at(lines[-1].at)}: {len(lines):,} more lines left out ({told})", cites, "cut")


def _from_ledger(m: Material) -> Iterator[_Line]:
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in m.entries:
        if entry.event in _FOLDED:
            key = (entry.event, str(entry.data.get("alert", "alert")))
            held = groups.get(key)
            if held and entry.at - held[-1].at <= _FOLD:
                held.append(entry)
                continue
            if held:
                yield _folded(key, held)
            groups[key] = [entry]
        elif entry.event in _HAPPENED:
            yield _Line(entry.at, _told(entry, m), (f"L{entry.seq}",), entry.event)
    for key, held in groups.items():
        yield _folded(key, held)


def _folded(key: tuple[str, str], entries: list[Entry]) -> _Line:
    event, alert = key
    times = f" ({len(entries):,} alerts)" if len(entries) > 1 else ""
    until = (
        f", until {at(entries[-1].at, entries[0].at)}" if entries[-1].at - entries[0].at > timedelta(seconds=2) else ""
    )
    cites = tuple(f"L{entry.seq}" for entry in entries)
    return _Line(entries[0].at, f"{one_line(alert, 100)} {_FOLDED[event]}{times}{until}", cites, event)


def _told(entry: Entry, m: Material) -> str:
    words, data = _HAPPENED[entry.event], entry.data
    if data.get("remediation"):
        words = f"{one_line(str(data['remediation']), 20)} {words}"
    elif entry.actor[:1] in _BY_PEOPLE and entry.event in ("command.taken", "responder.joined", "status.reminded"):
        return f"{m.who(entry.actor)} {words}"
    facts = [fact for fact in _facts(entry, m) if fact]
    more = f": {'; '.join(facts)}" if facts else ""
    by = f", {m.who(entry.actor)}" if entry.actor[:1] in _BY_PEOPLE and entry.event != "remediation.ended" else ""
    return f"{words}{by}{more}"


def _facts(entry: Entry, m: Material) -> Iterator[str]:
    data = entry.data
    if special := _SPECIAL.get(entry.event):
        yield special(data)
    elif entry.event.startswith("pagerduty.") and data.get("number"):
        yield f"#{data['number']}"
    if to := data.get("to"):
        yield f"to {m.who(str(to))}"
    for key in _TOLD if entry.event != "remediation.ended" else ():
        if isinstance(data.get(key), str) and data[key]:
            yield one_line(data[key].rstrip("."), 220)


def _opened(data: Facts) -> str:
    return f"{one_line(str(data.get('title', '')), 150)}; {data.get('severity', '')}"


def _lasted(data: Facts) -> str:
    lasted = data.get("lasted_s")
    return f"{span(timedelta(seconds=lasted))} after it was opened" if isinstance(lasted, int) else ""


def _found(data: Facts) -> str:
    found = Counter(str(each) for each in data.get("findings", ()))
    told = (f"{one_line(name, 80)}{f' ({n})' if n > 1 else ''}" for name, n in found.items())
    return listed(told, 4) or "nothing wrong"


def _concluded(data: Facts) -> str:
    cause = data.get("cause")
    return f"{one_line(str(cause), 100)}, confidence {data.get('confidence')}" if cause else "no cause found"


def _action(data: Facts) -> str:
    read = read_action(data["action"]) if isinstance(data.get("action"), dict) else None
    return one_line(in_words(read), 150) if isinstance(read, Action) else ""


_SPECIAL: dict[str, Callable[[Facts], str]] = {
    "incident.opened": _opened, "incident.resolved": _lasted, "loop.observe": _found, "loop.reason": _concluded,
    "action.begun": _action, "severity.set": lambda data: f"{data.get('before')} → {data.get('after')}",
    "feedback.given": lambda data: "right" if data.get("right") else "wrong",
    "approval.refused": lambda data: one_line(str(data.get("code", "")).replace("_", " "), 60),
    "remediation.ended": lambda data: str(data.get("state", "")),
}  # fmt: skip


def _from_changes(m: Material) -> Iterator[_Line]:
    """What the collector saw, and what the look saw that it did not."""
    seen: list[tuple[str, datetime]] = []
    for number, change in enumerate(m.changes, 1):
        by = f", by {one_line(change.by, 60)}" if change.by else ""
        seen.append((change.target, change.at))
        yield _Line(change.at, f"{change.kind} of {one_line(change.target, 100)}: {one_line(change.title, 200)}{by}",
                    (f"C{number}",), "change")  # fmt: skip
    observed = m.last.observation if m.last else None
    since = began(m.incident) - timedelta(hours=2)
    for rollout in observed.changes if observed else ():
        known = any(t == rollout.owner and abs((when - rollout.at).total_seconds()) < 60 for t, when in seen)
        if known or not rollout.evidence or not since <= rollout.at <= m.ended:
            continue
        fields = listed((_field(f.field, f.verb, f.before, f.after) for f in rollout.fields), 5)
        revisions = f"revision {rollout.from_revision or '?'} → {rollout.to_revision}"
        text = f"rollout of {one_line(rollout.owner, 100)}, {revisions}"
        yield _Line(rollout.at, f"{text}: {fields}" if fields else text, rollout.evidence, "rollout")


def _field(name: str, verb: str, before: str | None, after: str | None) -> str:
    if before and after:
        return f"{one_line(name, 60)} {one_line(before, 80)} → {one_line(after, 80)}"
    return f"{one_line(name, 60)} {verb}"


def _from_thread(m: Material) -> Iterator[_Line]:
    noted = {str(e.data.get("ts")) for e in m.every("incident.noted")}
    for number, message in enumerate(m.messages, 1):
        if message.ts not in noted:
            who = m.who(message.user)
            yield _Line(message.at, f"{who}: “{said(message.text, dict(m.names))}”", (f"M{number}",), "message", by=who)
