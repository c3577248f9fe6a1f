"""Who calls whom, as far as the workloads' own configuration names services. Values are looked at, never kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.triage.draft import Place
from workers.triage.networking import selected
from workers.triage.objects import Obj, containers_of, name_of, namespace_of, spec_of, template_of
from workers.triage.snapshot import Snapshot

MOST = 300  # workloads whose configuration is looked at
_RESOURCES = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets",
              "CronJob": "cronjobs", "Job": "jobs", "Pod": "pods"}  # fmt: skip
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_WORD = re.compile(rf"(?P<scheme>://|@)?(?P<host>{_NAME.pattern})(?P<port>:\d{{2,5}}\b)?")
_HOST_VARIABLE = re.compile(r"HOST|ADDR|URL|URI|ENDPOINT|SERVER|SERVICE|UPSTREAM|BACKEND|BROKER|DSN", re.IGNORECASE)


def calls(snap: Snapshot) -> tuple[tuple[Place, Place], ...]:
    """Caller and called, for the first `MOST` deployments, stateful sets and daemon sets that were read."""
    callers = [
        (namespace_of(w), f"{kind}/{name_of(w)}")
        for kind in ("Deployment", "StatefulSet", "DaemonSet") for w in snap.all(_RESOURCES[kind])
    ]  # fmt: skip
    return tuple(
        (caller, called) for caller in callers[:MOST] for called in sorted(called_by(caller, snap))
        if not called[1].startswith("Service/")
    )  # fmt: skip


def called_by(place: Place, snap: Snapshot) -> frozenset[Place]:
    """The services that one workload's environment and arguments name, and the workloads behind them."""
    namespace, owner = place
    found: set[Place] = set()
    for host in set(_hosts(_template(namespace, owner, snap))):
        name, _, rest = host.partition(".")
        service = snap.find("services", rest.partition(".")[0] or namespace, name)
        if service:
            found.add((namespace_of(service), f"Service/{name}"))
            found.update((namespace_of(pod), snap.owner_of(pod)) for pod in selected(service, snap))
    return frozenset(found - {place})


def _template(namespace: str, owner: str, snap: Snapshot) -> Obj:
    """The pod template of a workload; a pod is its own."""
    kind, _, name = owner.partition("/")
    found = snap.find(_RESOURCES.get(kind, ""), namespace, name) or {}
    if kind == "CronJob":
        return template_of(spec_of(found).get("jobTemplate") or {})
    return found if kind == "Pod" else template_of(found)


def _hosts(template: Obj) -> Iterator[str]:
    """Every name in the containers' environment and arguments that is written as hosts are: with a port, after a
    scheme, with dots, or alone in a variable that is named for a host."""
    for container in containers_of(spec_of(template)):
        for each in container.get("env") or ():
            value = str(each.get("value") or "").lower()
            if _HOST_VARIABLE.search(str(each.get("name"))) and _NAME.fullmatch(value):
                yield value
            yield from _written_as_hosts(value)
        for argument in container.get("args") or ():
            yield from _written_as_hosts(str(argument).lower())


def _written_as_hosts(text: str) -> Iterator[str]:
    for found in _WORD.finditer(text):
        if found["scheme"] or found["port"] or "." in found["host"]:
            yield found["host"]
