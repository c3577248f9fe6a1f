"""Rate limits and lengths (docs.slack.dev/apis/web-api/rate-limits)."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from typing import NamedTuple

from sandbox.slack.clock import Clock
from sandbox.slack.errors import ApiError

TEXT_MAX = 40_000  # longer text is cut, with a warning
UPDATE_TEXT_MAX = 4_000  # chat.update refuses longer text
MARKDOWN_MAX = 12_000
ATTACHMENTS_MAX = 100
STREAM_LIFETIME_S = 300  # seen to be sealed after a little over five minutes
TRIGGER_LIFETIME_S = 3
RESPONSE_URL_LIFETIME_S = 1800
RESPONSE_URL_USES = 5
MODALS_MAX = 3


class Rate(NamedTuple):
    """At most `calls` in any `seconds`, for each channel alone or for the app as a whole."""

    calls: int
    seconds: float = 60
    per_channel: bool = False


TIER_2 = Rate(20)
TIER_3 = Rate(50)
TIER_4 = Rate(100)
POST = Rate(5, 5, per_channel=True)  # "one a second, short bursts allowed"; how short Slack does not say
FREE = Rate(1000)  # "hundreds a minute"


class Rates:
    """Counts calls in sliding windows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def take(self, method: str, rate: Rate, channel: str) -> None:
        """Count one call. Raises ApiError("ratelimited") with the seconds to wait when it is one too many."""
        calls = self._calls[method, channel if rate.per_channel else ""]
        now = self._clock.now()
        while calls and calls[0] <= now - rate.seconds:
            calls.popleft()
        if len(calls) >= rate.calls:
            wait_s = max(1, math.ceil(calls[0] + rate.seconds - now))
            raise ApiError("ratelimited", retry_after_s=wait_s)
        calls.append(now)
