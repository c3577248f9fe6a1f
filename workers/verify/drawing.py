"""Draws one line over time as a PNG that can be read on a phone, in a light and in a dark theme."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workers.charting import (
    BAD,
    GOOD,
    GROUND,
    INK,
    LARGE,
    LINE,
    MEDIUM,
    PALE,
    SMALL,
    TITLE,
    canvas,
    halo,
    plain_axes,
    png,
)


@dataclass(frozen=True)
class Mark:
    """Something that happened, as an upright line with its name."""

    at: datetime
    label: str
    bad: bool


@dataclass(frozen=True)
class Chart:
    """What to draw. `points` are Unix seconds and values, oldest first, at least one."""

    title: str
    axis: str
    points: tuple[tuple[float, float], ...]
    marks: tuple[Mark, ...]
    normal: float | None
    write: Callable[[float], str]
    is_share: bool = False
    counts: bool = False
    lowest: bool = False  # the low point tells the story, not the peak


def draw(chart: Chart, data_dir: Path) -> bytes:
    """The PNG. Uses no global state, so any thread may."""
    figure, drawn = canvas(data_dir)
    axes: Any = figure.add_axes((0.115, 0.125, 0.845, 0.60), facecolor=GROUND)
    times = [_day(at) for at, _ in chart.points]
    values = [value for _, value in chart.points]
    _frame(axes, chart, times, values)
    style, step = ("steps-post", "post") if chart.counts else ("default", None)
    axes.plot(times, values, color=LINE, linewidth=3.2, solid_capstyle="round", drawstyle=style)
    axes.fill_between(times, values, color=LINE, alpha=0.10, linewidth=0, step=step)
    _labels(axes, chart, times, values)
    _marks(axes, chart, times)
    figure.text(0.03, 0.935, chart.title[:TITLE], fontsize=LARGE, fontweight="bold", color=INK, va="center",
                parse_math=False)  # fmt: skip
    figure.text(0.97, 0.935, _subtitle(chart), fontsize=SMALL, color=PALE, va="center", ha="right")
    return png(drawn)


def _subtitle(chart: Chart) -> str:
    """As much of what the figures are as there is room for beside the title."""
    normal = f" · dotted: normal, {chart.write(chart.normal)}" if chart.normal is not None else ""
    room = 1.6 * (TITLE - len(chart.title))
    offered = (f"{chart.axis}{normal} · UTC", f"{chart.axis} · UTC")
    return next((text for text in offered if len(text) <= room), "UTC")


def _day(at: float) -> float:
    """As matplotlib counts time: days since 1970."""
    return at / 86_400


def _frame(axes: Any, chart: Chart, times: list[float], values: list[float]) -> None:
    from matplotlib import dates
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    calendar: Any = dates
    axes.set_ylim(0, (max([*values, chart.normal or 0.0]) or 1.0) * 1.18)
    if times[-1] > times[0]:
        axes.set_xlim(times[0], times[-1])
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=chart.counts))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, chart)))
    axes.xaxis.set_major_locator(calendar.AutoDateLocator(minticks=3, maxticks=5, tz=UTC))
    axes.xaxis.set_major_formatter(calendar.DateFormatter(_clock(times), tz=UTC))
    plain_axes(axes)


def _clock(times: list[float]) -> str:
    """With seconds when there are only minutes to show."""
    return "%H:%M:%S" if times[-1] - times[0] < _day(300) else "%H:%M"


def _tick(value: float, chart: Chart) -> str:
    if chart.is_share:
        return f"{value * 100:.3g} %"
    return chart.write(value) if value else "0"


def _labels(axes: Any, chart: Chart, times: list[float], values: list[float]) -> None:
    """The peak, the present and the normal, written beside the line."""
    extreme = min(values) if chart.lowest else max(values)
    at_extreme = [index for index, value in enumerate(values) if math.isclose(value, extreme, rel_tol=0.01)]
    shown = {len(values) - 1: "right"}
    if abs(extreme - values[-1]) > 0.1 * max(values):
        shown[at_extreme[len(at_extreme) // 2]] = "center"
    for index, side in shown.items():
        axes.plot([times[index]], [values[index]], "o", markersize=9, color=LINE, clip_on=False, zorder=5)
        axes.annotate(chart.write(values[index]), (times[index], values[index]), xytext=(0, 12),
                      textcoords="offset points", ha=side, fontsize=LARGE, fontweight="bold", color=INK,
                      path_effects=halo(), annotation_clip=False, zorder=6)  # fmt: skip
    if chart.normal is not None:
        axes.axhline(chart.normal, color=PALE, linewidth=1.6, linestyle=(0, (2, 3)))


def _marks(axes: Any, chart: Chart, times: list[float]) -> None:
    """Upright lines; their names stand above the graph, each in a row of its own, so that near ones can be read."""
    span = (times[-1] - times[0]) or 1.0
    for row, mark in enumerate(reversed(chart.marks)):
        place = (_day(mark.at.timestamp()) - times[0]) / span
        if not 0 <= place <= 1:
            continue
        colour, dashes = (BAD, (0, (5, 2))) if mark.bad else (GOOD, "-")
        axes.plot([place, place], [0, 1.03 + 0.115 * row], transform=axes.transAxes, color=colour, linewidth=2.8,
                  linestyle=dashes, zorder=3, clip_on=False)  # fmt: skip
        side, gap = ("right", -7) if place > 0.5 else ("left", 7)
        label = f"{mark.label} {mark.at.astimezone(UTC).strftime(_clock(times))}"
        axes.annotate(label, (place, 1.005 + 0.115 * row), xycoords="axes fraction", xytext=(gap, 0),
                      textcoords="offset points", ha=side, va="bottom", fontsize=MEDIUM, fontweight="bold",
                      color=colour, annotation_clip=False, path_effects=halo(), zorder=6)  # fmt: skip
