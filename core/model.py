"""The base of all domain types: frozen, strict about unknown fields, JSON in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen value. `model_dump_json` and `model_validate_json` are its stored form."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
"""An aware time, held in UTC."""


def utc_now() -> datetime:
    """The time now, aware, in UTC; the default clock of a `World`."""
    return datetime.now(UTC)
