"""Stage four: which of the reasoner's actions are worth asking the policy about. Nothing is judged safe here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from core.catalogue import CATALOGUE, Fault, read
from core.diagnosis import Action, Diagnosis
from core.log import get_logger
from core.observation import Evidence, Observation

log = get_logger(__name__)

MOST = 3  # a person woken at night weighs three actions, not ten
_TARGETS = ("deployment", "statefulset", "daemonset", "cronjob", "job_name", "pod", "node", "service")  # alert labels
_API = r"GET /(?:api|apis/[a-z0-9.-]+)/v[a-z0-9]+"
_PATH = re.compile(_API + r"(?:/namespaces/(?P<namespace>[a-z0-9-]+))?/[a-z]+/(?P<name>[a-z0-9.-]+)(?![\w/.-]*/log)")
_LIST = re.compile(_API + r"(?:/namespaces/[a-z0-9-]+)?/(?!events\b)[a-z]+(?:\?labelSelector=|$)")


def plan(diagnosis: Diagnosis, observation: Observation, evidence: tuple[Evidence, ...] = ()) -> tuple[Action, ...]:
    """At most three typed actions, in the reasoner's order, each once, whose targets were really seen.

    Args:
        evidence: Further reads by the reasoner's tools, beyond the observation's.
    """
    kept: dict[str, Action] = {}
    for proposed in diagnosis.actions:
        action = read(proposed.model_dump(mode="json"))
        if isinstance(action, Fault):
            log.warning("action_dropped", kind=proposed.kind, why=action.why)
        elif not _seen(action, observation, (*observation.evidence, *evidence)):
            log.warning("action_dropped", kind=proposed.kind, why="Its target occurs nowhere in the evidence.")
        else:
            kept.setdefault(_identity(action), action)
    return tuple(kept.values())[:MOST]


def _identity(action: Action) -> str:
    return json.dumps(action.model_dump(mode="json"), sort_keys=True)


def _seen(action: Action, observation: Observation, evidence: Iterable[Evidence]) -> bool:
    """Whether the cluster or an alert named the target. What logs say of names is foreign, and does not count."""
    aim = CATALOGUE[action.kind].aim
    if aim == "Alert":
        named = {m["value"] for m in action.params["matchers"] if m["name"] == "alertname" and m["isEqual"]}
        return named <= {alert.name for alert in observation.alerts}
    places = {*_observed(observation), *_read(evidence)}
    if aim == "Namespace":
        return any(namespace == action.name for namespace, _ in places)
    return (action.namespace, action.name) in places or any(
        _lists(each, action.namespace, action.name) for each in evidence
    )


def _observed(observation: Observation) -> Iterator[tuple[str, str]]:
    """Namespace and name of everything that stage one saw."""
    for finding in observation.findings:
        yield finding.namespace, finding.name
        yield finding.namespace, _bare(finding.owner)
    for log_excerpt in observation.logs:
        yield log_excerpt.namespace, log_excerpt.pod
        yield log_excerpt.namespace, _bare(log_excerpt.owner)
    yield from ((workload.namespace, _bare(workload.owner)) for workload in observation.workloads)
    yield from ((change.namespace, _bare(change.owner)) for change in observation.changes)
    for alert in observation.alerts:
        namespace = alert.labels.get("namespace", "")
        yield from (("" if label == "node" else namespace, alert.labels.get(label, "")) for label in _TARGETS)


def _read(evidence: Iterable[Evidence]) -> Iterator[tuple[str, str]]:
    """Namespace and name of each object that was read by its own path."""
    for each in evidence:
        if each.tool == "kubernetes":
            yield from ((found["namespace"] or "", found["name"]) for found in [_PATH.match(each.query)] if found)


def _lists(evidence: Evidence, namespace: str, name: str) -> bool:
    """Whether a list that was read has an object of that name: `workers.tools.rows` begins each line with it. What
    objects, events and logs say of names is foreign, and makes nothing seen."""
    if evidence.tool != "kubernetes" or not _LIST.match(evidence.query):
        return False
    head = f"{namespace}/{name}" if namespace else name
    return any(line.partition("  ")[0] == head for line in evidence.excerpt.splitlines())


def _bare(owner: str) -> str:
    return owner.partition("/")[2] or owner
