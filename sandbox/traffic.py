"""Load and failure as they travel through the company: requests from callers down, failures from callees up.

Every function takes a time in Unix seconds, or a whole numpy array of them for the history before the start.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.services import CALLED_FROM_OUTSIDE, SERVICES, VISITS_RPS, Service

Number = Any  # a float, or an array of floats, one for each time
DAY_S = 86_400.0


@dataclass(frozen=True)
class Flow:
    """What one service sees: `rps` arrive, of which `fail_ratio` end in a 5xx."""

    rps: Number
    shed: Number  # share refused because its pods have no room
    failed_calls: dict[str, Number]  # by callee: share of requests that fail because of it
    fail_ratio: Number
    load: Number  # share of its capacity in use; above 1 it sheds
    latency_s: Number  # median of its answers


def wave(name: str, at: Number, amount: float) -> Number:
    """1, give or take `amount`: smooth, without a visible period, and different for each name."""
    phase = zlib.crc32(name.encode()) % 1000
    return 1 + amount * (0.6 * np.sin(at / 37.0 + phase) + 0.4 * np.sin(at / 11.3 + 2 * phase))


def visits(at: Number) -> Number:
    """Requests a second from outside; most at 15:00 UTC, fewest at 03:00."""
    day = 1 + 0.1 * np.sin(2 * math.pi * (at / DAY_S - 0.375))
    return VISITS_RPS * day * wave("visits", at, 0.05)


def flows(ready: Mapping[str, int], at: Number) -> dict[str, Flow]:
    """The flow of every service, given how many of its pods are ready."""
    demand = _demand(at)
    result: dict[str, Flow] = {}
    for service in reversed(SERVICES):  # callees before callers
        result[service.name] = _flow(service, demand[service.name], ready.get(service.name, 0), result, at)
    return result


def _demand(at: Number) -> dict[str, Number]:
    demand: dict[str, Number] = {s.name: 0.0 * at for s in SERVICES}
    demand[CALLED_FROM_OUTSIDE] = visits(at)
    for service in SERVICES:  # callers before callees
        for call in service.calls:
            demand[call.to] = demand[call.to] + demand[service.name] * call.per_request * wave(call.to, at, 0.02)
    return demand


def _flow(service: Service, rps: Number, ready: int, below: Mapping[str, Flow], at: Number) -> Flow:
    load = rps / (ready * service.capacity_rps) if ready else 10.0 + 0.0 * at
    shed = np.maximum(0.0, 1 - 1 / np.maximum(load, 1e-9)) if ready else 1.0 + 0.0 * at
    failed = {c.to: np.minimum(1.0, c.needed * _trouble(below[c.to], c.to)) for c in service.calls}
    fine = (1 - service.error_ratio * wave(service.name + "errors", at, 0.5)) * (1 - shed)
    for ratio in failed.values():
        fine = fine * (1 - ratio)
    waited = sum(c.per_request * c.needed * below[c.to].latency_s for c in service.calls)
    crowding = 1 + 3 * np.minimum(load, 1.0) ** 8
    latency = (service.latency_s * crowding + waited) * wave(service.name + "latency", at, 0.08)
    return Flow(rps, shed, failed, np.clip(1 - fine, 0.0, 1.0), load, latency)


_ORDINARY = {s.name: s.error_ratio * 2 for s in SERVICES}


def _trouble(flow: Flow, name: str) -> Number:
    """The share of calls that fail beyond the usual, which callers' retries hide."""
    return np.clip(flow.fail_ratio - _ORDINARY[name], 0.0, 1.0)
