"""Who is on call: read every minute for everybody to see, and once more whenever somebody's click depends on it."""

from __future__ import annotations

from core.errors import SreError
from core.log import get_logger
from core.opening import show_soon
from core.page import OnCall
from core.pages import STALE_S, is_fresh
from core.queues import TAKE_EVENT
from core.records import Records
from core.wishing import send_forgotten
from workers.paging.people import introduced_shifts
from workers.paging.take import end_stand_ins
from workers.paging.wanted import end_own_pages
from workers.world import World

log = get_logger(__name__)


def read_on_call(world: World) -> None:
    """Note who is on call, and which policies can be paged; send what waits and was forgotten. Safe to repeat."""
    records = world.records
    send_forgotten(records)
    for event_id in records.pages.late_events(records.now()):
        records.queues.enqueue("notify", TAKE_EVENT, event_id, once=True)
    end_stand_ins(records)
    end_own_pages(records)
    if world.pagerduty is None:
        return
    before = {each.service: each for each in records.pages.on_call()}
    try:
        found = [introduced_shifts(each, world) for each in world.pagerduty.on_call(_services(records), records.now())]
        records.pages.put_choices(world.pagerduty.policies())
    except SreError as error:
        log.warning("on_call_unread", why=str(error))
        records.switches.mark_unreachable("PagerDuty", records.now())
        return
    records.switches.mark_reachable("PagerDuty")
    records.pages.put_on_call(found)
    changed = {each.service for each in found if each.service not in before or before[each.service].now != each.now}
    for incident in records.incidents.open():
        if incident.service in changed:
            show_soon(incident.id, records)


def is_on_call(user: str, service: str | None, world: World) -> bool | None:
    """Whether somebody in Slack is on call for a service at this moment, as PagerDuty says now; as it said within five
    minutes when it does not answer. None when that cannot be told."""
    records = world.records
    known = records.settings.config.services.get(service or "")
    if service is None or known is None or known.pagerduty is None:
        return False  # nobody is called for it
    found: OnCall | None = None
    if world.pagerduty:
        try:
            for read in world.pagerduty.on_call({service: known.pagerduty}, records.now()):
                found = introduced_shifts(read, world)
        except SreError as error:
            log.warning("on_call_unread", service=service, why=str(error))
    if found is None:
        held = records.pages.on_call_for(service)
        found = held if held and is_fresh(held, records.now(), STALE_S) else None
    if found is None:
        return None
    if any(shift.who.slack == user for shift in found.now):
        return True
    # Of whom nobody knows who they are in Slack: it may be them.
    return None if any(shift.who.slack is None for shift in found.now) else False


def _services(records: Records) -> dict[str, str]:
    return {name: s.pagerduty for name, s in records.settings.config.services.items() if s.pagerduty}
