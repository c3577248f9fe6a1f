"""Warning events, gathered by the object that they are about."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from workers.triage.objects import Obj, moment, since_s

RECENT_S = 3600  # an API server forgets events after an hour by default
# These only say that something else failed; the event before them says what.
_ECHOES = frozenset({"BackOff", "FailedSync"})
_EMPTY_WORDS = re.compile(r"Error: \w+")  # "Error: ImagePullBackOff", beside the event that says why


@dataclass(frozen=True)
class Warned:
    """All occurrences of one reason on one object, with the latest message that says something."""

    reason: str
    message: str
    count: int
    first: datetime | None
    last: datetime | None


class Events:
    """Warning events of the last hour."""

    def __init__(self, items: Iterable[Obj], now: datetime) -> None:
        self._now = now
        self._raw: dict[tuple[str, str, str], list[Obj]] = defaultdict(list)
        for event in items:
            if event.get("type") != "Normal" and since_s(_last(event), now) <= RECENT_S:
                about = event.get("involvedObject") or event.get("regarding") or {}
                key = (str(about.get("kind")), about.get("namespace") or "", str(about.get("name")))
                self._raw[key].append(event)

    def of(self, kind: str, namespace: str, name: str) -> tuple[Warned, ...]:
        """One entry for each reason, the latest first."""
        by_reason: dict[str, list[Obj]] = defaultdict(list)
        for event in self._raw.get((kind, namespace, name), ()):
            by_reason[str(event.get("reason"))].append(event)
        gathered = (_gather(reason, events) for reason, events in by_reason.items())
        return tuple(sorted(gathered, key=lambda w: since_s(w.last, self._now)))

    def find(self, kind: str, namespace: str, name: str, *reasons: str) -> Warned | None:
        """The latest of these reasons, if there was any."""
        return next((w for w in self.of(kind, namespace, name) if w.reason in reasons), None)

    def telling(self, kind: str, namespace: str, name: str) -> Warned | None:
        """The latest one that says more than that something failed again."""
        return next((w for w in self.of(kind, namespace, name) if w.reason not in _ECHOES), None)

    def about(self, kind: str) -> Iterator[tuple[str, str]]:
        """Namespace and name of every object of that kind that was warned about."""
        return ((namespace, name) for k, namespace, name in self._raw if k == kind)


def _gather(reason: str, events: list[Obj]) -> Warned:
    times = sorted(at for e in events if (at := _last(e)))
    firsts = [at for e in events if (at := _first(e))]
    said = [e for e in events if not _EMPTY_WORDS.fullmatch(_message(e))] or events
    latest = max(said, key=lambda e: _last(e) or times[0])
    return Warned(reason, _message(latest), sum(_count(e) for e in events), min(firsts, default=None), times[-1])


def _message(event: Obj) -> str:
    return str(event.get("message") or event.get("note") or "")


def _count(event: Obj) -> int:
    return int((event.get("series") or {}).get("count") or event.get("count") or event.get("deprecatedCount") or 1)


def _last(event: Obj) -> datetime | None:
    series = event.get("series") or {}
    said = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("deprecatedLastTimestamp")
    return (
        moment(said) or moment(event.get("eventTime")) or moment((event.get("metadata") or {}).get("creationTimestamp"))
    )


def _first(event: Obj) -> datetime | None:
    said = event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp")
    return moment(said) or moment(event.get("eventTime")) or _last(event)
