"""What Slack held back: the line below a message that came late, and the message that tells of what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from blocks.card import began
from blocks.parts import Block, Line, ago, bold, bullets, clock, counted, message, rich, small, spoken, text, utc
from blocks.proposal import in_words
from core.incident import Incident
from core.outbox import View
from core.remediation import Remediation

_MOST = 20  # incidents with a line of their own
_MOST_NAMES = 200  # more of them are counted


class Ended(NamedTuple):
    """An incident of which something was left out."""

    incident: Incident
    messages: int  # left out of its thread


def late_line(since: datetime, now: datetime, again: bool) -> Block:
    """Below the first message of a thread that came late; `again`: it is an edit."""
    what = "an update of this" if again else "this"
    return small(f"Slack held {what} back for {ago(now - since)}, from {utc(since, now)} to {utc(now, now)}.")


def held_back_view(
    times: tuple[datetime, datetime], now: datetime, unreachable: bool, incidents: Sequence[Ended],
    expired: Sequence[Remediation], others: int,
) -> View:  # fmt: skip
    """What went on while Slack took nothing, or took it late, and is not posted one by one.

    Args:
        times: From when to when.
        incidents: Those that ended, or were looked into anew.
        expired: Approvals that nobody could give.
        others: Messages about none of these.
    """
    since, until = times
    how = "could not be reached" if unreachable else "took messages late"
    head: Line = [
        bold(f"While Slack {how}"), text(" ("), clock(since, now), text(" to "), clock(until, now),
        text(f", {ago(until - since)}), this went on and is not posted one by one:"),
    ]  # fmt: skip
    lines = [list(_incident(each)) for each in incidents[:_MOST]]
    rest = [each.incident.id for each in incidents[_MOST:]]
    if rest:
        more = f" and {len(rest) - _MOST_NAMES} more" if len(rest) > _MOST_NAMES else ""
        lines.append([text(f"{len(rest)} more, ended too: {', '.join(rest[:_MOST_NAMES])}{more}", 2000)])
    lines += [list(line) for line in _approvals(expired)]
    if others:
        lines.append([text(f"{counted(others, 'other message')} that nobody needs any more")])
    ids = ", ".join(each.incident.id for each in incidents[:5])
    said = [counted(len(incidents), "incident")] if incidents else []
    said += [f"{counted(len(expired), 'approval')} expired unanswered"] if expired else []
    blocks = [rich(head), bullets(lines)]
    if incidents:
        first = incidents[0].incident.id
        blocks.append(small("What still holds is posted on its own", f"/sre explain {first}, and so on, has the rest"))
    return message(
        f"While Slack {how} ({utc(since, now)} to {utc(until, now)}): {', '.join(said) or 'nothing that still matters'}"
        + (f": {ids}" if ids else ""), blocks,
    )  # fmt: skip


def _incident(told: Ended) -> Iterator[dict[str, object]]:
    incident = told.incident
    yield bold(f"{incident.id} · {incident.title}", 200)
    if incident.merged_into:
        yield text(f" · merged into {incident.merged_into}")
    elif incident.resolved_at:
        yield text(f" · opened and resolved ({ago(incident.resolved_at - began(incident))})")
    else:
        yield text(" · an earlier look, since replaced by a newer one")
    if told.messages:
        yield text(f" · {counted(told.messages, 'message')} of its thread")
    if incident.headline and not incident.is_open and not incident.merged_into:
        yield text(" · ")
        yield from spoken(incident.headline, 200)


def _approvals(expired: Iterable[Remediation]) -> Iterator[Iterable[dict[str, object]]]:
    given = list(expired)
    if not given:
        return
    wanted = [f"{in_words(rem.action)} ({rem.incident or rem.id})" for rem in given]
    more = f" and {len(wanted) - 5} more" if len(wanted) > 5 else ""
    yield [
        bold(f"{counted(len(given), 'approval')} expired unanswered"),
        text(f", so nothing was changed: {'; '.join(wanted[:5])}{more}", 1000),
    ]  # fmt: skip
