"""What is remembered of a workload, and what it means when that is no longer so: scaling, and rollouts to be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from core.change_events import ChangeEvent
from core.model import Model, Moment
from core.observation import FieldChange
from workers.changes import who
from workers.changes.damping import Run, go_on
from workers.changes.place import Place
from workers.triage.objects import Obj, annotations_of, labels_of, name_of, namespace_of, spec_of, template_of

REVISION = "deployment.kubernetes.io/revision"
JUST_NOW = timedelta(minutes=2)  # a field that was written longer ago was not written now
SAME_SECOND = timedelta(seconds=5)  # times are whole seconds, and are heard of within a few


class Facts(Model):
    """All that is kept of a workload: no template, no values."""

    uid: str
    revision: int = 0  # of Deployments; others say so in their ControllerRevisions
    replicas: int | None = None  # None: a DaemonSet
    written: Moment | None = None  # when `replicas` was, as the object says
    mark: str | None = None  # of the bot's last action
    chart: str = ""  # "checkout-1.8.4"
    app_version: str = ""
    release: str = ""  # "shop/checkout"
    configs: tuple[str, ...] = ()  # names of the ConfigMaps that its pods use
    scaling: Run | None = None


def facts_of(workload: Obj, before: Facts | None = None) -> Facts:
    """What is kept of it now; the run of its scaling stays."""
    notes, labels = annotations_of(workload), labels_of(workload)
    revision = notes.get(REVISION, "")
    where = notes.get("meta.helm.sh/release-namespace") or namespace_of(workload)
    release = notes.get("meta.helm.sh/release-name")
    replicas = spec_of(workload).get("replicas")
    return Facts(
        uid=str(workload["metadata"].get("uid")), revision=int(revision) if revision.isdigit() else 0,
        replicas=int(replicas) if replicas is not None else None,
        written=who.hand_on(workload, "spec", "replicas").at, mark=who.mark_of(workload),
        chart=labels.get("helm.sh/chart", ""), app_version=labels.get("app.kubernetes.io/version", ""),
        release=f"{where}/{release}" if release else "", configs=configs_of(template_of(workload)),
        scaling=before.scaling if before else None,
    )  # fmt: skip


def configs_of(template: Obj) -> tuple[str, ...]:
    """The ConfigMaps that a template names, in volumes and variables."""
    return tuple(sorted(set(_configs(spec_of(template)))))


def scaled(kind: str, workload: Obj, before: Facts, autoscaled: bool | None, place: Place) -> tuple[ChangeEvent, Run]:
    """That it was scaled, and the run that this belongs to.

    Args:
        autoscaled: Whether its HorizontalPodAutoscaler wants what it has now; None when it has none.
    """
    was, now = before.replicas or 0, int(spec_of(workload).get("replicas") or 0)
    hand = who.hand_on(workload, "spec", "replicas")
    written = bool(hand.at and hand.at >= (place.since or place.now - JUST_NOW))
    by = _by(workload, before, hand if written else None, autoscaled)
    at = hand.at if written and hand.at else place.now
    # Kubernetes 1.20 leaves the time as it was where the same client writes the same fields again.
    if at == before.written and place.now - at > SAME_SECOND:
        at = place.now
    meta = workload["metadata"]
    run = go_on(before.scaling, at, f"{meta.get('uid')}:{meta.get('resourceVersion')}", by=by, was=str(was))
    steps = "" if run.times == 1 else f" ({run.times} times in {_span(run)})"
    event = place.event(
        "scaled", run.mark, kind="scale", target=f"{kind}/{name_of(workload)}", namespace=namespace_of(workload),
        at=run.first, title=f"replicas {run.was} → {now}{steps}", by=by,
        fields=(FieldChange(field="replicas", verb="changed", before=run.was, after=str(now)),),
    )  # fmt: skip
    return event, run


def _by(workload: Obj, before: Facts, hand: who.Hand | None, autoscaled: bool | None) -> str:
    if who.is_ours(workload, before.mark):
        return who.US
    if hand and hand.by:  # nothing else in the controller manager scales workloads
        return who.AUTOSCALER if hand.by == "kube-controller-manager" else who.named(hand, workload)
    return who.AUTOSCALER if autoscaled else ""


def _span(run: Run) -> str:
    minutes = int((run.last - run.first).total_seconds() // 60)
    return f"{minutes} min" if minutes else "a minute"


def _configs(spec: Obj) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        yield from _named(volume.get("configMap"))
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _named(source.get("configMap"))
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for source in container.get("envFrom") or ():
            yield from _named(source.get("configMapRef"))
        for variable in container.get("env") or ():
            yield from _named((variable.get("valueFrom") or {}).get("configMapKeyRef"))


def _named(reference: Any) -> Iterator[str]:
    if isinstance(reference, dict) and reference.get("name"):
        yield str(reference["name"])
