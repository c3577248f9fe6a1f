"""What is unusual without any rule, as far as a team tunes it: the section `anomalies` of the file."""

from __future__ import annotations

from pydantic import Field

from core.model import Model


class AnomalyRules(Model):
    """When a figure is unusual for its hour of the week, and when that is an incident in shadow."""

    enabled: bool = True
    incidents: bool = True  # strong and lasting ones open an incident in shadow, which pages nobody
    weeks: int = Field(default=4, ge=2, le=8)  # of history that the normal is learned from
    odd: float = Field(default=4.0, ge=3, le=20)  # robust standard deviations from the normal, from which it is unusual
    strong: float = Field(default=8.0, ge=4, le=50)  # from which it may be an incident
    lasting_minutes: int = Field(default=15, ge=5, le=240)  # for so long
    services: int = Field(default=50, ge=0, le=500)  # workloads that are watched where no catalogue names services
