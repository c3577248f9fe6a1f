"""What whoever is on call next has to know: read from stored state alone, so that it is there when nothing else is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from core.accounting import pages_of
from core.aftermath import SOON
from core.anomalies import Anomaly
from core.change_events import ChangeEvent
from core.duty import name_of
from core.incident import Incident
from core.model import Model, Moment
from core.page import OnCall, Person, Shift
from core.records import Records
from core.remediation import Remediation
from core.silences import Silenced, known_silences

WATCHED = timedelta(hours=2)  # what ended so short a while ago may come again; guessed
LATEST = timedelta(hours=2)  # a shift that began longer ago needs no handoff any more
_LONGEST = timedelta(days=14)  # a shift that nobody saw begin
_AHEAD = timedelta(hours=12)  # where nobody knows when the shift ends
_NOTE = "handoff-note"
_NOTE_S = 8 * 86_400
NOTE_CHARS = 500


class Note(Model):
    """What whoever goes leaves for whoever comes; foreign."""

    by: str  # Slack user id
    at: Moment
    text: str


class Change(Model):
    """That somebody else is on call for some services since `at`."""

    services: tuple[str, ...]
    came: tuple[Person, ...]
    left: tuple[Person, ...] = ()
    at: Moment
    until: Moment | None = None

    @property
    def key(self) -> str:
        """The same for the same change, seen twice or by two schedulers."""
        return f"{'+'.join(sorted(p.id for p in self.came))}/{int(self.at.timestamp())}"


class Handoff(Model):
    """Everything that is handed over. Texts of incidents, silences and notes are foreign."""

    services: tuple[str, ...] = ()  # empty: all of them
    came: tuple[Person, ...] = ()
    left: tuple[Person, ...] = ()
    until: Moment | None = None
    unknown: str = ""  # why nobody can tell who is on call
    open: tuple[Incident, ...] = ()  # worst first
    waiting: tuple[Remediation, ...] = ()  # for approval
    ended: tuple[Incident, ...] = ()  # lately, so that they may come again
    unproven: tuple[Remediation, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    silences: tuple[Silenced, ...] = ()  # that end within the shift
    changes: tuple[ChangeEvent, ...] = ()  # rolled out too short a while ago to tell
    unreachable: dict[str, Moment] = {}
    since: Moment | None = None  # when the shift before began, as far as known
    pages: int = 0  # in that shift
    pages_at_night: int = 0
    note: Note | None = None

    @property
    def is_quiet(self) -> bool:
        return not (self.open or self.waiting or self.ended or self.unproven or self.anomalies or self.silences
                    or self.changes or self.unreachable or self.note)  # fmt: skip


def changes_between(before: Iterable[OnCall], found: Iterable[OnCall], now: datetime) -> tuple[Change, ...]:
    """Who came on call between two readings; services that change to the same people at the same time together.

    Pure. What was not known before is no change; a shift that began more than `LATEST` ago is none either.
    """
    known = {each.service: each for each in before}
    gathered: dict[tuple[tuple[str, ...], datetime], Change] = {}
    for each in found:
        held = known.get(each.service)
        if held is None or not held.now or not each.now:
            continue
        were, are = {s.who.id: s.who for s in held.now}, {s.who.id: s.who for s in each.now}
        came = tuple(who for name, who in sorted(are.items()) if name not in were)
        if not came:
            continue
        at = _began(held, now)
        if now - at > LATEST:
            continue
        left = tuple(who for name, who in sorted(were.items()) if name not in are)
        key = (tuple(who.id for who in came), at)
        same = gathered.get(key)
        services, gone = (same.services, same.left) if same else ((), ())
        gathered[key] = Change(
            services=(*services, each.service), came=came, at=at, until=_until(each.now),
            left=(*gone, *(who for who in left if who not in gone)),
        )  # fmt: skip
    return tuple(gathered.values())


def read_handoff(records: Records, change: Change | None = None) -> Handoff:
    """What is to be handed over: to those who came, else to who comes next, as far as known."""
    now = records.now()
    services = change.services if change else ()
    came, left, until, unknown = _people(records, change)
    incidents = [i for i in records.incidents.current(now) if _is_of(i, services, records)]
    remediations = [r for i in incidents for r in records.remediations.of_incident(i.id)]
    still_open = [i for i in incidents if i.is_open and not i.hushed_until]
    ended = [i for i in incidents if i.state == "resolved" and i.resolved_at and now - i.resolved_at <= WATCHED]
    unproven = [r for r in remediations if r.state in ("watching", "unproven", "interrupted")
                and r.incident in {i.id for i in (*still_open, *ended)}]  # fmt: skip
    since = _shift_began(left or came, records)
    pages = list(_paged(since, services, records))
    night = records.settings.config.incidents.night
    return Handoff(
        services=services, came=came, left=left, until=until, unknown=unknown,
        open=tuple(sorted(still_open, key=lambda i: (i.severity, i.opened_at))),
        waiting=tuple(r for r in remediations if r.state == "asked"), ended=tuple(ended), unproven=tuple(unproven),
        anomalies=tuple(a for a in records.anomalies.open() if not services or a.service in services),
        silences=tuple(s for s in known_silences(records.redis) if now < s.ends_at <= (until or now + _AHEAD)),
        changes=unproven_changes(records.changes.between(now - SOON, now), services),
        unreachable=records.switches.unreachable(), since=since, pages=len(pages),
        pages_at_night=sum(night.is_at(at) for at in pages), note=find_note(records),
    )  # fmt: skip


def unproven_changes(events: Iterable[ChangeEvent], services: tuple[str, ...] = ()) -> tuple[ChangeEvent, ...]:
    """The last rollout of each service that is too new to say that nothing followed. Pure."""
    newest = {(e.cluster, e.namespace, e.target): e for e in events if e.kind in ("deploy", "release")}
    return tuple(e for e in newest.values() if not services or e.service is None or e.service in services)


def leave_note(text: str, by: str, records: Records) -> None:
    """Keep it until the next handoff; a later one replaces it. `text` is masked."""
    note = Note(by=by, at=records.now(), text=text[:NOTE_CHARS])
    records.switches.set(_NOTE, note.model_dump_json(), for_s=_NOTE_S)


def find_note(records: Records) -> Note | None:
    held = records.switches.find(_NOTE)
    return Note.model_validate_json(held) if held else None


def take_note(records: Records) -> None:
    """It was handed over."""
    records.switches.clear(_NOTE)


def _people(
    records: Records, change: Change | None
) -> tuple[tuple[Person, ...], tuple[Person, ...], datetime | None, str]:
    if change:
        return change.came, change.left, change.until, ""
    found = records.pages.on_call()
    if not found:
        known = bool(records.settings.pagerduty_api_key)
        return (), (), None, "PagerDuty has not said yet" if known else "no PagerDuty is configured"
    then = {s.who.id: s.who for each in found for s in each.then}
    now = {s.who.id: s.who for each in found for s in each.now}
    until = min((s.until for each in found for s in each.now if s.until), default=None)
    return tuple(then.values()), tuple(now.values()), until, ""


def _began(held: OnCall, now: datetime) -> datetime:
    """When those whose time it was went: as their shift said, else when they were last seen."""
    ends = [shift.until for shift in held.now if shift.until and shift.until <= now]
    return max(ends) if ends else held.read_at


def _until(shifts: tuple[Shift, ...]) -> datetime | None:
    return min((shift.until for shift in shifts if shift.until), default=None)


def _is_of(incident: Incident, services: tuple[str, ...], records: Records) -> bool:
    """Whether it concerns them; what belongs to no service that pages anybody concerns everybody."""
    named = {incident.service, *incident.services} - {None}
    paging = {name for name, service in records.settings.config.services.items() if service.pagerduty}
    return not services or bool(named & set(services)) or not named & paging


def _shift_began(people: Iterable[Person], records: Records) -> datetime | None:
    names, now = {name_of(person) for person in people}, records.now()
    begun = [shift.began for shift in records.duty.between(now - timedelta(hours=3), now) if shift.person in names]
    return max(datetime.fromtimestamp(max(begun), tz=now.tzinfo), now - _LONGEST) if begun else None


def _paged(since: datetime | None, services: tuple[str, ...], records: Records) -> Iterator[datetime]:
    """When somebody was paged since then."""
    if since is None:
        return
    for incident in records.incidents.since(since - timedelta(days=1)):
        if incident.pages and _is_of(incident, services, records):
            for page in pages_of(incident, records.pages.changes(incident.id)):
                at = datetime.fromtimestamp(page.at, tz=since.tzinfo)
                if at >= since:
                    yield at
