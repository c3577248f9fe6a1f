"""Eight nights of the pretend company: what happens, and what a good on-call engineer must say of it."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.faults import BAD_DEPLOY, IMAGE_TYPO, MEMORY_LIMIT, NODE_DOWN, QUIET_DEPENDENCY, UNSCHEDULABLE, Fault
from sandbox.slack.state import JONAS, MARIA


@dataclass(frozen=True)
class Ending:
    """What the incident must end as."""

    service: str | tuple[str, ...] | None  # whose incident it may be, by catalogue name; None: of no service
    condition: str | None  # of the root cause; None when nothing is wrong and no cause may be named
    target: str | None  # "Deployment/checkout"
    alerts: int = 0  # at least so many in it
    alone: bool = False  # whether it must be the only incident, looked into once
    repaired: bool = False  # whether it must be repaired, seen to hold, and resolved

    @property
    def services(self) -> tuple[str | None, ...]:
        return self.service if isinstance(self.service, tuple) else (self.service,)


@dataclass(frozen=True)
class Scenario:
    """One night. Either its fault makes alerts fire, or somebody types `says` in the channel, or both."""

    name: str
    title: str
    fault: Fault | None
    says: str | None  # a slash command as typed
    ending: Ending
    tenants: int = 0  # shops of other merchants beside the company's own
    mode: str | None = None  # what somebody who may sets by /sre mode before it happens
    clicks: tuple[str, ...] = ()  # who presses Approve, in order


SCENARIOS = (
    Scenario(
        "bad-deploy", "Release 1.8.4 of checkout cannot start: a variable it reads has a typing error",
        BAD_DEPLOY, None,
        Ending("checkout", "CrashLoopBackOff", "Deployment/checkout", repaired=True), clicks=(JONAS, MARIA),
    ),
    Scenario(
        "autonomous", "The same release, on a night on which the bot may act alone on this alert", BAD_DEPLOY, None,
        Ending("checkout", "CrashLoopBackOff", "Deployment/checkout", repaired=True), mode="autonomous",
    ),
    Scenario(
        "memory-limit", "Somebody lowered the memory limit of search below what it needs", MEMORY_LIMIT, None,
        Ending("search", "OOMKilled", "Deployment/search"),
    ),
    Scenario(
        "image-typo", "A release of storefront names an image that does not exist", IMAGE_TYPO, None,
        Ending("storefront", "ImagePullBackOff", "Deployment/storefront"),
    ),
    Scenario(
        "unschedulable", "A release of catalog asks for more memory than any node has", UNSCHEDULABLE, None,
        Ending("catalog", "Unschedulable", "Deployment/catalog"),
    ),
    Scenario(
        "quiet-dependency", "Checkout and storefront fail loudly, because a silenced cart-redis does not start",
        QUIET_DEPENDENCY, None,
        Ending(("checkout", "storefront"), "CrashLoopBackOff", "Deployment/cart-redis"),
    ),
    Scenario(
        "storm", "A node dies, and with it 50 small shops: some 200 alerts in half a minute", NODE_DOWN, None,
        Ending(None, "NodeNotReady", "Node/node-3", alerts=200, alone=True), tenants=50,
    ),
    Scenario(
        "healthy", "Somebody suspects checkout because of a log line that is there every day", None,
        '/sre incident checkout is it broken? the log is full of "payment exception handled"',
        Ending("checkout", None, None),
    ),
)  # fmt: skip
BY_NAME = {s.name: s for s in SCENARIOS}
