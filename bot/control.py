"""`/sre pause`, `/sre resume`, `/sre mode`: by entitled people, and in the ledger. Pausing is the safe side: it is done
also when nobody can tell who may."""

from __future__ import annotations

from blocks.control import MODES, mode_view, paused_view, refused_view, resumed_view
from blocks.replies import reply
from bot.membership import GroupsOf, may_decide
from core.entitled import nobody
from core.outbox import Message, View
from core.pause import PAUSED, Pause, pause_of, set_pause
from core.queues import DELIVER
from core.records import Records

_WHY_CHARS = 300


def pause(why: str, user: str, records: Records, groups_of: GroupsOf) -> View:
    """Set the kill switch. What it says is `why`, foreign."""
    approvers = records.settings.config.approvers
    if held := pause_of(records.switches):
        return paused_view(held, records.now(), "It was so already.")
    may = may_decide(user, records, groups_of)
    if may is False and not nobody(approvers):
        return _refused("pause me", user, records)
    note = "" if may else _UNCHECKED if may is None else _NOBODY
    now = records.now()
    set_pause(records.switches, new := Pause(by=user, at=now, why=why[:_WHY_CHARS]))  # before the ledger: it stops now
    _note("bot.paused", user, records, paused_view(new, now), why=new.why, entitled=may)
    return paused_view(new, now, note)


_UNCHECKED = "I could not check whether you may; pausing is the safe side, so it is done."
_NOBODY = "Nobody is configured who may (approvers in SRE_CONFIG); pausing is the safe side, so it is done."


def resume(_rest: str, user: str, records: Records, groups_of: GroupsOf) -> View:
    """Clear the kill switch."""
    if pause_of(records.switches) is None:
        return reply(f"I am not paused. The mode is {mode_of(records)}.")
    if refusal := unless_entitled("resume me", user, records, groups_of):
        return refusal
    view = resumed_view(user, mode_of(records))
    _note("bot.resumed", user, records, view)
    records.switches.clear(PAUSED)
    return view


def mode(rest: str, user: str, records: Records, groups_of: GroupsOf) -> View:
    """Show the mode, or change it."""
    autonomy, now = records.settings.config.autonomy, records.now()
    wanted, held, paused = rest.strip().lower(), mode_of(records), pause_of(records.switches)
    if not wanted or wanted == held:
        return mode_view(held, autonomy, paused, now)
    if wanted not in MODES:
        return reply(f"There is no mode {wanted}; there are {', '.join(MODES)}.")
    if refusal := unless_entitled(f"set the mode to {wanted}", user, records, groups_of):
        return refusal
    view = mode_view(wanted, autonomy, paused, now, user)
    _note("mode.changed", user, records, view, before=held, after=wanted)
    records.switches.set("mode", wanted)
    return view


def mode_of(records: Records) -> str:
    """The mode that holds."""
    return records.switches.find("mode") or records.settings.config.autonomy.mode


def unless_entitled(what: str, user: str, records: Records, groups_of: GroupsOf) -> View | None:
    """What somebody is told who may not, or of whom that cannot be told."""
    may = may_decide(user, records, groups_of)
    if may:
        return None
    if may is None:
        _note("control.refused", user, records, wanted=what, entitled=None)
        return reply(f"I could not check whether you may {what}, so nothing has changed; try again in a minute.")
    if nobody(records.settings.config.approvers):
        _note("control.refused", user, records, wanted=what, entitled=False)
        return reply(f"Nobody may {what}: approvers in SRE_CONFIG names nobody. Name somebody there and restart me.")
    return _refused(what, user, records)


def _refused(what: str, user: str, records: Records) -> View:
    _note("control.refused", user, records, wanted=what, entitled=False)
    return refused_view(what, records.settings.config.approvers)


def _note(event: str, user: str, records: Records, shown: View | None = None, **data: object) -> None:
    """Into the ledger and, where others should know, into the team's channel."""
    entry = records.ledger.append(event, actor=user, at=records.now(), data=data)
    channel = records.settings.channel or records.settings.config.channels.fallback
    if shown and channel:
        records.outbox.put(Message(key=f"control/{entry.seq}", channel=channel, view=shown))
        records.queues.enqueue("notify", DELIVER, f"control/{entry.seq}")
