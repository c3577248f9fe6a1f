"""An investigation on its way: saved after each stage, shown in its thread while it runs.

Who asked sees Slack's live plan of tasks where the workspace supports it. Elsewhere the message that will hold what is
seen shows the tasks until it does.
"""

from __future__ import annotations

import time
from datetime import datetime

from blocks.progress import plain_progress_view, progress_view
from core.diagnosis import Investigation
from core.errors import SreError
from core.outbox import Message, Stream, Task, View
from core.queues import DELIVER
from core.records import Records
from core.request import stop_switch
from workers.loop import report
from workers.loop.shown import root_key
from workers.ports import Step
from workers.showing import NO_STREAMING

TITLES = {
    "observe": "Look at the cluster, alerts and recent changes",
    "recall": "Find runbooks and incidents like this",
    "reason": "Find the cause",
    "plan": "Work out what to do",
}
REFRESH_S = 1.5  # Slack takes 50 edits a minute
_MOST_TASKS = 40  # Slack: 50 in a plan


class Stopped(SreError):
    """Somebody pressed Stop in the thread."""


class SlackWatch:
    """Implements workers.loop.run.Watch."""

    def __init__(self, investigation: Investigation, records: Records) -> None:
        self.latest = investigation
        self._records = records
        done = investigation.took_ms
        self._tasks = {
            name: Task(id=name, title=title, status="complete" if name in done else "pending")
            for name, title in TITLES.items()
        }
        self._live = bool(investigation.asked_by and investigation.team and not records.switches.find(NO_STREAMING))
        self._shown_at = 0.0

    def began(self, stage: str) -> None:
        self._heed_stop()
        self._tasks[stage] = self._tasks[stage].model_copy(update={"status": "in_progress"})
        self._show()

    def step(self, step: Step) -> None:
        self._heed_stop()
        known = self._tasks.get(step.title)
        if known is None and len(self._tasks) >= _MOST_TASKS:
            return
        status = {"running": "in_progress", "done": "complete", "failed": "error"}[step.status]
        task_id = known.id if known else f"step-{len(self._tasks)}"
        self._tasks[step.title] = Task.model_validate({"id": task_id, "title": step.title, "status": status})
        self._show()

    def ended(self, stage: str, investigation: Investigation) -> Investigation:
        self._tasks[stage] = self._tasks[stage].model_copy(update={"status": "complete"})
        self.latest = self._records.investigations.save(investigation)
        report.record(stage, self.latest, self._records)
        self._show(at_once=stage in ("observe", "plan"), ended=stage == "plan")
        return self.latest

    def _heed_stop(self) -> None:
        """What began after the stop goes on: somebody asked again. Raises: Stopped."""
        message = self._records.outbox.find(f"{self.latest.id}/progress")
        thread_ts = message.thread_ts if message else self.latest.thread_ts
        stopped = self._records.switches.find(stop_switch(str(self.latest.channel), thread_ts)) if thread_ts else None
        if stopped and datetime.fromisoformat(stopped) >= self.latest.started_at:
            raise Stopped("Stopped by a person.")

    def _show(self, at_once: bool = False, ended: bool = False) -> None:
        """Show where things stand, at most once in REFRESH_S unless it matters at once."""
        inv = self.latest
        if not inv.channel or (not at_once and time.monotonic() - self._shown_at < REFRESH_S):
            return
        self._shown_at = time.monotonic()
        tasks = tuple(self._tasks.values())
        if self._live:
            self._show_live(tasks, ended)
            if inv.observation and at_once:
                report.show_seen(inv, report.seen_view(inv), self._records)
            return
        doing = () if ended else plain_progress_view(tasks).blocks
        if inv.observation:
            seen = report.seen_view(inv)
            report.show_seen(inv, View(text=seen.text, blocks=(*seen.blocks, *doing)), self._records)
        else:
            report.show_seen(inv, plain_progress_view(tasks), self._records)

    def _show_live(self, tasks: tuple[Task, ...], ended: bool) -> None:
        inv = self.latest
        message = Message(
            key=f"{inv.id}/progress", channel=str(inv.channel), view=progress_view(tasks),
            under=root_key(inv), thread_ts=None if inv.incident else inv.thread_ts,
            stream=Stream(user=str(inv.asked_by), team=str(inv.team), tasks=tasks, ended=ended), investigation=inv.id,
        )  # fmt: skip
        self._records.outbox.put(message)
        self._records.queues.enqueue("notify", DELIVER, message.key)
