"""What two looks show, in clauses with figures: "5xx of checkout 7.4 % → 0.2 % (normal 0.2 %)"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from core.remediation import Look
from workers.verify.pairs import Pair

_TOLD_S = 0.05  # and a quarter: from where a difference in latency is worth two figures
_TOLD_RATIO = 0.003


def sentences(pairs: Iterable[Pair], before: Look, after: Look, settled: bool | None) -> tuple[str, ...]:
    """The rollout, the alerts, the target's figures, then those downstream; without a stop at their ends."""
    told = list(pairs)
    return (
        *(["What it started is not complete yet"] if settled is False else []),
        *_alerts(before, after),
        *(line for pair in told if not pair.downstream for line in _figure(pair)),
        *_downstream([pair for pair in told if pair.downstream]),
    )


def _alerts(before: Look, after: Look) -> Iterator[str]:
    if after.firing is None:
        names = ", ".join(before.firing or ()) or "its alerts"
        yield f"Whether {names} still hold{'s' if len(before.firing or ()) == 1 else ''} is not known"
        return
    ended = [name for name in before.firing or () if name not in after.firing]
    if ended:
        yield f"{_listed(ended)} no longer hold{'s' if len(ended) == 1 else ''}"
    if after.firing:
        yield f"{_listed(after.firing)} still hold{'s' if len(after.firing) == 1 else ''}"


def _figure(pair: Pair) -> Iterator[str]:
    if pair.kind == "ready pods":
        yield _pods(pair)
    elif pair.kind == "restarts":
        yield from _restarts(pair)
    elif pair.is_judged:
        yield _against(pair, f"{pair.kind} of {pair.service}")
    elif pair.after is not None and pair.after >= 0.9:  # of a limit: worth a word when it is nearly used up
        yield f"{pair.kind} of {pair.service} at {figure(pair.kind, pair.after)} of its limit"


def _against(pair: Pair, name: str) -> str:
    normal = f" (normal {figure(pair.kind, pair.normal)})" if pair.normal is not None else ""
    if pair.after is None:
        return f"{name} can not be read now, {_known(pair)} before{normal}"
    if pair.before is None:
        return f"{name} {figure(pair.kind, pair.after)}, not known before{normal}"
    if _is_same(pair):
        return f"{name} unchanged at {figure(pair.kind, pair.after)}{normal}"
    return f"{name} {figure(pair.kind, pair.before)} → {figure(pair.kind, pair.after)}{normal}"


def _known(pair: Pair) -> str:
    return "not known" if pair.before is None else figure(pair.kind, pair.before)


def _is_same(pair: Pair) -> bool:
    assert pair.before is not None and pair.after is not None  # its caller looked
    gap = abs(pair.after - pair.before)
    least = _TOLD_RATIO if pair.is_errors else _TOLD_S
    return gap <= max(least, 0.25 * min(pair.before, pair.after))


def _pods(pair: Pair) -> str:
    if pair.after is None:
        return f"How many pods of {pair.service} are ready is not known"
    now = f"{pair.after:.0f} of {pair.wanted_after:.0f} pods" if pair.wanted_after is not None else f"{pair.after:.0f}"
    changed = pair.before is not None and (pair.before, pair.wanted_before) != (pair.after, pair.wanted_after)
    return f"{now} ready" + (f", {pair.before:.0f} before" if changed else "")


def _restarts(pair: Pair) -> Iterator[str]:
    if pair.after:
        yield f"{pair.after:.0f} container restart{'s' if pair.after != 1 else ''} since"
    elif pair.after == 0 and pair.before:
        yield f"No container restarts since, {pair.before:.0f} in the 10 min before"


def _downstream(pairs: list[Pair]) -> Iterator[str]:
    """One clause for each service: what changed of it, or that nothing did."""
    of: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        of[pair.service].append(pair)
    for service, figures in of.items():
        known = [p for p in figures if p.kind != "ready pods" and p.before is not None and p.after is not None]
        changed = [_against(p, f"{p.kind} of {service}") for p in known if not _is_same(p)]
        pods = [p for p in figures if p.kind == "ready pods" and (p.after or 0) < (p.wanted_after or 0)]
        short = [f"{p.after or 0:.0f} of {p.wanted_after or 0:.0f} pods of {service} ready" for p in pods]
        if changed or short:
            yield "; ".join([*changed, *short])
        elif known:
            yield f"{service} unchanged ({', '.join(f'{p.kind} {figure(p.kind, p.after or 0)}' for p in known)})"
        else:
            yield f"How {service} does is not known"


def figure(kind: str, value: float) -> str:
    """ "7.4 %", "180 ms", "1.2 s", "3"."""
    if kind == "p95":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2g} s"
    if kind in ("restarts", "ready pods"):
        return f"{value:.0f}"
    share = value * 100
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.1f} %" if share >= 0.1 else "below 0.1 %"


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
