"""Which paths of the Kubernetes API may be read or written, and what to call them. Secrets, exec, proxies never."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import Refused, ToolError

# No "%" and no "..": a path that needs decoding or resolving may name something else than it seems to.
_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9.:_-]*"
_OBJECT = re.compile(
    rf"/(?:api/v1|apis/(?P<group>{_SEGMENT})/v[a-z0-9]+)(?:/namespaces/(?P<namespace>{_SEGMENT})(?=/))?"
    rf"/(?P<resource>{_SEGMENT})(?:/(?P<name>{_SEGMENT})(?:/(?P<sub>{_SEGMENT}))?)?"
)
_DISCOVERY = re.compile(rf"/(?:version|healthz|livez|readyz|api(?:/v1)?|apis(?:/{_SEGMENT}(?:/v[a-z0-9]+)?)?)")
# "watch" and "proxy" were once path prefixes that hide the resource behind them.
_NEVER = frozenset({"secrets", "watch", "proxy"})
_SUBRESOURCES = frozenset({"log", "status", "scale"})
_STREAMING = frozenset({"watch", "follow", "sendInitialEvents"})
# All that the action catalogue writes: verb, group and version, resource with its subresource.
_WRITTEN = frozenset({
    ("patch", "apps/v1", "deployments"), ("patch", "apps/v1", "statefulsets"), ("patch", "v1", "nodes"),
    ("create", "batch/v1", "jobs"), ("delete", "batch/v1", "jobs"), ("delete", "v1", "pods"),
    ("create", "v1", "pods/eviction"),
})  # fmt: skip


@dataclass(frozen=True)
class Target:
    """What a path reads; `name` is None for a list."""

    resource: str
    namespace: str | None
    name: str | None
    sub: str | None

    def __str__(self) -> str:
        if self.name is None:
            return f"{self.resource} in {self.namespace}" if self.namespace else self.resource
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.sub + ' of ' if self.sub else ''}{self.resource} {where}"


def check_watch(path: str) -> Target:
    """What following `path` reads, if it is a list that may be read. Raises: ToolError."""
    target = check(path, {})
    if target.name is not None or _OBJECT.fullmatch(path) is None:
        raise ToolError(str(target), "only lists are followed")
    return target


def check(path: str, query: dict[str, str | int]) -> Target:
    """What `path` reads, if it may be read.

    Raises: ToolError for secrets in any spelling, subresources other than log, status and scale, streams, and
    anything that is not a plain path of the API.
    """
    if _DISCOVERY.fullmatch(path):
        return Target("the API's " + path.strip("/").split("/")[0], None, None, None)
    match = _OBJECT.fullmatch(path)
    if match is None:
        raise ToolError("that path", "it is not a plain path of the Kubernetes API")
    resource, sub = match["resource"].casefold(), match["sub"]
    if resource in _NEVER:
        raise ToolError(resource, "never read here")
    # "namespaces/shop/secrets" must not pass as the subresource of a namespace.
    if sub is not None and (sub not in _SUBRESOURCES or resource == "namespaces"):
        raise ToolError(f"{sub.casefold()} of {resource}", "only logs, status and scale are read here")
    if _STREAMING & query.keys():
        raise ToolError(resource, "streams are not read here")
    return Target(match["resource"], match["namespace"], match["name"], sub)


def check_write(verb: str, path: str) -> Target:
    """What `path` writes, if the action catalogue writes that.

    Args:
        verb: "patch", "create" or "delete".

    Raises: Refused for anything else.
    """
    match = _OBJECT.fullmatch(path)
    resource = "/".join(filter(None, (match["resource"], match["sub"]))) if match else ""
    version = "v1" if path.startswith("/api/v1/") else "/".join(path.split("/")[2:4])
    of_a_list = (verb, resource) == ("create", "jobs")
    if match is None or (verb, version, resource) not in _WRITTEN or (match["name"] is None) != of_a_list:
        raise Refused(f"The operator does not {verb} {resource or 'that path'}", "NotInCatalogue")
    return Target(match["resource"], match["namespace"], match["name"], match["sub"])
