from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from workers.tools.catalogue import TOOLS
from workers.tools.registry import Amount, ToolContext, tool
from workers.tools.results import Result


def test_signature_and_docstring_are_the_description() -> None:
    @tool(source="kubernetes", doing="Tailing {service}", timeout_s=3)
    def tail(ctx: ToolContext, service: str, lines: Annotated[int, Amount(), Field(ge=1, le=9)] = 5) -> Result:
        """Latest lines of one service.

        Args:
            service: Catalogue name,
                such as "checkout".
            lines: How many.

        Returns: oldest first.
        """
        return Result(query="", text="")

    assert tail.name == "tail"
    assert tail.description == "Latest lines of one service.\n\nReturns: oldest first."
    assert tail.schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["service"],
        "properties": {
            "service": {"type": "string", "description": 'Catalogue name, such as "checkout".'},
            "lines": {"type": "integer", "description": "How many.", "default": 5, "minimum": 1, "maximum": 9},
        },
    }
    assert tail.amounts == {"lines"}
    assert (tail.source, tail.doing, tail.timeout_s) == ("kubernetes", "Tailing {service}", 3)


def test_an_argument_that_is_not_described_is_a_bug() -> None:
    with pytest.raises(TypeError, match="argument name needs a type and a line under Args"):

        @tool(source="kubernetes", doing="x", timeout_s=1)
        def bad(ctx: ToolContext, name: str) -> Result:
            """Reads."""
            return Result(query="", text="")


def test_every_tool_says_what_it_is_and_what_people_see() -> None:
    for each in TOOLS:
        assert each.description.strip()
        assert "Args:" not in each.description
        assert each.source in ("kubernetes", "prometheus", "alertmanager", "memory")
        each.doing.format(**dict.fromkeys(each.args.model_fields, "x"))
        assert all("description" in field for field in each.schema["properties"].values())
