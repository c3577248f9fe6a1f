"""What goes on while an investigation runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from blocks.parts import Block, bullets, message, plain, rich, text
from core.outbox import Task, View

_TASKS = 50  # Slack's limit for a plan
_MARKS = {"pending": "○", "in_progress": "◐", "complete": "●", "error": "✕"}


def progress_view(tasks: Sequence[Task], took: timedelta | None = None) -> View:
    """The tasks as Slack's plan. `took` is set once it has ended."""
    cards: list[Block] = [
        {
            "type": "task_card", "task_id": task.id[:255], "title": plain(task.title, 150),
            "status": task.status,
        }
        for task in tasks[-_TASKS:]
    ]  # fmt: skip
    summary = _summary(tasks, took)
    return message(summary, [{"type": "plan", "title": summary, "tasks": cards}] if cards else [rich([text(summary)])])


def plain_progress_view(tasks: Sequence[Task], took: timedelta | None = None) -> View:
    """The same for a workspace without plans."""
    summary = _summary(tasks, took)
    lines = [[text(f"{_MARKS[task.status]} {task.title}", 150)] for task in tasks[-_TASKS:]]
    return message(summary, [rich([text(summary)]), *([bullets(lines)] if lines else [])])


def _summary(tasks: Sequence[Task], took: timedelta | None) -> str:
    if took is not None:
        failed = sum(task.status == "error" for task in tasks)
        gaps = f"; {failed} of {len(tasks)} steps failed" if failed else ""
        return f"Looked into it in {took.total_seconds():.1f} s{gaps}"
    running = [task.title for task in tasks if task.status == "in_progress"]
    return f"Looking into it: {plain(running[-1], 150)}" if running else "Looking into it"
