"""What a tool is: a read-only function whose signature and docstring are all that the model is told of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from core.errors import ToolError
from workers.ports import Alerts, Cluster, Memory, Metrics
from workers.tools.results import Result, Shelf


@dataclass(frozen=True)
class ToolContext:
    """The ports of one investigation. All of them only read."""

    cluster: Cluster | None  # None: not connected
    metrics: Metrics | None
    alerts: Alerts | None
    memory: Memory
    now: Callable[[], datetime]
    shelf: Shelf = field(default_factory=Shelf)


@dataclass(frozen=True)
class Tool:
    """One entry of TOOLS."""

    name: str
    description: str
    schema: Mapping[str, Any]  # JSON schema of the arguments
    args: type[BaseModel]
    run: Callable[..., Result]
    source: str  # `Evidence.tool`: "kubernetes", "prometheus", "alertmanager" or "memory"
    doing: str  # for people: "Reading logs of {target}"
    timeout_s: float
    amounts: frozenset[str]  # arguments that say how much; calls that differ little in them are the same call


class Amount:
    """Marks an argument that says how much or how far back: `Annotated[int, Amount(), Field(ge=1, le=2000)]`."""


def tool(*, source: str, doing: str, timeout_s: float) -> Callable[[Callable[..., Result]], Tool]:
    """Make a tool of a function `f(ctx: ToolContext, ...) -> Result`.

    Raises: TypeError when an argument has no type or is not described under "Args:", which is a bug.
    """

    def make(function: Callable[..., Result]) -> Tool:
        description, described = _docstring(function)
        hints = get_type_hints(function, include_extras=True)
        fields: dict[str, Any] = {}
        amounts = set()
        for parameter in list(inspect.signature(function).parameters.values())[1:]:
            name = parameter.name
            if name not in described or name not in hints:
                raise TypeError(f"{function.__name__}: argument {name} needs a type and a line under Args")
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (Annotated[hints[name], Field(description=described[name])], default)
            if get_origin(hints[name]) is Annotated and any(isinstance(m, Amount) for m in get_args(hints[name])[1:]):
                amounts.add(name)
        args = create_model(function.__name__, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
        return Tool(
            name=function.__name__, description=description, schema=_plain(args.model_json_schema()), args=args,
            run=function, source=source, doing=doing, timeout_s=timeout_s, amounts=frozenset(amounts),
        )  # fmt: skip

    return make


def need_cluster(ctx: ToolContext) -> Cluster:
    if ctx.cluster is None:
        raise ToolError("Kubernetes", "no cluster is connected")
    return ctx.cluster


def need_metrics(ctx: ToolContext) -> Metrics:
    if ctx.metrics is None:
        raise ToolError("metrics", "no PROMETHEUS_URL")
    return ctx.metrics


def _docstring(function: Callable[..., Result]) -> tuple[str, dict[str, str]]:
    """The description without its Args section, and what that section says of each argument."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n(?=[ \t]))*)", text, re.MULTILINE)
    if section is None:
        return text, {}
    described: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(section[1]).splitlines():
        start = re.match(r"(\w+): (.*)", line)
        if start:
            name = start[1]
            described[name] = start[2]
        elif name:
            described[name] += " " + line.strip()
    rest = text[: section.start()].rstrip() + "\n\n" + text[section.end() :].lstrip()
    return rest.strip(), described


def _plain(schema: Any) -> Any:
    """The schema without the titles that pydantic adds, which say nothing that the names do not."""
    if isinstance(schema, dict):
        return {k: _plain(v) for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema
