"""The read-only half of the loop, a stage at a time. A stage that has ended is never run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.diagnosis import Case, Investigation, Recall
from core.errors import Unreachable
from core.incident import Alert
from core.observation import Observation
from workers.loop.observe import observe
from workers.loop.plan import plan
from workers.loop.reason import reason
from workers.loop.recall import recall
from workers.loop.validate import validate
from workers.ports import Step
from workers.world import Outside


class Watch(Protocol):
    """Told of every stage; saves, and shows people what goes on."""

    def began(self, stage: str, investigation: Investigation) -> None: ...
    def step(self, step: Step) -> None: ...
    def ended(self, stage: str, investigation: Investigation) -> Investigation:
        """The investigation as saved."""
        ...
