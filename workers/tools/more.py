"""The rest of a result that was too long to show at once."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.errors import BadQuestion
from workers.tools.registry import ToolContext, tool
from workers.tools.results import MAX_PIECE, Result


@tool(source="memory", doing="Reading on in {result_id}", timeout_s=5)
def read_more(
    ctx: ToolContext, result_id: Annotated[str, Field(pattern=r"^e\d{1,6}$")], offset: Annotated[int, Field(ge=0)] = 0
) -> Result:
    """A further piece of an earlier result, of at most 15,000 characters.

    Args:
        result_id: The result's evidence id, as "e7".
        offset: Where to read on, in characters from its start.
    """
    source, query, text = ctx.shelf.get(result_id)
    piece = text[offset : offset + MAX_PIECE]
    if not piece:
        raise BadQuestion(f"{result_id} from {offset}", f"it has {len(text):,} characters")
    end = offset + len(piece)
    rest = f"\n[{len(text) - end:,} characters follow: offset={end}]" if end < len(text) else ""
    return Result(query=f"{query}, characters {offset:,} to {end:,}", text=piece + rest, source=source)
