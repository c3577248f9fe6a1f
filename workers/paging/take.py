"""From an event of PagerDuty to the incident and its thread. Safe to repeat, in any order, from several processes.

Nothing that happens there is told there again: all that may follow is the diagnosis that is known already, once, when
an incident first comes. So nothing goes round in a circle.
"""

from __future__ import annotations

from datetime import timedelta

from blocks.paging import changes_view
from core.errors import SreError, Transient
from core.incident import ENDED, Alert, Incident
from core.intake import Arrival, find_or_open, turn
from core.log import get_logger
from core.merging import is_of, merge_locked
from core.opening import note, show_soon
from core.outbox import Message
from core.page import Change, Event, Page
from core.paging import dedup_claim, page_after, page_claim, page_set
from core.records import Records
from core.settling import resolve
from workers.loop.shown import card_key, put
from workers.paging.details import alerts_of, stand_in, where_of
from workers.paging.people import introduced, introduced_all
from workers.paging.wanted import note_diagnosis
from workers.ports import PagedAlert
from workers.world import World

log = get_logger(__name__)

_LOCK_S = 60.0
_GIVE_UP = timedelta(minutes=2)  # what it is about does not come any more
_BEGINNING = timedelta(minutes=2)
_MOST_PAGES = 100  # kept of one incident; of more, the oldest that ended go
_OPENS = frozenset({"incident.triggered", "incident.reopened"})  # what begins anew also when ours is over
_QUIET = frozenset({"incident.title_updated"})  # worth no line in the thread


def take(event_id: str, world: World) -> None:
    """Let an event take effect. Raises: Transient while what it is about is not known yet."""
    records = world.records
    event = records.pages.event(event_id)
    if event is None:
        return
    with records.redis.lock(f"sre:page:{event.page_id}", timeout=_LOCK_S, blocking_timeout=_LOCK_S):
        _take(event, world)
    records.pages.finish_event(event_id)


def _take(event: Event, world: World) -> None:
    records = world.records
    if event.agent:
        event = event.model_copy(update={"agent": introduced(event.agent, world)})
    incident = holder(event.page_id, records)
    known = page_of(incident, event.page_id) if incident else None
    held = known or records.pages.page(event.page_id)
    page = page_after(held, event, None if event.page or held else _read(event, world))
    if page is None:
        return
    page = introduced_all(page, world)
    records.pages.keep_page(page)
    if page.is_open and (incident is None or (not incident.is_open and event.type in _OPENS)):
        incident = _placed(page, world)
    if incident is None:  # it ended before anybody here heard of it
        records.book.count(records.now(), {"pages_over_unknown": 1})
        return
    incident = keep(incident, page, records)
    if known is None:
        note_diagnosis(incident, records)
    if not (records.pages.is_own(event.thing) or _is_ours(event, page, records)):
        tell(incident, _change(event, page, world), records)
    if page.merged_into:
        _merged(incident, page, event, records)
        return
    ended(incident, page, event.agent.slack or event.agent.name if event.agent else None, records)


def holder(page_id: str, records: Records) -> Incident | None:
    """The incident to which a page belongs, open or over."""
    claimed = records.incidents.claimed(page_claim(page_id))
    return records.incidents.holder(claimed) if claimed else None


def page_of(incident: Incident, page_id: str) -> Page | None:
    return next((page for page in incident.pages if page.id == page_id), None)


def keep(incident: Incident, page: Page, records: Records) -> Incident:
    """The incident with this page as it is now, and its card soon."""

    def change(latest: Incident) -> Incident:
        others = [held for held in latest.pages if held.id != page.id]
        if len(others) >= _MOST_PAGES:
            others.remove(min(others, key=lambda held: (held.is_open, held.as_of)))
        return latest.model_copy(update={"pages": tuple(sorted((*others, page), key=lambda held: held.number))})

    after = records.incidents.update(incident.id, change)
    if after.pages != incident.pages and not after.hushed_until:
        show_soon(after.id, records)
    return after


def tell(incident: Incident, change: Change, records: Records) -> None:
    """Into the ledger and the thread, once: a line in the message that gathers the changes of ten minutes."""
    if change.kind in {kind.removeprefix("incident.") for kind in _QUIET}:
        return
    known = {held.id for held in records.pages.changes(incident.id)}
    part = records.pages.add_change(incident.id, change)
    changes = records.pages.changes(incident.id, part)
    if change.id not in known and change in changes:
        actor = change.by.slack or change.by.name if change.by else "pagerduty"
        note(f"pagerduty.{change.kind}", incident.id, records, actor, {"number": change.number})
    if incident.channel and not incident.hushed_until and changes and not _is_told_by_card(changes, incident):
        view = changes_view(changes, {page.number: page.html_url for page in incident.pages}, records.now())
        under = card_key(incident.id)
        put(Message(key=f"{incident.id}/pagerduty-{part}", channel=incident.channel, view=view, under=under), records)


def end_stand_ins(records: Records) -> None:
    """What stood for alerts that could not be read ends once Alertmanager itself has told them. Safe to repeat."""
    for incident in records.incidents.open():
        concern = records.book.concern(incident.id)
        cluster = concern.cluster if concern else ""
        groups = [g for g in records.book.groups(incident.id) if g.key.startswith("alertmanager:")]
        for page in incident.pages:
            held = stand_in(page, records.settings.config, records.now())
            known = records.book.find_many(incident.id, [held.fingerprint]).get(held.fingerprint)
            if known and known.status == "firing" and any(is_of(page, group) for group in groups):
                over = known.model_copy(update={"status": "resolved", "ends_at": records.now()})
                find_or_open(records, Arrival("pagerduty", page_set(page.id), (over,), cluster))


def _merged(incident: Incident, page: Page, event: Event, records: Records) -> None:
    """What is one there is one here; and if nobody here heard of the other, what is said of it comes to this one."""
    into = holder(page.merged_into, records)
    if into is None:
        _claim(page_claim(page.merged_into), incident.id, records)
    elif into.id != incident.id and into.is_open and incident.is_open:
        actor = (event.agent.slack or event.agent.name) if event.agent else "pagerduty"
        with turn(records):
            merge_locked(incident.id, into.id, actor, "merged in PagerDuty", records)


def _is_told_by_card(changes: tuple[Change, ...], incident: Incident) -> bool:
    """Whether all that happened is that somebody is paged as it began: the first words of a thread are what is seen."""
    return all(c.kind == "triggered" and c.at - incident.opened_at < _BEGINNING for c in changes)


def ended(incident: Incident, page: Page, by: str | None, records: Records) -> None:
    """Ours ends when a person ended the last of its pages. What monitoring ended is over once its alerts are quiet."""
    if page.is_open or not incident.is_open:
        return
    arrival_key = page_set(page.id)
    parts = (page, *(held for held in incident.pages if held.merged_into == page.id))
    mine = [alert for part in parts for alert in _own_alerts(incident, part, records)]
    if mine:
        over = tuple(a.model_copy(update={"status": "resolved", "ends_at": records.now()}) for a in mine)
        cluster = records.book.concern(incident.id)
        find_or_open(records, Arrival("pagerduty", arrival_key, over, cluster.cluster if cluster else "", is_over=True))
    latest = records.incidents.get(incident.id)
    over_by_person = page.ended_by_person and not any(held.is_open for held in latest.pages)
    if over_by_person and latest.state not in ENDED | {"acting"}:
        resolve(latest, records, by or "pagerduty")


def _read(event: Event, world: World) -> Page | None:
    """The page of an event that says only which it is. Raises: Transient while the event is young."""
    if world.pagerduty:
        try:
            return world.pagerduty.page(event.page_id)
        except SreError as error:
            log.info("page_unread", page=event.page_id, why=str(error))
    if world.records.now() - event.occurred_at < _GIVE_UP:
        raise Transient("The PagerDuty incident that this is about is not known yet.")
    log.warning("event_of_unknown_page", type=event.type, page=event.page_id)
    return None


def _placed(page: Page, world: World) -> Incident | None:
    """The incident that a page belongs to: that which has its dedup key, or one of its alerts, or its service; else a
    new one."""
    records, now = world.records, world.records.now()
    known = records.incidents.claimed(dedup_claim(page.key)) if page.key else None
    incident = records.incidents.holder(known) if known else None
    if incident is None or not incident.is_open:
        told = _told(page, world)
        alerts = alerts_of(page, told, records.settings, now)
        cluster = where_of(alerts, told, records.settings.config)
        incident = _of_alert(alerts, cluster, records) or find_or_open(
            records,
            Arrival("pagerduty", page_set(page.id), alerts, cluster=cluster,
                    aliases=(dedup_claim(page.key),) if page.key else ()),
        )  # fmt: skip
    if incident:
        _claim(page_claim(page.id), incident.id, records)
    return incident


def _told(page: Page, world: World) -> tuple[PagedAlert, ...]:
    if world.pagerduty is None or world.records.switches.find("pagerduty.away"):
        return ()
    try:
        return world.pagerduty.alerts(page.id)
    except SreError as error:  # its title and service are known all the same
        log.info("page_details_unread", page=page.id, why=str(error))
        return ()


def _of_alert(alerts: tuple[Alert, ...], cluster: str, records: Records) -> Incident | None:
    """The open incident in which one of these very alerts fires already."""
    prints = [alert.fingerprint for alert in alerts]
    for found in sorted(records.book.incident_of(cluster, prints)):
        incident = records.incidents.holder(found)
        if incident and incident.is_open:
            held = records.book.find_many(incident.id, prints)
            if any(alert.status == "firing" for alert in held.values()):
                return incident
    return None


def _claim(key: str, incident_id: str, records: Records) -> None:
    while (owner := records.incidents.claim(key, incident_id)) != incident_id:
        records.incidents.release(key, owner)


def _own_alerts(incident: Incident, page: Page, records: Records) -> list[Alert]:
    """Those that came with the page alone, and fire."""
    own = Arrival("pagerduty", page_set(page.id), ()).id
    prints = {
        *records.book.firing_of(incident.id, own),
        stand_in(page, records.settings.config, page.as_of).fingerprint,
    }
    held = records.book.find_many(incident.id, prints).values()
    return [alert for alert in held if alert.status == "firing"]


def _is_ours(event: Event, page: Page, records: Records) -> bool:
    """Whether it is a note of ours that came back before we heard that it arrived."""
    if event.type != "incident.annotated":
        return False
    for waiting in records.pages.waiting():
        if waiting.attempted and waiting.kind == "note" and waiting.page in (page.id, None) and (
            _gist(waiting.text) and _gist(event.said).startswith(_gist(waiting.text)[:_ENOUGH])
        ):  # fmt: skip
            records.pages.own(event.thing)
            return True
    return False


_ENOUGH = 200  # PagerDuty cuts long notes in its webhooks


def _gist(text: str) -> str:
    return " ".join(text.split())


def _change(event: Event, page: Page, world: World) -> Change:
    kind = event.type.removeprefix("incident.")
    to = {"triggered": page.assigned, "escalated": page.assigned, "reassigned": page.assigned,
          "delegated": page.assigned, "reopened": page.assigned}.get(kind, ())  # fmt: skip
    if event.page:  # as it was then, whatever came since
        to = tuple(introduced(who, world) for who in event.page.assigned) if to else ()
    if event.who:
        to = (introduced(event.who, world),)
    said = {"priority_updated": page.priority or "none", "urgency_updated": page.urgency}.get(kind, event.said)
    if event.page and event.page.merged_into:
        other = world.records.pages.page(event.page.merged_into)
        kind, said = "merged", f"#{other.number}" if other else "another incident"
    return Change(
        id=event.id, kind=kind, number=page.number, at=event.occurred_at, by=event.agent, to=to, said=said
    )  # fmt: skip
