"""What RQ runs: a job takes ids, loads, decides, saves and shows. Its first line fetches the world, none below does."""

from __future__ import annotations

from core.diagnosis import Investigation, Subject
from core.errors import ConfigError, Conflict, NotFound, SreError, Unreachable
from core.incident import Incident
from core.log import get_logger
from core.mask import mask
from core.observation import Observation
from core.posting import post_forgotten
from core.queues import DECIDE, INVESTIGATE, PREPARE, VERIFY
from core.records import Records
from core.request import Request
from core.retention import retain as forget_old
from core.settling import settle as settle_incidents
from workers.gathering import gather
from workers.loop import report
from workers.loop.run import run
from workers.notifier import deliver as deliver_message
from workers.notifier import take_turn
from workers.ports import PastIncident
from workers.progress import SlackWatch, Stopped
from workers.standing import standing_of
from workers.subjects import subject_of, subject_of_incident
from workers.verify.outcome import outcome_of
from workers.world import World, current

log = get_logger(__name__)


def investigate(investigation_id: str) -> None:
    """Investigate until answered or escalated, and show it in the thread.

    Safe to repeat: ended stages are not run again, and messages are edited rather than posted twice.
    """
    world = current()
    records = world.records
    investigation = records.investigations.get(investigation_id)
    incident = records.incidents.find(investigation.incident) if investigation.incident else None
    if incident and not incident.is_open and investigation.observation is None:
        return  # it ended before anyone looked
    report.show_question(investigation, records)
    if incident:
        investigation = gather(investigation, records)
        incident = records.incidents.get(incident.id)
        if not incident.is_open and investigation.observation is None:
            return  # merged into another while its alerts gathered
    watch = SlackWatch(investigation, records)
    if incident:
        records.incidents.update(
            incident.id, lambda i: i.model_copy(update={"state": "investigating"}) if i.state == "open" else i
        )
    try:
        done = _looked_into(investigation, incident, watch, world)
    except Stopped:
        report.show_stopped(watch.latest, records)
    else:
        report.report(done, records)


def _looked_into(inv: Investigation, incident: Incident | None, watch: SlackWatch, world: World) -> Investigation:
    """The loop's outcome; without the cluster when it cannot be reached: the alerts and the memory alone."""
    records, alerts = world.records, incident.alerts if incident else ()
    standing = standing_of(records, incident)
    record = records.outcomes.record({alert.name for alert in alerts})

    def go(inv: Investigation) -> Investigation:
        return run(inv, world.outside, watch, records.now, alerts, standing, record)

    try:
        return go(inv)
    except (Unreachable, ConfigError) as error:
        if watch.latest.observation is not None:
            raise
        log.warning("cluster_unreachable", why=str(error))
        unread = (f"the cluster ({error})",)
        blind = {"observation": Observation(alerts=alerts, could_not_read=unread), "could_not_read": unread}
        return go(watch.ended("observe", watch.latest.model_copy(update=blind)))


def answer(request_id: str) -> None:
    """Answer a question or mention: a read-only investigation in its thread. Safe to repeat."""
    records = current().records
    request = records.requests.get(request_id)
    held = records.switches.find(f"investigation-of:{request_id}")
    if held is None:
        investigation = records.investigations.save(_investigation_for(request, records))
        records.switches.set(f"investigation-of:{request_id}", investigation.id, for_s=86_400)
        records.ledger.append(
            "question.asked", actor=request.user, at=records.now(), incident=investigation.incident,
            data={"investigation": investigation.id, "kind": request.kind},
        )  # fmt: skip
        held = investigation.id
    investigate(held)


def deliver(message_key: str) -> None:
    """Bring one message up to date in Slack. Safe to repeat."""
    world = current()
    if world.slack:
        deliver_message(message_key, world.records, world.slack)


def post(channel: str) -> None:
    """Show what waits for a channel, as its pace allows. Safe to repeat."""
    world = current()
    if world.slack:
        take_turn(channel, world.records, world.slack)


def show_incident(incident_id: str) -> None:
    """Draw the incident's card as it stands now. Safe to repeat."""
    records = current().records
    report.show_card(records.incidents.get(incident_id), records)


def remember(incident_id: str) -> None:
    """Put an ended incident into the memory: symptoms, cause and outcome. Safe to repeat."""
    world = current()
    incident = world.records.incidents.get(incident_id)
    if incident.investigation is None:
        return
    done = world.records.investigations.get(incident.investigation)
    cause = done.diagnosis.root_cause if done.diagnosis else None
    lasted_min = ((incident.resolved_at or world.records.now()) - incident.opened_at).total_seconds() / 60
    symptoms = {alert.name: alert.summary for alert in incident.alerts}
    said = [incident.title, *(f"{name}: {summary}" for name, summary in symptoms.items())]
    over = f"{cause.condition} of {cause.target}; over" if cause else f"over after {lasted_min:.0f} min"
    world.outside.memory.remember(
        PastIncident(
            id=incident.id,
            title=incident.title,
            text=mask("\n".join([*said, cause.statement if cause else "cause not known"])),
            outcome=outcome_of(world.records.remediations.of_incident(incident.id), incident.command.fix) or over,
            at=incident.opened_at,
        )
    )


def prepare(remediation_id: str) -> None:
    """Dry-run a proposal and decide on it again: it is denied, asked, or done. Safe to repeat."""
    world = current()
    from workers.loop import act

    act.prepare(remediation_id, world)


def decide(click_id: str) -> None:
    """Let a click count, or tell its author why not. Safe to repeat: a click counts once."""
    world = current()
    from workers.remediation import clicks

    clicks.answer(world.records.remediations.click(click_id), world)


def verify(remediation_id: str) -> None:
    """Look once at what became of an action. Safe to repeat."""
    world = current()
    from workers.remediation import watch

    watch.look(remediation_id, world)


def lapse(remediation_id: str = "") -> None:
    """Count down, escalate and close what waits for approval; with an id, close that one. Safe to repeat."""
    records = current().records
    from workers.remediation import lapse as approvals

    if remediation_id:
        approvals.close(remediation_id, records)
    else:
        approvals.lapse(records)


def settle() -> None:
    """Do to incidents what time alone does: quiet ones end, a missed heartbeat opens one; and have posted what was
    forgotten. Safe to repeat."""
    records = current().records
    post_forgotten(records)
    settle_incidents(records)


def look_around() -> None:
    """Note for the web process where pods run, what was rolled out, and what is silenced. Safe to repeat."""
    world = current()
    from workers.lookout import look_around as look

    look(world)


def read_certificates() -> None:
    """Note which certificates end within a month. Safe to repeat."""
    world = current()
    from workers.changes.certificates import read_certificates as read

    read(world)


def anchor() -> None:
    """Post the ledger's head of today. Safe to repeat."""
    records = current().records
    from workers.anchor import anchor as post

    post(records)


def check_ledger(request_id: str) -> None:
    """Recompute the ledger's chain and tell who asked."""
    world = current()
    from workers.anchor import check

    check(world.records.requests.get(request_id), world.records, world.slack)


def make_room(incident_id: str, user: str) -> None:
    """Make an incident's own channel, or invite somebody to it. Safe to repeat."""
    world = current()
    from workers.adapters.slack_rooms import SlackRooms
    from workers.incidents.rooms import make_room as make

    if world.slack:
        make(incident_id, user, world.records, SlackRooms(world.records.settings), world.slack)


def similar(request_id: str) -> None:
    """Tell whoever asked which past incidents are like one."""
    world = current()
    from workers.incidents.similar import similar as answer_similar

    answer_similar(world.records.requests.get(request_id), world)


def find_runbooks(request_id: str) -> None:
    """Tell whoever asked which runbooks are nearest to some words."""
    world = current()
    from workers.finding import find_runbooks as answer_find

    answer_find(world.records.requests.get(request_id), world)


def show_homes() -> None:
    """Bring Home tabs that were opened within the day up to date. Safe to repeat."""
    world = current()
    from workers.homes import show_homes as show

    if world.slack:
        show(world.records, world.slack)


def send_digests() -> None:
    """Send the digests that are due. Safe to repeat, also at once."""
    world = current()
    from workers.digest.send import send_due

    send_due(world)


def make_digest(request_id: str) -> None:
    """Tell whoever asked what changed, broke and got noisy."""
    world = current()
    from workers.digest.ask import answer as answer_digest

    answer_digest(world.records.requests.get(request_id), world)


def post_digest(request_id: str, by_id: str) -> None:
    """Post a digest that somebody was told, once. Safe to repeat."""
    world = current()
    from workers.digest.ask import post_answer

    requests = world.records.requests
    post_answer(requests.get(request_id), requests.get(by_id), world)


def draft_postmortem(request_id: str) -> None:
    """Draft a postmortem and put it into its incident's thread. Safe to repeat."""
    world = current()
    from workers.postmortem.deliver import deliver as deliver_draft

    deliver_draft(world.records.requests.get(request_id), world)


def remind() -> None:
    """Remind of updates that were promised and are due. Safe to repeat."""
    records = current().records
    from workers.incidents.remind import remind as send

    send(records)


def retain() -> None:
    """Forget what is older than the configuration keeps. Safe to repeat."""
    dropped = forget_old(current().records)
    if any(dropped.values()):
        log.info("forgot", **dropped)


def take_event(event_id: str) -> None:
    """Let what happened in PagerDuty take effect here. Safe to repeat."""
    world = current()
    from workers.paging.take import take

    take(event_id, world)


def tell_pagerduty(wish_key: str) -> None:
    """Make something so in PagerDuty, or put it off. Safe to repeat."""
    world = current()
    from workers.paging.send import send

    send(wish_key, world)


def note_message(channel: str, ts: str, user: str) -> None:
    """Put a message that somebody marked onto PagerDuty's timeline, once. Safe to repeat."""
    world = current()
    from workers.paging.timeline import note_message as note

    note(channel, ts, user, world)


def read_on_call() -> None:
    """Note who is on call, and take up what waits for PagerDuty and was forgotten. Safe to repeat."""
    world = current()
    from workers.paging.rota import read_on_call as read

    read(world)


def count_incident(incident_id: str) -> None:
    """Keep what an ended incident adds to the metrics. Safe to repeat."""
    records = current().records
    from core.accounting import count_incident as keep

    keep(records.incidents.get(incident_id), records)


def count() -> None:
    """Bring the counters up to date with the ledger, and count ended incidents that nobody has. Safe to repeat."""
    records = current().records
    from core.accounting import count_missed
    from core.tallying import CLOCK, tally

    tally(records)
    count_missed(records)
    records.switches.set(CLOCK, str(records.now().timestamp()))


def export_metrics(request_id: str) -> None:
    """Send whoever asked the incidents of a time as a file."""
    world = current()
    from workers.adapters.slack_files import SlackFiles
    from workers.exporting import export

    if world.slack:
        export(world.records.requests.get(request_id), world.records, SlackFiles(world.records.settings))


def sum_up_toil() -> None:
    """Post last week's toil, once, where digests go. Safe to repeat."""
    records = current().records
    from workers.toil import sum_up

    sum_up(records)


def scan() -> None:
    """Look for figures that are unusual for their hour of the week. Safe to repeat."""
    world = current()
    from workers.anomalies.scan import scan as look_at_all

    look_at_all(world)


def learn_normals() -> None:
    """Learn a little of what is normal, if any is due. Safe to repeat."""
    world = current()
    from workers.anomalies.learning import learn_normals as learn

    learn(world)


def probe() -> None:
    """Note which dependencies answer, for `/sre status`."""
    world = current()
    from workers.probes import PROBES

    for name, ask in PROBES.items():
        try:
            configured = ask(world)
        except SreError as error:
            log.warning("unreachable", dependency=name, why=str(error))
            world.records.switches.mark_unreachable(name, world.records.now())
        else:
            if configured:
                world.records.switches.mark_reachable(name)


def tell_of_failure(job: str, ids: list[str], reference: str) -> None:
    """Tell the thread that a job failed for good, with the reference under which the log has it."""
    records: Records = current().records
    log.error("gave_up", job=job, ids=ids, reference=reference)
    try:
        if job == INVESTIGATE:
            report.show_failure(records.investigations.get(ids[0]), reference, records)
        elif job in (PREPARE, VERIFY, DECIDE):
            from workers.loop import act

            remediation = records.remediations.click(ids[0]).remediation if job == DECIDE else ids[0]
            act.give_up(records.remediations.get(remediation), reference, records)
    except (NotFound, Conflict):
        return


def _investigation_for(request: Request, records: Records) -> Investigation:
    incident = records.incidents.of_thread(request.channel, request.thread_ts) if request.thread_ts else None
    config = records.settings.config
    subject: Subject = (
        subject_of_incident(incident, config, request.text) if incident else subject_of(request.text, config)
    )
    return Investigation(
        id=records.investigations.new_id(), subject=subject, incident=incident.id if incident else None,
        channel=request.channel, thread_ts=request.thread_ts, asked_by=request.user, team=request.team,
        started_at=records.now(),
    )  # fmt: skip
