"""Stage six: one allowed or approved action, at most once.

What was begun is never begun again: a process that finds an action begun and not ended looks at what the cluster shows
of it, says so, and leaves the rest to a person.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from core.diagnosis import Decision
from core.errors import Changed, Refused, SreError, ToolError, Transient, Unclear, Unreachable
from core.log import get_logger
from core.queues import INVESTIGATE, VERIFY
from core.records import Records
from core.remediation import DryRun, Remediation, Target, digest_of
from policies.decide import load
from workers.actions.base import Act, Means
from workers.actions.catalogue import ACTIONS
from workers.loop.validate import validate
from workers.loop.verify import measure
from workers.remediation.endings import cooling, end, finish
from workers.remediation.proposals import alerts_of, incident_of, move, note, note_once, set_incident, show
from workers.standing import BEGUN, Approval, standing_of
from workers.world import World

log = get_logger(__name__)

HOLD_S = 2 * 3600  # a service is let go after so long at the latest, whatever became of who held it
AGAIN_S = 3600  # the same alert within the hour is no second try of the bot's own
FIRST_LOOK_S = 2
_STILL_AT_IT_S = 20  # beyond the 15 s that its answer was waited for; guessed
_TRIES, _LONGEST_WAIT_S = 3, 5.0  # of a write that the server put off before doing anything


def prepare(remediation_id: str, world: World) -> None:
    """Dry-run a proposal and decide again with the operator's own eyes: then it is denied, asked, or done.

    Safe to repeat: what is past its preparation is not touched, and what was allowed and not begun is begun.
    """
    records = world.records
    rem = records.remediations.get(remediation_id)
    if rem.state != "proposed":
        if rem.alone:
            resume(rem, world)
        elif rem.state == "asked":
            _tell_asked(rem, records)  # whoever asked may have died before anybody saw it
        return
    incident = incident_of(rem, records)
    if incident and not incident.is_open:
        show(move(rem, records, "proposed", state="superseded", outcome="The incident ended."), records)
        return
    act = ACTIONS[rem.action.kind]
    target, dry_run = _rehearsed(act, rem, world)
    if target is None or not dry_run.passed:
        decision = Decision(verdict="deny", codes=("dry_run.failed",), policy_hash=rem.proposal.decision.policy_hash)
        rem = _proposed(rem, decision, target, dry_run, records)
    else:
        decided = assess(rem, world)
        rem = _proposed(decided, _tightened(decided, records), target, dry_run, records)
    note("proposal.decided", rem, records, verdict=rem.proposal.decision.verdict, codes=rem.proposal.decision.codes,
          dry_run=dry_run.passed, digest=rem.digest)  # fmt: skip
    match rem.proposal.decision.verdict:
        case "deny":
            show(move(rem, records, "proposed", state="denied", ended_at=records.now()), records)
        case "ask":
            _ask(rem, records)
        case "allow":
            rem = move(rem, records, "proposed", state="approved", alone=True, decided_at=records.now())
            for name in rem.alert_types:
                records.switches.set(_tried(rem, name), rem.id, for_s=AGAIN_S)
            carry_out(rem, world)


def _rehearsed(act: Act, rem: Remediation, world: World) -> tuple[Target | None, DryRun]:
    try:
        means = means_for(rem, world)
        target = act.prepare(rem.action, means)
        return target, act.dry_run(rem.action, target, means)
    except Transient:
        raise  # the job is tried again
    except SreError as error:
        return None, DryRun(passed=False, says=f"It could not be tried: {error}")


def _proposed(rem: Remediation, decision: Decision, target: Target | None, dry_run: DryRun, records: Records) -> (
    Remediation
):  # fmt: skip
    act = ACTIONS[rem.action.kind]
    return move(
        rem, records, "proposed", proposal=rem.proposal.model_copy(update={"decision": decision}), target=target,
        dry_run=dry_run, checks=act.checks, undo=act.how_to_undo(rem.action, target) if target else None,
        digest=digest_of(rem.action, decision.policy_hash, target) if target else None,
    )  # fmt: skip


def _ask(rem: Remediation, records: Records) -> None:
    now = records.now()
    lasts = timedelta(seconds=load(records.settings).approval_age_s)
    rem = move(rem, records, "proposed", state="asked", asked_at=now, expires_at=now + lasts)
    _tell_asked(rem, records)


def _tell_asked(rem: Remediation, records: Records) -> None:
    """Safe to repeat."""
    expires_at = rem.expires_at.isoformat() if rem.expires_at else None
    note_once("approval.asked", rem, records, digest=rem.digest, expires_at=expires_at)
    show(rem, records)
    set_incident(rem, "waiting", records)


def assess(rem: Remediation, world: World, approval: Approval | None = None) -> Remediation:
    """The remediation with its reach and the policy's verdict as they are now, read with the operator's credentials.

    Raises: ToolError, Unreachable, ConfigError.
    """
    records, operator = world.records, world.operator
    inv = records.investigations.get(rem.investigation)
    assert inv.diagnosis and inv.recall and inv.observation
    (proposal,) = validate(
        (rem.action,), inv.diagnosis, inv.recall, inv.observation, inv.subject, operator.cluster(inv.subject.cluster),
        operator.settings, standing_of(records, incident_of(rem, records), approval), records.now(),
    )  # fmt: skip
    return rem.model_copy(update={"proposal": proposal})


def in_the_way(rem: Remediation, records: Records) -> str | None:
    """The code of what keeps anybody from acting on this service now."""
    occupant = records.remediations.occupant(rem.scope)
    if occupant and occupant != rem.id:
        return "service.busy"
    return "service.cooling_down" if records.switches.find(cooling(rem)) else None


def _tightened(rem: Remediation, records: Records) -> Decision:
    """The policy's decision; what it allows is asked all the same where one of our own limits stands in the way."""
    decision = rem.proposal.decision
    if decision.verdict != "allow":
        return decision
    repeats = any(records.switches.find(_tried(rem, name)) for name in rem.alert_types)
    codes = [*filter(None, [in_the_way(rem, records)]), *(["repeat.within_the_hour"] if repeats else [])]
    return decision.model_copy(update={"verdict": "ask", "codes": tuple(codes)}) if codes else decision


def resume(rem: Remediation, world: World, approval: Approval | None = None) -> None:
    """Go on with what was allowed or approved when its process died. What had not begun is decided once more."""
    records = world.records
    if rem.state == "approved":
        verdict = assess(rem, world, approval).proposal.decision.verdict
        note("action.resumed", rem, records, verdict=verdict)
        if verdict == "allow":
            carry_out(rem, world)
            return
        end(rem, records, "approved", "superseded", "I was interrupted before I began it; I am looking again.")
        look_again(rem, records)
    elif rem.state == "begun":
        interrupted(rem, world)
    elif rem.state == "watching":
        records.queues.enqueue("remediate", VERIFY, rem.id, delay_s=FIRST_LOOK_S)
    elif rem.ended_at:
        finish(rem, records)


def carry_out(rem: Remediation, world: World) -> None:
    """Do what is approved, once. The caller has decided just now that it may be done."""
    records = world.records
    if not records.remediations.occupy(rem.scope, rem.id, HOLD_S):
        end(rem, records, "approved", "failed", "Another remediation of this service was under way; nothing was done.")
        return
    rem = move(rem, records, "approved", state="begun", begun_at=records.now())  # from here on it is never begun again
    note(BEGUN, rem, records, action=rem.action.model_dump(), digest=rem.digest,
          policy_hash=rem.proposal.decision.policy_hash)  # fmt: skip
    set_incident(rem, "acting", records)
    if records.switches.find("paused") is not None:
        end(rem, records, "begun", "failed", "The bot was paused at that moment; nothing was done.")
        return
    act, means = ACTIONS[rem.action.kind], means_for(rem, world)
    assert rem.target is not None
    with ThreadPoolExecutor(1) as aside:
        # Beside the write, not before it: what is measured does not change within a second, and somebody waits.
        before = aside.submit(measure, rem, alerts_of(rem, records), world.operator, records.now(), None)
        try:
            said = _executed(act, rem, rem.target, means)
        except Changed as error:
            end(rem, records, "begun", "superseded", f"{error} Nothing was done; I am looking again.")
            look_again(rem, records)
        except Unclear as error:
            note("action.unclear", rem, records, why=str(error))
            # The server may still be at it: only then does a look tell that it was not done.
            records.queues.enqueue("remediate", VERIFY, rem.id, delay_s=_STILL_AT_IT_S)
        except (Refused, Transient, ToolError, Unreachable) as error:
            end(rem, records, "begun", "failed", f"{str(error).rstrip('.')}. Nothing was changed.")
        else:
            note("action.done", rem, records, said=said)
            _watch(move(rem, records, "begun", "interrupted", state="watching", said=said), records)
        rem = records.remediations.update(rem.id, lambda r: r.model_copy(update={"before": before.result()}))
    show(rem, records)


def _executed(act: Act, rem: Remediation, target: Target, means: Means) -> str:
    for tries_left in reversed(range(_TRIES)):
        try:
            return act.execute(rem.action, target, rem.mark, means)
        except Transient as error:
            if not tries_left:
                raise
            time.sleep(min(error.retry_after_s, _LONGEST_WAIT_S))
    raise AssertionError


def interrupted(rem: Remediation, world: World) -> None:
    """Begun, and nobody knows how it ended: say what the cluster shows of it. If it was done, it is watched as any
    other; if it cannot be told, or it was not done, a person has it. It is not done again."""
    records = world.records
    act = ACTIONS[rem.action.kind]
    assert rem.target is not None
    try:
        found = act.found(rem.action, rem.target, rem.mark, means_for(rem, world))
    except SreError as error:
        log.warning("action_untraceable", remediation=rem.id, why=str(error))
        found = None
    note("action.interrupted", rem, records, found=found)
    if found:
        said = "I was interrupted right after I did it; the cluster shows that it was done."
        _watch(move(rem, records, "begun", state="watching", said=said), records)
        return
    said = (
        "I was interrupted while doing it, and the cluster shows no sign of it. I do not try again; a person should."
        if found is False
        else "I was interrupted while doing it and cannot tell whether it was done; a person has to look."
    )
    end(rem, records, "begun", "interrupted", said)


def give_up(rem: Remediation, reference: str, records: Records) -> None:
    """A job of it failed for good: what had begun is a person's, what had not is closed. Raises: Conflict."""
    where = f"Something broke here; the log has it under {reference}."
    if rem.state in ("begun", "watching"):
        end(rem, records, rem.state, "interrupted", f"{where} A person has to look whether it was done and holds.")
    elif rem.state in ("proposed", "approved"):
        end(rem, records, rem.state, "failed", f"{where} Nothing was done.")


def look_again(rem: Remediation, records: Records) -> None:
    """Start a new investigation, since what this one saw no longer is so."""
    inv = records.investigations.get(rem.investigation)
    fresh = inv.model_copy(
        update={
            "id": records.investigations.new_id(), "started_at": records.now(), "observation": None, "recall": None,
            "diagnosis": None, "plan": None, "evidence": (), "could_not_read": (), "reported": False, "took_ms": {},
            "version": 0,
        }
    )  # fmt: skip
    records.investigations.save(fresh)
    records.queues.enqueue("investigate", INVESTIGATE, fresh.id)


def means_for(rem: Remediation, world: World) -> Means:
    """Raises: ConfigError without write credentials."""
    operator = world.operator
    return Means(
        settings=operator.settings, cluster=operator.cluster(rem.cluster), writer=operator.writer(rem.cluster),
        silences=operator.silences, releases=operator.releases(rem.cluster),
        stopped=lambda: world.records.switches.find("paused") is not None,
    )  # fmt: skip


def _watch(rem: Remediation, records: Records) -> None:
    set_incident(rem, "watching", records)
    show(rem, records)
    records.queues.enqueue("remediate", VERIFY, rem.id, delay_s=FIRST_LOOK_S)


def _tried(rem: Remediation, alert_type: str) -> str:
    return f"tried-alone:{rem.scope}:{alert_type}"
