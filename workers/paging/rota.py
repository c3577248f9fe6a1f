"""Who is on call: read every minute for everybody to see, and once more whenever somebody's click depends on it."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import SreError
from core.log import get_logger
from core.opening import show_soon
from core.page import OnCall
from core.pages import STALE_S, is_fresh
from core.queues import TAKE_EVENT
from core.records import Records
from core.wishing import send_forgotten
from workers.paging.handing_off import hand_off
from workers.paging.people import introduced_shifts
from workers.paging.take import end_stand_ins
from workers.paging.wanted import end_own_pages
from workers.world import World

log = get_logger(__name__)

_MOST_SERVICES = 20  # of an incident of many; somebody waits for the answer


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
    hand_off(before.values(), found, records)  # before it is noted: whoever dies here does it again
    records.pages.put_on_call(found)
    records.duty.note(found, records.now())
    changed = {each.service for each in found if each.service not in before or before[each.service].now != each.now}
    for incident in records.incidents.open():
        if incident.service in changed:
            show_soon(incident.id, records)


def is_on_call(user: str, services: Sequence[str], world: World) -> bool | None:
    """Whether somebody in Slack is on call for one of these services at this moment, as PagerDuty says now; as it said
    within five minutes when it does not answer. None when that cannot be told."""
    records = world.records
    known = {name: of for name, of in _services(records).items() if name in services}
    if not known:
        return False  # nobody is called for it
    found = _read(dict(list(known.items())[:_MOST_SERVICES]), world)
    if found is None:
        held = [each for each in records.pages.on_call() if each.service in known]
        fresh = [each for each in held if is_fresh(each, records.now(), STALE_S)]
        found = fresh if fresh and len(fresh) == len(held) else None
    if found is None:
        return None
    people = [shift.who for each in found for shift in each.now]
    if any(who.slack == user for who in people):
        return True
    # Of whom nobody knows who they are in Slack: it may be them.
    return None if any(who.slack is None for who in people) else False


def _read(services: dict[str, str], world: World) -> list[OnCall] | None:
    if world.pagerduty is None:
        return None
    try:
        read = world.pagerduty.on_call(services, world.records.now())
    except SreError as error:
        log.warning("on_call_unread", services=list(services), why=str(error))
        return None
    return [introduced_shifts(each, world) for each in read]


def _services(records: Records) -> dict[str, str]:
    return {name: s.pagerduty for name, s in records.settings.config.services.items() if s.pagerduty}
