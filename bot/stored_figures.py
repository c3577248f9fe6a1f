"""Figures for Prometheus that come from the records: the same whichever web process is asked, and after every restart.

A scrape reads some thirty small values, however long the history is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.measures import SEVERITIES
from core.pause import pause_of
from core.queues import QUEUES
from core.records import Records
from core.tallies import FAMILIES, histogram, series
from core.tallying import CLOCK, tally

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_MODES = ("shadow", "assist", "autonomous")
_AT_SCRAPE = 500  # entries of the ledger; the clock counts the rest


def stored(records: Records) -> Iterator[Metric]:
    """Counters and histograms of what the ledger and ended incidents say."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    tally(records, _AT_SCRAPE)
    held = records.tallies.all()
    for name, family in FAMILIES.items():
        if family.buckets:
            shown = HistogramMetricFamily(name, family.help, labels=family.labels)
            for labels, (buckets, total) in sorted(histogram(name, held).items()):
                shown.add_metric(labels, buckets, total)
            yield shown
        else:
            counter = CounterMetricFamily(name, family.help, labels=family.labels)
            for labels, value in sorted(series(name, held).items()):
                counter.add_metric(labels, value)
            yield counter
    entries, counted = records.ledger.head()[0], records.tallies.counted_to()
    yield CounterMetricFamily("sre_ledger_entries", "Entries in the ledger.", entries)
    yield _gauge("sre_ledger_entries_uncounted", "Entries that no counter holds yet.", max(entries - counted, 0))


def queues(records: Records) -> Iterator[Metric]:
    """What waits, for how long, and who takes it."""
    now = records.now()
    for name, what, read in (
        ("sre_queue_waiting", "Jobs that wait.", records.queues.waiting),
        ("sre_queue_put_off", "Jobs that wait for their time.", records.queues.put_off),
        ("sre_queue_failed", "Jobs that failed for good within a week.", records.queues.failed),
        ("sre_queue_oldest_seconds", "For how long the next job has waited.",
         lambda queue: records.queues.oldest_s(queue, now)),
        ("sre_workers", "Worker processes.", records.queues.workers),
    ):  # fmt: skip
        yield _gauges(name, what, "queue", {queue: read(queue) for queue in QUEUES})


def alerts(records: Records) -> Iterator[Metric]:
    """What became of every alert that came, and why groups joined incidents: of all processes, since ever."""
    from prometheus_client.core import CounterMetricFamily

    came = CounterMetricFamily("sre_alerts", "Alerts received, by what became of them.", labels=["outcome"])
    joins = CounterMetricFamily("sre_groups_joined", "Groups that joined an open incident.", labels=["rule"])
    for name, number in sorted(records.book.counted().items()):
        if name.startswith("joined_"):
            joins.add_metric([name.removeprefix("joined_")], number)
        elif name not in ("opened", "joined"):
            came.add_metric([name], number)
    yield came
    yield joins


def state(records: Records) -> Iterator[Metric]:
    """How the bot stands now."""
    still_open = records.incidents.open()
    by_severity = Counter(str(incident.severity) for incident in still_open)
    yield _gauges("sre_incidents_open", "Open incidents.", "severity", {s: by_severity[s] for s in SEVERITIES})
    waiting = [rem for rem in records.remediations.active() if rem.state == "asked"]
    yield _gauge("sre_approvals_waiting", "Approvals that nobody has decided.", len(waiting))
    yield _gauge("sre_pagerduty_updates_waiting", "Updates that PagerDuty does not have yet.",
                 records.pages.count_waiting())  # fmt: skip
    away = records.switches.unreachable()
    configured = {name: name in away for name in ("Slack", "Kubernetes", "Prometheus", "Alertmanager", "PagerDuty")}
    yield _gauges("sre_dependency_unreachable", "1 while it does not answer.", "dependency",
                  configured | dict.fromkeys(away, True))  # fmt: skip
    mode = records.switches.find("mode") or records.settings.config.autonomy.mode
    yield _gauges("sre_mode", "1 for the mode that holds.", "mode", {name: name == mode for name in _MODES})
    ran = float(records.switches.find(CLOCK) or 0)
    yield _gauge("sre_clock_last_run_timestamp_seconds", "When the clock's jobs last ran; 0: never.", ran)
    yield _gauge("sre_paused", "1 while the bot is paused.", pause_of(records.switches) is not None)


def _gauge(name: str, what: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, what, float(value))


def _gauges(name: str, what: str, label: str, values: Mapping[Any, float]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    found = GaugeMetricFamily(name, what, labels=[label])
    for key, value in values.items():
        found.add_metric([key], float(value))
    return found
