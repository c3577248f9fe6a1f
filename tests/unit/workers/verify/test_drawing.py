from __future__ import annotations

import io
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from workers.charting import BAD, GOOD, LINE
from workers.verify.drawing import Chart, Mark, draw

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
ROLLOUT, REPAIR = START + timedelta(minutes=11), START + timedelta(minutes=17)


def chart(values: list[float], **more: object) -> Chart:
    points = tuple((START.timestamp() + 15 * i, value) for i, value in enumerate(values))
    usual = {
        "title": "5xx of checkout", "axis": "share of requests", "points": points, "normal": 0.002,
        "marks": (Mark(ROLLOUT, "rollout", bad=True), Mark(REPAIR, "rolled back", bad=False)),
        "write": lambda value: f"{value * 100:.1f} %", "is_share": True,
    }  # fmt: skip
    return Chart(**{**usual, **more})  # type: ignore[arg-type]


STORY = [0.002] * 46 + [0.074] * 22 + [0.002] * 24


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


@pytest.mark.parametrize(
    "drawn",
    [
        chart(STORY),
        chart(STORY, title="5xx of a-service-with-a-very-long-name-that-nobody-can-remember", normal=None),
        chart(STORY, title=r"5xx of $\frac{$ {x} %s"),
        chart([0.0]),
        chart([0.0, 0.0]),
        chart([4, 4, 2, 2, 4], counts=True, lowest=True, is_share=False, write=lambda v: f"{v:.0f}", normal=None),
        chart(STORY, marks=(Mark(START - timedelta(days=1), "rollout", bad=True),)),
    ],
    ids=["usual", "long", "no-formula", "one-point", "flat", "pods", "mark-outside"],
)
def test_a_picture_is_small_and_of_the_size_of_a_phone_message(drawn: Chart, tmp_path: Path) -> None:
    png = draw(drawn, tmp_path)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (1600, 800)
    assert len(png) < 60_000


def test_the_line_and_both_marks_are_seen_on_a_ground_of_their_own(tmp_path: Path) -> None:
    image = Image.open(io.BytesIO(draw(chart(STORY), tmp_path))).convert("RGB")
    colours = {colour: count for count, colour in image.getcolors(1 << 24) or ()}
    assert image.getpixel((3, 3)) == (255, 255, 255)
    for colour in (LINE, BAD, GOOD):
        near = sum(n for c, n in colours.items() if max(abs(a - b) for a, b in zip(c, rgb(colour), strict=True)) < 12)
        assert near > 1000, colour
    columns = {
        mark: [x for x in range(1600) if image.getpixel((x, 300)) == pixel]
        for mark, pixel in (("repair", _nearest(colours, GOOD)),)
    }  # fmt: skip
    assert columns["repair"]
    at = sum(columns["repair"]) / len(columns["repair"])
    share = (REPAIR - START).total_seconds() / (15 * (len(STORY) - 1))
    assert at / 1600 == pytest.approx(0.115 + 0.845 * share, abs=0.01)


def _nearest(colours: dict[tuple[int, ...], int], wanted: str) -> tuple[int, ...]:
    return min(colours, key=lambda c: sum((a - b) ** 2 for a, b in zip(c, rgb(wanted), strict=True)))


def test_threads_draw_at_once_and_each_its_own(tmp_path: Path) -> None:
    charts = [chart(STORY), chart(STORY[::-1])] * 2
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda c: draw(c, tmp_path), charts))
    assert drawn[0] == drawn[2] != drawn[1] == drawn[3]


def test_a_home_that_is_not_there_does_not_matter(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workers.verify.drawing import Chart, draw\n"
        "assert 'matplotlib' not in sys.modules\n"
        "chart = Chart('t', 'a', ((0.0, 1.0), (9.0, 2.0)), (), None, str)\n"
        "assert draw(chart, Path(sys.argv[1])).startswith(b'\\x89PNG')"
    )
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        env={"HOME": "/nonexistent", "PYTHONPATH": str(Path(__file__).parents[4])}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "matplotlib").iterdir())
