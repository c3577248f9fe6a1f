"""What two looks show: it worked, it made things worse, nobody can tell, or it is too early to say.

Deterministic, and pessimistic: what was not measured is never good, one odd look decides nothing, and "worked" needs
something that was bad before to be good now for the whole settling time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.model import Model
from core.remediation import Look, Measure, Trend
from workers.verify.pairs import Pair, pairs_of
from workers.verify.sentences import sentences

# How much above its own normal a figure may be and count as normal: times, and plus. The larger one stands. Guessed
# from what a person would not wake up for.
ERRORS_TIMES, ERRORS_PLUS, ERRORS_LEAST = 2.0, 0.005, 0.01
LATENCY_TIMES, LATENCY_PLUS_S = 2.0, 0.1
# How far beyond the look before the action it must be to count as worse: both. Twice the noise that minutes of a
# service of some ten requests a second show; guessed.
ERRORS_WORSE_TIMES, ERRORS_WORSE_PLUS = 1.5, 0.02
LATENCY_WORSE_TIMES, LATENCY_WORSE_PLUS_S = 2.0, 0.25
RESTARTS_BAD = 2.0  # a single one, at most, is an accident
RESTARTS_WORSE_PLUS = 3.0  # as many as a crash loop does in its first minute and a half (10, 20, 40 s back-off)
SPARE_PODS = 0.05  # share of pods that may be missing at any time: nodes are drained, autoscalers move
LASTING_S = 20.0  # that it must be worse for: longer than one late scrape at the usual 15 s
LASTING_SHARE = 0.2  # of the settling time, when that is shorter
ROLLING_TIMES = 3.0  # as long while a rollout runs: pods that start are slow and few for a while
ROLLOUT_S = 600.0  # Kubernetes' own default of progressDeadlineSeconds
SLIPS = 2  # looks within the settling time that may not be good, one at a time; guessed
WINDOW_S = 60.0  # what a figure still holds of the time before: four scrapes at the usual 15 s
LOOK_BACK_S = 900.0  # the longest that a window of an alert's expression is waited for


class Verdict(Model):
    """What one look shows. `look` is that look with its trend; keep it as the previous one of the next."""

    outcome: Literal["wait", "worked", "worse", "unproven"]
    sentences: tuple[str, ...]
    look: Look


def judge(
    before: Look, after: Look, looks_s: float, settle_s: float, settled: bool | None, previous: Look | None = None,
    baseline: Look | None = None,
) -> Verdict:  # fmt: skip
    """What this look shows against the one before the action.

    Args:
        looks_s: Seconds since the action was done.
        settle_s: How long it must hold.
        settled: Whether what it started is complete; None: there is nothing to wait for.
        previous: `Verdict.look` of the look before this one; None for the first.
        baseline: What counts as before for whether it is worse, if that is not `before`; see `ripened`.
    """
    pairs = pairs_of(before, after)
    worse = any(_is_worse(pair, settled) for pair in pairs_of(baseline or before, after))
    state = _state(before, after, previous, pairs, settled, worse)
    trend = _trend(state, after.at, previous, settled)
    outcome = _outcome(state, trend, after, looks_s, settle_s, settled)
    said = sentences(pairs, before, after, settled)
    return Verdict(outcome=outcome, sentences=said, look=after.model_copy(update={"trend": trend}))


def ripened(before: Look, after: Look) -> Look:
    """The look before the action, with errors and latency as bad as a later one still shows them.

    For trouble that is younger than the windows of its figures: they go on rising for a while whatever is done, and
    that is not the action's doing.
    """
    shown = {m.name: m.value for m in after.measures if m.unit in ("ratio", "s") and m.value is not None}

    def worst(measure: Measure) -> Measure:
        now = shown.get(measure.name)
        if now is None or (measure.value is not None and measure.value >= now):
            return measure
        return measure.model_copy(update={"value": now})

    return before.model_copy(update={"measures": tuple(worst(m) for m in before.measures)})


@dataclass(frozen=True)
class _State:
    good: bool
    worse: bool
    blind: bool  # something that was known is not known now
    only_alerts_left: bool  # everything else is good


def _state(
    before: Look, after: Look, previous: Look | None, pairs: tuple[Pair, ...], settled: bool | None, worse: bool
) -> _State:
    target = [pair for pair in pairs if not pair.downstream]
    figures = (
        settled is not False and not worse and all(_is_fine(pair) for pair in target)
        and not _restarted_again(target, previous)
    )  # fmt: skip
    # What fired and does not any more, or was bad and is not: else there is nothing that it has done.
    ended = bool(before.firing) and after.firing == ()
    improved = ended or any(_was_bad(pair) and _is_fine(pair) for pair in target)
    quiet = after.firing == () or (after.firing is None and not before.firing)
    blind = any(pair.is_judged and pair.before is not None and pair.after is None for pair in pairs)
    waits = figures and not quiet and after.firing is not None
    return _State(figures and quiet and improved, worse, blind, waits)


def _trend(state: _State, at: datetime, previous: Look | None, settled: bool | None) -> Trend:
    """A single look that is not good is forgiven, a few times, when the ones around it are."""
    last = previous.trend if previous else Trend()
    forgiven = (
        not (state.good or state.worse) and last.good_since is not None and not last.slipped and last.slips < SLIPS
    )
    held = (last.good_since or at) if state.good else last.good_since if forgiven else None
    worse = (last.worse_since or at) if state.worse else last.worse_since if state.blind else None
    return Trend(
        settled_since=None if settled is False else last.settled_since or at,
        good_since=held, slipped=forgiven, slips=(last.slips + forgiven) if held else 0,
        worse_since=worse,
    )  # fmt: skip


def _outcome(
    state: _State, trend: Trend, after: Look, looks_s: float, settle_s: float, settled: bool | None
) -> Literal["wait", "worked", "worse", "unproven"]:
    if state.worse and trend.worse_since and trend.worse_since < after.at:
        lasting_s = min(LASTING_S, settle_s * LASTING_SHARE) * (ROLLING_TIMES if settled is False else 1.0)
        if _seconds(trend.worse_since, after.at) >= lasting_s:
            return "worse"
    if state.good and trend.good_since and _seconds(trend.good_since, after.at) >= settle_s:
        return "worked"
    if trend.good_since or (state.worse and looks_s < 2 * settle_s):
        return "wait"
    if settled is False:
        return "wait" if looks_s < settle_s + ROLLOUT_S else "unproven"
    waited_s = _seconds(trend.settled_since or after.at, after.at)
    allowed_s = settle_s + (min(after.looks_back_s, LOOK_BACK_S) if state.only_alerts_left else WINDOW_S)
    return "wait" if waited_s < allowed_s else "unproven"


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


def _at_most(pair: Pair) -> float | None:
    """Up to where the figure is normal; None when its normal is not known."""
    if pair.is_errors:
        normal = pair.normal or 0.0
        return max(normal * ERRORS_TIMES, normal + ERRORS_PLUS, ERRORS_LEAST)
    if pair.kind == "p95" and pair.normal is not None:
        return max(pair.normal * LATENCY_TIMES, pair.normal + LATENCY_PLUS_S)
    return None


def _is_normal(pair: Pair, value: float, wanted: float | None) -> bool:
    if pair.kind == "ready pods":
        return wanted is None or wanted - value <= wanted * SPARE_PODS
    if pair.kind == "restarts":
        return value < RESTARTS_BAD
    most = _at_most(pair)
    return most is None or value <= most


def _was_bad(pair: Pair) -> bool:
    return pair.before is not None and not _is_normal(pair, pair.before, pair.wanted_before)


def _is_fine(pair: Pair) -> bool:
    """Whether it is normal now. What cannot be measured any more is not, but for the latency of a service that nobody
    asks, when that was not the trouble."""
    if pair.after is None:
        return pair.before is None or (not pair.is_judged) or (pair.kind == "p95" and not _was_bad(pair))
    # Restarts since the action are looked at one look after the other: old ones do not go away.
    return pair.kind == "restarts" or _is_normal(pair, pair.after, pair.wanted_after)


def _is_worse(pair: Pair, settled: bool | None) -> bool:
    if pair.before is None or pair.after is None or not pair.is_judged:
        return False
    if pair.kind == "ready pods":
        if settled is not True and not pair.downstream:
            return False  # pods that start are not ready for a while
        fewer = (pair.wanted_after or 0) - pair.after > (pair.wanted_before or 0) - pair.before
        return fewer and not _is_normal(pair, pair.after, pair.wanted_after)
    if pair.kind == "restarts":
        return pair.after >= pair.before + RESTARTS_WORSE_PLUS
    times, plus = (
        (ERRORS_WORSE_TIMES, ERRORS_WORSE_PLUS) if pair.is_errors else (LATENCY_WORSE_TIMES, LATENCY_WORSE_PLUS_S)
    )
    above = pair.after >= pair.before * times and pair.after >= pair.before + plus
    return above and (not _is_normal(pair, pair.after, None) or _at_most(pair) is None)


def _restarted_again(pairs: Iterable[Pair], previous: Look | None) -> bool:
    """Whether a container restarted since the look before."""
    earlier = {m.name: m.value for m in previous.measures} if previous else {}
    counts = [(pair.after, earlier.get(f"restarts of {pair.service}")) for pair in pairs if pair.kind == "restarts"]
    return any(now is not None and then is not None and now > then for now, then in counts)
