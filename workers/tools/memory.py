"""Read-only tools over the memory: runbooks and past incidents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.errors import Absent
from workers.tools.registry import ToolContext, tool
from workers.tools.results import Result

TIMEOUT_S = 10
Words = Annotated[str, Field(min_length=1, max_length=1000)]


@tool(source="memory", doing="Searching runbooks", timeout_s=TIMEOUT_S)
def search_runbooks(ctx: ToolContext, text: Words) -> Result:
    """Runbooks that resemble a description, the nearest first, with their similarity (0 to 1).

    Args:
        text: Symptoms or an alert, in words.
    """
    hits = ctx.memory.search_runbooks(text)
    lines = [f"{hit.id}  {hit.score:.2f}  {hit.title}\n  {hit.excerpt}".rstrip() for hit in hits]
    return Result(query=f"runbooks like {text!r}", text="\n".join(lines) or "none")


@tool(source="memory", doing="Reading runbook {runbook_id}", timeout_s=TIMEOUT_S)
def read_runbook(ctx: ToolContext, runbook_id: Annotated[str, Field(min_length=1, max_length=300)]) -> Result:
    """The whole text of one runbook.

    Args:
        runbook_id: Its id, as `search_runbooks` gives it.
    """
    runbook = ctx.memory.runbook(runbook_id)
    if runbook is None:
        raise Absent("that runbook", "none has this id")
    return Result(query=f"runbook {runbook.id}", text=f"{runbook.title}\n\n{runbook.text}", link=None)


@tool(source="memory", doing="Searching past incidents", timeout_s=TIMEOUT_S)
def search_incidents(ctx: ToolContext, text: Words) -> Result:
    """Past incidents that resemble a description, with what ended them and their similarity (0 to 1).

    Args:
        text: Symptoms and cause, in words.
    """
    hits = ctx.memory.search_incidents(text)
    lines = [
        f"{hit.id}  {hit.score:.2f}  {f'{hit.at:%Y-%m-%d}' if hit.at else 'no date'}  {hit.title}: "
        f"{hit.outcome or 'nobody said how it ended'}"
        for hit in hits
    ]
    return Result(query=f"incidents like {text!r}", text="\n".join(lines) or "none")
