"""What every picture of the bot shares: a card of its own ground that reads in a light and in a dark theme, colours
that any kind of colour blindness tells apart, letters for a phone, and a small PNG."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

SIZE_IN, DPI = (8.0, 4.0), 200  # 800 × 400 points at twice the pixels
COLOURS = 48  # of the palette: enough for smooth letters in four hues, a fifth of the bytes
# Okabe and Ito's palette, which people with any kind of colour blindness can tell apart.
LINE, BAD, GOOD = "#0072B2", "#D55E00", "#00795A"
INK, PALE, GROUND = "#1F2933", "#5F6B76", "#FFFFFF"
TITLE = 44  # characters that fit into its width
LARGE, MEDIUM, SMALL = 19, 15.5, 12.5  # points; a phone shows the picture at a quarter of its pixels


def canvas(data_dir: Path) -> tuple[Any, Any]:
    """An empty picture: matplotlib's figure and its canvas. Uses no global state, so any thread may."""
    # Where its font list is kept: the home may be read-only. It reads this once, when it is first imported.
    os.environ.setdefault("MPLCONFIGDIR", str(data_dir / "matplotlib"))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, dpi=DPI, facecolor=GROUND)
    return figure, FigureCanvasAgg(figure)


def plain_axes(axes: Any) -> None:
    """Only what helps to read it: a ground line, faint rows, pale letters."""
    axes.tick_params(labelsize=MEDIUM, colors=PALE, length=0, pad=7)
    axes.grid(axis="y", color="#E3E7EB", linewidth=1.2)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#9AA5B1")


def halo() -> list[Any]:
    """Ground around letters, so that no line crosses them."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=6, foreground=GROUND)]


def png(drawn: Any) -> bytes:
    """The bytes of what is on a canvas."""
    from PIL import Image

    drawn.draw()
    image = Image.frombuffer("RGBA", drawn.get_width_height(), bytes(drawn.buffer_rgba()), "raw", "RGBA", 0, 1)
    out = io.BytesIO()
    image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
