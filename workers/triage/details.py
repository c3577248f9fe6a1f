"""What is read after the findings are known: the logs of the worst, revisions of workloads in question, and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from core.errors import SreError, ToolError
from core.observation import Change
from workers.ports import Cluster
from workers.triage import logs
from workers.triage.changes import has_revisions, rollouts
from workers.triage.draft import Draft, Place, Source
from workers.triage.focus import Focus
from workers.triage.readings import Measures, Read
from workers.triage.reads import Deadline, read_each
from workers.triage.snapshot import Snapshot

MOST_ROLLOUTS = 8  # workloads whose revisions are compared
MOST_UNNAMED = 20  # workloads that stand for a namespace of which nothing is named


@dataclass(frozen=True)
class Details:
    changes: tuple[tuple[Change, Source], ...]  # newest first
    logs: tuple[logs.Read, ...]
    readings: tuple[Read, ...]
    could_not_read: tuple[str, ...]


def read_details(
    cluster: Cluster, snap: Snapshot, focus: Focus, drafts: list[Draft], measures: Measures,
    deadline: Deadline, *, with_logs: bool = True,
) -> Details:  # fmt: skip
    """All of it at once; what is late or refused is named.

    Args:
        drafts: In their order: the first ones' logs and revisions are read.
        measures: What to read of the metrics, by name.
    """
    tasks: dict[str, Callable[[], Any]] = dict(measures)
    wanted = {w.label: w for w in logs.wanted(snap, drafts, focus.targets)} if with_logs else {}
    tasks |= {label: partial(logs.read, cluster, want) for label, want in wanted.items()}
    rolled = {f"revisions of {'/'.join(p)}": p for p in concerned(focus, drafts) if has_revisions(p[1])}
    rolled = dict(list(rolled.items())[:MOST_ROLLOUTS])
    tasks |= {label: partial(rollouts, snap, cluster, place) for label, place in rolled.items()}
    answers = read_each(tasks, deadline)
    got = {name: answer for name, answer in answers.items() if not isinstance(answer, SreError)}
    changes = [pair for label in rolled if label in got for pair in got[label]]
    return Details(
        changes=tuple(sorted(changes, key=lambda pair: pair[0].at, reverse=True)),
        logs=tuple(got[label] for label in wanted if got.get(label)),
        readings=tuple(read for label in measures if label in got for read in got[label]),
        could_not_read=tuple(unread(name, a) for name, a in answers.items() if isinstance(a, SreError)),
    )


def concerned(focus: Focus, drafts: Iterable[Draft]) -> list[Place]:
    """The workloads in question: those meant, those with findings in their order, those that they depend on; and when
    none is named, the first of all that were read, since whoever asks about a namespace asks how its workloads are."""
    found = [(draft.namespace, draft.owner) for draft in drafts]
    unnamed = () if focus.targets else islice(focus.everything(), MOST_UNNAMED)
    return list(dict.fromkeys((*sorted(focus.targets), *found, *sorted(focus.dependencies), *unnamed)))


def unread(name: str, error: SreError) -> str:
    """ "metrics (why)", as it is listed."""
    return str(error) if isinstance(error, ToolError) else f"{name} ({str(error).rstrip('.')})"
