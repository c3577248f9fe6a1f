"""Where things stand, from stored state alone: answers in milliseconds also when nothing else does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from core.anomalies import Anomaly
from core.baselines import Baseline
from core.history import firing_now
from core.incident import Incident
from core.model import Model
from core.page import OnCall
from core.pause import Pause, pause_of
from core.records import Records
from core.rolled import Rolled, rolled_lately

_MOST_BUDGETS = 5  # incidents whose actions are counted


class Status(Model):
    """What `/sre status` and `sre-bot status` say."""

    incidents: tuple[Incident, ...]  # open ones and those resolved within a day, newest first
    alerts_firing: int
    mode: str  # "shadow", "assist" or "autonomous"
    paused: bool
    pause: Pause | None = None  # who paused it, and when
    unreachable: dict[str, datetime]  # name to since when
    on_call: tuple[OnCall, ...] = ()  # by service
    queued: dict[str, int] = {}  # updates that wait for a dependency, by its name
    unusual: tuple[Anomaly, ...] = ()  # figures that are not as usual now, of which no incident tells
    unwatched: str = ""  # why some signals of the service that is asked about are not watched, a sentence
    firing: dict[str, int] = {}  # alerts that fire now, by service, the most first
    deploys: tuple[Rolled, ...] = ()  # of the last hours, newest first
    own_actions: dict[str, int] = {}  # open incidents with proposals, to how many actions the bot did by itself
    counted: dict[str, int] = {}  # alerts of the last day, by what became of them; empty when a service is asked about

    def as_json(self) -> dict[str, object]:
        """The shape that `status --json` promises."""
        shown = {"id", "title", "service", "severity", "state", "channel", "thread_ts", "opened_at", "resolved_at"}
        return {
            "incidents": [
                {**i.model_dump(mode="json", include=shown), "alerts": len(i.alerts) + i.truncated_alerts}
                for i in self.incidents
            ],
            "alerts_firing": self.alerts_firing,
            "mode": self.mode,
            "paused": self.paused,
            "unreachable": list(self.unreachable),
            "firing": self.firing,
            "deploys": [each.model_dump(mode="json") for each in self.deploys],
        }


def read_status(records: Records, service: str | None = None) -> Status:
    """The status, of one service when it is named. Reads Redis only."""
    current = records.incidents.current(records.now())
    incidents = tuple(i for i in current if service is None or _concerns(i, service.lower()))
    pause = pause_of(records.switches)
    now = records.now()
    day = [now - timedelta(hours=hours) for hours in range(24)]
    return Status(
        incidents=incidents,
        alerts_firing=sum(i.how_many_fire for i in incidents if i.is_open),
        mode=records.switches.find("mode") or records.settings.config.autonomy.mode,
        paused=pause is not None,
        pause=pause,
        unreachable=records.switches.unreachable(),
        on_call=tuple(each for each in records.pages.on_call() if service is None or each.service == service),
        queued={"PagerDuty": records.pages.count_waiting(), "Slack": records.outbox.count_waiting()},
        unusual=tuple(a for a in records.anomalies.open() if a.fate != "false" and not _is_told(a, incidents, service)),
        unwatched=_unwatched(records.baselines.all(), service) if service else "",
        firing=_firing(records, incidents) if any(i.how_many_fire for i in incidents if i.is_open) else {},
        deploys=rolled_lately(records, now, service),
        own_actions=_own_actions(records, incidents),
        counted=records.book.counted(day) if service is None else {},
    )


def _firing(records: Records, incidents: tuple[Incident, ...]) -> dict[str, int]:
    shown = {i.id for i in incidents if i.is_open}
    counts = Counter(f.service.rpartition("/")[2] for f in firing_now(records) if f.incident in shown)
    return dict(counts.most_common())


def _own_actions(records: Records, incidents: tuple[Incident, ...]) -> dict[str, int]:
    found = {}
    for incident in [i for i in incidents if i.is_open and i.investigation][:_MOST_BUDGETS]:
        held = records.remediations.of_incident(incident.id)
        if held:
            found[incident.id] = sum(r.alone and r.begun_at is not None for r in held)
    return found


def _is_told(anomaly: Anomaly, incidents: tuple[Incident, ...], service: str | None) -> bool:
    """Whether an incident that is shown tells of it, or it is of no service that was asked about."""
    name = anomaly.service.lower()
    if service is not None and service.lower() not in (name, name.rpartition("/")[2]):
        return True
    return any(i.is_open and i.id == anomaly.incident for i in incidents)


def _unwatched(held: Iterable[Baseline], service: str) -> str:
    mine = [b for b in held if b.off and b.service.lower().rpartition("/")[2] == service.lower()]
    by_reason = {b.off: ", ".join(each.signal for each in mine if each.off == b.off) for b in mine}
    return "; ".join(f"{signals}: {why}" for why, signals in by_reason.items())


def _concerns(incident: Incident, word: str) -> bool:
    """Whether the incident is about what somebody calls `word`: its service, namespace, a label's value, or a word of
    its title, since without a catalogue nothing else tells."""
    labels = (value for alert in incident.alerts for value in alert.labels.values())
    services = (part for name in incident.services for part in (name, name.rpartition("/")[2]))
    words = re.findall(r"[\w.-]+", incident.title)
    names = {incident.service or "", incident.namespace or "", *services, *labels, *words}
    return word in {name.lower() for name in names}
