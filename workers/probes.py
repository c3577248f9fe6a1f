"""One cheap question to each dependency. True: it answered; False: it is not configured."""

from __future__ import annotations

from collections.abc import Callable

from workers.world import World


def _kubernetes(world: World) -> bool:
    world.outside.cluster(None).get("/version")
    return True


def _prometheus(world: World) -> bool:
    metrics = world.outside.metrics(None)
    if metrics is None:
        return False
    metrics.instant("vector(1)")
    return True


def _alertmanager(world: World) -> bool:
    if world.outside.alerts is None:
        return False
    world.outside.alerts.firing()
    return True


def _pagerduty(world: World) -> bool:
    if world.pagerduty is None:
        return False
    world.pagerduty.check()
    return True


PROBES: dict[str, Callable[[World], bool]] = {
    "Kubernetes": _kubernetes,
    "Prometheus": _prometheus,
    "Alertmanager": _alertmanager,
    "PagerDuty": _pagerduty,
}
"""Raise SreError when it does not answer, or not as it should."""
