"""Which alerts an incident holds and why; taking some out, and putting two incidents together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from blocks.parts import (
    Block,
    Line,
    Part,
    bold,
    bullets,
    button,
    clean,
    clock,
    counted,
    fit,
    message,
    rich,
    small,
    text,
    user,
)
from core.incident import Alert, Incident, Joined
from core.labels import namespace_of, target_of
from core.outbox import View

MORE = "incident_more"  # the card's ⋯
ALERTS, MERGE, EVERYTHING = "alerts", "merge", "more"  # its choices
SPLIT = "split_off"
MERGE_MODAL = "merge_incidents"
ALERTS_MODAL = "alerts_of_incident"
MERGE_BLOCK, MERGE_CHOICE = "into", "incident"

_MOST_OPTIONS = 5  # of Slack's overflow menu
_FEW = 8  # joins that are told one by one; of more, the first of each reason
_OF_EACH = 3
_MOST_SETS = 40  # in the modal, newest first
_MOST_KINDS = 25  # of alerts, in a list
_MOST_THINGS = 3  # named of each kind
_MERGED = re.compile(r" \(was INC-\d+\)$")
_RULES = {
    "same_service": "The same service", "same_node": "The same node", "same_deploy": "The same rollout",
    "neighbours": "Neighbours on the service map", "shared_dependency": "One thing that they all depend on",
    "same_namespace": "The same namespace", "storm": "Too much at once for chance",
    "same_alert": "The same alerts, brought once more", "merged": "Merged", "split": "Split off",
}  # fmt: skip


def more_menu(
    incident: Incident, first: Sequence[tuple[str, str]] = (), others: Sequence[tuple[str, str]] = ()
) -> Part:
    """The card's ⋯: what comes first, what can be done with alerts, and of the others what fits; More… has all."""
    merge = [(MERGE, "Merge into another incident")] if incident.is_open else []
    alerts = (ALERTS, "Alerts, and why they are here")
    *urgent, last = others or [("", "")]
    middle = [*urgent, *merge, last] if last[0] else merge
    choices = [*[*first, alerts, *middle][: _MOST_OPTIONS - 1], (EVERYTHING, "More…")]
    options = [
        {"text": {"type": "plain_text", "text": label}, "value": f"{choice}:{incident.id}"} for choice, label in choices
    ]
    return {"type": "overflow", "action_id": MORE, "options": options}


def joined_view(incident: Incident, groups: Sequence[Joined], now: datetime) -> View:
    """What joined the incident and why; one message, however much it is."""
    joined = [group for group in groups if group.rule]
    alerts = len(incident.alerts) + incident.truncated_alerts
    head: list[Part] = [bold(f"Joined: {counted(len(joined), 'group')}"), text(f" · {counted(alerts, 'alert')} in all")]
    if len(incident.services) > 1:
        head.append(text(f" of {len(incident.services)} services"))
    lines = list(_few(joined, now) if len(joined) <= _FEW else _many(joined))
    hint = "One of them does not belong here? ⋯ on the card: Alerts, and why they are here."
    summary = f"{counted(len(joined), 'group')} of alerts joined {incident.id}: {joined[-1].why if joined else ''}"
    return message(summary, [rich(head), bullets(lines), small(hint)])


def _few(joined: Iterable[Joined], now: datetime) -> Iterator[Line]:
    for group in joined:
        line: list[Part] = [clock(group.at, now), text(f" {group.title}: {group.why}", 300)]
        yield [*line, text(", by "), user(group.by)] if group.by else line


def _many(joined: Iterable[Joined]) -> Iterator[Line]:
    """By reason: the first of each, and how many more."""
    by_rule: dict[str, list[Joined]] = {}
    for group in joined:
        by_rule.setdefault(group.rule, []).append(group)
    for rule, alike in sorted(by_rule.items(), key=lambda item: -len(item[1])):
        reasons = list(dict.fromkeys(_MERGED.sub("", group.why) for group in alike))
        shown = "; ".join(reasons[:_OF_EACH])
        more = f"; and {len(reasons) - _OF_EACH} more" if len(reasons) > _OF_EACH else ""
        yield [bold(f"{_RULES.get(rule, rule)} · {len(alike)}"), text(f": {shown}{more}", 500)]


def alert_lines(alerts: Iterable[Alert], groups: Sequence[Joined], now: datetime) -> Iterator[Line]:
    """Alerts by set and name: about what, how many, how often sent, first and last seen, and why they are here. Of many
    sets, those that joined by one rule are told together."""
    held = list(alerts)
    sets = {group.id: group for group in groups}
    kinds = _kinds(held, lambda alert: alert.group)
    if len(kinds) > _MOST_KINDS:
        kinds = _kinds(held, lambda alert: sets[alert.group].rule if alert.group in sets else "")
    ordered = sorted(kinds.values(), key=lambda alike: (not _firing(alike), -len(alike), alike[0].name))
    for alike in ordered[:_MOST_KINDS]:
        reasons = {_MERGED.sub("", sets[a.group].why): None for a in alike if a.group in sets and sets[a.group].why}
        joined = [text(f" · joined: {next(iter(reasons))}", 200)] if reasons else []
        more = [text(f", and {counted(len(reasons) - 1, 'other reason')}")] if len(reasons) > 1 else []
        yield [*_kind(alike, now), *joined, *more]
    if len(ordered) > _MOST_KINDS:
        rest = sum(len(alike) for alike in ordered[_MOST_KINDS:])
        yield [text(f"and {counted(rest, 'alert')} of {len(ordered) - _MOST_KINDS} other kinds")]


def _kinds(alerts: Iterable[Alert], part: Callable[[Alert], str]) -> dict[tuple[str, str], list[Alert]]:
    found: dict[tuple[str, str], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda a: (a.starts_at, a.fingerprint)):
        found.setdefault((part(alert), alert.name), []).append(alert)
    return found


def _kind(alike: list[Alert], now: datetime) -> Iterator[Part]:
    sent, firing, silenced = sum(a.received for a in alike), _firing(alike), sum(a.silenced for a in alike)
    said = [f" × {len(alike)}, {firing} firing" if len(alike) > 1 else ", firing" if firing else ", resolved"]
    said += [f", sent {sent} times"] if sent > len(alike) else []
    said += [f", {silenced} silenced"] if silenced else []
    yield bold(alike[0].name, 150)
    things = list(dict.fromkeys(thing for alert in alike if (thing := _about(alert))))
    if things:
        more = f" and {len(things) - _MOST_THINGS} more" if len(things) > _MOST_THINGS else ""
        yield text(f" of {', '.join(things[:_MOST_THINGS])}{more}", 300)
    yield text("".join(said))
    times = [at for a in alike for at in (a.first_at, a.last_at) if at]
    if times:
        yield text(" · ")
        yield clock(min(times), now, seconds=True)
        if max(times) > min(times):
            yield text(" to ")
            yield clock(max(times), now, seconds=True)


def _about(alert: Alert) -> str:
    """What it is about, as "shop/checkout"; "" when its labels do not tell."""
    labels = alert.labels
    target = target_of(labels) or ""
    name = target.partition("/")[2] or labels.get("service") or labels.get("instance") or ""
    namespace = "" if target.startswith("Node/") else namespace_of(labels) or ""
    return "/".join(part for part in (namespace, name) if part)[:100]


def _firing(alerts: Iterable[Alert]) -> int:
    return sum(alert.status == "firing" for alert in alerts)


def alerts_modal(
    incident: Incident, groups: Sequence[Joined], sizes: Mapping[str, int], told: str = ""
) -> dict[str, Any]:
    """The sets of alerts of an incident, each with a button that splits it off.

    Args:
        sizes: Alerts by set.
        told: What became of the last click.
    """
    blocks: list[Block] = [rich([bold(told, 300)])] if told else []
    alerts = sum(sizes.values())
    head = f"{counted(alerts, 'alert')} in {counted(len(groups), 'group')}, {incident.how_many_fire} firing."
    blocks.append(rich([bold(fit(f"{incident.id} · {incident.title}", 200))], [text(head)]))
    splits = incident.is_open and len(groups) > 1
    for group in reversed(groups[-_MOST_SETS:]):
        why = f"Joined: {group.why}" if group.why else "It opened the incident"
        size = counted(sizes.get(group.id, 0), "alert")
        section: Block = {
            "type": "section", "block_id": group.id,
            "text": {"type": "plain_text", "text": clean(f"{group.title}\n{size} · {why}", 400, lines=True)},
        }  # fmt: skip
        if splits:
            section["accessory"] = button("Split off", SPLIT, value=f"{incident.id}:{group.id}",
                                          hint=f"Split {group.title[:50]} off")  # fmt: skip
        blocks.append(section)
    if len(groups) > _MOST_SETS:
        blocks.append(small(f"and {len(groups) - _MOST_SETS} earlier ones; /sre explain {incident.id} counts them all"))
    return _modal("Alerts", ALERTS_MODAL, blocks)


def merge_modal(incident: Incident, others: Sequence[Incident]) -> dict[str, Any]:
    """Choose the incident into which this one goes."""
    said = f"All alerts of {incident.id} go on in the incident that you choose, and its card says so."
    if not others:
        return told_modal("Merge", f"{incident.id} is the only one that is open, so there is nothing to merge it into.")
    options = [
        {"text": {"type": "plain_text", "text": fit(f"{o.id} · {clean(o.title, 70)}", 75)}, "value": o.id}
        for o in others[:100]
    ]
    choice: Part = {
        "type": "static_select", "action_id": MERGE_CHOICE, "options": options,
        "placeholder": {"type": "plain_text", "text": "Choose an incident"},
    }  # fmt: skip
    field: Block = {"type": "input", "block_id": MERGE_BLOCK, "element": choice,
                    "label": {"type": "plain_text", "text": "Merge into"}}  # fmt: skip
    modal = _modal("Merge", MERGE_MODAL, [rich([text(said)]), field])
    submit = {"type": "plain_text", "text": "Merge"}
    return {**modal, "submit": submit, "private_metadata": incident.id}


def told_modal(title: str, words: str) -> dict[str, Any]:
    """What became of it."""
    return _modal(title, ALERTS_MODAL, [rich([text(words, 600)])])


def _modal(title: str, callback_id: str, blocks: list[Block]) -> dict[str, Any]:
    return {
        "type": "modal", "callback_id": callback_id, "title": {"type": "plain_text", "text": fit(title, 24)},
        "close": {"type": "plain_text", "text": "Close"}, "blocks": blocks,
    }  # fmt: skip
