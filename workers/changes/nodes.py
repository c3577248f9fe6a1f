"""Nodes: added and removed, cordoned, not ready, and what runs on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.change_events import ChangeEvent
from core.model import Model
from core.observation import FieldChange
from workers.changes import who
from workers.changes.damping import Run, go_on
from workers.changes.place import Place, said
from workers.triage.objects import Obj, condition, created_at, duration, moment, name_of, spec_of, status_of

_VERSIONS = {"kubeletVersion": "kubelet", "kernelVersion": "kernel", "osImage": "OS",
             "containerRuntimeVersion": "container runtime"}  # fmt: skip


class Facts(Model):
    """All that is kept of a node."""

    uid: str
    ready: bool = True
    cordoned: bool = False
    mark: str | None = None
    versions: dict[str, str] = {}
    outage: Run | None = None


def facts_of(node: Obj, before: Facts | None = None) -> Facts:
    info = status_of(node).get("nodeInfo") or {}
    return Facts(
        uid=str(node["metadata"].get("uid")), ready=condition(node, "Ready").get("status") == "True",
        cordoned=bool(spec_of(node).get("unschedulable")), mark=who.mark_of(node),
        versions={key: str(info[key]) for key in _VERSIONS if info.get(key)},
        outage=before.outage if before else None,
    )  # fmt: skip


def differences(node: Obj, before: Facts | None, now: Facts, place: Place) -> tuple[list[ChangeEvent], Facts]:
    """What happened to it, and what is kept of it from now on."""
    if before is None or before.uid != now.uid:
        title = f"added, {now.versions.get('kubeletVersion', 'kubelet unknown')}"
        return [_event(node, place, now.uid, "added", title=f"node {title}", at=created_at(node))], now
    found = list(_changes(node, before, now, place))
    if before.ready != now.ready:
        event, run = _outage(node, before, now, place)
        found.append(event)
        now = now.model_copy(update={"outage": run})
    return found, now


def removed(name: str, before: Facts, place: Place) -> ChangeEvent:
    return place.event(before.uid, "removed", kind="node", target=f"Node/{name}", title="node removed")


def _changes(node: Obj, before: Facts, now: Facts, place: Place) -> Iterator[ChangeEvent]:
    version = node["metadata"].get("resourceVersion")
    if before.cordoned != now.cordoned:
        hand = who.hand_on(node, "spec", "unschedulable")
        by = who.US if who.is_ours(node, before.mark) else who.named(hand, node)
        word = "cordoned" if now.cordoned else "uncordoned"
        yield _event(node, place, now.uid, word, version, title=word, by=by, at=hand.at)
    changed = [key for key in _VERSIONS if before.versions.get(key) != now.versions.get(key)]
    if changed and before.versions:
        fields = [
            FieldChange(field=_VERSIONS[key], verb="changed", before=said(before.versions.get(key, ""), 80) or None,
                        after=said(now.versions.get(key, ""), 80) or None)
            for key in changed
        ]  # fmt: skip
        title = ", ".join(f"{f.field} {f.before or 'none'} → {f.after or 'none'}" for f in fields)
        yield _event(
            node, place, now.uid, "versions", *now.versions.values(), version, title=title, fields=tuple(fields)
        )


def _outage(node: Obj, before: Facts, now: Facts, place: Place) -> tuple[ChangeEvent, Run]:
    """One change for each time that it is away, however often it comes and goes meanwhile."""
    ready = condition(node, "Ready")
    at = min(moment(ready.get("lastTransitionTime")) or place.now, place.now)
    if not now.ready:
        run = go_on(before.outage, at, f"{now.uid}:{at.isoformat()}")
        times = f", {run.times} times since {run.first:%H:%M} UTC" if run.times > 1 else ""
        why = said(str(ready.get("message") or ready.get("reason") or ""), 120).rstrip(".")
        title = f"not ready{times}{f': {why}' if why else ''}"
    else:
        run = before.outage or go_on(None, at, f"{now.uid}:{at.isoformat()}")
        at = max(at, run.last)
        run = run.model_copy(update={"last": at})
        times = f" {run.times} times" if run.times > 1 else ""
        lasted = (at - run.first).total_seconds()
        title = f"was not ready{times} for {duration(lasted)}, ready again" if before.outage else "ready again"
    event = _event(node, place, "outage", run.mark, title=title, at=run.first)
    return event, run


def _event(node: Obj, place: Place, *identity: object, **facts: Any) -> ChangeEvent:
    return place.event(*identity, kind="node", target=f"Node/{name_of(node)}", **facts)
