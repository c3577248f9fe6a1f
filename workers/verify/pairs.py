"""Each figure before the action and now."""

from __future__ import annotations

from dataclasses import dataclass

from core.remediation import Look, Measure

JUDGED = frozenset({"5xx", "errors", "p95", "restarts", "ready pods"})  # the rest is told, and decides nothing


@dataclass(frozen=True)
class Pair:
    """One figure of one service in both looks; None where it is not known."""

    kind: str  # "5xx", "errors", "p95", "restarts", "ready pods", "CPU", "memory"
    service: str
    downstream: bool
    before: float | None
    after: float | None
    normal: float | None = None
    wanted_before: float | None = None  # of ready pods
    wanted_after: float | None = None

    @property
    def is_errors(self) -> bool:
        return self.kind in ("5xx", "errors")

    @property
    def is_judged(self) -> bool:
        return self.kind in JUDGED


def pairs_of(before: Look, after: Look) -> tuple[Pair, ...]:
    """Every figure of either look, the target's first."""
    then, now = ({m.name: m for m in look.measures} for look in (before, after))
    every = {**now, **then}
    names = [name for name in dict.fromkeys([*then, *now]) if not name.startswith("wanted pods of ")]
    return tuple(_pair(every[name], then, now) for name in sorted(names, key=lambda name: every[name].downstream))


def _pair(known: Measure, then: dict[str, Measure], now: dict[str, Measure]) -> Pair:
    kind, _, service = known.name.partition(" of ")
    wanted = f"wanted pods of {service}" if kind == "ready pods" else ""
    first = then.get(known.name)
    return Pair(
        kind=kind, service=known.service or service, downstream=known.downstream,
        before=_value(then, known.name), after=_value(now, known.name), normal=first.normal if first else None,
        wanted_before=_value(then, wanted), wanted_after=_value(now, wanted),
    )  # fmt: skip


def _value(measures: dict[str, Measure], name: str) -> float | None:
    found = measures.get(name)
    return found.value if found else None
