"""Verdicts over whole stories of looks, five seconds apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.remediation import Look, Measure
from workers.verify.judging import ROLLOUT_S, WINDOW_S, Verdict, judge

START = datetime(2026, 3, 2, 2, 17, tzinfo=UTC)
EVERY_S, SETTLE_S = 5, 60
UNSET: Any = object()


def look(
    errors: float | None = 0.002, p95: float | None = 0.18, ready: float | None = 4, restarts: float | None = 0,
    below: float | None = 0.001, firing: tuple[str, ...] | None = (), normal: bool = False, **more: Any,
) -> Look:  # fmt: skip
    """One look at checkout and the storefront that calls it; a figure that is `UNSET` has no measure at all."""
    usual = {"5xx": 0.002, "p95": 0.18} if normal else {}
    figures = [("5xx", "ratio", errors), ("p95", "s", p95), ("ready pods", "count", ready),
               ("restarts", "count", restarts)]  # fmt: skip
    measures = [
        Measure(name=f"{kind} of checkout", value=value, unit=unit, normal=usual.get(kind), service="checkout")
        for kind, unit, value in figures if value is not UNSET
    ]  # fmt: skip
    if ready is not UNSET:
        measures.append(Measure(name="wanted pods of checkout", value=4, unit="count", service="checkout"))
    if below is not UNSET:
        measures.append(
            Measure(name="5xx of storefront", value=below, unit="ratio", service="storefront", downstream=True)
        )
    return Look(at=START, firing=firing, measures=tuple(measures), **more)


BAD: dict[str, Any] = {"errors": 0.074, "ready": 2, "restarts": 6, "firing": ("KubePodCrashLooping",), "below": 0.003}
BEFORE = look(**BAD, normal=True)
GOOD = look()
CRASHING = look(**BAD)


def watch(
    story: Callable[[float], Look] | Sequence[Look], before: Look = BEFORE,
    settled: Callable[[float], bool | None] = lambda _: True, settle_s: float = SETTLE_S,
) -> tuple[str, float, Verdict]:  # fmt: skip
    """The outcome, after how many seconds, and the last verdict. After its last look a sequence stays as it is."""
    previous: Look | None = None
    for step in range(1000):
        now_s = float(step * EVERY_S)
        seen = story(now_s) if callable(story) else story[min(step, len(story) - 1)]
        seen = seen.model_copy(update={"at": START + timedelta(seconds=now_s), "rolled_out": settled(now_s)})
        verdict = judge(before, seen, now_s, settle_s, settled(now_s), previous)
        previous = verdict.look
        if verdict.outcome != "wait":
            return verdict.outcome, now_s, verdict
    raise AssertionError("nobody ever decided")


def test_what_is_good_for_the_whole_settling_time_worked() -> None:
    outcome, after_s, verdict = watch(lambda _: GOOD)
    assert (outcome, after_s) == ("worked", SETTLE_S)
    assert verdict.sentences == (
        "KubePodCrashLooping no longer holds",
        "5xx of checkout 7.4 % → 0.2 % (normal 0.2 %)",
        "p95 of checkout unchanged at 180 ms (normal 180 ms)",
        "4 of 4 pods ready, 2 before",
        "No container restarts since, 6 in the 10 min before",
        "storefront unchanged (5xx 0.1 %)",
    )


def test_time_counts_from_when_it_is_good_and_complete() -> None:
    story = lambda s: GOOD if s >= 40 else CRASHING  # noqa: E731
    assert watch(story, settled=lambda s: s >= 30)[:2] == ("worked", 40 + SETTLE_S)


def test_a_good_look_is_not_yet_a_repair() -> None:
    verdict = judge(BEFORE, GOOD.model_copy(update={"at": START}), 0.0, SETTLE_S, True)
    assert verdict.outcome == "wait"
    assert verdict.look.trend.good_since == START


def test_slow_improvement_is_waited_for_within_the_windows_of_rates() -> None:
    def story(now_s: float) -> Look:
        return look(errors=max(0.002, 0.074 * (1 - now_s / 80)))

    assert watch(story)[:2] == ("worked", 80 - 5 + SETTLE_S - 5)


def test_improvement_that_stops_halfway_proves_nothing() -> None:
    assert watch(lambda _: look(errors=0.035))[:2] == ("unproven", SETTLE_S + WINDOW_S)


def test_no_change_at_all_proves_nothing() -> None:
    outcome, _, verdict = watch(lambda _: CRASHING)
    assert outcome == "unproven"
    assert "KubePodCrashLooping still holds" in verdict.sentences


def test_what_was_never_bad_cannot_be_shown_to_have_been_repaired() -> None:
    assert watch(lambda _: GOOD, before=look(normal=True))[0] == "unproven"


@pytest.mark.parametrize(
    "worse",
    [
        look(**{**BAD, "errors": 0.3}),
        look(**{**BAD, "p95": 2.4}),
        look(**{**BAD, "restarts": 9}),
        look(**{**BAD, "ready": 0}),
        look(below=0.09),
    ],
    ids=["errors", "latency", "restarts", "pods", "downstream"],
)
def test_a_clear_and_lasting_worsening_is_worse(worse: Look) -> None:
    outcome, after_s, _ = watch(lambda _: worse)
    assert outcome == "worse"
    assert EVERY_S <= after_s <= 20


def test_downstream_is_named_with_its_figures() -> None:
    assert "5xx of storefront 0.3 % → 9.0 %" in watch(lambda _: look(below=0.09))[2].sentences


def test_a_look_that_sees_nothing_does_not_end_a_worsening() -> None:
    worse, blind = look(errors=0.5), look(errors=None)
    assert watch([worse, blind, blind, worse, blind, worse])[:2] == ("worse", 15)


def test_one_odd_look_is_not_worse() -> None:
    assert watch([GOOD, GOOD, look(errors=0.5), *[GOOD] * 30])[0] == "worked"


@pytest.mark.parametrize("errors", [0.08, 0.09, 0.085])
def test_noise_above_the_figure_before_is_not_worse(errors: float) -> None:
    assert watch(lambda _: look(**{**BAD, "errors": errors}))[0] == "unproven"


def test_a_small_ratio_that_doubles_is_noise() -> None:
    assert watch(lambda s: look(errors=0.001 if s % 10 else 0.006, below=0.004))[0] == "worked"


def test_failures_that_were_fast_do_not_make_normal_latency_look_slow() -> None:
    fast = look(**{**BAD, "p95": 0.01}, normal=True)
    assert watch(lambda _: GOOD, before=fast)[0] == "worked"


def test_a_rollout_may_be_slow_and_rough_for_a_while() -> None:
    def story(now_s: float) -> Look:
        return look(**{**BAD, "errors": 0.2, "ready": 1}) if now_s < 30 else GOOD

    assert watch(story, settled=lambda s: s >= 30)[0] == "worked"


def test_a_rollout_that_never_ends_is_given_its_deadline() -> None:
    outcome, after_s, verdict = watch(lambda _: CRASHING, settled=lambda _: False)
    assert (outcome, after_s) == ("unproven", SETTLE_S + ROLLOUT_S)
    assert verdict.sentences[0] == "What it started is not complete yet"


def test_a_rollout_that_hurts_more_than_the_trouble_is_worse_before_it_ends() -> None:
    assert watch(lambda _: look(**{**BAD, "errors": 0.6}), settled=lambda _: False)[0] == "worse"


@pytest.mark.parametrize("lost", ["errors", "ready", "restarts"])
@pytest.mark.parametrize("value", [None, UNSET])
def test_what_can_no_longer_be_read_is_never_good(lost: str, value: Any) -> None:
    assert watch(lambda _: look(**{lost: value}))[0] == "unproven"


def test_alerts_of_which_nobody_knows_are_not_gone() -> None:
    outcome, _, verdict = watch(lambda _: look(firing=None))
    assert outcome == "unproven"
    assert "Whether KubePodCrashLooping still holds is not known" in verdict.sentences


def test_without_any_alert_to_ask_the_figures_decide() -> None:
    before = look(**{**BAD, "firing": None}, normal=True)
    assert watch(lambda _: look(firing=None), before=before)[0] == "worked"


def test_a_service_that_was_down_has_no_figures_to_compare_and_works_again() -> None:
    down = look(errors=None, p95=None, ready=0, restarts=6, firing=("ServiceDown",), below=0.2, normal=True)
    assert watch(lambda _: GOOD, before=down)[0] == "worked"


def test_nobody_asking_at_night_is_not_slowness() -> None:
    assert watch(lambda _: look(p95=None))[0] == "worked"


def test_nothing_measured_at_all_proves_nothing() -> None:
    blind = Look(at=START)
    assert watch(lambda _: blind, before=blind)[0] == "unproven"


def test_a_container_that_restarts_again_starts_the_clock_again() -> None:
    def story(now_s: float) -> Look:
        return look(restarts=now_s // 15)

    assert watch(story)[0] in ("unproven", "worse")
    assert watch(lambda s: look(restarts=1 if s < 20 else 2))[0] == "worked"


def test_coming_and_going_is_not_a_repair() -> None:
    assert watch(lambda s: GOOD if s % 10 else CRASHING)[0] == "unproven"


def test_an_alert_that_looks_far_back_is_waited_for_when_all_else_is_well() -> None:
    def story(now_s: float) -> Look:
        return look(firing=("HighErrorRate",), looks_back_s=300.0) if now_s < 280 else GOOD

    assert watch(story, before=look(**{**BAD, "firing": ("HighErrorRate",)}, normal=True))[0] == "worked"


def test_a_repair_of_one_alert_of_two_is_none() -> None:
    before = look(**{**BAD, "firing": ("A", "B")}, normal=True)
    outcome, _, verdict = watch(lambda _: look(firing=("B",)), before=before)
    assert outcome == "unproven"
    assert verdict.sentences[:2] == ("A no longer holds", "B still holds")


def test_the_same_looks_give_the_same_verdict() -> None:
    assert watch(lambda _: GOOD)[2] == watch(lambda _: GOOD)[2]
