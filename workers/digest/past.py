"""Every firing of some weeks by alert, in little memory: 140,000 of them are four weeks of a busy team."""

from __future__ import annotations

import math
from array import array
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from core.firings import Firing
from core.incident import Severity

_WORST: tuple[Severity, ...] = ("SEV1", "SEV2", "SEV3", "SEV4")


class Fired(NamedTuple):
    """One firing as noise is counted. Times are Unix seconds."""

    began: float
    ended: float | None  # None: it fires still
    acted: bool  # somebody acted on the incident that held it
    fingerprint: int  # opaque
    service: str


@dataclass
class _Rows:
    began: array[float] = field(default_factory=lambda: array("d"))
    ended: array[float] = field(default_factory=lambda: array("d"))
    incident: array[int] = field(default_factory=lambda: array("l"))
    fingerprint: array[int] = field(default_factory=lambda: array("l"))
    service: array[int] = field(default_factory=lambda: array("l"))
    severity: Severity = "SEV4"


class Past:
    """Firings by the name of their alert."""

    def __init__(self, firings: Iterable[Firing]) -> None:
        self._alerts: dict[str, _Rows] = {}
        self._names: dict[str, int] = {}  # incidents, fingerprints and services alike
        for firing in firings:
            rows = self._alerts.setdefault(firing.alert, _Rows())
            rows.began.append(firing.began)
            rows.ended.append(math.inf if firing.ended is None else firing.ended)
            rows.incident.append(self._number(firing.incident))
            rows.fingerprint.append(self._number(firing.fingerprint))
            rows.service.append(self._number(firing.service))
            rows.severity = min(rows.severity, firing.severity, key=_WORST.index)
        self._by_number = list(self._names)

    @property
    def alerts(self) -> tuple[str, ...]:
        return tuple(self._alerts)

    @property
    def incidents(self) -> frozenset[str]:
        """Ids of those that held any of them."""
        numbers = {number for rows in self._alerts.values() for number in rows.incident}
        return frozenset(name for number in numbers if (name := self._by_number[number]))

    @property
    def first(self) -> float | None:
        """When the first of all began; None when there is none."""
        return min((min(rows.began) for rows in self._alerts.values()), default=None)

    def severity(self, alert: str) -> Severity:
        """The worst that it came with."""
        return self._alerts[alert].severity

    def of(self, alert: str, acted: Container[str]) -> Iterator[Fired]:
        """Its firings, in no order.

        Args:
            acted: Incidents on which somebody acted.
        """
        rows = self._alerts[alert]
        for began, ended, incident, fingerprint, service in zip(
            rows.began, rows.ended, rows.incident, rows.fingerprint, rows.service, strict=True
        ):
            over = None if ended == math.inf else ended
            yield Fired(began, over, self._by_number[incident] in acted, fingerprint, self._by_number[service])

    def _number(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))
