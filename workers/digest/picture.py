"""The digest at a glance: alerts by hour and service, deploys marked; readable on a phone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from blocks.digest_words import at_words, since_words
from blocks.parts import clean, counted, plain
from core.digest import Bar, Deploy, Digest
from workers.charting import BAD, GROUND, INK, LARGE, MEDIUM, PALE, SMALL, canvas, halo, plain_axes, png

# Okabe and Ito's, in an order in which neighbours differ in lightness too; what is left over is grey.
FILLS = ("#0072B2", "#E69F00", "#009E73", "#56B4E9")
REST = "#9AA5B1"
NOT_SAID = "no service"
_MOST_BROKEN = 3  # names of deploys that something followed; the others are marked alone
_NAME = 18
_DAY_S = 86_400


def picture(digest: Digest, data_dir: Path) -> bytes:
    """The PNG. Any thread may draw it."""
    figure, drawn = canvas(data_dir)
    axes: Any = figure.add_axes((0.085, 0.115, 0.89, 0.575), facecolor=GROUND)
    shown = services(digest.bars)
    starts = [bar.start.timestamp() / _DAY_S for bar in digest.bars]
    width = _step(digest) / timedelta(days=1)
    low = [0.0] * len(starts)
    for name, fill in shown:
        high = [float(_count(bar, name, shown)) for bar in digest.bars]
        axes.bar(starts, high, width * 0.86, bottom=low, align="edge", color=fill, linewidth=0)
        low = [a + b for a, b in zip(low, high, strict=True)]
    _frame(axes, digest, max(low, default=0), starts[0], starts[-1] + width)
    _deploys(axes, digest)
    figure.text(0.03, 0.94, "Alerts by hour and service" if _step(digest) == timedelta(hours=1) else
                "Alerts by time and service", fontsize=LARGE, fontweight="bold", color=INK, va="center")  # fmt: skip
    figure.text(0.975, 0.94, f"since {since_words(digest)}", fontsize=SMALL, color=PALE, va="center", ha="right")
    _legend(figure, shown)
    if digest.deploys:
        figure.text(0.975, 0.848, "▼ deploy", fontsize=MEDIUM, color=PALE, va="center", ha="right")
    return png(drawn)


def alt_text(digest: Digest) -> str:
    """What the picture shows, for those who do not see it."""
    if not digest.alerts:
        return f"Bar chart: no alerts since {since_words(digest)}."
    most = max(digest.bars, key=lambda bar: sum(bar.counts.values()))
    totals = _ranked(digest.bars)[:4]
    by_service = ", ".join(f"{clean(name, 40) or NOT_SAID} {count:,}" for name, count in totals)
    loud = [d for d in digest.deploys if not d.is_quiet]
    marked = f" {counted(len(digest.deploys), 'deploy')} marked, {len(loud)} of them followed by trouble."
    said = (
        f"Bar chart of {counted(digest.alerts, 'alert')} since {since_words(digest)}, by service: {by_service}. "
        f"Most began at {at_words(most.start, digest)}: {sum(most.counts.values()):,}."
    )
    said += marked if digest.deploys else ""
    return plain(said, 1000)


def services(bars: Sequence[Bar]) -> list[tuple[str, str]]:
    """What is shown apart, with its colour: the four with the most alerts, and the others as one, "" by name."""
    ranked = [name for name, _ in _ranked(bars)]
    alone = [name for name in ranked if name][: len(FILLS)]
    shown = list(zip(alone, FILLS, strict=False))
    return [*shown, ("", REST)] if len(ranked) > len(alone) else shown


def _count(bar: Bar, name: str, shown: Sequence[tuple[str, str]]) -> int:
    if name:
        return bar.counts.get(name, 0)
    apart = {each for each, _ in shown if each}
    return sum(count for service, count in bar.counts.items() if service not in apart)


def _ranked(bars: Sequence[Bar]) -> list[tuple[str, int]]:
    """Every service with its alerts, the most first."""
    totals: Counter[str] = Counter()
    for bar in bars:
        totals.update(bar.counts)
    return sorted(totals.items(), key=lambda each: (-each[1], each[0]))


def _step(digest: Digest) -> timedelta:
    return digest.bars[1].start - digest.bars[0].start if len(digest.bars) > 1 else timedelta(hours=1)


def _frame(axes: Any, digest: Digest, highest: float, first: float, last: float) -> None:
    from matplotlib import dates
    from matplotlib.ticker import MaxNLocator

    calendar: Any = dates
    zone = ZoneInfo(digest.timezone)
    named = len(_loud(digest))
    axes.set_ylim(0, max(highest, 1) * (1.05 + 0.17 * named))  # names stand above the bars
    axes.set_xlim(first, last)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    days = last - first
    if days <= 2.5:
        axes.xaxis.set_major_locator(calendar.HourLocator(byhour=range(0, 24, 6 if days <= 1.5 else 12), tz=zone))
        axes.xaxis.set_major_formatter(calendar.DateFormatter("%H:%M" if days <= 1.1 else "%a %H:%M", tz=zone))
    else:
        axes.xaxis.set_major_locator(calendar.DayLocator(interval=1 if days < 9 else 7, tz=zone))
        axes.xaxis.set_major_formatter(calendar.DateFormatter("%a" if days < 9 else "%d %b", tz=zone))
    plain_axes(axes)


def _deploys(axes: Any, digest: Digest) -> None:
    """Each a triangle above the bars; those that something followed a line with its name."""
    from matplotlib.transforms import blended_transform_factory

    over = blended_transform_factory(axes.transData, axes.transAxes)
    loud = _loud(digest)
    for deploy in digest.deploys:
        at = deploy.event.at.timestamp() / _DAY_S
        colour, size = (BAD, 11) if deploy in loud else (PALE, 7)
        axes.plot([at], [1.035], "v", transform=over, color=colour, markersize=size, clip_on=False, zorder=5)
    begins, ends = axes.get_xlim()
    for row, deploy in enumerate(loud):
        at = deploy.event.at.timestamp() / _DAY_S
        axes.plot([at, at], [0, 1.02], transform=over, color=BAD, linewidth=2.4, linestyle=(0, (5, 2)), zorder=4)
        side, gap = ("right", -10) if (at - begins) / (ends - begins) > 0.55 else ("left", 10)
        name = clean(deploy.event.service or deploy.event.target.rpartition("/")[2], _NAME)
        said = f"{name} {_clock(deploy.event.at, digest)} → {deploy.incidents[0]}"
        axes.annotate(said, (at, 0.93 - 0.12 * row), xycoords=over, xytext=(gap, 0), textcoords="offset points",
                      ha=side, va="center", fontsize=SMALL + 1, fontweight="bold", color=BAD, path_effects=halo(),
                      zorder=6, parse_math=False)  # fmt: skip


def _loud(digest: Digest) -> list[Deploy]:
    return [d for d in digest.deploys if d.incidents][-_MOST_BROKEN:]


def _clock(at: datetime, digest: Digest) -> str:
    return f"{at.astimezone(ZoneInfo(digest.timezone)):%H:%M}"


def _legend(figure: Any, shown: Sequence[tuple[str, str]]) -> None:
    """Coloured squares with their names under the title, the largest first, as far as there is room."""
    x = 0.03
    for name, fill in shown:
        said = clean(name.rpartition("/")[2] or name, _NAME) if name else "others"
        figure.text(x, 0.845, "■", fontsize=LARGE, color=fill, va="center")
        figure.text(x + 0.036, 0.848, said, fontsize=MEDIUM, color=INK, va="center", parse_math=False)
        x += 0.036 + 0.0155 * len(said) + 0.02
    if not shown:
        figure.text(x, 0.848, "no alerts", fontsize=MEDIUM, color=PALE, va="center")
