"""What changes again and again within minutes is one change that goes on: an autoscaler's to and fro, a flapping
node, a cron job that fails at each run."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.model import Model, Moment

QUIET = timedelta(minutes=10)  # after so long without another, the next one is a change of its own
LONGEST = timedelta(hours=1)  # what never rests is told anew each hour
MOST_SEEN = 100


class Run(Model):
    """Changes of one thing that are told as one."""

    mark: str  # tells this run from others: of its first change
    first: Moment
    last: Moment
    times: int = 1
    by: str = ""
    was: str = ""  # how it was before the first
    seen: tuple[str, ...] = ()  # what changed, one entry each


def go_on(
    run: Run | None, at: datetime, mark: object, *, by: str = "", was: str = "", seen: tuple[str, ...] = ()
) -> Run:
    """The run with one more change; a new one when the last is too long ago, or somebody else does it now."""
    if run is None or run.by != by or at - run.last > QUIET or at - run.first > LONGEST:
        return Run(mark=str(mark), first=at, last=at, by=by, was=was, seen=seen)
    kept = (*run.seen, *seen)[-MOST_SEEN:]
    return run.model_copy(update={"last": max(at, run.last), "times": run.times + 1, "seen": kept})
