"""`/sre metrics`: a time against the one before, eight weeks at a glance, and what each figure means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from blocks.parts import TITLE_CHARS, Line, Part, bold, button, buttons, code, counted, fit, message, rich, text
from blocks.parts import user as person
from core.definitions import DEFINITIONS
from core.measures import ALL, FEW, SEVERITIES, Calls, Measures, Report, Spread, lasted
from core.outbox import View

SHOW_DEFINITIONS = "measures_definitions"
EXPORT = "measures_export"
_BARS = "▁▂▃▄▅▆▇█"
_MOST_PEOPLE = 5
_APPROVALS = (("granted", "granted"), ("rejected", "rejected"), ("expired", "expired"), ("superseded", "superseded"))


def measures_view(report: Report, asked: str) -> View:
    """What `/sre metrics` says. `asked` is what comes back with the button that exports."""
    now, before = report.now, report.before if report.compares else None
    of = f" of {report.service}" if report.service else ""
    compared = " · in brackets the time before" if before else " · the time before is not wholly known"
    head: Line = [bold(f"Metrics{of}, {now.period.name}", 150), text(compared, 60)]
    lines = [_incidents(now, before)]
    for name, these, those in (
        ("To acknowledge", now.acknowledge, before.acknowledge if before else {}),
        ("To diagnose", now.diagnose, before.diagnose if before else {}),
        ("To repair", now.repair, before.repair if before else {}),
    ):
        lines += _times(name, these, those)
    lines += [_pages(now.calls, before.calls if before else None), _acting(now), *_approvals(now), *_shadow(now)]
    lines += [*_noise(now, before), _cost(now, before)]
    summary = f"{counted(now.incidents, 'incident')}{of} in {now.period.name}"
    summary += f", {before.incidents} in the time before" if before else ""
    return message(
        summary,
        [
            rich(head),
            rich(*lines),
            rich(*_trend(report.weeks)),
            buttons(button("What do these mean?", SHOW_DEFINITIONS), button("Export CSV", EXPORT, value=asked[:150])),
        ],
    )


def definitions_modal() -> dict[str, Any]:
    """Every figure's definition."""
    return {
        "type": "modal", "callback_id": SHOW_DEFINITIONS,
        "title": {"type": "plain_text", "text": fit("What the metrics mean", TITLE_CHARS)},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [rich([bold(name)], [text(what, 900)]) for name, what in DEFINITIONS],
    }  # fmt: skip


def _was(figure: object) -> str:
    """What it was in the time before, in brackets; nothing where that is not known."""
    return "" if figure is None else f" ({figure})"


def _incidents(now: Measures, before: Measures | None) -> Line:
    more = [f"{now.still_open} still open"] if now.still_open else []
    more += [f"{now.in_maintenance} in maintenance beside them"] if now.in_maintenance else []
    said = f"{now.incidents:,}{_was(before and f'{before.incidents:,}')}" + "".join(f" · {each}" for each in more)
    return [bold("Incidents "), text(said)]


def _times(name: str, now: dict[str, Spread], before: dict[str, Spread]) -> Iterator[Line]:
    whole, earlier = now.get(ALL, Spread()), before.get(ALL, Spread())
    if whole.median is None:
        yield [bold(f"{name} "), text("no incident to tell it of")]
        return
    seen = [each for each in SEVERITIES if each in now]
    all_one = f", all {seen[0]}" if len(seen) == 1 and whole.count > 1 else f", {seen[0]}" if len(seen) == 1 else ""
    yield [bold(f"{name} "), text(_spread(whole, earlier) + all_one)]
    if len(seen) > 1:
        yield [text("    " + ", ".join(f"{each} {_short(now[each])}" for each in seen))]


def _spread(now: Spread, before: Spread) -> str:
    """ "median 4 min (6 min), 90 % within 12 min, of 30"."""
    assert now.median is not None
    compare = f" ({lasted(before.median)})" if _comparable(now, before) and before.median is not None else ""
    p90 = f", 90 % within {lasted(now.p90)}" if now.p90 is not None else ""
    return f"median {lasted(now.median)}{compare}{p90}, of {now.count}"


def _short(each: Spread) -> str:
    assert each.median is not None
    return f"{lasted(each.median)} (of {each.count})"


def _comparable(now: Spread, before: Spread) -> bool:
    return now.count >= FEW and before.count >= FEW


def _pages(now: Calls, before: Calls | None) -> Line:
    """Who was called, by how much; people are named without being mentioned anywhere, since only the asker sees it."""
    if not now.total:
        return [bold("Pages "), text(f"none{_was(before and str(before.total))}")]
    night = f"{now.at_night:,} at night{_was(before and str(before.at_night))}"
    line: list[Part] = [bold("Pages "), text(f"{now.total:,}{_was(before and str(before.total))}, {night}")]
    if now.shifts:
        each = now.total / now.shifts
        line.append(text(f" · {each:.1f} a shift in {counted(now.shifts, 'shift')}, at most {now.most_in_shift}"))
    for position, (name, number) in enumerate(now.by_person[:_MOST_PEOPLE]):
        line += [text(" · " if position == 0 else ", "), person(name), text(f" {number}")]
    if len(now.by_person) > _MOST_PEOPLE:
        line.append(text(f" and {len(now.by_person) - _MOST_PEOPLE} more"))
    return line


def _acting(now: Measures) -> Line:
    ends = now.ended_by
    if not now.acted:
        alone = f"; {_by_themselves(ends['itself'])}" if ends.get("itself") else ""
        return [bold("Autonomy "), text(f"nothing was repaired by anybody{alone}")]
    share = _percent(now.autonomy) if now.autonomy is not None and now.acted >= FEW else "too few for a rate"
    parts = [("by me alone", "bot"), ("on approval", "approved"), ("by people", "people")]
    did = ", ".join(f"{ends.get(who, 0)} {words}" for words, who in parts)
    rest = [_by_themselves(ends["itself"])] if ends.get("itself") else []
    rest += [f"of {ends['']} nobody said how"] if ends.get("") else []
    return [bold("Autonomy "), text(f"{share}: {did}" + (f" · {', '.join(rest)}" if rest else ""))]


def _by_themselves(number: int) -> str:
    return f"{number:,} ended by {'itself' if number == 1 else 'themselves'}"


def _approvals(now: Measures) -> Iterator[Line]:
    if not now.asked:
        return
    done = ", ".join(f"{now.approvals[key]} {word}" for key, word in _APPROVALS if now.approvals.get(key))
    waited = f" · {_spread(now.wait, Spread())}" if now.wait.median is not None else ""
    yield [bold("Approvals "), text(f"{now.asked} asked: {done}{waited}")]


def _shadow(now: Measures) -> Iterator[Line]:
    total = sum(now.shadow.values())
    if not total:
        return
    agreed, differed = now.shadow.get("agreed", 0), now.shadow.get("differed", 0)
    said = f"{counted(total, 'proposal')}: people did the same {agreed}, something else {differed}"
    unknown = total - agreed - differed
    yield [bold("Shadow "), text(said + (f", not known {unknown}" if unknown else "") + " · "), code("/sre shadow")]


def _noise(now: Measures, before: Measures | None) -> Iterator[Line]:
    if not now.notified or now.noise_removed is None:
        return
    was = _was(_percent(before.noise_removed) if before and before.noise_removed is not None else None)
    opened = counted(now.opened_by_alerts, "incident")
    said = f"{_percent(now.noise_removed)}{was}: {counted(now.notified, 'notification')} opened {opened}"
    yield [bold("Noise removed "), text(said)]


def _percent(share: float) -> str:
    """Never rounded up to 100 %."""
    return f"{min(share * 100, 99.9):.1f} %" if 0.9 < share < 1 else f"{share:.0%}".replace("%", " %")


def _cost(now: Measures, before: Measures | None) -> Line:
    each = (
        f" · ${now.cost_usd / now.incidents:.2f} an incident"
        if now.incidents and now.cost_usd and not now.questions
        else ""
    )
    asked = f" · {counted(now.questions, 'question')} among them" if now.questions else ""
    was = _was(f"${before.cost_usd:.2f}" if before else None)
    return [bold("Cost "), text(f"${now.cost_usd:.2f}{was}, {_tokens(now.tokens)}{each}{asked}")]


def _tokens(number: int) -> str:
    if number >= 1_000_000:
        return f"{number / 1_000_000:.1f} M tokens"
    return f"{number / 1000:.0f} k tokens" if number >= 1000 else counted(number, "token")


def _trend(weeks: Sequence[Measures]) -> list[Line]:
    """Eight weeks as bars, with the first and last figure. Narrow enough for a phone."""
    head: Line = [bold(f"By week, the last {len(weeks)}", 60), text(" · first → last")]
    total = sum(week.incidents for week in weeks)
    if total < FEW:
        return [[bold("By week "), text(f"{counted(total, 'incident')} in {len(weeks)} weeks: too few for a trend")]]
    figures: tuple[tuple[str, Callable[[Measures], float | None], Callable[[float], str]], ...] = (
        ("incidents", lambda week: week.incidents, lambda n: f"{n:.0f}"),
        ("to repair", lambda week: week.repair.get(ALL, Spread()).median, lasted),
        ("pages", lambda week: week.calls.total, lambda n: f"{n:.0f}"),
    )
    lines: list[Line] = [head]
    for name, figure, written in figures:
        values = [figure(week) for week in weeks]
        if any(values):
            ends = " → ".join("–" if at is None else written(at) for at in (values[0], values[-1]))
            lines.append([code(bars(values)), text(f" {name} {ends}")])
    return lines


def bars(values: Sequence[float | None]) -> str:
    """One bar a value, from the lowest for 0 to the highest for the largest; a dot where there is none."""
    most = max((value for value in values if value is not None), default=0) or 1
    return "".join("·" if v is None else _BARS[round(v / most * (len(_BARS) - 1))] for v in values)
