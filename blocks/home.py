"""The Home tab: what is one person's, what they follow, and the settings that they may change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from blocks.approval import names, what
from blocks.card import MARKS, STATE_WORDS
from blocks.control import MODES, by_whom
from blocks.paging import on_call_lines
from blocks.parts import (
    Block,
    Line,
    Part,
    bold,
    bullets,
    button,
    buttons,
    channel,
    clock,
    counted,
    escape,
    fit,
    link,
    plain,
    rich,
    small,
    spoken,
    text,
)
from core.digest_settings import DigestTime
from core.entitled import nobody
from core.home import Home, Mine, Waiting
from core.status import Status

HOME = "home"  # the view's callback id; action ids are "home:…"
FOLLOW, FOLLOW_SEARCH = "home:follow", "home:follow_search"
SET_MODE, PAUSE, RESUME = "home:mode", "home:pause", "home:resume"
EDIT_DIGEST, ADD_DIGEST, REMOVE_DIGEST = "home:digest_edit", "home:digest_add", "home:digest_remove"
ZONE = "home:zone"

MOST_OPTIONS = 100  # of a select whose options stand in the view; with more services they are searched
_MOST = 10
_MOST_DIGESTS = 20
_WHY = {
    "command": "you command", "respond": "you respond", "opened": "you opened it", "on_call": "you are on call",
    "follow": "you follow it",
}  # fmt: skip


def home_view(home: Home, now: datetime) -> dict[str, Any]:
    """What Slack shows on somebody's Home tab. It holds times and no ages, so that it stays true while it stands."""
    blocks: list[Block] = [rich(*_state(home.situation.status, now))]
    blocks += _approvals(home, now)
    blocks += _incidents(home.incidents, now)
    blocks += _follows(home)
    blocks += _mode(home)
    blocks += _digests(home)
    blocks += _figures(home.situation.figures)
    return {"type": "home", "callback_id": HOME, "blocks": blocks}


def _state(status: Status, now: datetime) -> Iterator[Line]:
    count = sum(incident.is_open and not incident.hushed_until for incident in status.incidents)
    opened = f"{count} open" if count else "Nothing is open"
    yield [bold(opened), text(f" · {counted(status.alerts_firing, 'alert')} firing · mode {status.mode}")]
    if status.pause:
        yield [bold("Paused"), *by_whom(status.pause, now), text(": nothing is done to any cluster.")]
    yield from on_call_lines(status.on_call, now)
    for name, since in list(status.unreachable.items())[:5]:
        queued = status.queued.get(name)
        waits = f" ({counted(queued, 'update')} queued)" if queued else ""
        yield [bold("Cannot reach "), text(f"{name} since ", 120), clock(since, now), text(waits)]


def _approvals(home: Home, now: datetime) -> Iterator[Block]:
    yield _header("My approvals")
    waiting, others = home.deciding, home.others
    if waiting:
        yield bullets([_asked(each, now) for each in waiting[:_MOST]])
        more = [f"and {len(waiting) - _MOST} more"] if len(waiting) > _MOST else []
        yield small(*more, "Approve and Reject are on the message itself, beside what it touches and its dry run")
    else:
        yield rich([text("Nothing waits for you.")])
    approvers = home.situation.approvers
    if others and nobody(approvers):
        said = f"{counted(others, 'proposal')} can be decided by nobody: approvers in SRE_CONFIG names nobody."
        yield rich([text(said)])
    elif others:
        who = names((*approvers.groups, *approvers.users)[:_MOST], approvers.on_call) or [text("somebody else")]
        yield rich([text(f"{counted(others, 'proposal')} wait{'s' if others == 1 else ''} for "), *who, text(".")])


def _asked(waiting: Waiting, now: datetime) -> Line:
    rem = waiting.remediation
    said = what(rem)
    parts: list[Part] = [link(waiting.link, said[:1].upper() + said[1:], 200)]
    parts += [text(f" · {rem.incident}")] if rem.incident else []
    return parts + ([text(" · until "), clock(rem.expires_at, now)] if rem.expires_at else [])


def _incidents(mine: Sequence[Mine], now: datetime) -> Iterator[Block]:
    yield _header("My incidents")
    if not mine:
        yield rich([text("None is open that you command, respond to, opened, are on call for or follow.")])
        return
    yield bullets([_incident(each, now) for each in mine[:_MOST]])
    if len(mine) > _MOST:
        yield small(f"and {len(mine) - _MOST} more; /sre status has them")


def _incident(mine: Mine, now: datetime) -> Line:
    incident = mine.incident
    why = ", ".join(_WHY[name] for name in mine.why)
    parts: list[Part] = [
        text(f"{MARKS[incident.state]} "), link(mine.link, incident.id), text(f" {incident.title}", 200),
        text(f" · {incident.severity} · {STATE_WORDS[incident.state]} · since "), clock(incident.began_at, now),
        text(f" · {why}"),
    ]  # fmt: skip
    return [*parts, *([text(". "), *spoken(incident.headline, 300)] if incident.headline else [])]


def _follows(home: Home) -> Iterator[Block]:
    yield _header("Services I follow")
    services = home.situation.services
    if not services:
        yield rich([text("No service is known by name; services in SRE_CONFIG lists them.")])
        return
    yield rich([text("Their incidents are among yours above. Nobody is sent anything for it.")])
    state = hashlib.sha256("\n".join(home.follows).encode()).hexdigest()[:8]  # else Slack keeps an older choice
    yield {"type": "actions", "block_id": f"follow-{state}", "elements": [_select(services, home.follows)]}


def _select(services: Sequence[str], follows: Sequence[str]) -> Part:
    placeholder = {"type": "plain_text", "text": "Choose services"}
    chosen: Part = {"max_selected_items": MOST_OPTIONS}
    if follows:
        chosen["initial_options"] = [option(name, name) for name in follows[:MOST_OPTIONS]]
    if len(services) <= MOST_OPTIONS:
        options = [option(name, name) for name in services]
        return {"type": "multi_static_select", "action_id": FOLLOW, "placeholder": placeholder, "options": options,
                **chosen}  # fmt: skip
    return {"type": "multi_external_select", "action_id": FOLLOW_SEARCH, "placeholder": placeholder,
            "min_query_length": 1, **chosen}  # fmt: skip


def option(label: str, value: str) -> Part:
    """An option of a select, or of checkboxes."""
    return {"text": {"type": "plain_text", "text": fit(plain(label, 75), 75)}, "value": value[:150]}


def _mode(home: Home) -> Iterator[Block]:
    status, approvers = home.situation.status, home.situation.approvers
    yield _header("Mode")
    yield rich([bold(status.mode), text(f": {MODES.get(status.mode, 'unknown')}.")])
    acts = list(_controls(home))
    if acts:
        yield buttons(*acts)
    if home.may is not True:
        yield rich(_who_may(home))
    elif nobody(approvers):
        yield small("approvers in SRE_CONFIG names nobody")


def _who_may(home: Home) -> Line:
    approvers = home.situation.approvers
    if nobody(approvers):
        return [text("Nobody may change it: approvers in SRE_CONFIG names nobody.")]
    if home.may is None:
        return [text("Slack has not said yet whether you may change it.")]
    who = names((*approvers.groups, *approvers.users)[:_MOST], approvers.on_call)
    return [text("Those who may change it: "), *who, text(".")]


def _controls(home: Home) -> Iterator[Part]:
    """Only what this person may do; pausing is the safe side, so it stands also where that is not known."""
    status = home.situation.status
    if home.may:
        for mode, means in MODES.items():
            if mode != status.mode:
                yield button(
                    f"Set {mode}", f"{SET_MODE}:{mode}", value=mode,
                    confirm=confirmation(f"Set mode {mode}?", f"{means[:1].upper()}{means[1:]}.", f"Set {mode}"),
                )  # fmt: skip
    if status.pause is None and (home.may is not False or nobody(home.situation.approvers)):
        said = "Nothing more is done to any cluster until somebody resumes me. I go on looking and proposing."
        yield button("Pause", PAUSE, style="danger", confirm=confirmation("Pause?", said, "Pause"))
    if status.pause is not None and home.may:
        said = f"I act again as mode {status.mode} says."
        yield button("Resume", RESUME, confirm=confirmation("Resume?", said, "Resume"))


def _digests(home: Home) -> Iterator[Block]:
    yield _header("Morning digests")
    digests = home.situation.digests
    if not digests:
        yield rich([text("No channel gets one.")])
    for channel_id, time in list(digests.items())[:_MOST_DIGESTS]:
        words = f"{_place(channel_id)} {escape(when(time), 200)}"
        row: Block = {"type": "section", "text": {"type": "mrkdwn", "text": words}}
        change = button("Change", EDIT_DIGEST, value=channel_id, hint=f"Change the digest at {time.at}")
        yield row | ({"accessory": change} if home.may else {})
    if len(digests) > _MOST_DIGESTS:
        yield small(f"and {len(digests) - _MOST_DIGESTS} more")
    if home.may:
        yield buttons(button("Add a channel", ADD_DIGEST))
    elif digests:
        yield small("Those who may set the mode may change these")


def _figures(figures: Sequence[str]) -> Iterator[Block]:
    if figures:
        yield _header("The last 30 days")
        yield rich(*[[text(f"{line}.", 200)] for line in figures])
        yield small("/sre metrics has more, and says what is counted")


def _place(channel_id: str) -> str:
    """A channel as markup; what is no id is shown as text."""
    found = channel(channel_id)
    return f"<#{channel_id}>" if found["type"] == "channel" else escape(channel_id, 80)


def when(time: DigestTime) -> str:
    """ "at 09:00, mon-fri, Europe/Berlin"."""
    return f"at {time.at}, {time.days}, {time.timezone}"


def _header(words: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": words, "emoji": False}}


def confirmation(title: str, words: str, label: str) -> Part:
    texts = {"title": title, "text": fit(words, 300), "confirm": fit(label, 30), "deny": "Leave it"}
    return {name: {"type": "plain_text", "text": words} for name, words in texts.items()}
