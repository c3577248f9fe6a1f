"""The incident's card: one message in the channel, updated in place, that tells a latecomer where things stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from blocks.command import LABELS, card_order, crew, order_button
from blocks.grouping import more_menu
from blocks.paging import Paging, menu_choices, page_buttons, page_line
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
    message,
    rich,
    spoken,
    text,
    user,
    utc,
)
from core.incident import Incident, State
from core.outbox import View

OPEN_THREAD = "open_thread"

_NO_PAGING = Paging()
_IN_SHADOW = "No alert fires; I noticed it by myself. Nobody is paged, and I only look and propose."

MARKS: dict[State, str] = {
    "open": "🔴", "investigating": "🔴", "waiting": "🔴", "acting": "🟠", "watching": "🟠",
    "resolved": "🟢", "merged": "⚪",
}  # fmt: skip
STATE_WORDS: dict[State, str] = {
    "open": "open", "investigating": "looking into it", "waiting": "waiting for a person", "acting": "acting",
    "watching": "watching whether it holds", "resolved": "resolved", "merged": "merged into another incident",
}  # fmt: skip


def card_view(
    incident: Incident, now: datetime, thread_url: str | None = None, paging: Paging = _NO_PAGING
) -> View:  # fmt: skip
    """The card. `thread_url` is where [Open thread] leads, once the card is posted."""
    mark, words = MARKS[incident.state], STATE_WORDS[incident.state]
    title = [
        text(f"{mark} "), bold(f"{incident.id} · {incident.title}", 250), text(f" · {incident.severity} · {words}"),
    ]  # fmt: skip
    lines: list[Line] = [title, [*_place_and_time(incident, now), *crew(incident)]]
    if paged := page_line(incident, paging, now):
        lines.append(paged)
    if incident.headline:
        lines.append(spoken(incident.headline, 400))
    blocks: list[Block] = [rich(*lines, *_notes(incident, now))]
    if thread_url:
        blocks.append(buttons(button("Open thread", OPEN_THREAD, url=thread_url), *_acts(incident, paging)))
    since = f"since {utc(began(incident), now)}" if incident.is_open else f"after {ago(_lasted(incident, now))}"
    headline = f" {incident.headline}" if incident.headline else ""
    return message(f"{incident.id}, {incident.severity}: {incident.title}: {words}, {since}.{headline}", blocks)


def _acts(incident: Incident, paging: Paging) -> Iterator[Part]:
    """At most three buttons and the ⋯: what is wanted next, and the rest below it or behind More."""
    if incident.merged_into:
        return
    pages = page_buttons(incident, paging)
    if incident.in_shadow:
        yield order_button("nothing", incident.id)  # rather than Resolve, which is behind More
    else:
        yield from pages[:1]
    yield card_order(incident)
    if not incident.is_open:
        yield order_button("postmortem", incident.id)
    yield from pages[1:][-1:]  # with three, Resolve is behind More: nobody ends what nobody has yet
    first = [("catch_up", LABELS["catch_up"])]
    yield more_menu(incident, first, menu_choices(incident, paging) if incident.is_open else ())


def _notes(incident: Incident, now: datetime) -> Iterator[Line]:
    """What is unusual about its alerts."""
    if incident.merged_into:
        yield [text(f"It goes on as part of {incident.merged_into}.")]
    if incident.in_shadow:
        yield [text(_IN_SHADOW if incident.is_open else "No alert fired; I noticed it by myself.")]
    if not incident.is_open:
        return
    if incident.flapping:
        yield [text("Flapping: its alerts go on and off, so I wait longer before I call it over, and do not say each.")]
    if incident.quiet_since:
        yield [text("Quiet since "), clock(incident.quiet_since, now), text("; over unless it fires again soon.")]
    elif incident.silenced_alerts:
        yield [text(f"{counted(incident.silenced_alerts, 'alert')} silenced in Alertmanager.")]


def began(incident: Incident) -> datetime:
    """When the trouble began."""
    return incident.began_at


def _lasted(incident: Incident, now: datetime) -> timedelta:
    return (incident.resolved_at or now) - began(incident)


def _place_and_time(incident: Incident, now: datetime) -> Iterator[Part]:
    place = [part for part in (incident.cluster, incident.namespace or incident.service) if part]
    if place:
        yield text(" / ".join(place) + " · ", 150)
    yield text("since ")
    yield clock(began(incident), now)
    yield text(f" ({ago(_lasted(incident, now))})")
    known = len(incident.alerts) + incident.truncated_alerts
    if known:
        yield text(f" · {counted(known, 'alert')}")
        if len(incident.services) > 1:
            yield text(f" of {len(incident.services)} services")
        if incident.is_open and incident.how_many_fire < known:
            yield text(f", {incident.how_many_fire} still firing")
    if incident.opened_by:
        yield text(" · opened by ")
        yield user(incident.opened_by)
