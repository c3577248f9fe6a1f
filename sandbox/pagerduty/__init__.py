"""A pretend PagerDuty on loopback: Events API v2, a part of REST API v2, and signed webhooks."""

from sandbox.pagerduty.server import PagerDuty

__all__ = ["PagerDuty"]
