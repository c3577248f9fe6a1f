"""What a digest is made of, read from the records: nothing outside is asked, so it works while nothing else does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from core.acted import acted_on
from core.anomalies import Anomaly
from core.baselines import Baseline
from core.change_events import ChangeEvent, Gap
from core.digest_settings import DigestTime
from core.firings import Firing
from core.history import firing_now
from core.incident import Incident
from core.page import Change, OnCall
from core.records import Records
from core.redis import as_text
from core.remediation import Remediation
from core.settings import Settings
from core.silences import Silenced, known_silences
from workers.digest.noise import WEEKS
from workers.digest.past import Past

CERTIFICATES = timedelta(days=35)  # they are noted when they end within a month
_KNOWN_SINCE = "sre:digest-known-since"


@dataclass(frozen=True)
class Period:
    """What a digest covers: from `start` until before `end`, of these services."""

    start: datetime
    end: datetime
    timezone: str = "UTC"
    services: frozenset[str] | None = None  # None: all

    def covers(self, names: Iterable[str | None]) -> bool:
        return self.services is None or not self.services.isdisjoint(names)


@dataclass(frozen=True)
class Material:
    """All of one period, and four weeks of firings."""

    period: Period
    now: datetime
    known_since: datetime  # before it nothing was kept
    changes: tuple[ChangeEvent, ...]  # oldest first
    certificates: tuple[ChangeEvent, ...]
    gaps: tuple[Gap, ...]
    incidents: tuple[Incident, ...]  # that were open at some time of it, newest first; none that was merged
    causes: dict[str, str]  # what was found to be the cause, by incident
    remediations: tuple[Remediation, ...]  # of these incidents
    paged: dict[str, tuple[Change, ...]]  # what PagerDuty told, by incident
    firings: tuple[Firing, ...]  # that began in it
    past: Past
    acted: frozenset[str]  # incidents of `past` on which somebody acted
    on_call: tuple[OnCall, ...]
    anomalies: tuple[Anomaly, ...]
    judged: tuple[Anomaly, ...] = ()  # that began within four weeks: what such findings are worth
    watched: tuple[Baseline, ...] = ()
    silences: tuple[Silenced, ...] = ()


def scope(channel: str, time: DigestTime | None, settings: Settings) -> frozenset[str] | None:
    """The services that a channel's digest is about: those that were chosen, else those whose channel it is; None for
    all, in the fallback channel and where it is no service's channel."""
    config = settings.config
    if time and time.services:
        return frozenset(time.services)
    if channel in (config.channels.fallback, settings.channel):
        return None
    return frozenset(name for name, service in config.services.items() if service.channel == channel) or None


def known_since(records: Records) -> datetime:
    """Since when the bot has watched, noted by whoever asks first."""
    records.redis.set(_KNOWN_SINCE, records.now().isoformat(), nx=True)
    return datetime.fromisoformat(as_text(records.redis.get(_KNOWN_SINCE)))


def read(records: Records, period: Period) -> Material:
    """Everything that a digest of this period needs."""
    begin, end = period.start.timestamp(), period.end.timestamp()
    kept: list[Firing] = []

    def seen() -> Iterable[Firing]:
        ended = records.firings.ended_between(min(period.start, period.end - WEEKS), records.now())
        for firing in chain(ended, firing_now(records)):
            if firing.began < end and period.covers((firing.service,)):
                if firing.began >= begin:
                    kept.append(firing)
                yield firing

    past = Past(seen())
    incidents = tuple(
        i for i in records.incidents.touching(period.start, period.end)
        if i.merged_into is None and not i.hushed_until and period.covers((i.service, *i.services))
    )  # fmt: skip
    changes = tuple(c for c in records.changes.between(period.start, period.end) if period.covers((c.service,)))
    certificates = (
        c for c in records.changes.between(period.end - CERTIFICATES, period.end)
        if c.kind == "certificate" and (c.service is None or period.covers((c.service,)))
    )  # fmt: skip
    first = past.first
    noted = known_since(records)
    return Material(
        period=period, now=records.now(), changes=changes, certificates=tuple(certificates),
        known_since=min(noted, datetime.fromtimestamp(first, noted.tzinfo)) if first is not None else noted,
        gaps=records.changes.gaps(period.start, period.end), incidents=incidents,
        causes=dict(_causes(records, incidents)),
        remediations=records.remediations.of_incidents(i.id for i in incidents),
        paged={i.id: records.pages.changes(i.id) for i in incidents if i.pages},
        firings=tuple(kept), past=past, acted=acted_on(records, past.incidents),
        on_call=tuple(each for each in records.pages.on_call() if period.covers((each.service,))),
        silences=known_silences(records.redis),
        anomalies=tuple(
            a for a in records.anomalies.between(period.start, period.end) if period.covers((a.service,))
        ),
        judged=tuple(
            a for a in records.anomalies.between(period.end - WEEKS, period.end)
            if a.began >= period.end - WEEKS and period.covers((a.service,))
        ),
        watched=tuple(b for b in records.baselines.all() if period.covers((b.service,))),
    )  # fmt: skip


def _causes(records: Records, incidents: Iterable[Incident]) -> Iterator[tuple[str, str]]:
    for inv in records.investigations.find_many(i.investigation for i in incidents if i.investigation):
        cause = inv.diagnosis.root_cause if inv.diagnosis and inv.diagnosis.status == "diagnosed" else None
        if inv.incident and cause:
            yield inv.incident, cause.statement
