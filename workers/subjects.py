"""What somebody means: words and alerts as a `Subject`. Foreign words only select; they are never a path or a query."""

from __future__ import annotations

import re

from core.diagnosis import Subject
from core.incident import Incident
from core.settings import Config

_KINDS = {
    "pod": "Pod", "po": "Pod", "deployment": "Deployment", "deploy": "Deployment", "statefulset": "StatefulSet",
    "sts": "StatefulSet", "daemonset": "DaemonSet", "ds": "DaemonSet", "job": "Job", "cronjob": "CronJob",
    "node": "Node", "no": "Node", "ingress": "Ingress", "pvc": "PersistentVolumeClaim",
}  # fmt: skip
_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_KIND_NAME = re.compile(rf"\b({'|'.join(_KINDS)})[/ ]({_NAME})(?![\w/])", re.IGNORECASE)
_NAMESPACES = (
    re.compile(rf"\b({_NAME}) namespace\b", re.IGNORECASE),
    re.compile(rf"\b(?:namespace|ns)[ =:/]({_NAME})(?![\w/])", re.IGNORECASE),
)
# Words that follow a kind without being a name: "the deployment is slow", "a pod named x".
_NOT_NAMES = frozenset(
    "a an the and or is are was were has have had in on of for from to with without that which named called keeps "
    "does do not no cannot fails failing crashes crashing restarts restarting stuck slow down pending logs log "
    "namespace it my our this".split()
)
_POD_NAME = re.compile(rf"\b({_NAME}-[a-f0-9]{{6,10}}-[a-z0-9]{{5}})\b")
_WORD = re.compile(r"[a-z0-9][a-z0-9.-]*", re.IGNORECASE)


def subject_of(text: str, config: Config, namespace: str | None = None) -> Subject:
    """The subject of a question: the service, pod or workload it names, if it names one."""
    service = _service_in(text, config)
    known = config.services.get(service) if service else None
    target = _target_in(text)
    return Subject(
        text=text,
        cluster=known.cluster if known else None,
        namespace=namespace or _namespace_in(text) or (known.namespace if known else _known_namespace(text, config)),
        service=service,
        target=target or (known.workloads[0] if known and known.workloads else None),
    )


def subject_of_incident(incident: Incident, config: Config, question: str = "") -> Subject:
    """The subject of an incident, with a further question about it if there is one."""
    labels = incident.alerts[0].labels if incident.alerts else {}
    said = subject_of(question or incident.title, config)
    known = config.services.get(incident.service or "")
    return Subject(
        text=question or incident.title,
        cluster=incident.cluster,
        namespace=incident.namespace or said.namespace,
        service=incident.service or said.service,
        target=_target_of(labels) or (known.workloads[0] if known and known.workloads else None) or said.target,
    )


def _service_in(text: str, config: Config) -> str | None:
    """The first word that is a service's name, else the service whose workload is named."""
    words = _words(text)
    for word in words:
        if word in config.services:
            return word
    for word in words:
        for name, service in config.services.items():
            if any(workload.partition("/")[2] == word for workload in service.workloads):
                return name
    return None


def _namespace_in(text: str) -> str | None:
    for pattern in _NAMESPACES:
        for found in pattern.finditer(text):
            if found[1].lower() not in _NOT_NAMES:
                return str(found[1]).lower()
    return None


def _known_namespace(text: str, config: Config) -> str | None:
    """The first word that is a namespace of the catalogue: "anything wrong in shop?"."""
    known = {*config.autonomy.namespaces, *(service.namespace for service in config.services.values())}
    return next((word for word in _words(text) if word in known), None)


def _words(text: str) -> list[str]:
    return [word.lower().strip(".-") for word in _WORD.findall(text)]


def _target_in(text: str) -> str | None:
    for found in _KIND_NAME.finditer(text):
        if found[2].lower() not in _NOT_NAMES:
            return f"{_KINDS[str(found[1]).lower()]}/{found[2].lower()}"
    if pod := _POD_NAME.search(text):
        return f"Pod/{pod[1]}"
    return None


def _target_of(labels: dict[str, str]) -> str | None:
    """The object that an alert's labels name, as kube-state-metrics writes them; the workload before its pod."""
    for label, kind in (
        ("deployment", "Deployment"), ("statefulset", "StatefulSet"), ("daemonset", "DaemonSet"),
        ("cronjob", "CronJob"), ("job_name", "Job"), ("persistentvolumeclaim", "PersistentVolumeClaim"),
        ("pod", "Pod"), ("node", "Node"),
    ):  # fmt: skip
        name = labels.get(label, "")
        if re.fullmatch(_NAME, name):
            return f"{kind}/{name}"
    return None
