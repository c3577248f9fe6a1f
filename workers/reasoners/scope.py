"""Whom a case is about: the owners that its subject names, and the services those depend on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.diagnosis import Case, Subject
from core.incident import Alert
from core.observation import Observation
from core.settings import Config

Place = tuple[str, str]  # namespace and owner: ("shop", "Deployment/checkout")

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"  # the letters that Kubernetes draws generated names from
_POD_SUFFIX = re.compile(rf"-(?:{_RANDOM}{{6,10}}-{_RANDOM}{{5}}|\d{{1,10}}-{_RANDOM}{{5}}|\d{{1,4}}|{_RANDOM}{{5}})$")
_KINDS = r"(?:pods?|deploy(?:ment)?s?|statefulsets?|daemonsets?|(?:cron)?jobs?|services?|ingress|nodes?)"
_ASKED_NAME = re.compile(
    rf"\b(?:(?:issue|wrong|problem|matter|happening|up)\s+(?:with|in)|why\s+(?:is|are|does|did|can'?t)|{_KINDS})\s+(?:the\s+)?"
    rf"(?:{_KINDS}\s+)?(?:named\s+|called\s+)?[`'\"]?([a-z0-9][a-z0-9.]*-[a-z0-9.-]*[a-z0-9])\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_ORDINARY = frozenset(
    re.findall(
        r"\w+",
        "what which when with from this that there have does down slow fail fails failing failed error errors issue "
        "problem wrong service services deployment deployments pods node nodes cluster namespace alert alerts crash "
        "crashing restart restarts restarting pending stuck unhealthy unavailable image memory latency high still "
        "please tell about look into check says health healthy ready working running broken requests answers",
    )
)
_OBJECT_LABELS = (
    "deployment", "statefulset", "daemonset", "job_name", "cronjob", "pod", "service", "app", "node", "workload",
    "persistentvolumeclaim", "horizontalpodautoscaler", "ingress", "resourcequota", "instance",
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """The names that are meant; with none, everything in `namespace`, or everything."""

    namespace: str | None
    names: frozenset[str]  # of owners and services, without their kind
    label: str  # what people call it
    unseen: str | None = None  # a name that was asked about and that nothing observed has

    def holds(self, namespace: str, owner: str) -> bool:
        """Whether this owner is what the case is about."""
        in_namespace = not self.namespace or namespace in ("", self.namespace)
        if self.names:
            return in_namespace and bare(owner) in self.names
        return in_namespace and (namespace != "" or not self.namespace)


def scope_of(case: Case, config: Config) -> Scope:
    """Whom the subject means: its catalogue service, its target, or names of seen objects in its text."""
    subject, seen = case.subject, objects(case.observation)
    service = config.services.get(subject.service or "")
    namespace = subject.namespace or (service.namespace if service else None)
    if not namespace and (found := _namespace_in(subject.text, seen)):
        namespace = found
    here = {name: owner for (ns, name), owner in seen.items() if not namespace or ns in ("", namespace)}
    if service and subject.service:
        workloads = [bare(w) for w in service.workloads] or [subject.service]
        names = frozenset({subject.service, *workloads, *_targeted(subject, here)})
        return Scope(namespace, names, subject.service, None if names & here.keys() else subject.service)
    if target := _targeted(subject, here):
        return Scope(namespace, frozenset(target), bare(subject.target or ""))
    if subject.service and (named := _alike(subject.service, here)):
        return Scope(namespace, frozenset(named), subject.service)
    if named := _named_in(subject.text, here):
        return Scope(namespace, frozenset(named), min(named, key=len))
    unseen = subject.service or _unseen(subject)
    return Scope(namespace, frozenset(), namespace or case.subject.cluster or "the cluster", unseen)


def bare(owner: str) -> str:
    """ "checkout" of "Deployment/checkout"."""
    return owner.rpartition("/")[2]


def objects(observation: Observation) -> dict[tuple[str, str], str]:
    """Every seen object's namespace and name, with the owner it belongs to."""
    return dict(_objects(observation))


def _objects(seen: Observation) -> Iterator[tuple[tuple[str, str], str]]:
    for finding in seen.findings:
        yield (finding.namespace, finding.name), bare(finding.owner)
        yield (finding.namespace, bare(finding.owner)), bare(finding.owner)
    for workload in seen.workloads:
        yield (workload.namespace, bare(workload.owner)), bare(workload.owner)
    for change in seen.changes:
        yield (change.namespace, bare(change.owner)), bare(change.owner)
    for log in seen.logs:
        yield (log.namespace, log.pod), bare(log.owner)


def services_of(place: Place, config: Config) -> frozenset[str]:
    """The names under which callers know this owner: its own and its catalogue services'."""
    namespace, owner = place
    named = {
        name for name, service in config.services.items()
        if (owner in service.workloads or (not service.workloads and name == bare(owner)))
        and service.namespace in (None, namespace)
    }  # fmt: skip
    return frozenset({bare(owner), *named})


def needs(names: Iterable[str], config: Config) -> frozenset[str]:
    """The catalogue services that these need, near and far, and the names of their workloads."""
    todo, found = [name for name in names if name in config.services], set[str]()
    while todo:
        for needed in config.services[todo.pop()].depends_on:
            if needed not in found:
                found.add(needed)
                todo.append(needed)
    workloads = {bare(w) for name in found for w in config.services[name].workloads}
    return frozenset(found | workloads)


def alert_names(alert: Alert) -> frozenset[str]:
    """The names of objects in an alert's labels, a pod's also without its generated suffix."""
    found = {alert.labels[label] for label in _OBJECT_LABELS if alert.labels.get(label)}
    return frozenset(found | {without_suffix(name) for name in found} | {name.rpartition(":")[0] for name in found})


def without_suffix(pod: str) -> str:
    """A pod's name without what its controller added: "checkout" of "checkout-7d9f4b8c6d-x2x4z" and of "checkout-0"."""
    return _POD_SUFFIX.sub("", pod)


def _targeted(subject: Subject, here: dict[str, str]) -> set[str]:
    """The owner that `subject.target` names, if it was seen."""
    name = bare(subject.target or "")
    return {owner for owner in (here.get(name), here.get(without_suffix(name))) if owner}


def _named_in(text: str, here: dict[str, str]) -> set[str]:
    """Owners of seen objects whose whole name the text holds; else those that begin or end with a word of it."""
    words = {w for w in _WORD.findall(text.lower()) if w not in _ORDINARY}
    exact = {here[w] for w in words if w in here}
    return exact or {owner for w in words if len(w) >= 4 for owner in _alike(w, here)}


def _alike(word: str, here: dict[str, str]) -> set[str]:
    if word in here:
        return {here[word]}
    return {owner for owner in here.values() if owner.startswith(f"{word}-") or owner.endswith(f"-{word}")}


def _namespace_in(text: str, seen: dict[tuple[str, str], str]) -> str | None:
    """The namespace that the text names as one: "in the shop namespace", "namespace shop"."""
    known = {namespace for namespace, _ in seen if namespace}
    said = re.findall(r"namespace\s+[`'\"]?([a-z0-9-]+)|([a-z0-9-]+)[`'\"]?\s+namespace", text.lower())
    return next((name for pair in said for name in pair if name in known), None)


def _unseen(subject: Subject) -> str | None:
    found = _ASKED_NAME.search(subject.text)
    return found[1].lower() if found else None
