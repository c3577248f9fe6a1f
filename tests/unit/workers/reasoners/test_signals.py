"""Single predicates against single scenes."""

from __future__ import annotations

from typing import Any

import pytest

from core.settings import Config
from tests.unit.workers.reasoners.scenes import NOON, Scene
from workers.predicate import Predicate
from workers.reasoners.seen import Seen
from workers.reasoners.signals import Match, Sight, match, strength

D = "Deployment/checkout"


def matched(scene: Scene, test: dict[str, Any], leading: bool = False) -> Match | None:
    seen = Seen(scene.case(), Config())
    problem = next(iter(seen.problems_of(("shop", D))), None)
    needed = frozenset({("shop", "Deployment/payments")})
    return match(Predicate.model_validate(test), Sight(seen, ("shop", D), problem, needed, leading))


def metric(name: str, now: float | None, before: float | None) -> Scene:
    return Scene().reading("checkout", name, now, before)


@pytest.mark.parametrize(
    ("scene", "test", "holds"),
    [
        (Scene().image_pull(D, "a:b"), {"finding": "ImagePullBackOff"}, True),
        (Scene().image_pull(D, "a:b"), {"finding": {"condition": "ImagePullBackOff", "message": "manifest"}}, True),
        (Scene().image_pull(D, "a:b"), {"finding": {"condition": "ImagePullBackOff", "kind": "Node"}}, False),
        (Scene().image_pull(D, "a:b"), {"finding": {"condition": "ImagePullBackOff", "severity": "info"}}, False),
        (Scene().image_pull(D, "a:b"), {"finding": {"condition": "ImagePullBackOff", "container": "^app$"}}, True),
        (Scene().image_pull("Deployment/x", "a:b"), {"finding": "ImagePullBackOff"}, False),
        (Scene().image_pull("Deployment/x", "a:b"), {"finding": "ImagePullBackOff", "of": "namespace"}, True),
        (Scene().image_pull("Deployment/x", "a:b"), {"finding": "ImagePullBackOff", "of": "dependency"}, False),
        (Scene().image_pull("Deployment/payments", "a:b"), {"finding": "ImagePullBackOff", "of": "dependency"}, True),
        (Scene().finding("NodePressure", "Node/n", "x", namespace=""),
         {"finding": "NodePressure", "of": "cluster"}, True),
        (Scene().crash_loop(D, "PANIC: boom"), {"log": "panic: b"}, True),
        (Scene().crash_loop(D, "fine"), {"log": ["panic", "fatal"]}, False),
        (Scene().log(D, "panic: boom"), {"log": "panic"}, False),  # one line of a service without a finding
        (Scene().log(D, "panic: a", "panic: b", "panic: c"), {"log": "panic"}, True),
        (Scene().log(D, "panic: a").alert("X", deployment="checkout"), {"log": "panic"}, True),
        (Scene().crash_loop(D, "ERROR no"), {"log_says": "error"}, True),
        (Scene().crash_loop(D, "ERROR no"), {"log_says": "fatal"}, False),
        (Scene().unready(D), {"event": "statuscode: 503"}, True),
        (Scene().crash_loop(D).change(D, "image a:1 a:2", minutes=20), {"change": {"within_minutes": 30}}, True),
        (Scene().crash_loop(D).change(D, "image a:1 a:2", minutes=90), {"change": {"within_minutes": 30}}, False),
        (Scene().crash_loop(D, minutes=60).change(D, "image a:1 a:2", minutes=10), {"change": {}}, False),
        (Scene().crash_loop(D).change(D, "image a:1 a:2"), {"change": {"field": "^env"}}, False),
        (Scene().crash_loop(D).change(D, first=True), {"change": {}}, False),
        (Scene().crash_loop(D).change(D, first=True), {"change": {"previous": False}}, True),
        (metric("error_ratio", 0.09, 0.01), {"reading": {"name": "error_ratio", "above": 0.05}}, True),
        (metric("error_ratio", 0.09, 0.05),
         {"reading": {"name": "error_ratio", "above": 0.05, "times_normal": 3}}, False),
        (metric("error_ratio", 0.09, None), {"reading": {"name": "error_ratio", "times_normal": 3}}, False),
        (metric("error_ratio", None, 0.01), {"reading": {"name": "error_ratio", "above": 0}}, False),
        (metric("request_rate", 2, 10), {"reading": {"name": "request_rate", "times_normal": 0.5}}, True),
        (Scene().reading("search", "error_ratio", 0.09, 0.01),
         {"reading": {"name": "error_ratio", "above": 0.05}}, False),
        (Scene().alert("KubePodCrashLooping", pod="checkout-7d9f4b8c6d-x2x4z"), {"alert": "KubePodCrashLooping"}, True),
        (Scene().alert("KubeCPUThrottling", deployment="checkout"), {"alert": "*Throttl*"}, True),
        (Scene().alert("KubePodCrashLooping", pod="search-7d9f4b8c6d-x2x4z"), {"alert": "KubePodCrashLooping"}, False),
        (Scene().alert("Watchdog", namespace=""), {"alert": "Watchdog", "of": "cluster"}, False),
        (Scene().out_of_memory(D), {"all": [{"finding": "OOMKilled"}, {"event": "limit"}]}, True),
        (Scene().out_of_memory(D), {"all": [{"finding": "OOMKilled"}, {"event": "nothing"}]}, False),
        (Scene().out_of_memory(D), {"any": [{"event": "nothing"}, {"finding": "OOMKilled"}]}, True),
        (Scene().out_of_memory(D), {"none": [{"event": "nothing"}, {"log": "x"}]}, True),
        (Scene().out_of_memory(D), {"none": [{"finding": "OOMKilled"}]}, False),
    ],
)  # fmt: skip
def test_what_holds(scene: Scene, test: dict[str, Any], holds: bool) -> None:
    scene.workload(D)
    assert (matched(scene, test) is not None) is holds


def test_a_leading_finding_is_the_problem_itself() -> None:
    scene = Scene().crash_loop(D).image_pull(D, "a:b")
    assert matched(scene, {"finding": "ImagePullBackOff"})
    assert matched(scene, {"finding": "ImagePullBackOff"}, leading=True) is None


def test_a_match_says_what_and_cites_it() -> None:
    scene = Scene().crash_loop(D, "panic: boom")
    assert matched(scene, {"log": "panic"}) == Match(
        "Deployment/checkout logs `panic: boom`", ("e3",), {"log": "`panic: boom`", "host": ""}
    )


def test_a_hundred_pods_are_not_all_cited() -> None:
    found = matched(Scene().crash_loop(D, pods=100), {"finding": "CrashLoopBackOff"})
    assert found
    assert len(found.evidence) == 4
    assert found.text.startswith("100 pods of Deployment/checkout show CrashLoopBackOff since 11:55 UTC")


def test_signals_add_up_and_never_reach_certainty() -> None:
    assert strength(iter([0.6, 0.5])) == pytest.approx(0.8)
    assert strength(iter([0.97, 0.97, 0.97])) == 0.97
    assert strength(iter([])) == 0


def test_now_is_when_the_case_was_observed() -> None:
    assert Seen(Scene().workload(D).case(), Config()).now == NOON
