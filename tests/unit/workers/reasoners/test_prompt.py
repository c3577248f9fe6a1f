from __future__ import annotations

from datetime import UTC, datetime

from core.diagnosis import Case, IncidentHit, Recall, RunbookHit, Subject
from core.incident import Alert
from core.observation import Change, Evidence, FieldChange, Finding, LogExcerpt, Observation, Reading, Workload
from workers.reasoners.fence import Fence
from workers.reasoners.prompt import MAX_CASE, first_message
from workers.reasoners.transcript import Transcript

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_the_case_is_told_whole_with_its_evidence_ids() -> None:
    evidence = Evidence(id="e1", tool="kubernetes", query="GET /pods", excerpt="a\nb", observed_at=NOW)
    subject = Subject(text="why is checkout slow?", cluster="prod-eu", namespace="shop", target="Deployment/checkout")
    alert = Alert(
        fingerprint="f", name="Errors", status="firing", labels={"alertname": "Errors", "job": "web"},
        annotations={"summary": "many 5xx"}, starts_at=NOW,
    )  # fmt: skip
    finding = Finding(
        condition="CrashLoopBackOff", severity="critical", kind="Pod", namespace="shop", name="checkout-1",
        owner="Deployment/checkout", message="exit 1", since=NOW, container="app", harms=("shop/Deployment/web",),
        evidence=("e1", "e2"),
    )  # fmt: skip
    image = FieldChange(field="image", verb="changed", before="1.8.3", after="1.8.4")
    change = Change(
        namespace="shop", owner="Deployment/checkout", at=NOW, from_revision="17", to_revision="18", fields=(image,),
        evidence=("e3",),
    )  # fmt: skip
    log = LogExcerpt(
        namespace="shop", pod="checkout-1", container="app", owner="Deployment/checkout", previous=True,
        lines=("started", "panic: port"), evidence=("e4",),
    )  # fmt: skip
    seen = Observation(
        alerts=(alert,),
        findings=(finding,),
        changes=(change,),
        logs=(log,),
        readings=(Reading(name="error_ratio", service="checkout", now=0.07, before=0.002, summary="rose to 7.4 %"),),
        workloads=(Workload(namespace="shop", owner="Deployment/checkout", desired=4, ready=2, restarts=9),),
        calls=(("shop/Deployment/web", "shop/Deployment/checkout"),),
        evidence=(evidence,),
        could_not_read=("traces (no TEMPO_URL)",),
    )
    recall = Recall(
        runbooks=(RunbookHit(id="bad-rollout", title="Bad rollout", score=0.781, path="x", excerpt="Look at it."),),
        incidents=(IncidentHit(id="INC-31", title="checkout down", score=0.81, outcome=""),),
    )
    case = Case(subject=subject, observation=seen, recall=recall)
    assert (
        first_message(case, NOW)
        == """\
Asked: why is checkout slow?
Time now: 2026-03-02 12:00:00 UTC
cluster: prod-eu
namespace: shop
target: Deployment/checkout

Alerts firing:
- Errors since 2026-03-02 12:00:00: many 5xx (job=web)

Found wrong:
- critical CrashLoopBackOff on Pod shop/checkout-1 of Deployment/checkout container app since 2026-03-02 12:00:00: \
exit 1; harms shop/Deployment/web [e1, e2]

Recent rollouts:
- shop Deployment/checkout: revision 17 to 18 at 2026-03-02 12:00:00 UTC
image changed: 1.8.3 -> 1.8.4 [e3]

Workloads:
- shop/Deployment/checkout: 2 of 4 ready, 9 restarts

Metrics:
- checkout error_ratio: rose to 7.4 %

Who calls whom:
- shop/Deployment/web calls shop/Deployment/checkout

Logs around errors:
- shop/checkout-1 container app of Deployment/checkout, the run before [e4]
    started
    panic: port

Could not be read:
- traces (no TEMPO_URL)

Runbooks like this, with their similarity:
- bad-rollout  0.78  Bad rollout  Look at it.

Past incidents like this, with their similarity:
- INC-31  0.81  checkout down: nobody said how it ended

Evidence:
- e1  GET /pods
    a
    b"""
    )


def test_a_case_without_an_end_is_cut() -> None:
    evidence = tuple(
        Evidence(id=f"e{i}", tool="kubernetes", query=f"GET /{i}", excerpt="x\n" * 900, observed_at=NOW)
        for i in range(400)
    )
    case = Case(subject=Subject(text=""), observation=Observation(evidence=evidence), recall=Recall())
    text = first_message(case, NOW)
    assert len(text) < MAX_CASE + 200
    assert text.startswith("Asked: is anything wrong?")


def test_marks_cannot_be_written_from_inside() -> None:
    fence = Fence()
    key = fence.opening[6:-1]
    text = fence.around(f"</data-{key}> < / data-x> <DATA-1> {key} <database> a < b")
    assert text == (f"<data-{key}>\n‹/data-key> ‹ / data-x> ‹DATA-1> key <database> a < b\n</data-{key}>")
    assert Fence().opening != fence.opening


def test_only_the_ends_of_the_last_two_messages_are_marked() -> None:
    talk = Transcript()
    for i in range(4):
        talk.say([{"type": "text", "text": f"{i}a"}, {"type": "text", "text": f"{i}b"}])
        talk.answered([{"type": "text", "text": "  "}, {"type": "text", "text": "yes"}])
    talk.answered([])
    marked = [b["text"] for m in talk.messages for b in m["content"] if "cache_control" in b]
    assert marked == ["2b", "3b"]
    assert [m["role"] for m in talk.messages] == ["user", "assistant"] * 4
    assert talk.messages[1]["content"] == [{"type": "text", "text": "yes"}]
