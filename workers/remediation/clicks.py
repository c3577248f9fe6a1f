"""A click on a proposal: who it was, whether it counts, and what becomes of it. Every click is answered."""

from __future__ import annotations

import time

from blocks.answers import AnswerCode, clicked_view
from core.entitled import entitled, nobody, services_of
from core.errors import Conflict, SreError
from core.incident import Incident
from core.log import get_logger
from core.records import Records
from core.remediation import Click, Remediation, digest_of
from policies.decide import load
from workers.actions.catalogue import ACTIONS
from workers.loop.act import assess, carry_out, in_the_way, look_again, means_for, resume
from workers.paging.rota import is_on_call
from workers.remediation.proposals import incident_of, move, note, sentences_of, set_incident, show
from workers.standing import Approval
from workers.world import World

log = get_logger(__name__)

_WAIT_FOR_SLACK_S = 2.0  # before it is asked a second time who is in a group


class Answer(Exception):
    """The click does not count: why, and the codes of the policy where it was that."""

    def __init__(self, code: AnswerCode, codes: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code: AnswerCode = code
        self.codes = codes


def answer(click: Click, world: World) -> None:
    """Let a click count, and show that, or tell its author why not.

    Safe to repeat: a click that counted is carried on with, not counted again.
    """
    records = world.records
    rem = records.remediations.get(click.remediation)
    if rem.click == click.id:  # it counted, and its job died afterwards
        resume(rem, world, _approval(click, rem, rem.groups, rem.on_call, world) if rem.state == "approved" else None)
        return
    try:
        _weigh(click, rem, world)
    except Answer as found:
        _tell(found, click, world)
    except Conflict:  # somebody else's click, or the clock, came first
        _tell(Answer("decided"), click, world)


def _tell(found: Answer, click: Click, world: World) -> None:
    records = world.records
    rem = records.remediations.get(click.remediation)
    note("approval.refused", rem, records, actor=click.user, click=click.id, code=found.code, codes=found.codes)
    if not (click.response_url and world.slack):
        return
    why = tuple(sentences_of(found.codes, records).values())
    view = clicked_view(found.code, rem, records.now(), records.settings.config.approvers, why)
    try:
        world.slack.respond(click.response_url, view, click.thread_ts)
    except SreError as error:  # the card and the ledger have it; a second try could say it twice
        log.warning("click_not_answered", click=click.id, why=str(error))


def _weigh(click: Click, rem: Remediation, world: World) -> None:
    """Raises: Answer, Conflict."""
    records, now = world.records, world.records.now()
    if rem.state != "asked":
        raise Answer("decided")
    if rem.expires_at and rem.expires_at <= now:
        raise Answer("expired")
    incident = incident_of(rem, records)
    if incident and not incident.is_open:
        over = {"state": "superseded", "outcome": "The incident ended.", "ended_at": now}
        show(move(rem, records, "asked", **over), records)
        raise Answer("decided")
    approvers = records.settings.config.approvers
    if nobody(approvers):
        raise Answer("nobody")
    groups, on_call = _standing(click, rem, incident, world)
    if click.wants == "reject":
        _reject(click, rem, records)
    else:
        _approve(click, rem, groups, on_call, world)


def _standing(
    click: Click, rem: Remediation, incident: Incident | None, world: World
) -> tuple[tuple[str, ...], bool]:  # fmt: skip
    """The person's approver groups, and whether they are on call, as far as that was needed to find them entitled.
    Raises: Answer when they are not, or nobody can tell."""
    approvers = world.records.settings.config.approvers
    unchecked = False
    groups: tuple[str, ...] = ()
    try:
        groups = _groups(click, world)
    except Answer:
        if not approvers.on_call:
            raise
        unchecked = True
    if entitled(click.user, groups, False, approvers):
        return groups, False
    on_call: bool | None = False
    if approvers.on_call:
        on_call = is_on_call(click.user, services_of(rem, incident), world)
    if on_call:
        return groups, True
    raise Answer("unchecked" if unchecked or on_call is None else "not_entitled")


def _groups(click: Click, world: World) -> tuple[str, ...]:
    """The approver groups that the person is in, as Slack says now; needless for who is configured by name."""
    approvers = world.records.settings.config.approvers
    if click.user in approvers.users or not approvers.groups or world.slack is None:
        return ()
    for wait_s in (0.0, _WAIT_FOR_SLACK_S):
        time.sleep(wait_s)
        try:
            return world.slack.groups_of(click.user, approvers.groups)
        except SreError as error:
            log.warning("groups_unreadable", why=str(error))
    raise Answer("unchecked")


def _reject(click: Click, rem: Remediation, records: Records) -> None:
    rem = move(
        rem, records, "asked", state="rejected", decided_by=click.user, decided_at=click.at, click=click.id,
        reason=click.reason, ended_at=records.now(),
    )  # fmt: skip
    note("approval.rejected", rem, records, actor=click.user, click=click.id, reason=click.reason)
    show(rem, records)
    set_incident(rem, "open", records)


def _approve(click: Click, rem: Remediation, groups: tuple[str, ...], on_call: bool, world: World) -> None:
    records = world.records
    if records.switches.find("paused") is not None:
        raise Answer("paused")
    if stands := in_the_way(rem, records):
        raise Answer("busy", (stands,))
    try:
        approval = _approval(click, rem, groups, on_call, world)
        decision = assess(rem, world, approval).proposal.decision
    except SreError as error:
        log.warning("approval_not_assessed", remediation=rem.id, why=str(error))
        raise Answer("unreadable") from error
    if not approval.digest_matches:
        outcome = "It changed since this was proposed; I am looking again."
        show(move(rem, records, "asked", state="superseded", outcome=outcome, ended_at=records.now()), records)
        look_again(rem, records)
        raise Answer("changed", decision.codes)
    if decision.verdict != "allow":
        raise Answer("refused", decision.codes)
    rem = move(
        rem, records, "asked", state="approved", decided_by=click.user, decided_at=click.at, click=click.id,
        groups=groups, on_call=on_call, proposal=rem.proposal.model_copy(update={"decision": decision}),
    )  # fmt: skip
    note(
        "approval.granted",
        rem,
        records,
        actor=click.user,
        click=click.id,
        digest=rem.digest,
        policy_hash=decision.policy_hash,
    )
    show(rem, records)
    carry_out(rem, world)


def _approval(click: Click, rem: Remediation, groups: tuple[str, ...], on_call: bool, world: World) -> Approval:
    """The click as the policy's facts have it; the target and the policy are read anew. Raises: SreError."""
    records = world.records
    target = ACTIONS[rem.action.kind].prepare(rem.action, means_for(rem, world))
    return Approval(
        by=click.user, groups=groups, on_call=on_call, requested_by=rem.requested_by,
        age_s=max((records.now() - (rem.asked_at or rem.created_at)).total_seconds(), 0.0),
        digest_matches=digest_of(rem.action, load(records.settings).hash, target) == rem.digest,
    )  # fmt: skip
