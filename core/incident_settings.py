"""How incidents are run: the `incidents` section of SRE_CONFIG. Every key is optional."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from core.grouping_settings import zone
from core.model import Model

_TIME = r"^([01]\d|2[0-3]):[0-5]\d$"


class Night(Model):
    """When nobody is reminded of an incident that can wait."""

    begins: str = Field(default="22:00", pattern=_TIME)
    ends: str = Field(default="07:00", pattern=_TIME)
    timezone: Annotated[str, AfterValidator(zone)] = "UTC"
    quiet: tuple[Literal["SEV1", "SEV2", "SEV3", "SEV4"], ...] = ("SEV4",)

    def covers(self, severity: str, now: datetime) -> bool:
        """Whether it is night for an incident of this severity."""
        return severity in self.quiet and self.is_at(now)

    def is_at(self, now: datetime) -> bool:
        """Whether it is night."""
        at = now.astimezone(ZoneInfo(self.timezone)).time()
        start, end = time.fromisoformat(self.begins), time.fromisoformat(self.ends)
        return start <= at < end if start <= end else at >= start or at < end


class IncidentRules(Model):
    """Defaults are guesses that suit a team of six: an update each half hour, three reminders a quarter hour apart."""

    next_update_minutes: int = Field(default=30, ge=5, le=1440)  # what the form proposes
    remind_every_minutes: int = Field(default=15, ge=5, le=1440)
    most_reminders: int = Field(default=3, ge=0, le=20)  # of one promised update
    night: Night = Night()
    reopen_within_hours: int = Field(default=24, ge=0, le=720)  # after that a new incident is opened instead
