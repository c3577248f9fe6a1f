"""What a statement and an action may name of a candidate: the image, the limit, the log line."""

from __future__ import annotations

import math
import re
from typing import get_args

from core.observation import Condition
from workers.reasoners.candidates import Candidate
from workers.reasoners.details import exit_in, host_in, image_in, key_line, limit_in, missing_in
from workers.reasoners.scope import bare
from workers.reasoners.seen import Seen
from workers.reasoners.words import clean, clock, quoted


def specifics(candidate: Candidate, seen: Seen) -> dict[str, str]:
    """Values for the placeholders of `workers.runbook`, foreign parts cleaned; what is not known is absent or ""."""
    sight = candidate.anchor.sight
    namespace, owner = sight.place
    values = {
        "target": clean(owner), "name": clean(bare(owner)), "namespace": namespace or "the cluster",
        "condition": condition(candidate), "pods": _pods(candidate, seen),
        **_of_problem(candidate, seen), **_of_logs(candidate, seen),
    }  # fmt: skip
    began = seen.onset(sight.place, sight.problem)
    values["since"] = clock(began, seen.now) if began else ""
    for match in candidate.matches:
        values |= {key: value for key, value in match.specifics.items() if value and not values.get(key)}
        values |= {key: match.specifics[key] for key in ("log", "host") if match.specifics.get(key)}
    return values


def condition(candidate: Candidate) -> str:
    """The finding's condition, unless the runbook knows a more telling one that Kubernetes has a word for."""
    problem, cause = candidate.anchor.sight.problem, candidate.runbook.cause
    said = cause.condition if cause else None
    if problem is None:
        return said or "Unknown"
    return said if said and said in get_args(Condition) else problem.condition


def params(candidate: Candidate, seen: Seen) -> dict[str, object]:
    """Values for the parameters of actions; None where one is not known."""
    sight = candidate.anchor.sight
    problem, workload = sight.problem, seen.workload(sight.place)
    containers = {f.container for f in problem.findings if f.container} if problem else set()
    return {
        "container": containers.pop() if len(containers) == 1 else None,
        "double_limit": _doubled(limit_in(seen.said_about(problem)) if problem else None),
        "more_replicas": workload.desired + max(1, math.ceil(workload.desired / 2)) if workload else None,
    }


def _pods(candidate: Candidate, seen: Seen) -> str:
    sight = candidate.anchor.sight
    workload = seen.workload(sight.place)
    failing = len(sight.problem.pods) if sight.problem else 0
    if workload and workload.desired:
        return f"{max(workload.desired - workload.ready, min(failing, workload.desired))} of {workload.desired} pods"
    return f"{failing} pods" if failing > 1 else "1 pod" if failing else "its pods"


def _of_problem(candidate: Candidate, seen: Seen) -> dict[str, str]:
    problem = candidate.anchor.sight.problem
    if problem is None:
        return {}
    said = seen.said_about(problem)
    container = next((f.container for f in problem.findings if f.container), None)
    image = image_in(said)
    return {
        "reason": quoted(problem.message), "container": clean(container or "", 63),
        "image": quoted(image) if image else "", "missing": clean(missing_in(said) or "", 120),
        "exit": exit_in(said) or "", "limit": limit_in(said) or "", "host": clean(host_in(problem.message) or "", 100),
    }  # fmt: skip


def _of_logs(candidate: Candidate, seen: Seen) -> dict[str, str]:
    line = key_line(line for line, _ in seen.lines(candidate.anchor.sight.place))
    if not line:
        return {}
    found = {
        "log": quoted(line),
        "host": clean(host_in(line) or "", 100),
        "missing": clean(missing_in(line) or "", 120),
    }
    return {key: value for key, value in found.items() if value}


def _doubled(limit: str | None) -> str | None:
    """Twice a quantity such as "64Mi"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)", limit or "")
    return f"{float(found[1]) * 2:g}{found[2]}" if found else None
