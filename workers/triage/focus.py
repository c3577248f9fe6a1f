"""Whom a subject is about: which namespaces to read, and how near each finding is to what was asked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from core.diagnosis import Subject
from core.settings import Config
from workers.triage.calls import called_by
from workers.triage.draft import Draft, Place
from workers.triage.networking import selected
from workers.triage.objects import Obj, labels_of, name_of, namespace_of
from workers.triage.snapshot import Snapshot
from workers.triage.workloads import count_of

_CLUSTER_WIDE = ("Node/", "PersistentVolume/", "ValidatingWebhookConfiguration/", "MutatingWebhookConfiguration/")
_WORKLOADS = (("deployments", "Deployment"), ("statefulsets", "StatefulSet"), ("daemonsets", "DaemonSet"),
              ("cronjobs", "CronJob"), ("jobs", "Job"))  # fmt: skip
_SERVING = ("Deployment", "StatefulSet", "DaemonSet")
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_KINDS = frozenset({"Service", "Pod", *(kind for _, kind in _WORKLOADS)})
_NAME_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")


def namespaces_of(subject: Subject, config: Config) -> tuple[str, ...]:
    """The namespaces to read: the subject's and those of the services it depends on; () for the whole cluster."""
    if subject.target and subject.target.startswith(_CLUSTER_WIDE):
        return ()
    service = config.services.get(subject.service or "")
    own = subject.namespace or (service.namespace if service else None)
    if not own:
        return ()
    needed = (config.services[name] for name in _needs(subject.service, config))
    others = {each.namespace for each in needed if each.namespace and each.cluster in (None, subject.cluster)}
    return (own, *sorted(others - {own}))


def _needs(service: str | None, config: Config) -> list[str]:
    """The catalogue services that one depends on, near ones first."""
    found: list[str] = []
    todo = list(config.services[service].depends_on) if service in config.services else []
    while todo:
        name = todo.pop(0)
        if name not in found and name != service:
            found.append(name)
            todo += config.services[name].depends_on
    return found


class Focus:
    """The workloads that are meant and those they need, found in a snapshot."""

    def __init__(self, subject: Subject, config: Config, snap: Snapshot) -> None:
        self._snap = snap
        self._by_name = _index(snap)
        self.targets = frozenset(self._targets(subject, config))
        needed = {place for name in _needs(subject.service, config) for place in self._catalogued(name, config)}
        called = {place for target in self.targets for place in called_by(target, snap)}
        self.dependencies = frozenset(needed | called) - self.targets
        self._namespaces = {namespace for namespace, _ in self.targets} | (
            {subject.namespace} if subject.namespace else set()
        )

    def distance(self, draft: Draft) -> int:
        """0 for the named target, 1 for what it depends on, 2 for the same namespace, 3 for the rest."""
        around = draft.places | {(draft.namespace, f"{draft.kind}/{draft.name}")}
        for distance, places in enumerate((self.targets, self.dependencies)):
            if around & places:
                return distance
        return 2 if draft.namespace in self._namespaces else 3

    def everything(self) -> Iterator[Place]:
        """Every workload that serves, those of the namespace that is asked about first, by name."""
        found = {
            (namespace_of(obj), self._snap.owners.top(kind, obj))
            for resource, kind in _WORKLOADS if kind in _SERVING
            for obj in self._snap.all(resource) if count_of(kind, obj).desired
        }  # fmt: skip
        return iter(sorted(found, key=lambda place: (place[0] not in self._namespaces, place)))

    def _targets(self, subject: Subject, config: Config) -> set[Place]:
        """What is named: the catalogue's service and the target, else the service, else any name in the text."""
        found = set(self._catalogued(subject.service, config)) if subject.service in config.services else set()
        if subject.target:
            kind, _, name = subject.target.partition("/")
            found |= set(self._named(name, kind, subject.namespace))
        if not found and subject.service:
            found |= set(self._named(subject.service, "", subject.namespace))
        if not found:
            words = set(_WORD.findall(subject.text.lower()))
            found |= {place for word in words for place in self._named(word, "", subject.namespace)}
        return found

    def _catalogued(self, service: str, config: Config) -> Iterator[Place]:
        known = config.services[service]
        for workload in known.workloads or (f"/{service}",):
            kind, _, name = workload.partition("/")
            yield from self._named(name, kind, known.namespace)

    def _named(self, name: str, kind: str, namespace: str | None) -> Iterator[Place]:
        """The owners of every workload, service or pod of that name; of that kind and in that namespace, if said."""
        for its_kind, obj in self._by_name.get(name, ()):
            if kind not in ("", its_kind) or namespace not in (None, "", namespace_of(obj)):
                continue
            if its_kind == "Service":
                yield from ((namespace_of(obj), f"Service/{name_of(obj)}"), *self._behind(obj))
            else:
                yield namespace_of(obj), self._snap.owners.top(its_kind, obj)
        if kind == "Pod" and name not in self._by_name:
            yield from self._once_had(name, namespace)
        if kind and kind not in _KINDS:
            yield "" if f"{kind}/".startswith(_CLUSTER_WIDE) else namespace or "", f"{kind}/{name}"

    def _behind(self, service: Obj) -> Iterator[Place]:
        return iter({(namespace_of(pod), self._snap.owner_of(pod)) for pod in selected(service, self._snap)})

    def _once_had(self, pod_name: str, namespace: str | None) -> Iterator[Place]:
        """The workload of a pod that is gone: the one with the longest name that the pod's begins with."""
        fitting = [
            (len(name_of(w)), namespace_of(w), self._snap.owners.top(kind, w))
            for resource, kind in _WORKLOADS for w in self._snap.all(resource)
            if pod_name.startswith(f"{name_of(w)}-") and namespace in (None, "", namespace_of(w))
        ]  # fmt: skip
        if fitting:
            _, where, owner = max(fitting)
            yield where, owner


def _index(snap: Snapshot) -> dict[str, list[tuple[str, Obj]]]:
    """Kind and object by name, and by the labels that people use as names."""
    index: dict[str, list[tuple[str, Obj]]] = defaultdict(list)
    for resource, kind in (*_WORKLOADS, ("services", "Service"), ("pods", "Pod")):
        for obj in snap.all(resource):
            index[name_of(obj)].append((kind, obj))
            if kind not in ("Service", "Pod"):
                for name in {labels_of(obj).get(label, "") for label in _NAME_LABELS} - {"", name_of(obj)}:
                    index[name].append((kind, obj))
    return index
