"""The log lines around the error, of the worst few containers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.errors import ToolError
from core.mask import mask
from core.observation import Condition, LogExcerpt
from workers.ports import Cluster
from workers.triage.draft import Draft, Place, Source
from workers.triage.evidence import cut
from workers.triage.objects import Obj, is_leaving, name_of, namespace_of, status_of, statuses_of
from workers.triage.snapshot import Snapshot

TAIL = 300  # lines read
MOST = 6  # containers read
BEFORE, AFTER = 3, 6  # lines kept around an error; most languages print the cause after the word
LINES = 24  # kept of one log
WIDTH = 400  # characters of a line
# Conditions of containers that ran and may have said why.
_RAN: frozenset[Condition] = frozenset({"CrashLoopBackOff", "OOMKilled", "Unhealthy", "JobFailed"})
_ERROR = re.compile(
    r"\b(?:error|err|errors|fatal|panic|critical|crit|severe|emerg|alert|exception|traceback|fail|failed|failure|failing|"
    r"cannot|can't|unable|refused|denied|unauthorized|forbidden|invalid|unexpected|undefined|missing|not found|no such|"
    r"timed? ?out|timeout|unreachable|unresolved|expired|segfault|killed|oom|out of memory|aborted|unhandled|"
    r"deadlock|exhausted|overflow|corrupt(?:ed)?)\b|(?:Error|Exception|Failure|Panic)\b|^E\d{4} ",
    re.IGNORECASE,
)
_STACK = re.compile(r"^\s+(?:at |File \"|\.\.\. )|^(?:Caused by|goroutine |During handling)")


@dataclass(frozen=True)
class Wanted:
    """One container's log to read."""

    namespace: str
    pod: str
    container: str
    owner: str
    previous: bool
    errors_only: bool = False  # of a pod without a fault: what it says is of interest only if it complains

    @property
    def label(self) -> str:
        return f"logs of {self.namespace}/{self.pod} container {self.container}"


@dataclass(frozen=True)
class Read:
    excerpt: LogExcerpt
    source: Source


def wanted(snap: Snapshot, drafts: Iterable[Draft], targets: Iterable[Place]) -> list[Wanted]:
    """The containers to read: of the worst findings, one an owner, then of pods that were asked about."""
    chosen: dict[tuple[str, str, str], Wanted] = {}
    for draft in drafts:
        if draft.condition in _RAN:
            for want in _of_draft(snap, draft):
                chosen.setdefault((want.namespace, want.owner, want.container), want)
    for namespace, owner in sorted(targets):
        for pod in snap.pods_of(namespace, owner)[:1]:
            for want in _of_pod(pod, owner, errors_only=True):
                chosen.setdefault((namespace, owner, want.container), want)
    return list(chosen.values())[:MOST]


def _of_draft(snap: Snapshot, draft: Draft) -> Iterator[Wanted]:
    if draft.kind == "Pod":
        pods = [p for p in snap.pods_in(draft.namespace) if name_of(p) == draft.name]
    else:
        pods = sorted(snap.pods_of(draft.namespace, draft.owner), key=_started, reverse=True)
        pods = [p for p in pods if status_of(p).get("phase") == "Failed"][:1]
    for pod in pods:
        for want in _of_pod(pod, draft.owner):
            if draft.container in (None, want.container):
                yield want


def _started(pod: Obj) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")


def _of_pod(pod: Obj, owner: str, errors_only: bool = False) -> Iterator[Wanted]:
    """Its containers that ever ran; the run before the last restart where there was one."""
    if is_leaving(pod):
        return
    for status, is_init in statuses_of(pod):
        state = status.get("state") or {}
        before = (status.get("lastState") or {}).get("terminated")
        ended_well = (state.get("terminated") or {}).get("exitCode") == 0
        if (is_init and ended_well) or not (before or "running" in state or "terminated" in state):
            continue
        previous = bool(before) and "terminated" not in state
        yield Wanted(namespace_of(pod), name_of(pod), str(status.get("name")), owner, previous, errors_only)


def read(cluster: Cluster, want: Wanted) -> Read | None:
    """The lines around the error; None when the log is empty, or has none and only errors matter.

    Raises: ToolError, Unreachable.
    """
    previous = want.previous
    try:
        text = _tail(cluster, want, previous)
    except ToolError:
        if not previous:
            raise
        previous, text = False, _tail(cluster, want, False)  # the run before may have been collected already
    lines = around_error(text.splitlines(), want.errors_only)
    if not lines:
        return None
    masked = tuple(cut(line, WIDTH) for line in mask("\n".join(lines)).split("\n"))
    excerpt = LogExcerpt(
        namespace=want.namespace, pod=want.pod, container=want.container, owner=want.owner, previous=previous,
        lines=masked,
    )  # fmt: skip
    path = f"/api/v1/namespaces/{want.namespace}/pods/{want.pod}/log?container={want.container}&tailLines={TAIL}"
    return Read(excerpt, Source(path + ("&previous=true" if previous else ""), lambda: "\n".join(masked)))


def _tail(cluster: Cluster, want: Wanted, previous: bool) -> str:
    try:
        return cluster.logs(want.namespace, want.pod, want.container, lines=TAIL, previous=previous)
    except ToolError as error:
        raise ToolError(want.label, error.why) from error


def around_error(lines: list[str], errors_only: bool = False) -> list[str]:
    """The last errors with the lines around them, oldest first and each once; without an error the last lines."""
    lines = _unrepeated([line.rstrip() for line in lines if line.strip()])
    errors = [i for i, line in enumerate(lines) if _ERROR.search(line)]
    if not errors:
        return [] if errors_only else lines[-10:]
    keep: set[int] = set()
    for at in reversed(errors):
        last = at + AFTER
        while last + 1 < len(lines) and _STACK.search(lines[last + 1]):
            last += 1
        window = set(range(max(at - BEFORE, 0), min(last + 1, len(lines))))
        if keep and len(keep | window) > LINES:
            break
        keep |= window
    return [lines[i] for i in sorted(keep)][-LINES:]


def _unrepeated(lines: list[str]) -> list[str]:
    """Each line once, where it came last: a loop that logs the same twenty times says it once."""
    last = {line: i for i, line in enumerate(lines)}
    return [line for i, line in enumerate(lines) if last[line] == i]
