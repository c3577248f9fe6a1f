"""How well alerts are put together: against streams whose true incidents are known.

`python -m bench.grouping STREAMS` reads JSON lines, each a stream: its `id` and its `alerts`, which have `labels`, when
they start and end (`start_min`, or `start_min_ago`; null: just now, or not yet) and the true `incident`. Each is
replayed twice without catalogue or cluster, every alert in a group of its own, which is the hardest: as it happened,
by a clock that follows it; and as a backlog, all that still fires at once, as after an outage of the bot.

Of each stream, and of all pairs of alerts: of those put together the share that belongs together (precision), of those
that belong together the share put together (recall), and the incidents against the true ones. Alerts that Alertmanager
silenced, and heartbeats, are not sent. An alert of no incident (background) belongs with nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from core.intake import receive_group
from core.notification import read_group
from core.records import Records, open_records
from core.redis import release
from core.settings import Settings
from core.settling import settle

START = datetime(2026, 3, 2, tzinfo=UTC)
HEARTBEAT = "Watchdog"


@dataclass(frozen=True)
class Firing:
    """One alert of a stream from when it begins until it ends, in minutes of the stream."""

    number: int
    labels: dict[str, str] = field(hash=False)
    truth: str
    begins: float
    ends: float | None


@dataclass(frozen=True)
class Score:
    """Pairs of alerts: put together, belonging together, and both; and incidents, made and true."""

    together: int = 0
    belong: int = 0
    both: int = 0
    made: int = 0
    true: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def precision(self) -> float:
        return self.both / self.together if self.together else 1.0

    @property
    def recall(self) -> float:
        return self.both / self.belong if self.belong else 1.0

    def __str__(self) -> str:
        return f"precision {self.precision:.1%}, recall {self.recall:.1%}; {self.made} incidents for {self.true}"


def firings(stream: dict[str, Any]) -> list[Firing]:
    """In the order in which they begin."""
    agos = [ago for alert in stream["alerts"] for key in ("start_min_ago", "end_min_ago") if (ago := alert.get(key))]
    last = max(agos, default=0)
    found = []
    for number, alert in enumerate(stream["alerts"]):
        if alert.get("silenced") or alert["labels"]["alertname"] == HEARTBEAT:
            continue
        if "start_min" in alert:
            begins, ends = alert["start_min"], alert["end_min"]
        else:
            ended = alert["end_min_ago"]
            begins, ends = last - (alert["start_min_ago"] or 0), None if ended is None else last - ended
        found.append(Firing(number, alert["labels"], alert["incident"] or f"background {number}", begins, ends))
    return sorted(found, key=lambda firing: (firing.begins, firing.number))


def notification(firing: Firing, status: str) -> bytes:
    began = (START + timedelta(minutes=firing.begins)).isoformat()
    ended = (START + timedelta(minutes=firing.ends or 0)).isoformat() if status == "resolved" else None
    alert = {"status": status, "labels": firing.labels, "startsAt": began, "endsAt": ended}
    key = json.dumps(sorted(firing.labels.items()))
    return json.dumps({"version": "4", "groupKey": key, "status": status, "alerts": [alert]}).encode()


def as_it_happened(stream: list[Firing], records: Records) -> dict[Firing, str]:
    """The incident of each, once all is over."""
    times = [(f.begins, 1, f) for f in stream] + [(f.ends, 0, f) for f in stream if f.ends is not None]
    put = {}
    for at, begins, firing in sorted(times, key=lambda event: (event[0], event[1], event[2].number)):
        then = replace(records, now=lambda at=at: START + timedelta(minutes=at))
        settle(then)
        incident = receive_group(then, read_group(notification(firing, "firing" if begins else "resolved")))
        if begins and incident:
            put[firing] = incident.id
    return put


def at_once(stream: list[Firing], records: Records) -> dict[Firing, str]:
    """The same of what still fires in the end, brought in the order in which it began."""
    end = max(max(f.begins, f.ends or 0) for f in stream)
    then = replace(records, now=lambda: START + timedelta(minutes=end + 1))
    left = [f for f in stream if f.ends is None or f.ends >= end]
    put = {f: receive_group(then, read_group(notification(f, "firing"))) for f in left}
    return {firing: incident.id for firing, incident in put.items() if incident}


def score(put: dict[Firing, str], records: Records) -> Score:
    final = {}
    for firing, incident_id in put.items():
        holder = records.incidents.holder(incident_id)
        final[firing] = holder.id if holder else incident_id
    made = Counter(final.values())
    true = Counter(firing.truth for firing in final)
    both = Counter((firing.truth, where) for firing, where in final.items())
    return Score(*(sum(map(_pairs, counts.values())) for counts in (made, true, both)), len(made), len(true))


def _pairs(number: int) -> int:
    return number * (number - 1) // 2


def streams(path: Path) -> Iterator[tuple[str, list[Firing]]]:
    """Those of which the truth is known."""
    for line in path.read_text("utf-8").splitlines():
        stream = json.loads(line)
        if any(alert.get("incident") for alert in stream["alerts"]) and (found := firings(stream)):
            yield stream["id"], found


def main() -> None:
    known = list(streams(Path(sys.argv[1])))
    for replay in (as_it_happened, at_once):
        print(replay.__name__.replace("_", " "))
        scores = []
        for name, stream in known:
            with tempfile.TemporaryDirectory() as folder:
                settings = Settings(data_dir=Path(folder))
                records = open_records(settings)
                try:
                    found = score(replay(stream, records), records)
                finally:
                    release(settings, records.redis)
            print(f"  {name}: {found}")
            scores.append(found)
        precision, recall = (statistics.mean(getattr(one, name) for one in scores) for name in ("precision", "recall"))
        print(f"  all pairs of {len(scores)} streams: {sum(scores, Score())}")
        print(f"  mean of the streams: precision {precision:.1%}, recall {recall:.1%}")


if __name__ == "__main__":
    try:
        main()
    except redis.RedisError as error:
        raise SystemExit(f"Redis went away: {error}") from error
