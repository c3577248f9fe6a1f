"""`/sre status` and the replay of one incident: what is stored, told in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from blocks.anomalies import lines as unusual_lines
from blocks.card import STATE_WORDS, began
from blocks.control import by_whom
from blocks.grouping import alert_lines
from blocks.paging import on_call_lines
from blocks.parts import (
    Block,
    Line,
    Part,
    ago,
    bold,
    bullets,
    clean,
    clock,
    counted,
    link,
    message,
    rich,
    small,
    spoken,
    text,
    user,
)
from blocks.proposal import in_words
from core.diagnosis import Action
from core.incident import Alert, Incident, Joined
from core.ledger import Entry
from core.outbox import View
from core.rolled import Rolled
from core.status import Status

_MOST_INCIDENTS = 10
_MOST_ENTRIES = 25
_MOST_UNUSUAL = 2
_MOST_NAMED = 5


def status_view(
    status: Status, now: datetime, service: str | None = None, links: Mapping[str, str] | None = None,
    most_alone: int | None = None,
) -> View:  # fmt: skip
    """Where things stand.

    Args:
        links: From an incident's id to its card.
        most_alone: How many actions the bot may do by itself on one incident.
    """
    hushed = [i for i in status.incidents if i.is_open and i.hushed_until]
    still_open = [i for i in status.incidents if i.is_open and not i.hushed_until]
    ended = [i for i in status.incidents if i.state == "resolved"]
    of_service = f" for {service}" if service else ""
    count = f"{len(still_open)} open{of_service}" if still_open else f"Nothing is open{of_service}"
    lines: list[Line] = [[bold(count, 150), text(f" · {counted(status.alerts_firing, 'alert')} firing")]]
    if ended:
        names = ", ".join(f"{i.id} {i.title}" for i in ended[:3])
        more = f" and {len(ended) - 3} more" if len(ended) > 3 else ""
        lines.append([bold("Resolved, last day "), text(names + more, 400)])
    if hushed:
        names = ", ".join(f"{i.id} {i.title} ({counted(i.how_many_fire, 'alert')}, {i.hushed_why})" for i in hushed[:3])
        more = f" and {len(hushed) - 3} more" if len(hushed) > 3 else ""
        lines.append([bold("In maintenance, nobody is told "), text(names + more, 400)])
    if status.unusual:
        said = "; ".join(unusual_lines(status.unusual, now)[:_MOST_UNUSUAL])
        lines.append([bold("Unusual, and no alert "), text(f"{said} (times in UTC)", 500)])
    if status.unwatched:
        lines.append([bold("No normal to compare with "), text(status.unwatched, 300)])
    if status.counted:
        lines.append([bold("Alerts, last day "), text(_alerts(status.counted), 300)])
    if status.firing:
        where, which = firing_words(status.firing)
        lines.append([bold(f"{where} "), text(which, 400)])
    if status.deploys:
        lines.append([bold("Deploys, last 6 h "), *_deploys(status.deploys, now)])
    lines += on_call_lines(status.on_call, now)
    lines.append(list(_mode(status, now, most_alone)))
    blocks: list[Block] = [rich(*lines[:1])]
    if still_open:
        blocks.append(bullets([_incident(i, now, links or {}) for i in still_open[:_MOST_INCIDENTS]]))
        if len(still_open) > _MOST_INCIDENTS:
            blocks.append(small(f"and {len(still_open) - _MOST_INCIDENTS} older ones"))
    blocks.append(rich(*lines[1:]))
    mode = status.mode + (", paused" if status.paused else "")
    worst = f": {', '.join(i.id for i in still_open[:5])}" if still_open else ""
    return message(f"{count}{worst}; {counted(status.alerts_firing, 'alert')} firing; mode {mode}", blocks)


def _incident(incident: Incident, now: datetime, links: Mapping[str, str]) -> Line:
    since = ago(now - began(incident))
    return [
        link(links.get(incident.id), incident.id),
        text(f" {incident.title} · {incident.severity} · {STATE_WORDS[incident.state]} ({since})", 300),
    ]


def firing_words(firing: Mapping[str, int]) -> tuple[str, str]:
    """What fires where: ("Firing on 2 services", "checkout 3, batch 2")."""
    named = {name: number for name, number in firing.items() if name}
    shown = [f"{clean(name, 60)} {number:,}" for name, number in list(named.items())[:_MOST_NAMED]]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    other = [f"naming no service {firing['']:,}"] if firing.get("") else []
    return f"Firing on {counted(len(named), 'service')}" if named else "Firing", ", ".join(shown + other) + more


def deploy_words(rolled: Rolled) -> tuple[str, str]:
    """What stands before the time of a rollout, and after it: ("checkout 1.8.4", "broke")."""
    name, version = clean(rolled.name, 60), clean(rolled.version, 40)
    if rolled.how == "back":
        return f"{name} back to {version or 'before'}", ""
    if rolled.how in ("removed", "restarted"):
        return f"{name} {rolled.how}", ""
    return f"{name} {version}".strip(), rolled.how


def _deploys(deploys: Sequence[Rolled], now: datetime) -> Iterator[Part]:
    for index, each in enumerate(deploys[:_MOST_NAMED]):
        before, after = deploy_words(each)
        yield text(f"{', ' if index else ''}{before} (", 120)
        yield clock(each.at, now)
        yield text(f"{f', {after}' if after else ''})")
    if len(deploys) > _MOST_NAMED:
        yield text(f" and {len(deploys) - _MOST_NAMED} more")


def _alerts(counts: Mapping[str, int]) -> str:
    """What became of every alert that came."""
    words = (
        ("new", "new"), ("repeated", "repeated"), ("changed", "changed"), ("resolved", "resolved"),
        ("fired_again", "fired again"), ("flapping", "damped as flapping"), ("heartbeats", "heartbeats"),
        ("resolved_unknown", "resolved that nobody knew"),
    )  # fmt: skip
    said = [f"{counts[key]:,} {word}" for key, word in words if counts.get(key)]
    groups = (
        f"{counted(counts.get('opened', 0), 'incident')} opened, {counted(counts.get('joined', 0), 'group')} joined"
    )
    return f"{', '.join(said) or 'none'} · {groups}"


def _mode(status: Status, now: datetime, most_alone: int | None) -> Iterator[Part]:
    yield bold("Mode ")
    yield text(status.mode + (", paused" if status.paused else ""), 60)
    if status.pause:
        yield from by_whom(status.pause, now)
    if most_alone is not None:
        for incident, used in list(status.own_actions.items())[:_MOST_NAMED]:
            yield text(f" · {used} of {most_alone} actions used on {incident}", 100)
    for name, since in status.unreachable.items():
        yield text(f" · cannot reach {name} since ", 100)
        yield clock(since, now)
        if queued := status.queued.get(name):
            yield text(f" ({counted(queued, 'update')} queued)")


def replay_view(
    incident: Incident, entries: Sequence[Entry], now: datetime, held: Iterable[Alert] = (),
    groups: Sequence[Joined] = (),
) -> View:  # fmt: skip
    """Which alerts it holds and why, and why the bot did what it did, from the ledger, oldest first.

    Args:
        held: All its alerts.
        groups: The sets that they came in.
    """
    lasted = ago((incident.resolved_at or now) - incident.opened_at)
    state = STATE_WORDS[incident.state]
    head: list[Line] = [[bold(f"{incident.id} · {incident.title}", 250), text(f" · {state}, {lasted}")]]
    if incident.headline:
        head.append(spoken(incident.headline, 400))
    if incident.merged_into:
        head.append([text(f"Its alerts are with {incident.merged_into} now.")])
    blocks: list[Block] = [rich(*head)]
    if alerts := list(alert_lines(held, groups, now)):
        total = len(incident.alerts) + incident.truncated_alerts
        said = f"{counted(total, 'alert')}, {incident.how_many_fire} firing"
        blocks += [rich([bold(said)]), bullets(alerts)]
    if len(entries) > _MOST_ENTRIES:
        blocks.append(
            small(f"The last {_MOST_ENTRIES} of {len(entries)} entries; sre-bot ledger show {incident.id} has all.")
        )
    if entries:
        blocks.append(bullets([_entry(entry, now) for entry in entries[-_MOST_ENTRIES:]]))
    else:
        blocks.append(rich([text("The ledger has nothing of it.")]))
    return message(f"{incident.id} is {state}; the ledger has {counted(len(entries), 'line')} of it", blocks)


_EVENTS = {
    "incident.opened": "opened", "alert.received": "alert fires", "alert.resolved": "alert ended",
    "alerts.joined": "alerts joined", "alerts.silenced": "silenced in Alertmanager", "alert.flapping": "flapping",
    "incident.merged": "merged", "incident.absorbed": "took another in", "incident.split": "alerts were split off",
    "maintenance.ended": "maintenance ended, and it still fires",
    "severity.set": "severity was set", "command.taken": "took command", "command.handed_over": "command handed over",
    "responder.joined": "joined as responder", "responder.left": "left the responders",
    "status.updated": "status", "status.reminded": "reminded of the next update", "incident.noted": "noted",
    "incident.fixed": "what fixed it", "incident.reopened": "reopened", "room.asked": "asked for a channel",
    "room.made": "a channel was made", "room.refused": "Slack refused a channel",
    "anomaly.noticed": "noticed by itself, without an alert",
    "incident.resolved": "resolved", "question.asked": "was asked", "feedback.given": "was judged",
    "loop.observe": "looked", "loop.recall": "recalled", "loop.reason": "concluded", "loop.plan": "planned",
    "proposal.decided": "proposed and checked against policy",
    "approval.asked": "asked for approval", "approval.clicked": "was clicked", "approval.refused": "did not count",
    "approval.granted": "was approved", "approval.rejected": "was rejected", "approval.escalated": "asked others",
    "approval.expired": "expired unanswered", "approval.superseded": "was superseded",
    "action.begun": "began to", "action.done": "did it", "action.interrupted": "was interrupted",
    "action.unclear": "sent it, and got no answer",
    "action.resumed": "went on after a restart", "remediation.ended": "ended",
    "undo.begun": "began to take it back", "undo.done": "took it back", "undo.failed": "could not take it back",
    "undo.interrupted": "was interrupted while taking it back",
}  # fmt: skip
_LEFT_OUT = {"usage", "policy_hash", "fingerprint", "investigation", "took_ms", "action"}


def _entry(entry: Entry, now: datetime) -> Line:
    what = _EVENTS.get(entry.event, entry.event.replace(".", " ").replace("_", " "))
    facts = [f"{key.replace('_', ' ')} {_fact(value)}" for key, value in entry.data.items() if key not in _LEFT_OUT]
    if isinstance(entry.data.get("action"), dict):
        facts.insert(0, in_words(Action.model_validate(entry.data["action"])))
    line: list[Part] = [clock(entry.at, now), text(f" {what}", 80)]
    if entry.actor != "bot":
        line += [text(" by "), user(entry.actor)]
    return [*line, text(f": {', '.join(facts[:6])}", 250)] if facts else line


def _fact(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list):
        return " ".join(_fact(item) for item in value[:5]) or "none"
    return clean(str(value), 100)
