"""Block Kit as lines of plain text: what a person sees of a message, without the colours."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from sandbox.slack import mrkdwn
from sandbox.slack.model import Json
from sandbox.slack.state import Workspace

WIDTH = 92  # with the indentation of a thread, 100
_TASK_MARK = {"pending": "○", "in_progress": "◐", "complete": "✓", "error": "✗"}
_BULLETS = ("•", "◦", "▪")
_CELL_MAX = 40


class Drawing:
    """Draws the blocks of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.drawers: dict[str, Callable[[Json], Iterator[str]]] = {
            "section": self._section,
            "header": lambda b: iter([self._text(b["text"]).upper()]),
            "divider": lambda b: iter(["─" * 20]),
            "context": self._context,
            "actions": lambda b: self._wrapped(" ".join(self._element(e) for e in b["elements"])),
            "context_actions": lambda b: self._wrapped(" ".join(self._element(e) for e in b["elements"])),
            "image": lambda b: self._wrapped(f"(picture: {b['alt_text']})"),
            "video": lambda b: self._wrapped(f"(video: {b['alt_text']})"),
            "file": lambda b: iter([f"(file {b['external_id']})"]),
            "input": lambda b: iter([f"{self._text(b['label'])}: {self._element(b['element'])}"]),
            "markdown": lambda b: self._wrapped(mrkdwn.markdown(b["text"])),
            "rich_text": self._rich_text,
            "table": lambda b: self._rows(b["rows"]),
            "data_table": lambda b: self._rows(b["rows"]),
            "data_visualization": lambda b: self._wrapped(f"(chart: {b['title']})"),
            "plan": self._plan,
            "task_card": self._task,
            "alert": lambda b: self._wrapped(f"! {self._text(b['text'])}"),
            "card": self._card,
            "carousel": lambda b: self.lines(b["elements"]),
            "container": self._container,
        }

    def lines(self, blocks: list[Json]) -> Iterator[str]:
        """The lines of these blocks, none longer than `WIDTH` where it can be helped."""
        for block in blocks:
            yield from self.drawers[block["type"]](block)

    def text(self, text: str) -> Iterator[str]:
        """The lines of a message that has text alone."""
        return self._wrapped(mrkdwn.plain(text, self._workspace))

    def _text(self, text: Json) -> str:
        if text["type"] == "mrkdwn":
            return mrkdwn.plain(text["text"], self._workspace)
        return mrkdwn.unescape(mrkdwn.emoji(text["text"]))

    def _wrapped(self, text: str, first: str = "", rest: str | None = None) -> Iterator[str]:
        rest = " " * len(first) if rest is None else rest
        for number, line in enumerate(text.split("\n")):
            start = first if number == 0 else rest
            if line.startswith("    ") or len(start) + len(line) <= WIDTH:
                yield start + line
                continue
            hanging = rest + "  " if line.startswith(("• ", "- ")) else rest
            yield from textwrap.wrap(
                line, WIDTH, initial_indent=start, subsequent_indent=hanging, break_long_words=False
            )

    def _section(self, block: Json) -> Iterator[str]:
        if block.get("text"):
            yield from self._wrapped(self._text(block["text"]))
        fields = [self._text(field) for field in block.get("fields", [])]
        for left, right in zip(fields[::2], [*fields[1::2], ""], strict=False):
            if "\n" in left + right or len(left) > 38:
                yield from self._wrapped(left.replace("\n", ": ", 1))
                yield from self._wrapped(right.replace("\n", ": ", 1)) if right else ()
            else:
                yield f"{left:<40}{right}".rstrip()
        if block.get("accessory"):
            yield self._element(block["accessory"])

    def _context(self, block: Json) -> Iterator[str]:
        parts = [f"({e['alt_text']})" if e["type"] == "image" else self._text(e) for e in block["elements"]]
        return self._wrapped(" · ".join(parts))

    def _element(self, element: Json) -> str:
        match element["type"]:
            case "button" | "workflow_button" | "icon_button":
                return f"[{self._text(element['text'])}]"
            case "feedback_buttons":
                sides = (element["positive_button"], element["negative_button"])
                return " ".join(f"[{self._text(side['text'])}]" for side in sides)
            case "overflow":
                return "[⋯]"
            case "image":
                return f"(picture: {element['alt_text']})"
            case "checkboxes" | "radio_buttons":
                return " ".join(f"☐ {self._text(option['text'])}" for option in element["options"])
            case _:
                hint = element.get("placeholder")
                return f"[{self._text(hint)} ▾]" if hint else "[…]"

    def _rich_text(self, block: Json) -> Iterator[str]:
        numbers: dict[int, int] = {}
        for part in block["elements"]:
            indent = part.get("indent", 0)
            if part["type"] != "rich_text_list":
                numbers = {}
            match part["type"]:
                case "rich_text_section":
                    yield from self._wrapped(self._inline(part["elements"]).rstrip("\n"))
                case "rich_text_quote":
                    yield from self._wrapped(self._inline(part["elements"]), "│ ", "│ ")
                case "rich_text_preformatted":
                    yield from (f"    {line}" for line in self._inline(part["elements"]).split("\n"))
                case "rich_text_list":
                    for item in part["elements"]:
                        numbers[indent] = numbers.get(indent, part.get("offset", 0)) + 1
                        mark = f"{numbers[indent]}." if part["style"] == "ordered" else _BULLETS[indent % 3]
                        yield from self._wrapped(self._inline(item["elements"]), f"{'  ' * indent}{mark} ")

    def _inline(self, elements: list[Json]) -> str:
        return "".join(self._span(element) for element in elements)

    def _span(self, element: Json) -> str:
        match element["type"]:
            case "text":
                text: str = element["text"]
                return f"`{text}`" if element.get("style", {}).get("code") and text.strip() else text
            case "link":
                return str(element.get("text") or element["url"])
            case "emoji":
                return mrkdwn.emoji(f":{element['name']}:")
            case "user" | "usergroup" | "channel":
                return mrkdwn.name(element[f"{element['type']}_id"], self._workspace)
            case "broadcast":
                return f"@{element['range']}"
            case "date":
                return mrkdwn.date(element["timestamp"], element["format"])
            case _:
                return str(element.get("value", ""))

    def _rows(self, rows: list[list[Json]]) -> Iterator[str]:
        cells = [[self._cell(cell) for cell in row] for row in rows]
        columns = max(len(row) for row in cells)
        widths = [max((len(row[i]) for row in cells if i < len(row)), default=0) for i in range(columns)]
        for number, row in enumerate(cells):
            yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip()
            if number == 0:
                yield "  ".join("─" * width for width in widths)

    def _cell(self, cell: Json) -> str:
        text = " ".join(self._rich_text(cell)) if cell["type"] == "rich_text" else cell["text"]
        return textwrap.shorten(text, _CELL_MAX, placeholder=" …")

    def _plan(self, block: Json) -> Iterator[str]:
        if block["title"]:
            yield from self._wrapped(block["title"])
        for task in block.get("tasks") or []:
            yield from self._task(task)

    def _task(self, task: Json) -> Iterator[str]:
        yield from self._wrapped(task["title"], f"{_TASK_MARK[task['status']]} ")
        for key in ("details", "output"):
            if task.get(key):
                yield from (f"    {line}" for line in self._rich_text(task[key]))
        if task.get("sources"):
            yield from self._wrapped(" · ".join(source["text"] for source in task["sources"]), "    ")

    def _card(self, block: Json) -> Iterator[str]:
        for key in ("title", "subtitle", "body", "subtext"):
            if block.get(key):
                yield from self._wrapped(self._text(block[key]), "│ ", "│ ")
        if block.get("actions"):
            yield "│ " + " ".join(self._element(element) for element in block["actions"])

    def _container(self, block: Json) -> Iterator[str]:
        if block.get("rich_text_title"):
            yield from self._rich_text(block["rich_text_title"])
        elif block.get("title"):
            yield self._text(block["title"])
        if block.get("subtitle"):
            yield self._text(block["subtitle"])
        yield from (f"│ {line}" for line in self.lines(block["child_blocks"]))
