"""Takes the snapshot: every list at once, and what could not be read by name."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from core.errors import Forbidden, SreError, Unreachable
from workers.ports import Cluster
from workers.triage.objects import Obj, is_leaving, status_of
from workers.triage.reads import Deadline, Listing, read_lists
from workers.triage.resources import RESOURCES, STORAGE_CLASSES, Lists, Resource
from workers.triage.snapshot import Snapshot


def take(cluster: Cluster, namespaces: tuple[str, ...], now: datetime, deadline: Deadline) -> Snapshot:
    """Read all of `RESOURCES` in these namespaces, or in the whole cluster with none given.

    Raises: Unreachable when nothing at all answers.
    """
    lists = Lists(cluster)
    reads: dict[str, Callable[[], Iterable[Obj]]] = {}
    parts: dict[str, list[str]] = defaultdict(list)
    for resource in RESOURCES:
        if resource.scoped_only and not namespaces:
            continue
        for namespace in namespaces if resource.namespaced and namespaces else ("",):
            label = f"{resource.name} in {namespace}" if namespace else resource.name
            parts[resource.name].append(label)
            reads[label] = partial(_listed, lists, resource, namespace)
    for namespace in namespaces:
        reads[f"namespace {namespace}"] = partial(_existing, cluster, namespace)
    listings = read_lists(reads, deadline)
    _raise_when_dead(cluster.name, listings.values())
    joined = {name: _joined([listings[label] for label in labels]) for name, labels in parts.items()}
    snap = Snapshot(now, namespaces, joined, lists, _unread(listings.values()))
    if any(_waits(claim) for claim in snap.all("persistentvolumeclaims")):
        more = read_lists({STORAGE_CLASSES.name: partial(_listed, lists, STORAGE_CLASSES, "")}, deadline)
        unread = (*snap.could_not_read, *_unread(more.values()))
        snap = replace(snap, listings={**joined, **more}, could_not_read=unread)
    return snap


@contextmanager
def collector_paused() -> Iterator[None]:
    """Python's cyclic collector stands still meanwhile. It would walk again and again through the parsed values, of
    which none is part of a cycle: half of the time that 5,000 pods take."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _listed(lists: Lists, resource: Resource, namespace: str) -> Iterator[Obj]:
    """Every object without the API server's bookkeeping, which is half of it and tells nothing here."""
    for obj in lists.items(resource, namespace):
        obj["metadata"].pop("managedFields", None)
        yield obj


def _existing(cluster: Cluster, namespace: str) -> Iterator[Obj]:
    """Raises: Absent when there is no such namespace, so that a slip of the pen does not look like good health."""
    try:
        yield cluster.get(f"/api/v1/namespaces/{namespace}")
    except Forbidden:  # usual for an account that may only read inside its namespace
        return


def _joined(listings: list[Listing[Obj]]) -> Listing[Obj]:
    items = [item for each in listings for item in each.items]
    return Listing(items, None, all(each.complete for each in listings))


def _unread(listings: Iterable[Listing[Obj]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(each.error) for each in listings if each.error))


def _waits(claim: Obj) -> bool:
    return status_of(claim).get("phase") == "Pending" and not is_leaving(claim)


def _raise_when_dead(name: str, listings: Iterable[Listing[Obj]]) -> None:
    """Nothing was read, and not merely for lack of permission."""
    errors: list[SreError] = []
    for each in listings:
        if each.error is None or each.items or isinstance(each.error, Forbidden):
            return
        errors.append(each.error)
    first = next((e for e in errors if isinstance(e, Unreachable)), None)
    raise first or Unreachable(f"The Kubernetes API of context {name} gives no usable answer: {errors[0]}.")
