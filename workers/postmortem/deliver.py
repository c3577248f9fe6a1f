"""A draft into its incident's thread: as a canvas, else as a file, else the command that prints it. Only when asked."""

from __future__ import annotations

from blocks.postmortem import draft_view, nothing_new_view
from core.errors import Refused
from core.incident import Incident
from core.log import get_logger
from core.outbox import Message
from core.postmortem import Draft, Posted
from core.request import Request
from workers.loop.shown import card_key, put
from workers.ports import Slack
from workers.postmortem.markdown import as_markdown
from workers.postmortem.material import metrics_of, read
from workers.postmortem.write import write
from workers.telling import tell
from workers.world import World

log = get_logger(__name__)

_LOCK_S = 300.0
_KEPT_S = 3600  # so long another try of the same request goes on with what it has


def deliver(request: Request, world: World) -> None:
    """Draft it and put it into the thread. A draft that was put there is never touched again: people edit it; what
    is new since makes another one. Safe to repeat. Raises: Transient."""
    records, slack = world.records, world.slack
    incident = records.incidents.holder(request.text)
    if incident is None or slack is None:
        return
    with records.redis.lock(f"sre:drafting:{incident.id}", timeout=_LOCK_S, blocking_timeout=_LOCK_S):
        if records.outbox.find(_key(incident, request)):
            return
        posted = records.postmortems.posted(incident.id)
        draft = _draft(request, incident, world).model_copy(update={"number": len(posted) + 1})
        latest = posted[-1] if posted else None
        if latest and latest.gist == draft.gist() and latest.how != "nowhere":
            tell(request, nothing_new_view(incident.id, latest), slack)
            return
        done, why = _placed(draft, request, incident, world, slack)
        records.postmortems.note(incident.id, done)
        data = {"number": done.number, "how": done.how, "writer": draft.writer, "sources": len(draft.sources),
                "why": why, "usage": draft.usage.model_dump()}  # fmt: skip
        records.ledger.append("postmortem.drafted", actor=request.user, at=records.now(), incident=incident.id,
                              data={name: value for name, value in data.items() if value})  # fmt: skip
        view = draft_view(draft, done, latest, why)
        if incident.channel:
            put(Message(key=_key(incident, request), channel=incident.channel, view=view, under=card_key(incident.id)),
                records)  # fmt: skip
        else:
            tell(request, view, slack)


def _key(incident: Incident, request: Request) -> str:
    return f"{incident.id}/postmortem-{request.id}"


def _draft(request: Request, incident: Incident, world: World) -> Draft:
    """What this request was answered with before, else a new one: another try costs no second one."""
    records, switch = world.records, f"postmortem-draft:{request.id}"
    if held := records.switches.find(switch):
        return Draft.model_validate_json(held)
    outside = world.outside
    material = read(incident, records, world.slack, metrics_of(incident, outside.metrics))
    draft = write(material, records.settings)
    records.switches.set(switch, draft.model_dump_json(), for_s=_KEPT_S)
    return draft


def _placed(draft: Draft, request: Request, incident: Incident, world: World, slack: Slack) -> tuple[Posted, str]:
    """Where it was put, and why not in a canvas, by Slack's error code. Raises: Transient."""
    records, text = world.records, as_markdown(draft)
    title = f"Postmortem of {incident.id}, draft {draft.number}"
    thread = records.outbox.find(card_key(incident.id))
    base = Posted(number=draft.number, gist=draft.gist(), how="nowhere", at=records.now())
    ts = incident.thread_ts or (thread.ts if thread else None)
    if not incident.channel or not ts:
        return base, "no_thread"
    switch = f"postmortem-canvas:{request.id}"
    try:
        canvas = records.switches.find(switch) or slack.create_canvas(title, text)
        records.switches.set(switch, canvas, for_s=_KEPT_S)
        link = slack.share_canvas(canvas, incident.channel)
        return base.model_copy(update={"how": "canvas", "link": link}), ""
    except Refused as error:
        why = error.code
        log.info("canvas_refused", incident=incident.id, code=error.code)
    try:
        name = f"{incident.id}-postmortem-{draft.number}.md"
        link = slack.share_file(name, title, text, incident.channel, ts)
    except Refused as error:
        log.info("file_refused", incident=incident.id, code=error.code)
        return base, f"{why}, {error.code}" if error.code != why else why
    return base.model_copy(update={"how": "file", "link": link}), why
