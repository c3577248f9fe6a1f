"""The handoff at a change of shift: ten lines at most, for somebody who just came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from blocks.anomalies import lines as anomaly_lines
from blocks.card import STATE_WORDS, began
from blocks.digest_words import named
from blocks.parts import (
    Block,
    Line,
    Part,
    ago,
    bold,
    button,
    buttons,
    clock,
    counted,
    mention,
    message,
    rich,
    text,
    user,
)
from blocks.proposal import in_words
from core.handoff import Handoff
from core.incident import Incident
from core.outbox import View
from core.page import Person

POST_HANDOFF = "handoff_post"
MOST_LINES = 10
_MOST = 4  # of each kind
T = TypeVar("T")


def handoff_view(handoff: Handoff, now: datetime, *, addressed: bool = True, post: bool = False) -> View:
    """What is handed over.

    Args:
        addressed: Those who came are mentioned; else it is an answer to one person, which mentions nobody.
        post: It can be posted to the channel.
    """
    lines = [list(_head(handoff, addressed)), *_lines(handoff, now)]
    blocks: list[Block] = [rich(*lines[:MOST_LINES])]
    if post:
        blocks.append(buttons(button("Post it here", POST_HANDOFF)))
    people = " ".join(filter(None, (mention(p.slack or "") for p in handoff.came))) if addressed else ""
    counts = f"{counted(len(handoff.open), 'incident')} open, {len(handoff.waiting)} waiting for approval"
    view = message(f"Handoff: {'nothing is open, nothing to watch' if handoff.is_quiet else counts}", blocks)
    return View(text=f"{people} {view.text}".strip(), blocks=view.blocks)


def _head(handoff: Handoff, addressed: bool) -> Iterator[Part]:
    if handoff.unknown:
        yield bold("Handoff")
        yield text(f" · who is on call is not known: {handoff.unknown}.")
        return
    if addressed:
        yield from _people(handoff.came, mentions=True)
        are = "is" if len(handoff.came) == 1 and not handoff.came[0].slack else "you are"
        yield text(f"{' ' if are == 'is' else ', '}{are} on call now")
        if handoff.services:
            yield text(f" for {_listed(handoff.services)}", 200)
        if handoff.left:
            yield text(", after ")
            yield from _people(handoff.left, mentions=False)
        if handoff.until:
            yield text(", until ")
            yield _day(handoff.until)
        yield text(".")
        return
    yield bold("Handoff")
    yield text(" · on call ")
    yield from _people(handoff.left, mentions=False)
    if handoff.until:
        yield text(" until ")
        yield _day(handoff.until)
    if handoff.came:
        yield text(", then ")
        yield from _people(handoff.came, mentions=False)


def _lines(handoff: Handoff, now: datetime) -> Iterator[Line]:
    if handoff.is_quiet:
        yield [text("Nothing is open, and there is nothing to watch.")]
    if handoff.note:
        yield [bold("Left for you "), text(f"“{handoff.note.text}”", 400), text(" · "), user(handoff.note.by)]
    if handoff.open:
        yield [bold("Open "), *_each(handoff.open, lambda i: _incident(i, now))]
    if handoff.waiting:
        yield [bold("Waits for approval "), *_each(handoff.waiting, lambda r: [
            text(f"{r.incident}: {in_words(r.action)}", 150),
            *([text(", since "), clock(r.asked_at, now)] if r.asked_at else []),
        ])]  # fmt: skip
    watch = [f"{i.id} {i.title}, resolved {ago(now - i.resolved_at)} ago" for i in handoff.ended if i.resolved_at]
    watch += [f"{r.incident}: {in_words(r.action)}, {_standing(r.state)}" for r in handoff.unproven]
    watch += anomaly_lines(handoff.anomalies, now)
    if watch:
        yield [bold("Watch "), *_each(watch, lambda line: [text(line, 180)])]
    if handoff.changes:
        yield [bold("Too new to tell "), *_each(handoff.changes, lambda e: [
            text(f"{named(e)}, rolled out "), clock(e.at, now)])]  # fmt: skip
    if handoff.silences:
        yield [bold("Silences that end "), *_each(handoff.silences, lambda s: [
            text(f"{s.of} ", 120), _day(s.ends_at)])]  # fmt: skip
    if handoff.unreachable:
        yield [bold("Cannot reach "), *_each(tuple(handoff.unreachable.items()), lambda each: [
            text(f"{each[0]} since ", 60), clock(each[1], now)])]  # fmt: skip
    if handoff.since:
        night = f", {handoff.pages_at_night} at night" if handoff.pages else ""
        yield [bold("The shift before "), text(f"{counted(handoff.pages, 'page')}{night}, since "), _day(handoff.since)]


def _incident(incident: Incident, now: datetime) -> list[Part]:
    said = f"{incident.id} {incident.title} · {incident.severity} · {STATE_WORDS[incident.state]}"
    parts = [text(said, 180), text(f" ({ago(now - began(incident))})")]
    commander = incident.command.commander
    return parts + ([text(", "), user(commander), text(" commands")] if commander else [text(", nobody commands")])


def _standing(state: str) -> str:
    return "still being watched" if state == "watching" else "and nothing shows that it helped"


def _each(items: Sequence[T], write: Callable[[T], Iterable[Part]]) -> Iterator[Part]:
    """The first few, and how many more."""
    for position, item in enumerate(items[:_MOST]):
        if position:
            yield text("; ")
        yield from write(item)
    if len(items) > _MOST:
        yield text(f" and {len(items) - _MOST} more")


def _people(people: Sequence[Person], *, mentions: bool) -> Iterator[Part]:
    """By name; those who are addressed are mentioned where Slack knows them."""
    if not people:
        yield text("nobody")
    for position, person in enumerate(people[:3]):
        if position:
            yield text(" and ")
        yield user(person.slack) if mentions and person.slack else text(person.name, 80)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _day(at: datetime) -> Part:
    return {"type": "date", "timestamp": int(at.timestamp()), "format": "{date_short_pretty} {time}",
            "fallback": f"{at:%a %H:%M} UTC"}  # fmt: skip
