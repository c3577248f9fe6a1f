"""What was gathered, as a digest. Pure, but for `rule_of`, which answers from what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from blocks.anomalies import coverage, lines, worth
from blocks.verification import done_in_words
from core.accounting import pages_of
from core.anomalies import tally
from core.digest import Bar, Broke, Digest, Done, Woken
from core.incident import Incident
from core.incident_settings import Night
from core.remediation import Remediation
from workers.digest.changed import deploys, lowered, others, was_done
from workers.digest.material import Material
from workers.digest.noise import Rules, is_noise, noisy
from workers.digest.past import Fired
from workers.digest.watch import watch

_ON_CALL_FRESH = timedelta(hours=1)
_MOST_UNUSUAL = 3
_JUDGED_WEEKS = 4
_BAR_HOURS = ((50, 1), (100, 2), (220, 6), (800, 24))  # up to so many hours, bars of so many: at most 50 of them
_HELD = {"worked": True, "undone": False, "unproven": False}


def compose(given: Material, rule_of: Rules, night: Night | None, *, paging: bool) -> Digest:
    """The digest of what was gathered.

    Args:
        rule_of: What Prometheus has of an alert's rule; asked about few.
        paging: Whether it would be known here that somebody was paged.
    """
    period = given.period
    told = [i for i in given.incidents if not i.in_shadow]
    fired = [Fired(f.began, f.ended, f.incident in given.acted, 0, f.service) for f in given.firings]
    rolled_out = deploys(given)
    return Digest(
        start=period.start, end=period.end, timezone=period.timezone,
        services=None if period.services is None else tuple(sorted(period.services)),
        on_call=_on_call(given), known_since=given.known_since if given.known_since > period.start else None,
        deploys=rolled_out, other_changes=others(given),
        broke=tuple(sorted((_broke(i, given) for i in told), key=lambda b: (b.severity, b.began_at))),
        alerts=len(fired), noise=sum(map(is_noise, fired)), firing=sum(f.ended is None for f in fired),
        noisy=noisy(given.past, given.acted, period.start, period.end, rule_of, given.known_since),
        woken=tuple(_woken(given, night or Night())) if paging else None,
        unusual=tuple(_unusual(given)[:_MOST_UNUSUAL]), noticed=tuple(_noticed(given)),
        watch=watch(given, rolled_out), gaps=given.gaps, bars=bars(given),
    )  # fmt: skip


def bars(given: Material) -> tuple[Bar, ...]:
    """The alerts that began in each stretch of the period, by service; a stretch begins with a full hour."""
    period = given.period
    hours = (period.end - period.start) / timedelta(hours=1)
    step = timedelta(hours=next((each for most, each in _BAR_HOURS if hours <= most), 24))
    first = period.start.replace(minute=0, second=0, microsecond=0)
    counts: Counter[tuple[int, str]] = Counter()
    for firing in given.firings:
        counts[int((firing.began - first.timestamp()) // step.total_seconds()), firing.service] += 1
    number = -int((first - period.end) // step)
    by_bar: list[dict[str, int]] = [{} for _ in range(number)]
    for (position, service), count in counts.items():
        by_bar[min(position, number - 1)][service] = count
    return tuple(Bar(start=first + step * n, counts=counted) for n, counted in enumerate(by_bar))


def _on_call(given: Material) -> tuple[str, ...]:
    fresh = (each for each in given.on_call if given.now - each.read_at <= _ON_CALL_FRESH)
    people = (shift.who.slack for each in fresh for shift in each.now)
    return tuple(dict.fromkeys(person for person in people if person))


def _broke(incident: Incident, given: Material) -> Broke:
    own = (r for r in given.remediations if r.incident == incident.id and was_done(r))
    done = [_done(r) for r in own]
    fix = incident.command.fix
    if fix and not fix.action:
        done.append(Done(what=lowered(fix.what), by=fix.by))
    cause = given.causes.get(incident.id) or incident.headline or ""  # which tells of the action once there is one
    return Broke(
        id=incident.id, title=incident.title, severity=incident.severity, service=incident.service or "",
        began_at=incident.opened_at, ended_at=incident.resolved_at, cause=cause, done=tuple(done),
        alerts=len(incident.alerts) + incident.truncated_alerts, commander=incident.command.commander or "",
    )  # fmt: skip


def _done(remediation: Remediation) -> Done:
    by = remediation.decided_by or ""
    return Done(
        what=lowered(done_in_words(remediation)), by=by, approved=bool(by), alone=remediation.alone and not by,
        held=_HELD.get(remediation.state),
    )  # fmt: skip


def _woken(given: Material, night: Night) -> Iterator[Woken]:
    """The pages that went out at night: as the settings have it, in the digest's zone unless they name one."""
    zone = ZoneInfo(night.timezone if "timezone" in night.model_fields_set else given.period.timezone)
    start, end = time.fromisoformat(night.begins), time.fromisoformat(night.ends)
    for incident in given.incidents:
        pages = pages_of(incident, given.paged.get(incident.id, ()))
        at_night: dict[datetime, list[str]] = {}
        for page in pages:
            at = datetime.fromtimestamp(page.at, UTC)
            wall = at.astimezone(zone).time()
            asleep = start <= wall < end if start <= end else wall >= start or wall < end
            if asleep and given.period.start <= at < given.period.end:
                at_night.setdefault(at, []).append(page.person)
        if at_night:
            everybody = dict.fromkeys(person for people in at_night.values() for person in people)
            yield Woken(incident=incident.id, at=min(at_night), who=tuple(everybody))


def _unusual(given: Material) -> list[str]:
    """What nobody judged false and no incident tells of anyway, the most unusual first."""
    told = {name for i in given.incidents if not i.in_shadow for name in (i.id, i.service, *i.services)}
    worth_it = (
        a for a in given.anomalies
        if a.fate != "false" and a.incident not in told and not (a.fate == "confirmed" and {a.by, a.service} & told)
    )  # fmt: skip
    return lines(worth_it, given.period.end, ZoneInfo(given.period.timezone))


def _noticed(given: Material) -> Iterator[str]:
    """All of that where it is more, what such findings were worth, and what is watched."""
    unusual = _unusual(given)
    yield from unusual if len(unusual) > _MOST_UNUSUAL else ()
    yield from filter(None, (worth(tally(given.judged), _JUDGED_WEEKS),))
    if said := coverage(given.watched):
        yield f"The bot {said}"
