"""Metrics of a time, summed from the rows of its incidents. What each means is in `core.definitions`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from core.duty import DutyShift
from core.facts import IncidentFacts
from core.incident import Incident
from core.periods import Period
from core.records import Records

SEVERITIES = ("SEV1", "SEV2", "SEV3", "SEV4")
FEW = 5  # of fewer nothing is compared, and no 90 % given; guessed
WEEKS = 8
ALL = ""  # the key of all severities together


@dataclass(frozen=True)
class Spread:
    """How long something took. Seconds."""

    count: int = 0
    median: float | None = None
    p90: float | None = None  # None below `FEW`


@dataclass(frozen=True)
class Calls:
    """Pages, by whom they called."""

    total: int = 0
    at_night: int = 0
    by_person: tuple[tuple[str, int], ...] = ()  # most first; foreign where it is PagerDuty's name
    shifts: int = 0  # 0: nobody's shifts are known
    most_in_shift: int = 0


@dataclass(frozen=True)
class Measures:
    """The metrics of one time."""

    period: Period
    incidents: int = 0
    still_open: int = 0
    in_maintenance: int = 0
    acknowledge: dict[str, Spread] = field(default_factory=dict)  # by severity, and `ALL`
    diagnose: dict[str, Spread] = field(default_factory=dict)
    repair: dict[str, Spread] = field(default_factory=dict)
    calls: Calls = Calls()
    ended_by: dict[str, int] = field(default_factory=dict)
    alone: int = 0
    approved: int = 0
    approvals: dict[str, int] = field(default_factory=dict)  # by outcome
    wait: Spread = Spread()
    shadow: dict[str, int] = field(default_factory=dict)  # by agreement
    tokens: int = 0
    cost_usd: float = 0.0
    questions: int = 0
    alerts: int = 0  # held by the incidents
    notified: int | None = None  # notifications of firing alerts; None when one service is asked for
    opened_by_alerts: int = 0

    @property
    def acted(self) -> int:
        """Incidents that ended because something was done."""
        return sum(self.ended_by.get(who, 0) for who in ("bot", "approved", "people"))

    @property
    def autonomy(self) -> float | None:
        """None when nothing was done."""
        return self.ended_by.get("bot", 0) / self.acted if self.acted else None

    @property
    def asked(self) -> int:
        return sum(self.approvals.values())

    @property
    def agreement(self) -> float | None:
        """None when no proposal could be compared."""
        compared = self.shadow.get("agreed", 0) + self.shadow.get("differed", 0)
        return self.shadow.get("agreed", 0) / compared if compared else None

    @property
    def noise_removed(self) -> float | None:
        return max(0.0, 1 - self.opened_by_alerts / self.notified) if self.notified else None


@dataclass(frozen=True)
class Report:
    """A time, the time before, and the last weeks."""

    now: Measures
    before: Measures
    weeks: tuple[Measures, ...]  # oldest first
    service: str | None = None
    compares: bool = True  # False: the time before is not wholly known


def report(records: Records, period: Period, service: str | None = None) -> Report:
    """Metrics of all incidents, or of one service's. Reads Redis only."""
    weeks = period.weeks(WEEKS)
    first = min(period.before.start, weeks[0].start)
    still_open = records.incidents.open()
    ids = {incident.id for incident in still_open}  # one that was reopened has a row all the same
    rows = [
        row for row in records.facts.between(first, period.end)
        if row.id not in ids and (service is None or row.service == service)
    ]  # fmt: skip
    shifts = tuple(records.duty.between(first, period.end))
    night = records.settings.config.incidents.night

    def of(each: Period) -> Measures:
        since, until = each.start.timestamp(), each.end.timestamp()
        mine = [row for row in rows if since <= row.opened < until]
        held = summed(mine, each, shifts, lambda at: night.is_at(datetime.fromtimestamp(at, UTC)))
        return _with_open(held, still_open, service)

    def whole(each: Period) -> Measures:
        found = of(each)
        return found if service else _with_the_rest(found, records)

    oldest = records.incidents.first_opened()
    return Report(
        whole(period), whole(period.before), tuple(of(week) for week in weeks), service,
        compares=oldest is not None and oldest <= period.before.start,
    )  # fmt: skip


def summed(
    rows: Iterable[IncidentFacts], period: Period, shifts: Iterable[DutyShift], is_night: Callable[[float], bool]
) -> Measures:
    """What these incidents add up to."""
    every = list(rows)
    told = [row for row in every if not row.hushed]
    approvals = [approval for row in told for approval in row.approvals]
    return Measures(
        period=period, incidents=len(told), in_maintenance=len(every) - len(told),
        acknowledge=_spreads(told, lambda row: row.acknowledged),
        diagnose=_spreads(told, lambda row: row.diagnosed),
        repair=_spreads(told, lambda row: row.repaired),
        calls=_calls(told, period, list(shifts), is_night),
        ended_by=dict(Counter(row.ended_by for row in told)),
        alone=sum(row.alone for row in told), approved=sum(row.approved for row in told),
        approvals=dict(Counter(approval.outcome for approval in approvals)),
        wait=spread([a.waited_s for a in approvals if a.waited_s is not None]),
        shadow=dict(Counter(fact.agreed for row in told for fact in row.shadow)),
        tokens=sum(row.tokens for row in told), cost_usd=sum(row.cost_usd for row in told),
        alerts=sum(row.alerts for row in told),
    )  # fmt: skip


def spread(values: Sequence[float]) -> Spread:
    """Median and 90th percentile, each a value that did occur or, of two in the middle, their mean."""
    if not values:
        return Spread()
    held = sorted(max(value, 0.0) for value in values)
    middle = len(held) // 2
    median = held[middle] if len(held) % 2 else (held[middle - 1] + held[middle]) / 2
    p90 = held[-(-len(held) * 9 // 10) - 1] if len(held) >= FEW else None
    return Spread(len(held), median, p90)


def _spreads(rows: Sequence[IncidentFacts], at: Callable[[IncidentFacts], float | None]) -> dict[str, Spread]:
    took: dict[str, list[float]] = {ALL: []}
    for row in rows:
        when = at(row)
        if when is not None:
            took[ALL].append(when - row.opened)
            took.setdefault(row.severity, []).append(when - row.opened)
    return {severity: spread(values) for severity, values in took.items()}


def _calls(
    rows: Sequence[IncidentFacts], period: Period, shifts: Sequence[DutyShift], is_night: Callable[[float], bool]
) -> Calls:
    pages = [page for row in rows for page in row.pages]
    since, until = period.start.timestamp(), period.end.timestamp()
    touching = [s for s in shifts if s.began < until and (s.ended is None or s.ended >= since)]
    in_shift = Counter(
        shift for page in pages for shift in touching
        if shift.person == page.person and shift.began <= page.at and (shift.ended is None or page.at <= shift.ended)
    )  # fmt: skip
    by_person = Counter(page.person for page in pages)
    return Calls(
        total=len(pages), at_night=sum(is_night(page.at) for page in pages),
        by_person=tuple(sorted(by_person.items(), key=lambda item: (-item[1], item[0]))),
        shifts=len(touching), most_in_shift=max(in_shift.values(), default=0),
    )  # fmt: skip


def _with_open(found: Measures, still_open: Iterable[Incident], service: str | None) -> Measures:
    period = found.period
    number = sum(
        period.start <= each.opened_at < period.end
        and service in (None, each.service)
        and not (each.hushed_until or each.in_shadow)
        for each in still_open
    )
    return replace(found, incidents=found.incidents + number, still_open=number)


def _with_the_rest(found: Measures, records: Records) -> Measures:
    """With what belongs to no incident: questions, and notifications."""
    counted = records.book.counted_on(found.period.days)
    spent = records.tallies.spent(found.period.start, found.period.end)
    return replace(
        found, tokens=found.tokens + spent.tokens, cost_usd=found.cost_usd + spent.cost_usd, questions=spent.questions,
        notified=sum(counted.get(name, 0) for name in ("new", "repeated", "changed", "fired_again")),
        opened_by_alerts=counted.get("opened", 0),
    )  # fmt: skip


def lasted(seconds: float) -> str:
    """A figure with its unit: "40 s", "4 min", "1 h 20 min", "2.5 days"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{seconds / 86_400:.1f} days"


def summary(found: Report) -> tuple[str, str, str, str]:
    """Four lines for somebody who only glances: how many, how long, who was called, what I did."""
    now, before = found.now, found.before
    ack, repair = now.acknowledge.get(ALL, Spread()), now.repair.get(ALL, Spread())
    times = [
        f"{name} {lasted(each.median)}"
        for name, each in (("acknowledged in", ack), ("repaired in", repair)) if each.median is not None
    ]  # fmt: skip
    open_now = f", {now.still_open} still open" if now.still_open else ""
    night = f", {now.calls.at_night} at night" if now.calls.total else ""
    did = f"{now.ended_by.get('bot', 0)} of {now.acted}" if now.acted else "None"
    return (
        f"{now.incidents} {'incident' if now.incidents == 1 else 'incidents'} in {now.period.name}"
        f"{open_now}{f'; {before.incidents} in the time before' if found.compares else ''}",
        f"Median: {', '.join(times)}" if times else "No incident ended, so there are no times",
        f"{now.calls.total} {'page' if now.calls.total == 1 else 'pages'}{night}",
        f"{did} repaired without a person; {now.asked} approvals asked; ${now.cost_usd:.2f} for the model",
    )
