"""What tests make go wrong: requests that fail, answers that get lost, slowness, and the rate limits."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from sandbox.clock import Clock

PER_MINUTE = 960  # requests of one API key (developer.pagerduty.com, "REST API Rate Limits")
EVENTS_PER_MINUTE = 120  # of one routing key; PagerDuty says only that there is a limit


@dataclass
class Fault:
    """One fault for requests whose method and path ("POST /incidents") hold `where`."""

    kind: str  # "fail", "lose" or "slow"
    where: str
    times: int
    status: int = 0
    seconds: float = 0.0


class Faults:
    """Faults in waiting, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def take(self, request: str) -> Fault | None:
        """The next fault that is meant for this request, used up once."""
        found = next((f for f in self._waiting if f.where in request), None)
        if found:
            found.times -= 1
            if not found.times:
                self._waiting.remove(found)
        return found


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit."""

    limit: int
    remaining: int
    reset_s: int
    exceeded: bool

    def headers(self) -> dict[str, str]:
        return {
            "ratelimit-limit": str(self.limit), "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset_s),
        }  # fmt: skip


class Limiter:
    """So many requests in each minute of the clock, for each key."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._counts: dict[tuple[str, int], int] = defaultdict(int)

    def take(self, key: str) -> Allowance:
        now = self._clock.now()
        window = key, int(now // 60)
        self._counts[window] += 1
        used = self._counts[window]
        return Allowance(
            self.per_minute, max(0, self.per_minute - used), 60 - math.floor(now % 60), used > self.per_minute
        )
