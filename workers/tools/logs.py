"""Log lines of pods, those that tell of errors named first."""

from __future__ import annotations

import re
from itertools import islice
from typing import Annotated, Any

from pydantic import Field

from core.errors import SreError, ToolError, Unreachable
from workers.ports import Cluster
from workers.tools.kinds import TIMEOUT_S, Space, resolve
from workers.tools.registry import Amount, ToolContext, need_cluster, tool
from workers.tools.results import Result
from workers.tools.rows import is_troubled, state
from workers.triage.logs import around_error
from workers.triage.objects import controller_of, created_at, name_of, spec_of, statuses_of

Obj = dict[str, Any]
_MOST_PODS = 3  # of a workload: the worst ones; the others seldom say anything else
_FEW = 40  # lines that need no summary
_WIDEST = 2_000  # characters of one line
_VARIABLE = re.compile(r"[0-9a-f]{8,}|\d+", re.IGNORECASE)


@tool(source="kubernetes", doing="Reading logs of {target}", timeout_s=TIMEOUT_S)
def kubernetes_logs(
    ctx: ToolContext,
    namespace: Space,
    target: Annotated[str, Field(max_length=360, pattern=r"^([A-Za-z.]+/)?[A-Za-z0-9][A-Za-z0-9._-]*$")],
    container: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9-]*$")] = "",
    lines: Annotated[int, Amount(), Field(ge=1, le=2000)] = 200,
    previous: bool = False,
    containing: Annotated[str, Field(max_length=200)] = "",
) -> Result:
    """The last log lines of a pod, or of the pods of a workload that are worst off; lines that tell of errors first.

    Args:
        namespace: The namespace.
        target: "Pod/checkout-1", or a workload as "Deployment/checkout"; a name alone is a pod's.
        container: One container; empty for those in trouble, or all when none is.
        lines: How many lines back, in each container.
        previous: The run before the last restart: where a crash left its last words.
        containing: Only lines with this text in them, whatever the case; empty for all.
    """
    cluster = need_cluster(ctx)
    kind, _, name = target.rpartition("/")
    sections = []
    for pod in _pods(cluster, namespace, kind or "Pod", name):
        sections.append(f"{namespace}/{name_of(pod)}  {state('Pod', pod, ctx.now())}")
        names = [container] if container else _containers(pod, previous)
        if not names:
            sections.append("no container of it was restarted")
        for each in names:
            heading = f"container {each}" + (", the run before" if previous else "")
            try:
                log = cluster.logs(namespace, name_of(pod), each, lines=lines, previous=previous)
            except Unreachable:
                raise
            except SreError as error:
                sections.append(f"{heading}: could not be read: {error}")
                continue
            sections.append(f"{heading}: {_told(log, containing)}")
    query = f"logs of {target} in {namespace}, last {lines} lines" + (", previous run" if previous else "")
    if containing:
        query += f", containing {containing!r}"
    link = f"{cluster.server}/api/v1/namespaces/{namespace}/pods"
    return Result(query=query, text="\n\n".join(sections), link=link)


def _pods(cluster: Cluster, namespace: str, kind: str, name: str) -> list[Obj]:
    """The pod, or the pods of the workload, those in trouble first."""
    served = resolve(cluster, kind)
    if served.kind == "Pod":
        return [cluster.get(served.path(namespace, name))]
    if served.kind == "CronJob":
        all_jobs = cluster.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")
        jobs = [job for job in all_jobs if controller_of(job) == ("CronJob", name)]
        if not jobs:
            raise ToolError(f"logs of {kind} {name}", "none of its jobs is kept")
        return _pods(cluster, namespace, "Job", name_of(max(jobs, key=lambda j: str(created_at(j)))))
    spec = spec_of(cluster.get(served.path(namespace, name)))
    selector = spec.get("selector") or {}
    labels = selector if served.kind in ("Service", "ReplicationController") else selector.get("matchLabels")
    if not labels:
        raise ToolError(f"logs of {served.kind} {name}", "it selects no pods by labels")
    query = {"labelSelector": ",".join(f"{k}={v}" for k, v in sorted(labels.items()))}
    pods = list(islice(cluster.items(f"/api/v1/namespaces/{namespace}/pods", **query), 500))
    if not pods:
        raise ToolError(f"logs of {served.kind} {name}", "it has no pods")
    pods.sort(key=lambda pod: (not is_troubled("Pod", pod), -_restarts(pod)))
    troubled = [pod for pod in pods if is_troubled("Pod", pod)]
    return (troubled or pods)[:_MOST_PODS]


def _restarts(pod: Obj) -> int:
    return sum(status.get("restartCount", 0) for status, _ in statuses_of(pod))


def _containers(pod: Obj, previous: bool) -> list[str]:
    """The containers in trouble, or all when none is; of those that restarted, if their run before is wanted."""
    statuses = [status for status, _ in statuses_of(pod)]
    if previous:
        return [str(status.get("name")) for status in statuses if status.get("restartCount")]
    troubled = [str(s.get("name")) for s in statuses if not s.get("ready") and not _ended_well(s)]
    return troubled or [str(c.get("name")) for c in spec_of(pod).get("containers") or ()]


def _ended_well(status: Obj) -> bool:
    return ((status.get("state") or {}).get("terminated") or {}).get("exitCode") == 0


def _told(log: str, containing: str) -> str:
    """How many lines, those around errors, then all of them in order with repetitions joined."""
    found = [line[:_WIDEST] for line in log.splitlines() if containing.lower() in line.lower()]
    if not found:
        return f"no line contains {containing!r}" if containing else "no lines"
    errors = around_error(found, errors_only=True) if len(found) > _FEW else []
    said = ["around the errors:", *(f"  {line}" for line in errors), "all lines:"] if errors else []
    return "\n".join([f"{len(found)} lines", *said, *_joined(found)])


def _joined(lines: list[str]) -> list[str]:
    """The lines, with runs of lines that differ in numbers only written once."""
    joined: list[str] = []
    times, last = 0, ""
    for line in [*lines, ""]:
        shape = _VARIABLE.sub("#", line)
        if shape == last and line:
            times += 1
            continue
        if times > 1:
            joined.append(f"  (the line above, {times} times in all)")
        if line:
            joined.append(line)
        times, last = 1, shape
    return joined
