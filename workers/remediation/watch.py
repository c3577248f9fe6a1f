"""After an action: one look at a time until it held, made things worse, or nobody can tell."""

from __future__ import annotations

from datetime import timedelta

from blocks.verification import verification_view
from core.errors import SreError
from core.log import get_logger
from core.outbox import Picture
from core.queues import VERIFY
from core.records import Records
from core.remediation import Remediation, Trend
from workers.actions.catalogue import ACTIONS
from workers.loop.act import interrupted, means_for
from workers.loop.shown import show_part
from workers.loop.verify import WINDOW_S, Verdict, judge, measure, ripened
from workers.remediation.endings import end, finish
from workers.remediation.proposals import alerts_of, incident_of, move, note
from workers.verify.picture import picture
from workers.world import World

log = get_logger(__name__)

SOON_S, LATER_S, SOON_FOR_S = 3, 10, 60  # between looks: often at first, since most rollouts end within a minute
_SAME_LOOK_S = 1.0  # two chains of looks, after a job died and was run again, become one


def look(remediation_id: str, world: World) -> None:
    """Look once at what became of an action, and decide: look again later, take it back, or end. Safe to repeat."""
    records = world.records
    rem = records.remediations.get(remediation_id)
    now = records.now()
    if rem.state == "begun":  # its write went out and no answer came back
        interrupted(rem, world)
        return
    if rem.state != "watching":
        if rem.ended_at:  # by this job, which may have died before it said so
            finish(rem, records)
            _show(rem, world)
        return
    if rem.after and now - rem.after.at < timedelta(seconds=_SAME_LOOK_S):
        return
    if rem.undoing:
        note("undo.interrupted", rem, records)
        end(rem, records, "watching", "unproven", "I was interrupted while taking it back; a person has to look.")
        return
    assert rem.begun_at
    settled = _settled(rem, world)
    after = measure(rem, alerts_of(rem, records), world.operator, now, settled)
    since_s = (now - rem.begun_at).total_seconds()
    # Without a look from before, as after an interruption, this one is what later ones are held against.
    before, settle_s = rem.before or after, records.settings.config.autonomy.settle_s
    baseline = rem.baseline or before
    if since_s < WINDOW_S and _is_fresh(rem, records):
        baseline = ripened(baseline, after)
    verdict = judge(before, after, since_s, settle_s, settled, rem.after, baseline)
    rem = move(rem, records, "watching", before=before, baseline=baseline, after=verdict.look,
               findings=verdict.sentences)  # fmt: skip
    match verdict.outcome:
        case "wait":
            _show(rem, world)
            wait_s = SOON_S if since_s < SOON_FOR_S else LATER_S
            records.queues.enqueue("remediate", VERIFY, rem.id, delay_s=wait_s)
        case "worked":
            end(rem, records, "watching", "worked", _joined(verdict))
        case "worse":
            _take_back(rem, verdict, world)
        case "unproven":
            end(rem, records, "watching", "unproven", _joined(verdict))
    if verdict.outcome != "wait":
        _show(records.remediations.get(rem.id), world)


def _is_fresh(rem: Remediation, records: Records) -> bool:
    """Whether the trouble had just begun when the action did, so that the figures from before do not show it whole."""
    incident = incident_of(rem, records)
    if incident is None or rem.begun_at is None:
        return True
    began = min((*(alert.starts_at for alert in incident.alerts), incident.opened_at))
    return (rem.begun_at - began).total_seconds() < WINDOW_S


def _joined(verdict: Verdict) -> str:
    """What the last look showed, as one sentence."""
    return f"{'; '.join(sentence.rstrip('.') for sentence in verdict.sentences)}."


def _settled(rem: Remediation, world: World) -> bool | None:
    assert rem.target
    try:
        return ACTIONS[rem.action.kind].settled(rem.action, rem.target, rem.mark, means_for(rem, world))
    except SreError as error:
        log.warning("progress_unreadable", remediation=rem.id, why=str(error))
        return False  # what cannot be read is not complete


def _take_back(rem: Remediation, verdict: Verdict, world: World) -> None:
    """It made things worse: undo it where that is possible and nobody paused the bot, and hand over."""
    records = world.records
    worse = _joined(verdict)
    if rem.undo is None or records.switches.find("paused") is not None:
        why = "It cannot be taken back" if rem.undo is None else "The bot is paused, so I do not take it back"
        end(rem, records, "watching", "unproven", f"{worse} {why}; a person has to look now.")
        return
    target = rem.target
    assert target
    rem = move(rem, records, "watching", undoing=True)  # from here on it is never begun again
    note("undo.begun", rem, records, why=worse)
    try:
        said = ACTIONS[rem.action.kind].undo(rem.action, target, rem.mark, means_for(rem, world))
    except SreError as error:
        note("undo.failed", rem, records, why=str(error))
        end(
            rem, records, "watching", "unproven", f"{worse} I could not take it back: {error} A person has to look now."
        )
        return
    note("undo.done", rem, records, said=said)
    end(rem, records, "watching", "undone", f"{worse} {said} A person has it now.")


def _show(rem: Remediation, world: World) -> None:
    """The message in the thread; once it is over, with a picture of the metric that tells it best."""
    records, now = world.records, world.records.now()
    trend = rem.after.trend if rem.after else Trend()
    holds_since = trend.good_since or trend.settled_since or rem.begun_at or now
    until = holds_since + timedelta(seconds=records.settings.config.autonomy.settle_s)
    over = rem.state != "watching"
    approvers = records.settings.config.approvers
    handed_to = () if rem.state in ("watching", "worked") else tuple(filter(None, (rem.decided_by,))) or approvers.users
    view = verification_view(rem, rem.findings, now, None if over else until, handed_to)
    drawn = _picture(rem, world) if over else None
    inv = records.investigations.get(rem.investigation)
    show_part(inv, f"verification-{rem.number}", view, records, picture=drawn, remediation=rem)


def _picture(rem: Remediation, world: World) -> Picture | None:
    drawn = picture(rem, world.operator, world.records.now())
    if drawn is None:
        return None
    world.records.outbox.keep_picture(rem.mark, drawn.png)
    return Picture(key=rem.mark, alt_text=drawn.alt_text, title=drawn.title)
