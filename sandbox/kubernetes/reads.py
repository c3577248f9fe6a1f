"""Lists in pages, watches, and logs."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile

from sandbox.kubernetes import selectors
from sandbox.kubernetes.errors import bad_request, expired
from sandbox.kubernetes.kubelet import Kubelet
from sandbox.kubernetes.objects import Change, Objects, unstamp
from sandbox.kubernetes.resources import Json, Resource

Query = dict[str, str]
BOOKMARK_S, LAST_BOOKMARK_S = 60.0, 2.0


def chooser(resource: Resource, query: Query) -> Callable[[Json], bool]:
    """Whether an object is meant by the request's selectors. Raises: Refusal (400)."""
    try:
        by_label = selectors.labels(query.get("labelSelector", ""))
        by_field = selectors.fields(resource.plural, query.get("fieldSelector", ""))
    except selectors.BadSelector as error:
        raise bad_request(str(error)) from error
    return lambda found: by_label(found) and by_field(found)


def list_page(resource: Resource, items: list[Json], query: Query, version: int, oldest: int) -> Json:
    """One page of a list. `oldest` is the version before which continue tokens have expired. Raises: Refusal."""
    chosen = [found for found in items if chooser(resource, query)(found)]
    start, version = _read_token(query, version, oldest)
    chosen = [found for found in chosen if _place(found) > start]
    meta: Json = {"resourceVersion": str(version)}
    limit = int(query.get("limit") or 0)
    if limit and len(chosen) > limit:
        rest = len(chosen) - limit
        chosen = chosen[:limit]
        meta["continue"] = _token(version, _place(chosen[-1]))
        if "labelSelector" not in query and "fieldSelector" not in query:
            meta["remainingItemCount"] = rest
    bare = [{k: v for k, v in found.items() if k not in ("kind", "apiVersion")} for found in chosen]
    return {"kind": f"{resource.kind}List", "apiVersion": resource.group_version, "metadata": meta, "items": bare}


def _place(found: Json) -> list[str]:
    return [found["metadata"].get("namespace", ""), found["metadata"]["name"]]


def _token(version: int, place: list[str]) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": place})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(query: Query, version: int, oldest: int) -> tuple[list[str], int]:
    token = query.get("continue")
    if not token:
        return [], version
    try:
        held = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        start, began = [str(part) for part in held["start"]], int(held["rv"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request("continue key is not valid: illegal base64 or content") from error
    if began < oldest:
        raise expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter."
        )
    return start, began


def _since(objects: Objects, version: int) -> list[Change]:
    """The changes after that version, oldest first."""
    return list(takewhile(lambda c: c.version > version, reversed(objects.changes)))[::-1]


def _next_bookmark(now: float, deadline: float) -> float:
    """As Kubernetes: in a minute, but for the last one, which comes 2 s before the end."""
    last = deadline - LAST_BOOKMARK_S
    return min(now + BOOKMARK_S, last) if now < last else deadline


@dataclass
class Watch:
    """One watch: what it wants to see, and from which version on."""

    resource: Resource
    namespace: str | None
    wanted: Callable[[Json], bool]

    async def events(self, objects: Objects, query: Query, timeout_s: float) -> AsyncIterator[Json]:
        """ADDED, MODIFIED and DELETED events until `timeout_s` have passed; BOOKMARK ones too where they are asked
        for: about once a minute, and shortly before the end. Raises: Refusal (410) at the start."""
        since = int(query.get("resourceVersion") or 0)
        if since and objects.changes and since < objects.changes[0].version - 1:
            raise expired(f"too old resource version: {since} ({objects.changes[0].version})")
        changed = asyncio.Event()
        objects.listeners.add(changed.set)
        try:
            if not since:
                for found in filter(self.wanted, objects.list(self.resource.plural, self.namespace)):
                    yield {"type": "ADDED", "object": found}
                since = objects.version
            loop = asyncio.get_running_loop()
            deadline = loop.time() + timeout_s
            mark = _next_bookmark(loop.time(), deadline) if query.get("allowWatchBookmarks") == "true" else deadline
            while (left := deadline - loop.time()) > 0:
                changed.clear()
                news = _since(objects, since)
                since = objects.version
                for change in news:
                    event = self._event(change)
                    if event:
                        yield event
                if loop.time() >= mark:
                    yield self._bookmark(since)
                    mark = _next_bookmark(loop.time(), deadline)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), min(left, max(mark - loop.time(), 0)))
        finally:
            objects.listeners.discard(changed.set)

    def _bookmark(self, version: int) -> Json:
        kind = {"kind": self.resource.kind, "apiVersion": self.resource.group_version}
        return {"type": "BOOKMARK", "object": {**kind, "metadata": {"resourceVersion": str(version)}}}

    def _event(self, change: Change) -> Json | None:
        """The change as this watch sees it: what stops matching its selectors is gone for it."""
        namespace = change.object["metadata"].get("namespace", "")
        if change.plural != self.resource.plural or self.namespace not in (None, namespace):
            return None
        now = change.type != "DELETED" and self.wanted(change.object)
        before = change.before is not None and self.wanted(change.before)
        if not now and not before:
            return None
        kind = "MODIFIED" if now and before else "ADDED" if now else "DELETED"
        return {"type": kind, "object": change.object}


def read_log(kubelet: Kubelet, pod: Json, query: Query, now: float) -> str:
    """The text of `pods/log`. Raises: Refusal (400) with the kubelet's own words."""
    meta, names = pod["metadata"], [c["name"] for c in pod["spec"]["containers"]]
    container = query.get("container") or names[0]
    if not query.get("container") and len(names) > 1:
        raise bad_request(
            f"a container name must be specified for pod {meta['name']}, choose one of: [{' '.join(names)}]"
        )
    if container not in names:
        raise bad_request(f"container {container} is not valid for pod {meta['name']}")
    life = kubelet.lives.get((meta["uid"], container))
    if life is None:
        raise bad_request(f"pod {meta['name']} does not have a host assigned")
    log = life.log
    if query.get("previous") in ("true", "1"):
        if life.previous is None:
            raise bad_request(f'previous terminated container "{container}" in pod "{meta["name"]}" not found')
        log = life.previous
    elif life.stage in ("pulling", "unpulled"):
        why = "ContainerCreating" if life.stage == "pulling" else "trying and failing to pull image"
        raise bad_request(f'container "{container}" in pod "{meta["name"]}" is waiting to start: {why}')
    return _cut(log.lines, query, now)


def _cut(lines: list[tuple[float, str]], query: Query, now: float) -> str:
    try:
        if "sinceSeconds" in query:
            lines = [(at, text) for at, text in lines if at >= now - int(query["sinceSeconds"])]
        if "sinceTime" in query:
            lines = [(at, text) for at, text in lines if at >= unstamp(query["sinceTime"])]
        if "tailLines" in query:
            count = int(query["tailLines"])
            lines = lines[-count:] if count > 0 else []
        stamped = query.get("timestamps") in ("true", "1")
        text = "".join(f"{_nano(at)} {line}\n" if stamped else f"{line}\n" for at, line in lines)
        return text[: int(query["limitBytes"])] if "limitBytes" in query else text
    except ValueError as error:
        raise bad_request(f"unable to decode query: {error}") from error


def _nano(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
