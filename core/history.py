"""Firings of a time: those that ended in it, and those that still fire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from core.firings import Firing, firing_of
from core.records import Records


def firings(records: Records, start: datetime, end: datetime) -> Iterator[Firing]:
    """Every firing that touches the time from `start` to `end`: ended from `start` on, or firing still; begun before
    `end`. In no order."""
    until = end.timestamp()
    seen = (f for f in records.firings.ended_between(start, records.now()) if f.began < until)
    yield from seen
    yield from (f for f in firing_now(records) if f.began < until)


def firing_now(records: Records) -> Iterator[Firing]:
    """What fires at this moment, by the open incidents."""
    for incident in records.incidents.open():
        concern = records.book.concern(incident.id)
        for alert in records.book.all(incident.id):
            if alert.status == "firing":
                cluster = concern.cluster if concern else incident.cluster or ""
                yield firing_of(alert, incident.id, cluster, records.settings.config)
