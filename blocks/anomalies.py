"""Anomalies in sentences: what was unusual, against what is normal at that hour, and what such findings were worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from blocks.parts import ago, clean, counted
from core.anomalies import Anomaly, Signal, Tally
from core.baselines import Baseline

_MOST_NAMED = 3
_MANY = 3  # services whose traffic changes together: then it is not one of them
_TOGETHER = timedelta(hours=1)


def in_words(anomaly: Anomaly, now: datetime, zone: tzinfo = UTC) -> str:
    """ "checkout p95 740 ms since 02:10, normal for a Sunday 02:00 is 170 to 210 ms; ended 02:50". The service's name
    may be foreign, and is cleaned here."""
    began = anomaly.began.astimezone(zone)
    since = f"since {_when(anomaly.began, now, zone)}"
    head = f"{figure(anomaly.signal, clean(anomaly.service, 80), anomaly.worst)} {since}"
    said = f"{head}, normal for a {began:%A %H}:00 is {usual(anomaly)}"
    if anomaly.ended:
        said += f"; {'the new normal since' if anomaly.adapted else 'ended'} {_when(anomaly.ended, now, zone)}"
    return f"{said} ({anomaly.incident}, in shadow)" if anomaly.incident else said


def lines(anomalies: Iterable[Anomaly], now: datetime, zone: tzinfo = UTC) -> list[str]:
    """One sentence each, the most unusual first; traffic of many services that left its normal at about the same time,
    as on a holiday or when whatever is before them fails, is one sentence."""
    held = sorted(anomalies, key=lambda a: -a.score)
    folded = [wide for falls in (True, False) if (wide := _at_once(held, falls))]
    alone = [a for a in held if not any(a in wide for wide in folded)]
    return [*(_together(wide, now, zone) for wide in folded), *(in_words(a, now, zone) for a in alone)]


def _at_once(held: list[Anomaly], falls: bool) -> list[Anomaly]:
    """Of the anomalies of traffic in one direction, those that began within an hour of the most; none if few did."""
    rates = sorted((a for a in held if a.signal == "rate" and (a.worst < a.normal) is falls), key=lambda a: a.began)
    groups = [[a for a in rates if timedelta(0) <= a.began - first.began <= _TOGETHER] for first in rates]
    best = max(groups, key=len, default=[])
    return best if len({a.service for a in best}) >= _MANY else []


def _together(wide: list[Anomaly], now: datetime, zone: tzinfo) -> str:
    services = sorted({a.service for a in wide})
    way = "below" if wide[0].worst < wide[0].normal else "above"
    said = f"traffic of {counted(len(services), 'service')} ({_names(services)}) is far {way} normal since "
    said += _when(min(a.began for a in wide), now, zone)
    ends = [a.ended for a in wide if a.ended]
    return f"{said}; ended {_when(max(ends), now, zone)}" if len(ends) == len(wide) else said


def figure(signal: Signal, service: str, value: float) -> str:
    """A figure as the head of a sentence: "checkout answers 7.4 % of requests with errors"."""
    match signal:
        case "rate":
            return f"{service} gets {_number(value)} requests a second"
        case "errors":
            return f"{service} answers {_percent(value)} of requests with errors"
        case "latency":
            return f"{service} p95 {_time(value)}"
        case "cpu":
            return f"{service} uses {_percent(value)} of its CPU limit"
        case "memory":
            return f"{service} uses {_percent(value)} of its memory limit"


def usual(anomaly: Anomaly) -> str:
    """The normal range: "170 to 210 ms", "up to 0.3 %"."""
    low, high = _written(anomaly.signal, anomaly.low), _written(anomaly.signal, anomaly.high)
    if low == high:
        return high
    if anomaly.low <= 0:
        return f"up to {high}"
    number, _, unit = low.partition(" ")
    return f"{number if high.endswith(f' {unit}') else low} to {high}"


def title(anomaly: Anomaly) -> str:
    """What an incident in shadow is called, without its service."""
    head = figure(anomaly.signal, "", anomaly.worst).strip()
    return f"{head}, normal at this hour is {usual(anomaly)}"


def worth(tally: Tally, weeks: int) -> str:
    """ "Of 14 anomalies in 4 weeks 9 came with an alert or incident, 3 marked false, 2 unconfirmed"; "" of none."""
    if not tally.total:
        return ""
    parts = [f"{tally.confirmed or 'none'} came with an alert or incident"]
    if tally.lead_s:
        parts[0] += f" ({ago(timedelta(seconds=tally.lead_s))} before it, in the median)"
    parts += [f"{tally.false} marked false"] if tally.false else []
    parts += [f"{tally.unconfirmed} unconfirmed"] if tally.unconfirmed else []
    parts += [f"{tally.undecided} not judged yet"] if tally.undecided else []
    what = "1 anomaly" if tally.total == 1 else f"{tally.total:,} anomalies"
    return f"Of {what} in {weeks} weeks {', '.join(parts)}"


def coverage(baselines: Iterable[Baseline]) -> str:
    """What is watched, and what is not and why; "" where nothing was looked at yet."""
    held = tuple(baselines)
    watched = {b.service for b in held if not b.off}
    why: dict[str, set[str]] = defaultdict(set)
    for b in held:
        if b.off and b.service not in watched:
            why[b.off].add(b.service)
    parts = [f"watches {counted(len(watched), 'service')} ({counted(sum(not b.off for b in held), 'signal')})"]
    parts += [f"off for {_names(names)}: {reason}" for reason, names in sorted(why.items())]
    return "; ".join(parts) if held else ""


def _names(names: Iterable[str]) -> str:
    given = [clean(name, 60) for name in sorted(names)]
    more = f" and {len(given) - _MOST_NAMED} more" if len(given) > _MOST_NAMED else ""
    return ", ".join(given[:_MOST_NAMED]) + more


def _written(signal: Signal, value: float) -> str:
    if signal == "rate":
        return _number(value)
    return _time(value) if signal == "latency" else _percent(value)


def _when(at: datetime, now: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if now - at < timedelta(hours=20) else f"{local:%a %H:%M}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.2g} %" if ratio < 0.1 else f"{ratio * 100:.0f} %"


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"
