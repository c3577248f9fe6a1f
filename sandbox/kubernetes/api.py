"""The Kubernetes API over HTTP: paths, who asks, and which of the reads and writes answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from sandbox.kubernetes import access
from sandbox.kubernetes.errors import Refusal, bad_request, not_allowed
from sandbox.kubernetes.kubelet import Kubelet
from sandbox.kubernetes.managers import manager_of
from sandbox.kubernetes.metrics import Usage, metrics_objects
from sandbox.kubernetes.objects import Objects
from sandbox.kubernetes.reads import Watch, chooser, list_page, read_log
from sandbox.kubernetes.resources import METRICS, SERVED, VERSION, Json, Resource, api_groups, api_resources
from sandbox.kubernetes.tables import TABLE, table
from sandbox.kubernetes.writes import Writer, read_body, scale_of

WATCH_S = 1800.0  # the longest that a watch lasts without a timeout of its own
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Target:
    """What a path names."""

    resource: Resource
    namespace: str | None  # None: every namespace, or a kind that has none
    name: str = ""
    subresource: str = ""


class KubernetesApi:
    """The routes. `tokens` is bearer token to user; `now` is the company's clock in Unix seconds."""

    def __init__(
        self, objects: Objects, kubelet: Kubelet, now: Callable[[], float], tokens: dict[str, str], usage: Usage
    ) -> None:
        self._objects, self._kubelet, self._now, self._tokens, self._usage = objects, kubelet, now, tokens, usage

    def app(self) -> web.Application:
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            user = access.user_of(request.headers.get("Authorization"), self._tokens)
            return await self._route(request, user)
        except Refusal as refusal:
            return _json(refusal.status, refusal.code)

    async def _route(self, request: web.Request, user: str) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        documents: dict[str, Json] = {
            "/version": VERSION,
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": api_groups(),
        }
        if path in documents:
            return _json(documents[path])
        prefix, rest = _split(path)
        resources = api_resources(prefix)
        if resources is None:
            return web.Response(text="404 page not found\n", status=404)
        if not rest:
            return _json(resources)
        if (prefix, rest) == ("authorization.k8s.io/v1", ["selfsubjectaccessreviews"]):
            return _json(_review(user, read_body(await request.read())), 201)
        target = _target(prefix, rest)
        if target is None:
            return web.Response(text="404 page not found\n", status=404)
        access.require(user, _ask(request, target))
        if request.method == "GET":
            return await self._read(request, target)
        return await self._write(request, target)

    async def _read(self, request: web.Request, target: Target) -> web.StreamResponse:
        query, resource = dict(request.query), target.resource
        if target.subresource == "log":
            pod = self._writer().get(resource, target.namespace or "", target.name)
            return web.Response(text=read_log(self._kubelet, pod, query, self._now()), content_type="text/plain")
        if target.subresource == "scale":
            return _json(scale_of(self._writer().get(resource, target.namespace or "", target.name)))
        if target.name:
            if resource.group_version == METRICS:
                return _json(self._metrics_of(target))
            found = self._writer().get(resource, target.namespace or "", target.name)
            return self._shown(request, resource, found, [found], {"resourceVersion": ""})
        if query.get("watch") in ("true", "1"):
            return await self._watch(request, target)
        if resource.group_version == METRICS:
            items = metrics_objects(resource, target.namespace, self._usage(), self._now())
        else:
            items = self._objects.list(resource.plural, target.namespace)
        oldest = self._objects.changes[0].version - 1 if self._objects.changes else 0
        page = list_page(resource, items, query, self._objects.version, oldest)
        return self._shown(request, resource, page, page["items"], page["metadata"])

    def _shown(
        self, request: web.Request, resource: Resource, body: Json, items: list[Json], meta: Json
    ) -> web.Response:
        """The answer as it is, or as the table that kubectl asks for."""
        if TABLE in request.headers.get("Accept", "") and resource.group_version != METRICS:
            return _json(table(resource.plural, items, meta, self._now()))
        return _json(body)

    def _metrics_of(self, target: Target) -> Json:
        found = metrics_objects(target.resource, target.namespace, self._usage(), self._now())
        for held in found:
            if held["metadata"]["name"] == target.name:
                return held
        kind = f"{'pod' if target.namespace else 'node'}metrics.metrics.k8s.io"
        raise Refusal(404, "NotFound", f'{kind} "{target.name}" not found', name=target.name)

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        query = dict(request.query)
        watch = Watch(target.resource, target.namespace, chooser(target.resource, query))
        events = watch.events(self._objects, query, float(query.get("timeoutSeconds") or WATCH_S))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the client has seen enough
            try:
                async for event in events:
                    await response.write(orjson.dumps(event) + b"\n")
            except Refusal as refusal:  # the answer has begun, so it is told as an event
                await response.write(orjson.dumps({"type": "ERROR", "object": refusal.status}) + b"\n")
            await response.write_eof()
        return response

    async def _write(self, request: web.Request, target: Target) -> web.StreamResponse:
        body = read_body(await request.read())
        dry = _dry_run(request, body)
        manager = request.query.get("fieldManager") or manager_of(request.headers.get("User-Agent", ""))
        writer, resource = Writer(self._objects, self._now(), dry, manager), target.resource
        where, name = target.namespace or "", target.name
        kind = request.content_type
        match (request.method, target.subresource, bool(name)):
            case ("POST", "", False):
                return _json(writer.create(resource, where, body), 201)
            case ("POST", "eviction", True):
                return _json(writer.evict(resource, where, name, body), 201)
            case ("PATCH", "", True):
                return _json(writer.patch(resource, where, name, kind, body))
            case ("PATCH", "scale", True):
                return _json(writer.scale(resource, where, name, kind, body))
            case ("PUT", "", True):
                return _json(writer.update(resource, where, name, body))
            case ("PUT", "scale", True):
                return _json(writer.scale(resource, where, name, None, body))
            case ("DELETE", "", True):
                return _json(writer.delete(resource, where, name, _delete_options(request, body)))
            case _:
                raise not_allowed()

    def _writer(self) -> Writer:
        return Writer(self._objects, self._now())


def _split(path: str) -> tuple[str, list[str]]:
    """The group version that a path begins with, and the steps after it."""
    steps = path.strip("/").split("/")
    if steps[0] == "api":
        return "/".join(steps[1:2]), steps[2:]
    return "/".join(steps[1:3]) if steps[0] == "apis" else "", steps[3:]


def _target(group_version: str, steps: list[str]) -> Target | None:
    namespace = None
    if steps[0] == "namespaces" and len(steps) > 2 and steps[2] != "status":
        namespace, steps = steps[1], steps[2:]
    resource = SERVED.get((group_version, steps[0]))
    if resource is None or len(steps) > 3:
        return None
    name, subresource = [*steps[1:], "", ""][:2]
    if subresource and subresource not in resource.subresources:
        return None
    if (name or namespace) and resource.namespaced != (namespace is not None):
        return None
    return Target(resource, namespace, name, subresource)


def _ask(request: web.Request, target: Target) -> access.Ask:
    verb = _WRITES.get(request.method, "get")
    if request.method == "GET" and not target.name:
        verb = "watch" if request.query.get("watch") in ("true", "1") else "list"
    plural = target.resource.plural
    resource = f"{plural}/{target.subresource}" if target.subresource else plural
    return access.Ask(verb, target.resource.group, resource, target.namespace or "", target.name)


def _review(user: str, body: Json) -> Json:
    """Whether the one who asks may do what the body describes."""
    attributes = body.get("spec", {}).get("resourceAttributes") or {}
    resource = attributes.get("resource", "")
    if attributes.get("subresource"):
        resource = f"{resource}/{attributes['subresource']}"
    ask = access.Ask(
        attributes.get("verb", ""), attributes.get("group", ""), resource, attributes.get("namespace", ""),
        attributes.get("name", ""),
    )  # fmt: skip
    kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    status = {"allowed": access.allowed(user, ask)}
    return {**kind, "metadata": {}, "spec": body.get("spec", {}), "status": status}


def _dry_run(request: web.Request, body: Any) -> bool:
    asked = request.query.getall("dryRun", [])
    if request.method == "DELETE" and body:  # as Kubernetes, which then reads no query
        asked = body.get("dryRun") or []
    if any(value != "All" for value in asked):
        raise bad_request(f'Invalid value: "{asked[0]}": supported values: "All"')
    return bool(asked)


def _delete_options(request: web.Request, body: Json) -> Json:
    grace = request.query.get("gracePeriodSeconds")
    return {**body, "gracePeriodSeconds": int(grace)} if grace is not None else body


def _json(body: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
